import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  collectTrees,
  usageBetween,
  type Gone,
  type ProcessRow,
  type Snapshot,
  type WatchedProcess,
} from '../../monitor/tree.ts';

const NO_IO = { readBytes: 0, writeBytes: 0 };

const watched = (
  pid: number,
  parentPid: number,
  cpuMs: number,
  reapedCpuMs = 0,
  more: Partial<WatchedProcess> = {},
): WatchedProcess => ({
  pid,
  parentPid,
  startedAtMs: pid,
  ended: false,
  cpuMs,
  reapedCpuMs,
  rssBytes: 0,
  owner: 'a',
  io: NO_IO,
  ...more,
});

const snapshot = (atMs: number, ...processes: WatchedProcess[]): Snapshot => ({
  processes: new Map(processes.map((process) => [process.pid, process])),
  readAtMs: new Map([...new Set(processes.map(({ owner }) => owner))].map((name) => [name, atMs])),
  sourceNowMs: atMs,
});

const SINCE = new Map([
  ['a', 50],
  ['b', 50],
]);

const cpuOf = (from: Snapshot, to: Snapshot, unsettled?: ReadonlyMap<number, Gone>) =>
  usageBetween(from, to, SINCE, unsettled).usages.get('a')?.cpuMs;

test('CPU is a difference of two readings, not the sum since the start', () => {
  const { usages } = usageBetween(
    snapshot(1000, watched(1, 0, 5000), watched(2, 1, 700)),
    snapshot(3000, watched(1, 0, 6000), watched(2, 1, 900)),
    SINCE,
  );
  assert.deepEqual(usages.get('a'), { intervalMs: 2000, cpuMs: 1200, io: NO_IO });
});

test('time waited for a processor: summed over the tree, absent where one of its processes keeps it secret', () => {
  const before = snapshot(
    1000,
    watched(1, 0, 0, 0, { waitedMs: 500 }),
    watched(2, 1, 0, 0, { waitedMs: 10 }),
  );
  const after = (second: Partial<WatchedProcess>) =>
    snapshot(2000, watched(1, 0, 0, 0, { waitedMs: 900 }), watched(2, 1, 0, 0, second));
  const waitedOf = (to: Snapshot) => usageBetween(before, to, SINCE).usages.get('a');
  assert.equal(waitedOf(after({ waitedMs: 60 }))!.waitedMs, 450);
  assert.equal('waitedMs' in waitedOf(after({}))!, false);
  // A process that was born meanwhile counts from its birth.
  assert.equal(waitedOf(after({ waitedMs: 60, startedAtMs: 1500 }))!.waitedMs, 460);
});

test('a child that ended and was waited for: only what it used since counts', () => {
  const before = snapshot(1000, watched(1, 0, 100), watched(2, 1, 10_000, 500));
  assert.equal(cpuOf(before, snapshot(2000, watched(1, 0, 100, 10_800))), 300);
});

test('a child that ended and was not waited for never makes the CPU negative', () => {
  const before = snapshot(1000, watched(1, 0, 100), watched(2, 1, 10_000));
  assert.equal(cpuOf(before, snapshot(2000, watched(1, 0, 130))), 30);
});

test('a grandchild that ends together with its parent is credited to the grandparent once', () => {
  const before = snapshot(1000, watched(1, 0, 0), watched(2, 1, 50), watched(3, 2, 4000));
  assert.equal(cpuOf(before, snapshot(2000, watched(1, 0, 0, 4100))), 50);
});

test('a child that ended between the look at its parent and at itself does not count twice', () => {
  const first = snapshot(1000, watched(1, 0, 0), watched(2, 1, 9000));
  const second = snapshot(2000, watched(1, 0, 0));
  const third = snapshot(3000, watched(1, 0, 0, 9400));
  const between = usageBetween(first, second, SINCE);
  assert.equal(between.usages.get('a')!.cpuMs, 0);
  assert.equal(cpuOf(second, third, between.unsettled), 400);
  // Without what was left open, the child's whole life would be a peak of nine cores.
  assert.equal(cpuOf(second, third), 9400);
});

test('a pid that went to another process: nothing of the first is subtracted from the second', () => {
  const before = snapshot(1000, watched(1, 0, 0), watched(70, 1, 9000));
  const after = snapshot(
    2000,
    watched(1, 0, 0, 9100),
    watched(70, 1, 40, 0, { startedAtMs: 1500 }),
  );
  assert.equal(cpuOf(before, after), 140);
});

test('a process found late counts from its birth if it was born under watch, else from now on', () => {
  const before = snapshot(1000, watched(1, 0, 0));
  assert.equal(cpuOf(before, snapshot(2000, watched(1, 0, 0), watched(60, 1, 80, 5))), 85);
  assert.equal(cpuOf(before, snapshot(2000, watched(1, 0, 0), watched(40, 1, 80_000))), 0);
});

test('the end of a watched tree inside another one is not charged to the outer one', () => {
  const inner = watched(2, 1, 60_000, 0, { owner: 'b' });
  const before = snapshot(1000, watched(1, 0, 100), inner);
  assert.equal(cpuOf(before, snapshot(2000, watched(1, 0, 110, 60_500))), 10);
  // No longer watched by itself, it goes on in the outer tree without a leap.
  assert.equal(cpuOf(before, snapshot(2000, watched(1, 0, 110), watched(2, 1, 60_200))), 210);
});

