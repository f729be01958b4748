import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMonitor, type MonitorOptions } from '../../monitor/monitor.ts';
import { EPOCH, FakeClock, settle } from '../support/clock.ts';
import { polledSource, type MonitorSource } from '../../monitor/source.ts';
import type { Snapshot, WatchedProcess, WatchedRoot } from '../../monitor/tree.ts';
import type { HostReading, ProcessReading, ResourceLine } from '../../results/types.ts';

/** Processes as a test sets them; CPU in milliseconds. */
class FakeTable {
  readonly clock: FakeClock;
  readonly rows = new Map<number, Partial<WatchedProcess>>();
  reads = 0;
  error: Error | undefined;
  gate: Promise<void> | undefined;
  constructor(clock: FakeClock) {
    this.clock = clock;
  }
  read = async (roots: readonly WatchedRoot[]): Promise<Snapshot> => {
    this.reads++;
    const readAtMs = new Map(roots.map(({ name }) => [name, this.clock.now()]));
    const processes = new Map<number, WatchedProcess>();
    for (const { name, pid } of roots) {
      for (const [id, row] of this.rows) {
        if (id !== pid && row.parentPid !== pid) continue;
        processes.set(id, {
          pid: id,
          parentPid: 1,
          startedAtMs: 0,
          ended: false,
          cpuMs: 0,
          reapedCpuMs: 0,
          rssBytes: 1000,
          threads: 1,
          openFiles: 2,
          io: { readBytes: 0, writeBytes: 0 },
          owner: name,
          ...row,
        });
      }
    }
    const now = this.clock.now();
    await this.gate;
    if (this.error) throw this.error;
    return { processes, readAtMs, sourceNowMs: now };
  };
}

function setUp(options: Partial<MonitorOptions> = {}) {
  const clock = new FakeClock();
  const processes = new FakeTable(clock);
  processes.rows.set(7, {});
  const lines: ResourceLine[] = [];
  const monitor = startMonitor({
    targets: [{ name: 'a', pid: 7 }],
    intervalMs: 1000,
    clock,
    processes,
    watchHost: false,
    onReading: (line) => lines.push(line),
    ...options,
  });
  const readings = (name = 'a') =>
    lines.filter((line): line is ProcessReading => line.kind === 'process' && line.name === name);
  const notes = () => lines.flatMap((line) => (line.kind === 'note' ? [line.text] : []));
  return { clock, processes, lines, monitor, readings, notes };
}

test('the first reading has no CPU and no rates; the second is the difference', async () => {
  const { clock, processes, lines, monitor } = setUp({
    watchHost: true,
    host: { read: () => Promise.resolve({ cores: 8 }) },
  });
  await settle();
  processes.rows.set(7, { cpuMs: 1500, io: { readBytes: 4000, writeBytes: 6000 }, rssBytes: 9 });
  await clock.jumpTo(1000);
  await monitor.stop();
  const same = { kind: 'process', name: 'a', rootPid: 7, processes: 1, threads: 1, openFiles: 2 };
  assert.deepEqual(lines, [
    { ...same, t: EPOCH, rssBytes: 1000 },
    { t: EPOCH, kind: 'host', cores: 8 } satisfies HostReading,
    {
      ...same,
      t: EPOCH + 1000,
      intervalMs: 1000,
      cpuCores: 1.5,
      cpuPercentOfMachine: 18.75,
      rssBytes: 9,
      readBytesPerSecond: 4000,
      writeBytesPerSecond: 6000,
    },
    { t: EPOCH + 1000, kind: 'host', cores: 8 },
  ]);
});

test('ticks do not drift, and a late one is one longer interval', async () => {
  const { clock, processes, monitor, readings } = setUp();
  await settle();
  for (const now of [1012, 2003, 5400, 6000]) {
    processes.rows.set(7, { cpuMs: now });
    await clock.jumpTo(now);
  }
  await monitor.stop();
  const intervals = readings().map(({ intervalMs }) => intervalMs);
  assert.deepEqual(intervals, [undefined, 1012, 991, 3397, 600]);
  assert.ok(readings().slice(1).every(({ cpuCores }) => cpuCores === 1)); // prettier-ignore
});

test('a timer that fires early makes no second reading of the same tick', async () => {
  const { clock, monitor, readings } = setUp();
  await settle();
  clock.timer!.at = 0;
  await clock.jumpTo(999.4);
  assert.equal(clock.timer!.at, 999.4 + 1001);
  await monitor.stop();
  assert.equal(readings().length, 2);
});

