/** When the generator is to blame, from figures as runs left them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { surelyAtLeast } from '../../judge/few-starts.ts';
import { gateRules } from '../../judge/gates.ts';
import {
  allowedMisses,
  type GeneratorFacts,
  generatorLimit,
  GeneratorMeter,
  generatorNotes,
  growthNotes,
} from '../../judge/generator-limit.ts';
import { NO_OTHER_EVIDENCE } from '../support/generator-facts.ts';
import type { GeneratorFigures, ScheduleFigures } from '../../results/types.ts';

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
const idle = { host: 0.4, k6: 0.2, others: 0.05 };
const starved = { host: 0.99, k6: 0.6, others: 0.05 };

const limitOf = (facts: Partial<GeneratorFacts>) =>
  generatorLimit({
    ...NO_OTHER_EVIDENCE,
    schedule: null,
    allowedMisses: 0.01,
    generator: { cpu: idle },
    answerP50Ms: 5,
    ...facts,
  });
const open = (schedule: Partial<ScheduleFigures>, generator: GeneratorFigures = { cpu: idle }) =>
  limitOf({ schedule: { ...kept, ...schedule }, generator });
const closed = (generator: GeneratorFigures) => limitOf({ generator });

test("an open model: late starts are the generator's, starts dropped for want of an answer are not", () => {
  assert.equal(open({}), null);
  assert.equal(open({ late: 300 }), null);
  assert.deepEqual(open({ late: 400 }), {
    cause: 'unknown',
    sentence:
      "of 30,000 starts 400 began late; the machine's cores were 40 % busy, 20 % by k6 alone",
  });
  assert.equal(open({ late: 400 }, {})!.sentence, 'of 30,000 starts 400 began late');
  // A target that stalls holds all VUs.
  assert.equal(open({ started: 20_000, dropped: 10_000 }), null);
  assert.match(
    open({ started: 20_000, dropped: 10_000, droppedWhileFree: 9000 })!.sentence,
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
  assert.equal(open(overrun, { cpu: { host: 0.97, k6: 0.14, target: 0.33 } }), null);
  assert.match(
    open({ started: 29_000 })!.sentence,
    /^of 30,000 starts 20 began late, 1,000 never came;/,
  );
});

test('few starts prove nothing: one late of 26 may be chance, all of 26 may not', () => {
  const few = { planned: 26, started: 26 };
  assert.equal(open({ ...few, late: 1 }), null);
  assert.notEqual(open({ ...few, late: 5 }), null);
  assert.equal(open({ planned: 5, started: 5, late: 1 }), null);
  assert.notEqual(open({ planned: 5, started: 5, late: 2 }), null);
  assert.notEqual(open({ planned: 2600, started: 2600, late: 100 }), null);
});

test('a start that is late by little beside the answers is no limit: that is a queue at the target', () => {
  // 8,001 of 8,001 were sent, 2.3 % of them 13 ms late, while an answer took a second and more.
  const queued = { planned: 8001, started: 8001, late: 184, latenessP99Ms: 13 };
  assert.equal(limitOf({ schedule: { ...kept, ...queued }, answerP50Ms: 1200 }), null);
  assert.notEqual(limitOf({ schedule: { ...kept, ...queued }, answerP50Ms: 20 }), null);
});

test('all that was due was sent, a little late, and the queue grew by more than that: the target fell behind', () => {
  const inFlight = Array.from({ length: 40 }, (_, i) => 4 * i);
  const queue = { overMs: 10_000, inFlight };
  const seen = { planned: 8001, started: 8001, late: 184, latenessP99Ms: 13 };
  const limit = (schedule: Partial<ScheduleFigures>, generator: GeneratorFigures = { cpu: idle }) =>
    limitOf({ schedule: { ...kept, ...seen, ...schedule }, answerP50Ms: 90, generator });
  assert.equal(limit({ queue }), null);
  assert.notEqual(limit({}), null);
  // As much in flight at the end as at the beginning, starts that never came, later than the queue is long: the generator.
  assert.notEqual(limit({ queue: { ...queue, inFlight: inFlight.map(() => 4) } }), null);
  assert.notEqual(limit({ queue, started: 7000 }), null);
  assert.notEqual(limit({ queue, latenessP99Ms: 900 }), null);
  // Where it is known what held k6 back, that held back the reading of answers, too.
  const others = { host: 0.99, k6: 0.02, others: 0.75 };
  assert.equal(limit({ queue }, { cpu: others })!.cause, 'other processes');
});

test('busy neighbours have a kind of their own, in open and closed models', () => {
  const cpu = { host: 0.99, k6: 0.02, target: 0.1, others: 0.75 };
  assert.deepEqual(open({ late: 900 }, { cpu, waitedShare: 0.9 }), {
    cause: 'other processes',
    sentence:
      'of 30,000 starts 900 began late: other processes took 75 % of the machine, k6 2 %, and k6 waited for 90 % of its time',
  });
  // Recorded, while others took the machine: 1 of 26, 17 ms late, and 8 of 501. Few prove nothing, whoever took what; the gate holds as well.
  const others = { cpu, waitedShare: 0.9 };
  assert.equal(open({ planned: 26, started: 26, late: 1 }, others), null);
  assert.equal(open({ planned: 501, started: 501, late: 8 }, others), null);
  assert.equal(open({ planned: 501, started: 501, late: 9 }, others)!.cause, 'other processes');
  assert.equal(closed({ cpu, waitedShare: 0.9 })!.cause, 'other processes');
  assert.equal(closed({ cpu, waitedShare: 0.2 }), null, 'it got the processor when it wanted it');
  // Think times that were kept show that k6 was not held back, however busy the machine was.
  const kept = { count: 400, late: 3, toleranceMs: 25 };
  assert.equal(closed({ cpu, waitedShare: 0.9, thinkTimes: kept }), null);
  // A target on this machine that nobody named would be among them.
  assert.equal(limitOf({ generator: { cpu, waitedShare: 0.9 }, targetIsAmongOthers: true }), null);
});

test("a machine without a free core: the generator's only if k6 took half of them", () => {
  assert.equal(
    closed({ cpu: starved })!.sentence,
    "the machine's cores were 99 % busy, 60 % by k6 alone",
  );
  assert.equal(closed({ cpu: { host: 0.99, k6: 0.2, target: 0.75 } }), null);
  assert.equal(closed({ cpu: { host: 0.9, k6: 0.9 } }), null);
  assert.equal(closed({ cpu: { k6: 0.9 } }), null);
  // An open model that kept its goal was not limited, whatever that took.
  assert.equal(open({}, { cpu: starved }), null);
  assert.equal(open({ started: 20_000, dropped: 10_000 }, { cpu: starved })!.cause, 'k6');
});

test("think times that take too long are k6's own lateness in a closed model", () => {
  const late = (count: number, of = 400) => ({
    thinkTimes: { count: of, late: count, toleranceMs: 10 },
  });
  assert.equal(closed({ cpu: idle, ...late(80) }), null);
  const neighbours = { host: 0.99, k6: 0.03, target: 0.01, others: 0.9 };
  assert.deepEqual(closed({ cpu: neighbours, ...late(300) }), {
    cause: 'other processes',
    sentence:
      "k6's own timers ran late: 300 of 400 think times took over 10 ms too long: other processes took 90 % of the machine, k6 3 %",
  });
  // A target that takes the machine is the bottleneck, and makes k6 late.
  const target = { host: 0.99, k6: 0.2, target: 0.7, others: 0.05 };
  assert.equal(closed({ cpu: target, ...late(300) }), null);
  assert.equal(closed({ cpu: idle, ...late(1, 5) }), null, 'few prove nothing');
});

test('a CPU quota that held the group back is named, whatever the model', () => {
  const throttling = { periods: 532, throttled: 531, quotaCores: 0.3 };
  const words =
    'the CPU quota of 0.3 cores of its control group held the generator back in 531 of 532 periods';
  assert.deepEqual(closed({ cpu: idle, throttling }), { cause: 'cpu quota', sentence: words });
  assert.deepEqual(open({}, { throttling }), { cause: 'cpu quota', sentence: words });
  const seldom = { ...throttling, throttled: 20 };
  assert.equal(closed({ throttling: seldom }), null);
  assert.match(
    generatorNotes({ generator: { throttling: seldom }, loadMs: 1 }, null)[0],
    /held the generator back in 20 of 532 periods/,
  );
  assert.deepEqual(
    generatorNotes({ generator: { throttling }, loadMs: 1 }, closed({ throttling })),
    [],
  );
});

test('what this machine refused k6 is not the target’s doing', () => {
  const refusal = (text: string, count: number, answer = 'error:1213') =>
    limitOf({ refusals: [{ answer, text, count }] });
  // As k6 2.2 says it.
  const files = 'dial: unknown errno 24 error with msg `too many open files`';
  assert.equal(refusal(files, 600)!.cause, 'open files');
  assert.match(
    refusal(files, 600)!.sentence,
    /600 of 1,000 requests failed for it \(raise ulimit -n/,
  );
  assert.equal(refusal(files, 1), null, 'a handful');
  assert.equal(
    refusal('dial: unknown errno 99 error with msg `cannot assign requested address`', 9)!.cause,
    'local ports',
  );
  assert.equal(refusal('dial: connection refused', 900), null);
  // A target that is out of files says so in an answer of its own.
  assert.equal(refusal('accept: too many open files', 900, '500'), null);
});

test('a target that breaks most of what it gets is to blame, however late that came', () => {
  const generator = { thinkTimes: { count: 38, late: 30, toleranceMs: 50 } };
  assert.notEqual(limitOf({ generator }), null);
  const refusals = (count: number) => [{ answer: '500', text: 'broken', count }];
  assert.equal(limitOf({ generator, refusals: refusals(900) }), null);
  assert.notEqual(limitOf({ generator, refusals: refusals(100) }), null);
});

test('a k6 that stood still measured nothing meanwhile', () => {
  assert.equal(closed({ standstillMs: 4000 })!.cause, 'standstill');
  assert.match(closed({ standstillMs: 4000 })!.sentence, /^k6 stood still for 4 s of 10 s/);
  assert.equal(closed({ standstillMs: 900 }), null);
  assert.match(
    generatorNotes({ generator: { standstillMs: 900 }, loadMs: 10_000 }, null)[0],
    /stood still for 900 ms of 10 s/,
  );
});

test('surely: the lower end of Wilson’s interval', () => {
  // Brown, Cai, DasGupta, Interval Estimation for a Binomial Proportion (2001), eq. 4, with z of 95 % on one side.
  assert.ok(Math.abs(surelyAtLeast(5, 10) - 0.2693) < 1e-3);
  assert.equal(surelyAtLeast(0, 10), 0);
  assert.equal(surelyAtLeast(0, 0), 0);
  assert.ok(surelyAtLeast(10, 10) < 1);
});

test('what the gate lets be missed', () => {
  assert.equal(allowedMisses(gateRules(['on-time>=95%'], [])), 1 - 0.95);
  assert.equal(allowedMisses(gateRules(['on-time>=90%', 'on-time>99.5%'], [])), 1 - 0.995);
  assert.equal(allowedMisses(gateRules([])), 1);
});

test('who took the machine: three readings at least', () => {
  const figures = (percents: (number | undefined)[]) => {
    const meter = new GeneratorMeter();
    percents.forEach((percent, i) => {
      const some = (factor: number) =>
        percent === undefined ? {} : { cpuPercentOfMachine: percent * factor };
      const process = { t: i, kind: 'process', intervalMs: 1000 } as const;
      meter.add({ t: i, kind: 'host', cores: 2, ...some(1) });
      meter.add({ ...process, name: 'k6', cpuCores: 0.5, waitedCores: 1.5, ...some(0.5) });
      meter.add({ ...process, name: 'backend', ...some(0.125) });
      meter.add({ ...process, name: 'toolkit', ...some(0.125) });
      meter.add({ t: i, kind: 'note', name: 'x', text: '' });
    });
    return meter.figures();
  };
  assert.deepEqual(figures([90, 100, 98]), {
    cpu: { host: 0.96, k6: 0.48, target: 0.12, others: 0.24 },
    waitedShare: 0.75,
  });
  assert.deepEqual(figures([90, 100]), {});
  assert.deepEqual(figures([90, undefined, 100]), { waitedShare: 0.75 });
});

test('signing that cannot keep up is the generator, in every model', () => {
  const feeder = (waitedLong: number) => ({ requests: 1000, waitedLong });
  const closed = (given: GeneratorFacts['feeder']) => limitOf({ feeder: given });
  assert.equal(closed(feeder(10)), null);
  assert.equal(closed(feeder(11))!.cause, 'signing');
  assert.match(
    closed(feeder(11))!.sentence,
    /signing of submissions could not keep up: 11 of 1,000 waited/,
  );
  assert.equal(closed({ requests: 0, waitedLong: 0 }), null);
  // In an open model the on-time gate says how much may wait, but never less than that.
  const open = (allowedMisses: number, waitedLong: number) =>
    limitOf({ schedule: { ...kept, late: 0 }, allowedMisses, feeder: feeder(waitedLong) });
  assert.equal(open(0.05, 50), null);
  assert.match(open(0.05, 51)!.sentence, /51 of 1,000 waited/);
  assert.equal(open(0, 10), null);
  assert.match(open(0, 11)!.sentence, /11 of 1,000 waited/);
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
