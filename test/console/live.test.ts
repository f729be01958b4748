/** A run as its lines come: bounded steps that agree with those of the pictures, and viewers that miss nothing, whenever they left. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addBuckets,
  LatencySoFar,
  openBuckets,
  percentileMs,
} from '../../console/live/histogram.ts';
import { parsePosition, type Position, positionText } from '../../console/live/position.ts';
import { RunView } from '../../console/live/run-view.ts';
import { MOST_STEPS, SampleSteps, WINDOW_S } from '../../console/live/steps.ts';
import { Followers } from '../../console/server/followers.ts';
import { chartDataOf, type LiveState, withMessage } from '../../console/page/series.ts';
import { latencySteps, rateSteps } from '../../plots/series.ts';
import { chartsOf } from '../../plots/charts.ts';
import { LatencyHistogram } from '../../results/histogram.ts';
import type { Run } from '../../results/reader.ts';
import type { SampleLine } from '../../results/types.ts';
import { SYNTHETIC_RUNS, syntheticRun } from '../../bench/synthetic-run.ts';
import { thorough } from '../support/thorough.ts';

const histogramOf = (values: readonly number[]): LatencyHistogram => {
  const histogram = new LatencyHistogram();
  values.forEach((value) => histogram.record(value));
  return histogram;
};

test('added buckets have the percentiles of one histogram over all', () => {
  const us = fc.array(fc.integer({ min: 1, max: 400_000_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(us, us, (a, b) => {
      const [one, other, all] = [a, b, [...a, ...b]].map(histogramOf);
      const added = addBuckets(openBuckets(one.encode()), openBuckets(other.encode()));
      assert.equal(added.count, all.count);
      const maxMs = all.percentileMs(100);
      for (const percentile of [1, 50, 90, 95, 99, 100])
        assert.equal(percentileMs(added, percentile, maxMs), all.percentileMs(percentile));
      const sum = new LatencySoFar();
      assert.equal(sum.figures(), null);
      const whole = new LatencyHistogram();
      for (const part of [one, other]) {
        sum.add(part.ofSecond()!);
        whole.addEncoded(part.encode(), part.percentileMs(100));
        assert.deepEqual(sum.figures(), { ...whole.brief(), hdr: '' });
      }
    }),
    { numRuns: 30 },
  );
});

/** More seconds than there are steps, with a hole. */
const LONG = syntheticRun({
  seconds: MOST_STEPS + 55,
  rate: 4,
  errors: (second) => (second % 7 === 0 ? { '503': 0.4 } : {}),
  missing: (second) => second > 40 && second < 47,
});

const stepsOf = (samples: readonly SampleLine[]): SampleSteps => {
  const steps = new SampleSteps();
  samples.forEach((line, i) => steps.add(line, i + 1));
  return steps;
};

test('steps that grew second by second are those of the pictures', () => {
  for (const samples of [LONG.samples.slice(0, 54), LONG.samples]) {
    const steps = stepsOf(samples);
    assert.equal(steps.stepS, samples === LONG.samples ? 2 : 1);
    const span = { startT: samples[0].t, seconds: Infinity, stepS: steps.stepS };
    const { rates, latencies } = steps.since(0);
    // Bytes, and what began and was accepted, are in no chart of the page.
    const drawn = rateSteps(samples, span).map(
      ({ startS, endS, observedS, sent, answers, perSecond, vus }) => {
        return { startS, endS, observedS, sent, answers, perSecond, vus };
      },
    );
    assert.deepEqual(rates, drawn);
    // Nor are the rows of the heat map.
    const percentiles = latencySteps(samples, span).map((step) => ({ ...step, rows: undefined }));
    assert.deepEqual(
      latencies.map((step) => ({ ...step, rows: undefined })),
      percentiles,
    );
  }
});