test('I/O: the share of ended children is taken out, one secret process makes it absent', () => {
  const io = (bytes: number) => ({ io: { readBytes: bytes, writeBytes: 2 * bytes } });
  const before = snapshot(1000, watched(1, 0, 0, 0, io(100)), watched(2, 1, 1, 0, io(1000)));
  const after = snapshot(2000, watched(1, 0, 0, 1, io(1150)));
  assert.deepEqual(usageBetween(before, after, SINCE).usages.get('a')!.io, {
    readBytes: 50,
    writeBytes: 100,
  });
  const secret = snapshot(2000, watched(1, 0, 0, 1, { io: undefined }));
  assert.equal(usageBetween(before, secret, SINCE).usages.get('a')!.io, undefined);
});

test('the first reading and two readings at one moment give nothing', () => {
  const one = snapshot(1000, watched(1, 0, 0));
  assert.equal(usageBetween(snapshot(500), one, SINCE).usages.size, 0);
  assert.equal(usageBetween(one, one, SINCE).usages.size, 0);
});

/** A little machine: processes start children, work, end; parents wait for them or are gone. */
class World {
  readonly rows = new Map<number, ProcessRow>([[1, this.#row(1, 0, 0)]]);
  truthMs = 0;
  #nextPid = 2;
  now = 100;

  #row(pid: number, parentPid: number, startedAtMs: number): ProcessRow {
    return { pid, parentPid, startedAtMs, ended: false, cpuMs: 0, reapedCpuMs: 0, rssBytes: 1 };
  }
  pick(number: number): ProcessRow {
    return [...this.rows.values()][number % this.rows.size];
  }
  start(parent: ProcessRow): void {
    this.now++;
    const row = this.#row(this.#nextPid++, parent.pid, this.now);
    this.rows.set(row.pid, row);
  }
  work(row: ProcessRow, ms: number): void {
    row.cpuMs += ms;
    this.truthMs += ms;
  }
  /** Ends a process without children, and its parent waits for it. */
  end(row: ProcessRow): void {
    const parent = this.rows.get(row.parentPid);
    if (!parent || [...this.rows.values()].some((other) => other.parentPid === row.pid)) return;
    this.rows.delete(row.pid);
    parent.reapedCpuMs += row.cpuMs + row.reapedCpuMs;
  }
  read(previous: Snapshot | undefined): Promise<Snapshot> {
    const table = {
      row: (pid: number) => {
        const row = this.rows.get(pid);
        return row ? { ...row } : null;
      },
      childrenOf: (pid: number) =>
        [...this.rows.values()].filter((row) => row.parentPid === pid).map((row) => row.pid),
    };
    this.now++;
    const roots = [{ name: 'a', pid: 1 }];
    return collectTrees(
      roots,
      previous,
      table,
      () => this.now,
      () => undefined,
    ).then((trees) => ({ ...trees, sourceNowMs: this.now }));
  }
}

test('law: over any life of a tree, the differences add up to the CPU time that was used', async () => {
  const step = fc.record({
    what: fc.constantFrom('start', 'work', 'work', 'end', 'read'),
    who: fc.nat(50),
    ms: fc.nat(1000),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const world = new World();
      let previous = await world.read(undefined);
      const since = new Map([['a', previous.sourceNowMs!]]);
      let unsettled: ReadonlyMap<number, Gone> | undefined;
      let sumMs = 0;
      const read = async () => {
        const current = await world.read(previous);
        const between = usageBetween(previous, current, since, unsettled);
        const { cpuMs } = between.usages.get('a')!;
        assert.ok(cpuMs >= 0);
        sumMs += cpuMs;
        previous = current;
        unsettled = between.unsettled;
      };
      for (const { what, who, ms } of steps) {
        if (what === 'start') world.start(world.pick(who));
        else if (what === 'work') world.work(world.pick(who), ms);
        else if (what === 'end') world.end(world.pick(who));
        else await read();
      }
      await read();
      assert.equal(sumMs, world.truthMs);
    }),
  );
});

test('children that nobody waits for: the control group that is the tree’s own knows them', () => {
  const group = (cpuMs: number, atMs: number, folder = '/own') => ({
    groups: new Map([['a', { folder, cpuMs, atMs }]]),
  });
  const from = snapshot(1000, watched(1, 0, 100));
  const to = snapshot(2000, watched(1, 0, 110));
  const cpu = (before: object, now: object) => cpuOf({ ...from, ...before }, { ...to, ...now });
  // The case of a shell that ignores SIGCHLD: 0.010 cores in the processes, 0.52 used.
  assert.equal(cpu(group(5000, 1001), group(5520, 2001)), 520);
  // Read over 2 s, for an interval of 1 s.
  assert.equal(cpu(group(5000, 0), group(6040, 2000)), 520);
  for (const [before, now] of [
    [{}, group(5520, 2001)], // not alone in it before
    [group(5000, 1001), {}], // nor any more
    [group(5000, 1001), group(5520, 2001, '/other')], // moved
    [group(5000, 1001), group(10, 2001)], // made anew
    [group(5000, 1001), group(5025, 2001)], // the moments of the readings, no more
  ])
    assert.equal(cpu(before, now), 10);
});
