import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  findCgroup,
  folderOfContainer,
  ownGroupCpuMs,
  parseBlkio,
  parseCgroupMounts,
  parseCgroupPaths,
  parseIoStat,
  readCgroup,
  withoutInactiveFile,
} from '../../monitor/cgroup.ts';
import { FakeCgroups } from './fake-cgroup.ts';

const ID = '4f1e0b7c9d2a4f1e0b7c9d2a4f1e0b7c9d2a4f1e0b7c9d2a4f1e0b7c9d2a4f1e';

test('version 2, as systemd names the group of a docker container', (t) => {
  const tree = new FakeCgroups(t);
  tree.mounts(['', 'sys/fs/cgroup']);
  tree.process(100, `0::/system.slice/docker-${ID}.scope\n`);
  const folder = `sys/fs/cgroup/system.slice/docker-${ID}.scope`;
  tree.v2(folder, { cpuUs: 2_500_000 });
  tree.file(`${folder}/init.scope/cgroup.procs`, '102\n');
  const cgroup = findCgroup(100, ID, tree)!;
  assert.equal(cgroup.version, 2);
  const usage = readCgroup(cgroup);
  assert.deepEqual(
    [usage.cpuMs, usage.memoryBytes, usage.memoryPeakBytes, usage.processes, usage.threads],
    [2500, 4_000_000, 9_000_000, 3, 12],
  );
  assert.deepEqual([usage.readBytes, usage.writeBytes, usage.periods], [1001, 2002, 25]);
});

test("podman's inner group, and init of systemd inside: the container's own folder counts", () => {
  const scope = `/user.slice/user-1000.slice/libpod-${ID}.scope`;
  assert.equal(folderOfContainer(`${scope}/container`, ID), scope);
  assert.equal(folderOfContainer(`${scope}/container/init.scope`, ID), scope);
  assert.equal(folderOfContainer(`/docker/${ID}`, ID), `/docker/${ID}`);
  assert.equal(folderOfContainer('/user.slice/session-1.scope', ID), null);
});

test('version 1, controllers together and apart', (t) => {
  const tree = new FakeCgroups(t);
  tree.mounts(
    ['cpu,cpuacct', 'cg/cpu,cpuacct'],
    ['memory', 'cg/my memory'],
    ['pids', 'cg/pids'],
    ['blkio', 'cg/blkio'],
    ['', 'cg/unified'],
  );
  tree.process(
    100,
    `5:cpu,cpuacct:/docker/${ID}\n4:memory:/docker/${ID}\n3:pids:/docker/${ID}\n2:blkio:/docker/${ID}\n0::/system.slice/containerd.service\n`,
  );
  tree.file(`cg/cpu,cpuacct/docker/${ID}/cpuacct.usage`, '1500000000\n');
  tree.file(`cg/cpu,cpuacct/docker/${ID}/cpu.stat`, 'nr_periods 10\nnr_throttled 4\n');
  tree.file(`cg/cpu,cpuacct/docker/${ID}/cgroup.procs`, '100\n');
  tree.file(`cg/my memory/docker/${ID}/memory.usage_in_bytes`, '700\n');
  tree.file(`cg/my memory/docker/${ID}/memory.stat`, 'inactive_file 1\ntotal_inactive_file 200\n');
  tree.file(`cg/my memory/docker/${ID}/memory.max_usage_in_bytes`, '900\n');
  tree.file(`cg/pids/docker/${ID}/pids.current`, '3\n');
  tree.file(
    `cg/blkio/docker/${ID}/blkio.throttle.io_service_bytes`,
    '8:0 Read 10\n8:0 Write 20\n8:0 Sync 30\n8:16 Read 1\n8:16 Write 2\nTotal 33\n',
  );
  const cgroup = findCgroup(100, ID, tree)!;
  assert.equal(cgroup.version, 1);
  assert.deepEqual(readCgroup(cgroup), {
    cpuMs: 1500,
    memoryBytes: 500,
    memoryPeakBytes: 900,
    processes: 1,
    threads: 3,
    readBytes: 11,
    writeBytes: 22,
    periods: 10,
    throttledPeriods: 4,
  });
});

test('what a controller does not tell is absent, never 0', (t) => {
  const tree = new FakeCgroups(t);
  tree.mounts(['', 'cg']);
  tree.process(100, `0::/docker/${ID}\n`);
  tree.file(`cg/docker/${ID}/cpu.stat`, 'usage_usec 1000\n');
  assert.deepEqual(
    Object.entries(readCgroup(findCgroup(100, ID, tree)!)).filter(
      ([, value]) => value !== undefined,
    ),
    [['cpuMs', 1]],
  );
});