test('a day has no more steps than ten minutes, and each of them keeps its worst second', () => {
  const steps = new SampleSteps();
  const recent = new SampleSteps(true);
  const answers = { '200': 5 };
  const day = 40_000;
  for (let elapsedS = 0; elapsedS < day; elapsedS++) {
    const line = { t: elapsedS * 1000, elapsedS, vus: 3, sent: elapsedS === 30_000 ? 500 : 5, answers, bytesSent: 1, bytesReceived: 1, latency: null, felt: null }; // prettier-ignore
    steps.add(line, elapsedS + 1);
    recent.add(line, elapsedS + 1);
  }
  const { rates } = steps.since(0);
  assert.ok(rates.length <= MOST_STEPS && rates.length > MOST_STEPS / 2, `${rates.length}`);
  assert.equal(
    rates.reduce((sum, { sent }) => sum + sent, 0),
    5 * day + 495,
  );
  assert.equal(Math.max(...rates.map(({ perSecond }) => perSecond.max)), 500);
  // What a chart draws of it.
  const view = new RunView();
  view.plan = syntheticRun({ seconds: 1 }).plan;
  for (let elapsedS = 0; elapsedS < 8 * 3600; elapsedS += 2)
    view.addSample({ t: elapsedS * 1000, elapsedS, vus: elapsedS % 9, sent: 5, answers: { '200': 4, '503': 1 }, bytesSent: 1, bytesReceived: 1, latency: null, felt: null }, elapsedS + 1); // prettier-ignore
  const drawn = chartsOf(chartDataOf(withMessage(null, view.message(null)), false));
  for (const definition of drawn)
    for (const { data, label } of definition.config().data.datasets)
      assert.ok(data.length <= 2000, `${definition.name}, ${label}: ${data.length} points`);
  const window = recent.since(0).rates;
  assert.equal(window.length, WINDOW_S);
  assert.equal(window[0].startS, day - WINDOW_S);
});

test('a position is read as it was written, and nothing else is one', () => {
  const position = { stepS: 4, samples: 120, resources: 0, logs: 77, tail: 5 };
  assert.deepEqual(parsePosition(positionText(position)), position);
  for (const text of [
    undefined,
    '',
    '1-2-3',
    '1-2-3-4',
    '1-2-3-4-5-6',
    '-1-2-3-4-5',
    '1-2-3-4-x',
    '1-2-3-4-99999999999999999',
  ])
    assert.equal(parsePosition(text), null, text);
});

test('lines of the log come once each, also to a viewer that comes back', () => {
  const view = new RunView();
  view.plan = syntheticRun({ seconds: 1 }).plan;
  const { samples } = syntheticRun({ seconds: 3 });
  const line = (n: number, level?: string) => ({ n, t: n, source: 'backend.log', text: `line ${n}`, ...(level !== undefined && { level }) }); // prettier-ignore
  view.addSample(samples[0], 1);
  view.setTail([line(1), line(2, 'error')]);
  const first = withMessage(null, view.message(null));
  assert.deepEqual(first.tail.map(({ n, level }) => [n, level]), [[1, 'info'], [2, 'error']]); // prettier-ignore
  const { position } = view;
  view.setTail([line(2, 'error'), line(3)]);
  assert.deepEqual(
    view.message(position).tail.map(({ n }) => n),
    [3],
  );
  assert.deepEqual(
    withMessage(first, view.message(position)).tail.map(({ n }) => n),
    [1, 2, 3],
  );
  view.setTail(Array.from({ length: 5000 }, (_, i) => line(i + 4)));
  const page = withMessage(first, view.message(position));
  assert.ok(page.tail.length <= 200 && page.tail.at(-1)!.n === 5003);
});

/** Places as if each line had ten bytes. */
const BYTES = 10;
function fed(
  run: Run,
  aheadMs = 1000,
): { view: RunView; step: (lines: number) => void; isDone: () => boolean } {
  const view = new RunView();
  view.isRunning = true;
  if (run.plan) view.setPlan(run.plan);
  let [i, j, k] = [0, 0, 0];
  return {
    view,
    step(lines) {
      for (let n = 0; n < lines && i < run.samples.length; n++) {
        const line = run.samples[i++];
        view.addSample(line, i * BYTES);
        for (; j < run.resources.length && run.resources[j].t <= line.t + aheadMs; j++)
          view.addResource(run.resources[j], (j + 1) * BYTES);
        for (; k < run.logs.length && run.logs[k].t <= line.t + 1000; k++)
          view.addLog(run.logs[k], (k + 1) * BYTES);
      }
    },
    isDone: () => i === run.samples.length,
  };
}

