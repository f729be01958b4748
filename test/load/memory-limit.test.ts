/** The memory that k6 may take: the machine's, or that of a control group, version 2 and 1. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { memoryRoom } from '../../load/memory-limit.ts';
import { scratchFolder } from '../support/scratch.ts';

const write = (root: string, files: Record<string, string>) => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
};
const roots = (root: string) => ({ procRoot: join(root, 'proc'), sysRoot: join(root, 'sys') });

test('version 2: the lowest limit on the way up', () => {
  const root = scratchFolder();
  write(root, {
    'proc/self/cgroup': '0::/a/b\n',
    'proc/self/mountinfo': `30 25 0:26 / ${join(root, 'sys/fs/cgroup')} rw - cgroup2 cgroup2 rw\n`,
    'sys/fs/cgroup/a/memory.max': '500000000\n',
    'sys/fs/cgroup/a/b/memory.max': 'max\n',
  });
  assert.deepEqual(memoryRoom(4e9, roots(root)), { totalBytes: 4e9, limitBytes: 5e8 });
  // A limit above the machine's memory is none.
  assert.deepEqual(memoryRoom(4e8, roots(root)), { totalBytes: 4e8, limitBytes: null });
});

test('version 1: the limit of the memory controller, of the group or one above it', () => {
  const root = scratchFolder();
  const v1 = join(root, 'cgroup');
  const mount = (name: string) => `30 25 0:26 / ${join(v1, name)} rw - cgroup cgroup rw,${name}\n`;
  write(root, {
    [`proc/${process.pid}/cgroup`]: '4:memory:/job\n3:cpuacct:/job\n',
    'proc/self/cgroup': '4:memory:/job\n3:cpuacct:/job\n',
    'proc/self/mountinfo': mount('memory') + mount('cpuacct'),
    'cgroup/cpuacct/job/cpuacct.usage': '1\n',
    'cgroup/memory/memory.limit_in_bytes': '300000000\n',
    'cgroup/memory/job/memory.limit_in_bytes': '9223372036854771712\n',
  });
  assert.deepEqual(memoryRoom(4e9, roots(root)), { totalBytes: 4e9, limitBytes: 3e8 });
  write(root, {
    'cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
  });
  assert.equal(memoryRoom(4e9, roots(root)).limitBytes, null);
});

test('no control group, or no /proc at all: the machine', () => {
  assert.deepEqual(memoryRoom(4e9, roots(scratchFolder())), { totalBytes: 4e9, limitBytes: null });
  assert.ok(memoryRoom().totalBytes > 1e8);
});