test('readings never overlap', async () => {
  const { clock, processes, monitor, readings } = setUp();
  await settle();
  let open: () => void = () => undefined;
  processes.gate = new Promise((resolve) => (open = resolve));
  await clock.jumpTo(1000);
  await clock.jumpTo(2500);
  assert.equal(processes.reads, 2);
  assert.equal(clock.timer, undefined);
  open();
  await settle();
  assert.equal(clock.timer!.at, 3000);
  await monitor.stop();
  assert.equal(readings().length, 3);
});

test('a failing source is one note, the readings are absent, and the next covers the gap', async () => {
  const { clock, processes, monitor, readings, notes } = setUp();
  await settle();
  processes.error = new Error('EMFILE: too many open files');
  await clock.jumpTo(1000);
  await clock.jumpTo(2000);
  processes.error = undefined;
  processes.rows.set(7, { cpuMs: 600 });
  await clock.jumpTo(3000);
  assert.deepEqual(notes(), ['processes could not be read: EMFILE: too many open files']);
  assert.equal(readings().length, 2);
  assert.equal(readings()[1].intervalMs, 3000);
  assert.equal(readings()[1].cpuCores, 0.2);
  // A new trouble of the same kind is told again.
  processes.error = new Error('EMFILE: too many open files');
  await clock.jumpTo(4000);
  await monitor.stop();
  assert.equal(notes().length, 2);
});

test('a failing host is one note and stops nothing', async () => {
  const { clock, monitor, readings, notes } = setUp({
    watchHost: true,
    host: { read: () => Promise.reject(new Error('no /proc')) },
  });
  await settle();
  await clock.jumpTo(1000);
  await monitor.stop();
  assert.deepEqual(notes(), ['the machine could not be read: no /proc']);
  assert.equal(readings().length, 2);
});

test('a process that ends: one note, no readings, never a 0', async () => {
  const ends: string[] = [];
  const { clock, processes, monitor, readings, notes } = setUp({
    onEnded: (name) => ends.push(name),
  });
  await settle();
  processes.rows.delete(7);
  await clock.jumpTo(1000);
  await clock.jumpTo(2000);
  await monitor.stop();
  assert.equal(readings().length, 1);
  assert.deepEqual(notes(), ['process 7 has ended']);
  assert.deepEqual(ends, ['a']);
});

test('a root that ends before its children: the tree goes on until they have ended, too', async () => {
  const { clock, processes, monitor, readings, notes } = setUp();
  processes.rows.set(8, { parentPid: 7 });
  await settle();
  processes.rows.delete(7);
  await clock.jumpTo(1000);
  assert.equal(readings().at(-1)!.processes, 1);
  await clock.jumpTo(2000);
  processes.rows.set(8, { parentPid: 7, ended: true });
  await clock.jumpTo(3000);
  await monitor.stop();
  assert.deepEqual(notes(), [
    'process 7 has ended, 1 that it started still run',
    'the last process that process 7 started has ended',
  ]);
  assert.equal(readings().length, 3);
});

test('a process that is not there at first', async () => {
  const { monitor, notes, lines } = setUp({ targets: [{ name: 'a', pid: 99 }] });
  await settle();
  await monitor.stop();
  assert.deepEqual(notes(), ['process 99 was not there when it was looked for first']);
  assert.equal(lines.length, 1);
});

test('figures that one process keeps secret are absent, with one note', async () => {
  const { clock, processes, monitor, readings, notes } = setUp();
  processes.rows.set(8, { parentPid: 7, openFiles: undefined, io: undefined });
  await settle();
  await clock.jumpTo(1000);
  await monitor.stop();
  const last = readings()[1];
  assert.deepEqual(
    [last.openFiles, last.readBytesPerSecond, last.threads],
    [undefined, undefined, 2],
  );
  assert.equal(last.cpuCores, 0);
  assert.deepEqual(notes(), ['open files and I/O cannot be read (does it run as another user?)']);
});

test('a target added in between is read at once and has CPU from the next tick on', async () => {
  const { clock, processes, monitor, readings } = setUp();
  await settle();
  await clock.jumpTo(600);
  processes.rows.set(9, { cpuMs: 50 });
  monitor.addTarget({ name: 'b', pid: 9 });
  await settle();
  processes.rows.set(9, { cpuMs: 150 });
  processes.rows.set(7, { cpuMs: 500 });
  await clock.jumpTo(1000);
  await monitor.stop();
  assert.equal(readings('b')[0].cpuCores, undefined);
  assert.deepEqual(
    readings('b').map(({ t }) => t - EPOCH),
    [600, 1000],
  );
  assert.deepEqual([readings('b')[1].intervalMs, readings('b')[1].cpuCores], [400, 0.25]);
  // The other tree's interval is not cut in two.
  assert.deepEqual([readings()[1].intervalMs, readings()[1].cpuCores], [1000, 0.5]);
});

