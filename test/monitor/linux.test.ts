import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { linuxProcesses } from '../../monitor/linux.ts';
import { usageBetween } from '../../monitor/tree.ts';
import { FakeProc } from './fake-proc.ts';

const ROOT = [{ name: 'a', pid: 100 }];

for (const childrenFiles of [true, false]) {
  const kernel = childrenFiles ? 'with children files' : 'without children files';

  test(`finds all descendants, of every thread, ${kernel}`, async (t) => {
    const proc = new FakeProc(t, childrenFiles);
    proc.set(1, { parentPid: 0, threads: { 1: [100, 900] } });
    proc.set(100, { comm: 'a (b) S 1', threads: { 100: [101], 107: [102] } });
    proc.set(101, { parentPid: 100, comm: 'x y' });
    proc.set(102, { parentPid: 100, threads: { 102: [103] } });
    proc.set(103, { parentPid: 102 });
    proc.set(900, {});
    const { processes } = await linuxProcesses({ procRoot: proc.root }).read(ROOT, undefined);
    assert.deepEqual(
      [...processes.keys()].sort((a, b) => a - b),
      [100, 101, 102, 103],
    );
    assert.ok([...processes.values()].every(({ owner }) => owner === 'a'));
  });

  test(`a process whose parent ended stays in the tree, with what it starts, ${kernel}`, async (t) => {
    const proc = new FakeProc(t, childrenFiles);
    proc.set(1, { parentPid: 0, threads: { 1: [100, 900] } });
    proc.set(900, {});
    proc.set(100, { threads: { 100: [101] } });
    proc.set(101, { parentPid: 100, threads: { 101: [102] } });
    proc.set(102, { parentPid: 101 });
    const reader = linuxProcesses({ procRoot: proc.root });
    const first = await reader.read(ROOT, undefined);
    proc.remove(101);
    proc.set(102, { parentPid: 1, threads: { 102: [104] } });
    proc.set(104, { parentPid: 102, starttime: 5000 });
    const second = await reader.read(ROOT, first);
    assert.deepEqual([...second.processes.keys()], [100, 102, 104]);
  });

  test(`a pid that was given to a stranger is not watched, ${kernel}`, async (t) => {
    const proc = new FakeProc(t, childrenFiles);
    proc.set(100, { threads: { 100: [101] } });
    proc.set(101, { parentPid: 100, utime: 500 });
    const reader = linuxProcesses({ procRoot: proc.root });
    const first = await reader.read(ROOT, undefined);
    proc.set(101, { parentPid: 1, utime: 9, starttime: 7777 });
    proc.set(100, { cutime: 520 });
    const second = await reader.read(ROOT, first);
    assert.deepEqual([...second.processes.keys()], [100]);
    const { usages } = usageBetween(first, second, new Map([['a', 10_000]]));
    assert.equal(usages.get('a')!.cpuMs, 200);
    // The same for the root itself.
    proc.set(100, { starttime: 8888 });
    const root = [{ name: 'a', pid: 100, startedAtMs: 1000 }];
    assert.equal((await reader.read(root, second)).processes.size, 0);
  });
}

test('with many threads on a small machine, every process is asked for its parent', async (t) => {
  const proc = new FakeProc(t);
  const threads = Object.fromEntries(Array.from({ length: 160 }, (_, i) => [100 + i, []]));
  proc.set(100, { threads });
  // No children file names it, so only the look at all processes can find it.
  proc.set(501, { parentPid: 100 });
  const reader = linuxProcesses({ procRoot: proc.root });
  const first = await reader.read(ROOT, undefined);
  assert.deepEqual([...first.processes.keys()], [100]);
  const second = await reader.read(ROOT, first);
  assert.deepEqual([...second.processes.keys()], [100, 501]);
});

test('a tree inside another one has its own figures', async (t) => {
  const proc = new FakeProc(t);
  proc.set(100, { threads: { 100: [101, 105] } });
  proc.set(101, { parentPid: 100, threads: { 101: [102] } });
  proc.set(102, { parentPid: 101 });
  proc.set(105, { parentPid: 100 });
  const roots = [...ROOT, { name: 'b', pid: 101 }];
  const { processes } = await linuxProcesses({ procRoot: proc.root }).read(roots, undefined);
  const owners = [...processes.values()].map(({ pid, owner }) => `${pid}${owner}`).sort();
  assert.deepEqual(owners, ['100a', '101b', '102b', '105a']);
});

test('units, open files and I/O; what cannot be read is absent', async (t) => {
  const proc = new FakeProc(t);
  proc.set(100, {
    utime: 7,
    cutime: 3,
    starttime: 250,
    openFiles: 5,
    io: { read: 11, write: 12 },
    threads: { 100: [], 101: [] },
  });
  const reader = linuxProcesses({ procRoot: proc.root, monotonicMs: () => 42 });
  const first = await reader.read(ROOT, undefined);
  assert.deepEqual(first.processes.get(100), {
    pid: 100,
    parentPid: 1,
    startedAtMs: 2500,
    ended: false,
    cpuMs: 70,
    reapedCpuMs: 30,
    rssBytes: 40960,
    threads: 2,
    owner: 'a',
    openFiles: 5,
    io: { readBytes: 11, writeBytes: 12 },
  });
  assert.equal(first.readAtMs.get('a'), 42);
  assert.equal(first.sourceNowMs, 10_000);
  proc.set(100, { starttime: 250, io: null });
  const second = await reader.read(ROOT, first);
  assert.equal(second.processes.get(100)!.io, undefined);
  assert.equal(second.processes.get(100)!.ended, false);
});

