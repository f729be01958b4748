/** When the generator is to blame, from figures as runs left them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gateRules } from '../../judge/gates.ts';
import {
  allowedMisses,
  CpuMeter,
  generatorLimit,
  growthNotes,
} from '../../judge/generator-limit.ts';
import type { ScheduleFigures } from '../../results/types.ts';

const kept: ScheduleFigures = {
  planned: 30_000,
  started: 30_000,
  late: 20,
  dropped: 0,
  droppedWhileFree: 0,
  onTimeShare: 1,
  latenessP99Ms: 2,
  toleranceMs: 10,
};
const idle = { host: 0.4, k6: 0.2 };
const starved = { host: 0.99, k6: 0.6 };
const limit = (
  schedule: Partial<ScheduleFigures> | null,
  cpu: { host: number | null; k6: number | null } = idle,
) =>
  generatorLimit({
    schedule: schedule === null ? null : { ...kept, ...schedule },
    allowedMisses: 0.01,
    cpu,
  });

test("an open model: late starts are the generator's, starts dropped for want of an answer are not", () => {
  assert.equal(limit({}), null);
  assert.equal(limit({ late: 300 }), null);
  assert.equal(
    limit({ late: 301 }),
    "of 30,000 starts 301 began late; the machine's cores were 40 % busy, 20 % by k6 alone",
  );
  assert.equal(limit({ late: 301 }, { host: null, k6: 0.2 }), 'of 30,000 starts 301 began late');
  // A target that stalls holds all VUs.
  assert.equal(limit({ started: 20_000, dropped: 10_000 }), null);
  assert.match(
    limit({ started: 20_000, dropped: 10_000, droppedWhileFree: 9000 })!,
    /9,000 were dropped though VUs were free/,
  );
  // Recorded at 4,000/s with 200 VUs: the target took a third of the machine and 300 ms for each answer.
  const overrun = {
    planned: 20_001,
    started: 2923,
    late: 51,
    dropped: 17_078,
    droppedWhileFree: 187,
  };
  assert.equal(limit(overrun, { host: 0.97, k6: 0.14 }), null);
  assert.match(limit({ started: 29_000 })!, /^of 30,000 starts 20 began late, 1,000 never came;/);
});

test("a machine without a free core: the generator's only if k6 took half of them", () => {
  assert.match(limit(null, starved)!, /^the machine's cores were 99 % busy, 60 % by k6 alone$/);
  assert.equal(limit(null, { host: 0.99, k6: 0.2 }), null); // the target on the same machine took the rest
  assert.equal(limit(null, { host: 0.9, k6: 0.9 }), null);
  assert.equal(limit(null, { host: null, k6: 0.9 }), null);
  // An open model that kept its goal was not limited, whatever that took.
  assert.equal(limit({}, starved), null);
  assert.notEqual(limit({ started: 20_000, dropped: 10_000 }, starved), null);
});

test('what the gate lets be missed', () => {
  assert.equal(allowedMisses(gateRules(['on-time>=95%'], [])), 1 - 0.95);
  assert.equal(allowedMisses(gateRules(['on-time>=90%', 'on-time>99.5%'], [])), 1 - 0.995);
  assert.equal(allowedMisses(gateRules([])), 1);
});

test('CPU: three readings at least', () => {
  const figures = (percents: (number | undefined)[]) => {
    const meter = new CpuMeter();
    percents.forEach((percent, i) => {
      const some = (factor: number) =>
        percent === undefined ? {} : { cpuPercentOfMachine: percent * factor };
      meter.add({ t: i, kind: 'host', cores: 2, ...some(1) });
      meter.add({ t: i, kind: 'process', name: 'k6', rootPid: 1, processes: 1, ...some(0.5) });
      meter.add({ t: i, kind: 'process', name: 'backend', rootPid: 2, processes: 1, ...some(0.1) });
      meter.add({ t: i, kind: 'note', name: 'x', text: '' });
    });
    return meter.figures();
  };
  assert.deepEqual(figures([90, 100, 98]), { host: 0.96, k6: 0.48 });
  assert.deepEqual(figures([90, 100]), { host: null, k6: null });
  assert.deepEqual(figures([90, undefined, 100]), { host: null, k6: null });
});

test('signing that cannot keep up is the generator, in every model', () => {
  const facts = { schedule: null, allowedMisses: 1, cpu: { host: null, k6: null } };
  const feeder = (waitedLong: number) => ({ requests: 1000, waitedLong });
  assert.equal(generatorLimit({ ...facts, feeder: feeder(10) }), null);
  assert.match(
    generatorLimit({ ...facts, feeder: feeder(11) })!,
    /signing of submissions could not keep up: 11 of 1,000 waited/,
  );
  assert.equal(generatorLimit({ ...facts, feeder: { requests: 0, waitedLong: 0 } }), null);
  // In an open model the on-time gate says how much may wait, but never less than that.
  const open = (allowedMisses: number, waitedLong: number) =>
    generatorLimit({
      ...facts,
      schedule: { ...kept, late: 0 },
      allowedMisses,
      feeder: feeder(waitedLong),
    });
  assert.equal(open(0.05, 50), null);
  assert.match(open(0.05, 51)!, /51 of 1,000 waited/);
  assert.equal(open(0, 10), null);
  assert.match(open(0, 11)!, /11 of 1,000 waited/);
});

test('a generator that grows is told of, a backend that does is not its matter', () => {
  const figures = (megabytes: number) => ({
    cpuCoresMean: 1,
    cpuCoresMax: 1,
    rssBytesMax: 1,
    readings: 9,
    rssGrowth: { bytesPerMinute: megabytes * 2 ** 20, overMs: 480_000 },
  });
  assert.deepEqual(growthNotes({ k6: figures(1), toolkit: figures(-3), backend: figures(50) }), []);
  const notes = growthNotes({ k6: figures(2), toolkit: figures(3) });
  assert.equal(notes.length, 2);
  assert.match(
    notes[0],
    /memory of k6 grew by \+2\.1 MB\/min over 8 min: the generator's own fault/,
  );
  assert.match(notes[1], /this program grew/);
});