test('whoever leaves and comes back has what one who stayed has, at any moments', () => {
  const runs = [SYNTHETIC_RUNS.logged(), LONG];
  fc.assert(
    fc.property(
      fc.constantFrom(...runs),
      fc.array(fc.record({ lines: fc.integer({ min: 0, max: 90 }), looks: fc.boolean() }), { minLength: 1, maxLength: 25 }), // prettier-ignore
      (run, moments) => {
        const { view, step } = fed(run);
        let state: LiveState | null = null;
        let since: Position | null = null;
        for (const { lines, looks } of [...moments, { lines: 2, looks: true }]) {
          step(lines);
          if (!looks) continue;
          // As the id of an event has it.
          state = withMessage(state, view.message(since && parsePosition(positionText(since))));
          since = view.position;
        }
        const anew = withMessage(null, view.message(null));
        assert.deepEqual(state!.whole, anew.whole);
        assert.deepEqual(state!.logLines, anew.logLines);
        const shown = (one: LiveState) => chartDataOf(one, true);
        assert.deepEqual(shown(state!), shown(anew));
      },
    ),
    { numRuns: thorough ? 40 : 5 },
  );
});

test('the window begins with the same second for who stayed and who came, though readings are ahead of the submissions', () => {
  // A second of samples is whole two seconds after its readings.
  const { view, step } = fed(LONG, 3500);
  step(WINDOW_S - 3);
  let state = withMessage(null, view.message(null));
  for (let i = 0; i < 6; i++) {
    const since = view.position;
    step(1);
    state = withMessage(state, view.message(since));
    const anew = withMessage(null, view.message(null));
    assert.deepEqual(chartDataOf(state, true), chartDataOf(anew, true), `line ${WINDOW_S - 2 + i}`);
  }
});

test('a message of a run that goes on is small, and holds no histogram', () => {
  const { view, step } = fed(LONG);
  step(499);
  const since = view.position;
  step(1);
  const text = JSON.stringify(view.message(since));
  assert.ok(text.length < 12_000, `${text.length} characters`);
  assert.equal(view.message(since).whole.rates.length, 1);
  assert.doesNotMatch(text, /HISTFAAA/);
});

test('gates stand as they are so far, and as lines where a chart has their unit', () => {
  const run = syntheticRun({ seconds: 30, errors: () => ({ '503': 0.2 }) });
  const { view, step } = fed({
    ...run,
    plan: { ...run.plan!, gates: ['error-rate<=1%', 'p95<80ms', 'stored-share>=100%', 'backend-memory-growth<=1MB/min'] }, // prettier-ignore
  });
  step(30);
  const gates = view.message(null).gates.map(({ name, state, line, atTheEnd }) => ({ name, state, line, atTheEnd })); // prettier-ignore
  assert.deepEqual(gates, [
    { name: 'error-rate<=1%', state: 'fail', line: null, atTheEnd: false },
    { name: 'p95<80ms', state: 'pass', line: { panel: 'latency', at: 80 }, atTheEnd: false },
    { name: 'stored-share>=100%', state: 'no data', line: null, atTheEnd: true },
    { name: 'backend-memory-growth<=1MB/min', state: 'no data', line: null, atTheEnd: true },
  ]);
  const data = chartDataOf(withMessage(null, view.message(null)), false);
  const latency = chartsOf(data)
    .find(({ name }) => name === 'latency')!
    .config();
  const limit = latency.data.datasets.find(({ label }) => label === 'gate p95<80ms');
  assert.deepEqual(limit?.data, [{ x: 0, y: 80 }, { x: 30, y: 80 }]); // prettier-ignore
});