test('a name goes over to another pid; a removed one has no more readings', async () => {
  const { clock, processes, monitor, readings, notes } = setUp();
  await settle();
  processes.rows.set(9, { cpuMs: 5000 });
  monitor.addTarget({ name: 'a', pid: 9 });
  await settle();
  await clock.jumpTo(1000);
  assert.deepEqual(notes(), ['from here on process 9 instead of 7']);
  assert.deepEqual(
    readings().map(({ rootPid, cpuCores }) => [rootPid, cpuCores]),
    [
      [7, undefined],
      [9, undefined],
      [9, 0],
    ],
  );
  monitor.removeTarget('a');
  monitor.removeTarget('never there');
  await clock.jumpTo(2000);
  await monitor.stop();
  assert.equal(readings().length, 3);
});

test('bad targets are notes, not exceptions', async () => {
  const { monitor, notes } = setUp();
  monitor.addTarget({ name: 'b', pid: 0 });
  monitor.addTarget({ name: 'c', pid: NaN });
  monitor.addTarget({ name: 'd', pid: 7 });
  monitor.addTarget({ name: 'a', pid: 7 });
  await monitor.stop();
  assert.deepEqual(notes(), [
    'process 0 is not watched: this is no process id',
    'process NaN is not watched: this is no process id',
    'process 7 is not watched: it is watched as a',
  ]);
});

test('a reader of the lines that throws does not stop the monitor', async (t) => {
  const warnings = t.mock.method(process, 'emitWarning', () => undefined);
  const { clock, processes, monitor } = setUp({
    onReading: () => {
      throw new Error('disk full');
    },
  });
  await settle();
  await clock.jumpTo(1000);
  await monitor.stop();
  assert.equal(processes.reads, 2);
  assert.equal(warnings.mock.callCount(), 2);
});

test('stop: a last reading if the one before is old enough, then silence', async () => {
  const { clock, monitor, processes, readings } = setUp();
  await settle();
  await clock.jumpTo(249);
  const stopped = monitor.stop();
  assert.equal(monitor.stop(), stopped);
  await stopped;
  assert.equal(readings().length, 1);
  monitor.addTarget({ name: 'b', pid: 7 });
  await clock.jumpTo(5000);
  assert.equal(processes.reads, 1);

  const other = setUp();
  await settle();
  await other.clock.jumpTo(250);
  await other.monitor.stop();
  assert.equal(other.readings()[1].intervalMs, 250);
  assert.equal(other.clock.timer, undefined);
});

test('sources beside the processes: their lines stand among the readings', async () => {
  const source: MonitorSource = {
    name: 'db',
    start({ emit, intervalMs }) {
      assert.equal(intervalMs, 1000);
      emit({ t: EPOCH, kind: 'postgres', name: 'db', connections: 3 });
      return {
        stop() {
          emit({ t: EPOCH + 1, kind: 'note', name: 'db', text: 'goodbye' });
          return Promise.resolve();
        },
      };
    },
  };
  const { lines, monitor, notes } = setUp({ sources: [source] });
  await settle();
  await monitor.stop();
  assert.ok(lines.some(({ kind }) => kind === 'postgres'));
  assert.deepEqual(notes(), ['goodbye']);
});

test('a source that cannot start, one that throws, one that never ends: notes, and the rest goes on', async () => {
  const clock = new FakeClock();
  const { monitor, readings, lines } = setUp({
    clock,
    sources: [
      {
        name: 'broken',
        start() {
          throw new Error('no such thing');
        },
      },
      polledSource({ name: 'throwing', read: () => Promise.reject(new Error('ECONNRESET')) }),
      { name: 'endless', start: () => ({ stop: () => new Promise(() => undefined) }) },
      { name: 'fine', start: () => ({ stop: () => Promise.resolve() }) },
    ],
  });
  await settle();
  await clock.step(1000);
  const stopped = monitor.stop();
  await clock.step(3000);
  await stopped;
  const said = lines.flatMap((line) =>
    line.kind === 'note' ? [`${line.name}: ${line.text}`] : [],
  );
  assert.deepEqual(said.sort(), [
    'broken: cannot be watched: no such thing',
    'endless: did not end: no answer within 3 s',
    'throwing: could not be read: ECONNRESET',
  ]);
  assert.ok(readings().length >= 2);
});