test('a stranger under the same pid, a hidden or missing group: none', (t) => {
  const tree = new FakeCgroups(t);
  tree.mounts(['', 'cg']);
  tree.process(100, '0::/user.slice/session-1.scope\n');
  tree.v2('cg/user.slice/session-1.scope', { cpuUs: 1 });
  assert.equal(findCgroup(100, ID, tree), null);
  // Another cgroup namespace: the path leads above what is to be seen here.
  tree.process(101, `0::/../../docker/${ID}\n`);
  tree.v2(`cg/docker/${ID}`, { cpuUs: 1 });
  assert.equal(findCgroup(101, ID, tree), null);
  tree.process(102, `0::/elsewhere/${ID}\n`);
  assert.equal(findCgroup(102, ID, tree), null);
  assert.equal(findCgroup(999, ID, tree), null);
});

test('a mount that shows a part of the hierarchy', (t) => {
  const tree = new FakeCgroups(t);
  tree.mounts(['', 'cg', '/kubepods']);
  tree.process(100, `0::/kubepods/pod1/${ID}\n`);
  tree.v2(`cg/pod1/${ID}`, { cpuUs: 7000 });
  assert.equal(readCgroup(findCgroup(100, ID, tree)!).cpuMs, 7);
  tree.process(101, `0::/system.slice/${ID}\n`);
  assert.equal(findCgroup(101, ID, tree), null);
});

test('a group of one tree alone, of either version', (t) => {
  const tree = new FakeCgroups(t);
  tree.mounts(['', 'cg']);
  tree.process(100, '0::/app\n');
  tree.v2('cg/app', { cpuUs: 7000 }); // 100 and 101
  tree.file('cg/app/inner/cgroup.procs', '102\n');
  const cgroup = findCgroup(100, null, tree)!;
  assert.equal(
    ownGroupCpuMs(cgroup, (pid) => [100, 101, 102, 103].includes(pid)),
    7,
  );
  assert.equal(
    ownGroupCpuMs(cgroup, (pid) => [100, 101].includes(pid)),
    null,
  );
  assert.equal(
    ownGroupCpuMs(cgroup, (pid) => [100, 102].includes(pid)),
    null,
  );
  tree.remove('cg/app');
  assert.equal(
    ownGroupCpuMs(cgroup, (pid) => [100, 101, 102].includes(pid)),
    null,
  );
  tree.file('v1/cpuacct.usage', '9000000\n');
  tree.file('v1/cgroup.procs', '7\n');
  const v1 = { version: 1, cpuacct: `${tree.root}/v1` } as const;
  assert.equal(
    ownGroupCpuMs(v1, (pid) => [7].includes(pid)),
    9,
  );
});

test('a group that is gone is an error', (t) => {
  const tree = new FakeCgroups(t);
  tree.mounts(['', 'cg']);
  tree.process(100, `0::/docker/${ID}\n`);
  tree.v2(`cg/docker/${ID}`, { cpuUs: 7000 });
  const cgroup = findCgroup(100, ID, tree)!;
  tree.remove(`cg/docker/${ID}`);
  assert.throws(() => readCgroup(cgroup), /ENOENT/);
});

test('texts of nonsense give nothing', () => {
  assert.deepEqual(parseIoStat('8:0 rbytes=x\nnonsense'), { readBytes: 0, writeBytes: 0 });
  assert.deepEqual(parseBlkio('Total 5\nnonsense'), { readBytes: 0, writeBytes: 0 });
  assert.equal(parseCgroupPaths('no line\n7:cpu').size, 0);
  assert.equal(parseCgroupMounts('a - b\n\n').v2, undefined);
  assert.equal(withoutInactiveFile(5, 9), 5);
  assert.equal(withoutInactiveFile(undefined, 9), undefined);
});

test('the real group of this process', { skip: process.platform !== 'linux' }, (t) => {
  const cgroup = findCgroup(process.pid, null);
  if (cgroup === null) return t.skip('its files are not to be seen here');
  const before = readCgroup(cgroup);
  const until = process.cpuUsage().user + 30_000;
  for (let i = 0; i < 1e9 && process.cpuUsage().user < until; i++);
  const usedMs = readCgroup(cgroup).cpuMs - before.cpuMs;
  // Others may be in the same group, so there is no upper bound; the clock's steps leave 10 ms below.
  assert.ok(usedMs >= 15, `${usedMs} ms`);
});