test('errors are grouped with an example, tables are bounded whatever a target writes', () => {
  const { view, step } = fed(syntheticRun({ seconds: 10, errors: () => ({ '401': 0.3, 'error:1212': 0.1 }) })); // prettier-ignore
  step(10);
  view.addExample('401', '{"error":"not on the whitelist"}');
  for (let i = 0; i < 1000; i++) view.addLog({ t: i, shape: `shape ${i}`, count: 2 }, i + 1);
  const { answers, logs, logLines, totals } = view.message(null);
  assert.deepEqual(answers.map(({ answer }) => answer), ['401', 'error:1212']); // prettier-ignore
  assert.deepEqual(answers[0].examples, ['{"error":"not on the whitelist"}']);
  assert.equal(answers[0].count + answers[1].count, totals.errors);
  assert.ok(logs.length <= 60 && logLines.length <= 200, `${logs.length}, ${logLines.length}`);
});

test('a fault is a band of the charts and a line with its begin, its end and what went wrong, from its first moment', () => {
  const run = syntheticRun({ seconds: 40 });
  const { view, step } = fed(run);
  const at = (second: number) => run.samples[0].t + second * 1000;
  const mark = { id: 'fault-0', kind: 'fault', label: 'storage refuses writes' } as const;
  view.addMark({ ...mark, fromMs: at(5) });
  assert.deepEqual(view.message(null).faults, [], 'the axis is not known yet');
  step(10);
  assert.deepEqual(view.message(null).faults, [{ atS: 5, untilS: null, text: mark.label, problem: null }]); // prettier-ignore
  const drawn = () => chartDataOf(withMessage(null, view.message(null)), false).marks;
  assert.deepEqual(drawn(), [{ atS: 5, untilS: 10, text: mark.label, kind: 'fault' }]);
  step(10);
  const lines = view.controlLines;
  view.addMark({ ...mark, fromMs: at(5), toMs: at(12.5) });
  view.addMark({ id: 'fault-1', kind: 'fault', label: 'backend is frozen', fromMs: at(15), toMs: at(15), problem: 'no such process' }); // prettier-ignore
  assert.equal(view.controlLines, lines + 2, 'a viewer gets a message');
  assert.deepEqual(view.message(null).faults, [
    { atS: 5, untilS: 12.5, text: mark.label, problem: null },
    { atS: 15, untilS: 15, text: 'backend is frozen', problem: 'no such process' },
  ]);
  assert.deepEqual(drawn()?.[0], { atS: 5, untilS: 12.5, text: mark.label, kind: 'fault' });
});

test('a viewer leaves no listener on its connection, however often its files are looked at', async (t) => {
  const one = { round: 0, position: '', mark: '', read: () => Promise.resolve(), message: () => ({}) }; // prettier-ignore
  const followers = new Followers(() => one, 1);
  t.after(() => followers.stop());
  const gone = new AbortController();
  const listeners: number[] = [];
  const look = () => {
    listeners.push(getEventListeners(gone.signal, 'abort').length);
    if (listeners.length === 20) gone.abort();
    return Promise.resolve();
  };
  await followers.follow({ id: 'a', folder: '/a', lastId: undefined, signal: gone.signal }, look, look); // prettier-ignore
  assert.deepEqual(
    listeners,
    Array.from({ length: 20 }, () => 0),
  );
  assert.equal(getEventListeners(gone.signal, 'abort').length, 0);
});

test('states: it prepares, runs, is cut off, or has a verdict', () => {
  const run = syntheticRun({ seconds: 3 });
  const { view, step } = fed(run);
  assert.equal(view.state, 'preparing');
  step(1);
  assert.equal(view.state, 'running');
  view.isRunning = false;
  assert.equal(view.state, 'unfinished');
  view.summary = run.summary;
  // Its figures are there: no histogram of a day is opened for them, so a broken one is no matter.
  const [, second, third] = run.samples;
  for (const [i, line] of [second, third].entries()) view.addSample({ ...line, latency: { ...line.latency!, hdr: 'broken' } }, 20 + i * BYTES); // prettier-ignore
  assert.equal(view.message(null).totals.p95, run.summary!.figures.latency!.p95Ms);
  assert.deepEqual(view.message(null).whole.latencies.map(({ p95 }) => p95), run.samples.map(({ latency }) => latency!.p95)); // prettier-ignore
  assert.equal(view.state, run.summary!.verdict.passed ? 'passed' : 'gate failed');
  assert.equal(view.message(null).verdict?.sentence, run.summary!.verdict.sentence);
});