test('a process that ended and is not waited for keeps its final CPU time', async (t) => {
  const proc = new FakeProc(t);
  proc.set(100, { threads: { 100: [101] } });
  proc.set(101, { parentPid: 100, utime: 10, io: { read: 5, write: 5 } });
  const reader = linuxProcesses({ procRoot: proc.root });
  const first = await reader.read(ROOT, undefined);
  proc.set(101, { parentPid: 100, state: 'Z', utime: 30, io: null, openFiles: 0 });
  const second = await reader.read(ROOT, first);
  assert.equal(second.processes.get(101)!.ended, true);
  const usage = usageBetween(first, second, new Map()).usages.get('a')!;
  assert.equal(usage.cpuMs, 200);
  assert.deepEqual(usage.io, { readBytes: 0, writeBytes: 0 });
});

test('a stat file of nonsense is no process, a missing process table is an error', async (t) => {
  const proc = new FakeProc(t);
  proc.file('100/stat', '100 (node) S nonsense\n');
  const reader = linuxProcesses({ procRoot: proc.root });
  assert.equal((await reader.read(ROOT, undefined)).processes.size, 0);
  proc.file('200', 'a file where a folder should be');
  await assert.rejects(() => reader.read([{ name: 'a', pid: 200 }], undefined), /ENOTDIR/);
});

test('this process as /proc shows it', { skip: process.platform !== 'linux' }, async (t) => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume();console.log(1)']);
  t.after(() => child.kill());
  await once(child.stdout, 'data');
  const reader = linuxProcesses();
  const roots = [{ name: 'me', pid: process.pid }];
  const { processes } = await reader.read(roots, await reader.read(roots, undefined));
  const me = processes.get(process.pid)!;
  assert.ok(processes.has(child.pid!));
  const { rss } = process.memoryUsage();
  assert.ok(Math.abs(me.rssBytes - rss) < 0.3 * rss, `${me.rssBytes} and ${rss} bytes`);
  // The list itself is open while it is read.
  assert.ok(Math.abs(me.openFiles! - readdirSync('/proc/self/fd').length) <= 2);
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  const ownMs = (userCPUTime + systemCPUTime) / 1000;
  assert.ok(me.cpuMs > 0 && me.cpuMs <= ownMs + 1, `${me.cpuMs} and ${ownMs} ms`);
  assert.ok(me.threads! >= 1);
});

test('CPU time to the nanosecond: live threads, ended ones, and the ticks as the lower bound', async (t) => {
  const proc = new FakeProc(t);
  let nowMs = 0;
  const reader = linuxProcesses({ procRoot: proc.root, monotonicMs: () => nowMs });
  const cpuAfter = async (
    utime: number,
    threads: Record<number, number | null>,
    state = 'S',
    starttime = 100,
  ) => {
    const list = Object.fromEntries(Object.keys(threads).map((tid) => [tid, []]));
    proc.set(100, { utime, threads: list, state, starttime });
    for (const [tid, ns] of Object.entries(threads))
      if (ns !== null) proc.file(`100/task/${tid}/schedstat`, `${ns} 5 6\n`);
    return (await reader.read(ROOT, undefined)).processes.get(100)!.cpuMs;
  };
  assert.equal(await cpuAfter(7, { 100: 70_500_000, 101: 4_000_000 }), 74.5);
  // A thread that ended keeps what it had.
  assert.equal(await cpuAfter(7, { 100: 71_500_000 }), 75.5);
  // Its id goes to another one.
  assert.equal(await cpuAfter(8, { 100: 71_500_000, 102: 9_000_000 }), 84.5);
  assert.equal(await cpuAfter(8, { 100: 71_500_000, 102: 1_000_000 }), 85.5);
  // What nobody saw (threads between two readings) shows in the ticks.
  assert.equal(await cpuAfter(20, { 100: 71_500_000, 102: 1_000_000 }), 200);
  assert.equal(await cpuAfter(20, { 100: 73_500_000, 102: 1_000_000 }), 202);
  // No such file, or the process has ended: it does not go back.
  assert.equal(await cpuAfter(20, { 100: null }), 202);
  assert.equal(await cpuAfter(21, { 100: 1 }, 'Z'), 210);
  // A pid that another process got begins anew.
  assert.equal(await cpuAfter(3, { 100: 32_000_000 }, 'S', 555), 32);

  // A second later and not one tick more: its threads are not asked.
  nowMs += 1000;
  assert.equal(await cpuAfter(3, { 100: 39_000_000 }, 'S', 555), 32);
  nowMs += 1000;
  assert.equal(await cpuAfter(4, { 100: 45_000_000 }, 'S', 555), 45);
});
