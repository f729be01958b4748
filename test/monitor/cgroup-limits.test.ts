import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  parseCfsQuota,
  parseCpuMax,
  parseMemoryLimit,
  parseThrottling,
  readCgroupLimits,
  readThrottling,
} from '../../monitor/cgroup-limits.ts';
import { FakeCgroups } from './fake-cgroup.ts';

const NONE = { memoryLimitBytes: null, cpuQuotaCores: null };

test('version 2: the tightest limit on the way up binds', (t) => {
  const tree = new FakeCgroups(t);
  tree.mounts(['', 'cg']);
  tree.process(100, '0::/pod/box\n');
  assert.deepEqual(readCgroupLimits(100, tree), NONE);
  assert.equal(readThrottling(100, tree), null);

  tree.file('cg/pod/box/cpu.max', 'max 100000\n');
  tree.file('cg/pod/cpu.max', '150000 100000\n');
  tree.file('cg/cpu.max', '800000 100000\n');
  tree.file('cg/pod/box/memory.max', '1048576\n');
  tree.file('cg/pod/memory.max', 'max\n');
  assert.deepEqual(readCgroupLimits(100, tree), { memoryLimitBytes: 1048576, cpuQuotaCores: 1.5 });

  // The counters of the group whose quota is the tightest, not those of the innermost one.
  const stat = (periods: number) =>
    `usage_usec 5\nnr_periods ${periods}\nnr_throttled 7\nthrottled_usec 900\n`;
  tree.file('cg/pod/box/cpu.stat', stat(1));
  tree.file('cg/pod/cpu.stat', stat(532));
  tree.file('cg/cpu.stat', stat(3));
  assert.deepEqual(readThrottling(100, tree), { periods: 532, throttled: 7, throttledUs: 900 });
});

test('version 1, nested, as case 03 sets it: 0.3 cores, 531 of 532 periods', (t) => {
  const tree = new FakeCgroups(t);
  tree.mounts(['cpu,cpuacct', 'cg/cpu'], ['memory', 'cg/memory'], ['', 'cg/unified']);
  tree.process(100, '5:cpu,cpuacct:/load/k6\n4:memory:/load\n0::/\n');
  tree.file('cg/cpu/load/k6/cpu.cfs_quota_us', '-1\n');
  tree.file('cg/cpu/load/k6/cpu.cfs_period_us', '100000\n');
  tree.file('cg/cpu/load/cpu.cfs_quota_us', '30000\n');
  tree.file('cg/cpu/load/cpu.cfs_period_us', '100000\n');
  tree.file('cg/cpu/load/cpu.stat', 'nr_periods 532\nnr_throttled 531\nthrottled_time 4000000\n');
  tree.file('cg/cpu/load/k6/cpu.stat', 'nr_periods 0\nnr_throttled 0\nthrottled_time 0\n');
  tree.file('cg/memory/load/memory.limit_in_bytes', '9223372036854771712\n');
  tree.file('cg/memory/memory.limit_in_bytes', '536870912\n');
  assert.deepEqual(readCgroupLimits(100, tree), {
    memoryLimitBytes: 536870912,
    cpuQuotaCores: 0.3,
  });
  assert.deepEqual(readThrottling(100, tree), { periods: 532, throttled: 531, throttledUs: 4000 });
});

test('a container that sees its own part of the hierarchy only', (t) => {
  const tree = new FakeCgroups(t);
  tree.mounts(['cpu', 'cg/cpu', '/docker/abc'], ['memory', 'cg/memory', '/docker/abc']);
  tree.process(100, '5:cpu:/docker/abc\n4:memory:/docker/abc/inner\n');
  tree.file('cg/cpu/cpu.cfs_quota_us', '200000\n');
  tree.file('cg/cpu/cpu.cfs_period_us', '100000\n');
  tree.file('cg/memory/memory.limit_in_bytes', '1000\n');
  assert.deepEqual(readCgroupLimits(100, tree), { memoryLimitBytes: 1000, cpuQuotaCores: 2 });

  // A process elsewhere: its group is not to be seen, and a stranger's is not taken for it.
  tree.process(101, '5:cpu:/docker/other\n4:memory:/../other\n');
  assert.deepEqual(readCgroupLimits(101, tree), NONE);
  assert.equal(readThrottling(101, tree), null);
  // Of this process itself: what is mounted here is its own at least.
  tree.file('proc/self/cgroup', '5:cpu:/\n4:memory:/../abc\n');
  assert.deepEqual(readCgroupLimits('self', tree), { memoryLimitBytes: 1000, cpuQuotaCores: 2 });
});

test('texts that are no limits', () => {
  for (const text of ['', 'max', 'max 100000\n', '0 100000', '100000 0', '-1 100000', 'a b'])
    assert.equal(parseCpuMax(text), null, text);
  assert.equal(parseCpuMax('50000 100000\n'), 0.5);
  assert.equal(parseCfsQuota('-1\n', '100000\n'), null);
  assert.equal(parseCfsQuota('', ''), null);
  for (const text of ['', 'max\n', '0\n', '9223372036854771712\n', '-5'])
    assert.equal(parseMemoryLimit(text), null, text);
  assert.equal(parseThrottling('usage_usec 5\n'), null);
});

test('no control groups at all, and a process that is gone', (t) => {
  const tree = new FakeCgroups(t);
  assert.deepEqual(readCgroupLimits(7, tree), NONE);
  assert.equal(readThrottling(7, tree), null);
});

test('the real groups of this process', { skip: process.platform !== 'linux' }, () => {
  const { memoryLimitBytes, cpuQuotaCores } = readCgroupLimits();
  assert.ok(memoryLimitBytes === null || memoryLimitBytes > 2 ** 20, `${memoryLimitBytes}`);
  assert.ok(cpuQuotaCores === null || cpuQuotaCores > 0, `${cpuQuotaCores}`);
  assert.deepEqual(readCgroupLimits(process.pid), { memoryLimitBytes, cpuQuotaCores });
});
