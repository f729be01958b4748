/** Whole searches over simulated targets: which load comes next, and when no knee is given. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepsUp } from '../../../bench/breakpoint.ts';
import { randomOf } from '../../../judge/random.ts';
import { playLoad, type SimulatedTarget } from '../../../bench/simulated-target.ts';
import { troubleBeganMs } from '../../../judge/queue-growth.ts';
import { figuresOfSearch, nextLoad } from '../../../load/breakpoint/progress.ts';
import type { SearchPlan } from '../../../load/breakpoint/search.ts';
import type { BreakpointTrial } from '../../../results/types.ts';

const PLAN: SearchPlan = {
  first: 50,
  lowest: 1,
  highest: 1000,
  precision: 0.05,
  mostTrials: 26,
  holdMs: 10_000,
  settleMs: 0,
};
const STEADY: SimulatedTarget = { capacity: 200, arrivals: 'D', service: 'D', servers: 1 };
const trial = (change: Partial<BreakpointTrial>): BreakpointTrial => ({
  folder: 'a',
  rate: 100,
  outcome: 'held',
  failedGates: [],
  keepingUpShare: 1,
  errorRate: 0,
  p50Ms: 1,
  p95Ms: 1,
  p99Ms: 1,
  backendCores: null,
  ...change,
});

/** As load/breakpoint/run.ts does, but for k6 and the target. */
function search(target: SimulatedTarget, confirmsForMs = 90_000): BreakpointTrial[] {
  const random = randomOf(3);
  const trials: BreakpointTrial[] = [];
  for (let next; (next = nextLoad(PLAN, trials)) !== null;) {
    const { kind, rate } = next;
    const isLonger = kind === 'confirmation';
    const durationMs = isLonger ? confirmsForMs : PLAN.holdMs;
    const seen = playLoad(target, { rate, durationMs }, random);
    const held = keepsUp(seen);
    trials.push(
      trial({
        rate,
        outcome: held ? 'held' : 'failed',
        ...(isLonger && { confirmsForMs }),
        ...(isLonger && !held && { troubleBeganMs: troubleBeganMs(seen) ?? 0 }),
      }),
    );
    assert.ok(trials.length < 40);
  }
  return trials;
}

test('a steady target: its knee is found, and one longer load just below it holds', () => {
  const trials = search(STEADY);
  const { rate, low, high, confirmedRate, end, notConfirmed } = figuresOfSearch(PLAN, trials, false); // prettier-ignore
  assert.equal(end, 'precise');
  assert.ok(Math.abs(rate! / 200 - 1) < 0.015, String(rate));
  assert.ok(low! <= 200 && 200 <= high!);
  assert.ok(confirmedRate! > 0.94 * 200 && confirmedRate! <= rate!);
  assert.equal(notConfirmed, undefined);
  assert.equal(trials.filter(({ confirmsForMs }) => confirmsForMs !== undefined).length, 1);
});

test('one that throttles after 30 s gets no knee, only when that was', () => {
  const trials = search({ ...STEADY, throttle: { afterMs: 30_000, share: 0.6 } });
  const figures = figuresOfSearch(PLAN, trials, false);
  assert.deepEqual(
    [figures.rate, figures.low, figures.high, figures.confirmedRate],
    [null, null, null, null],
  );
  const { rate, throttlesAfterMs } = figures.notConfirmed!;
  assert.ok(rate > 190 && rate < 205, String(rate));
  assert.ok(Math.abs(throttlesAfterMs! - 30_000) <= 2250, String(throttlesAfterMs));
  // The load is repeated once, and once only.
  assert.deepEqual(
    trials.slice(-3).map(({ confirmsForMs }) => confirmsForMs),
    [undefined, 90_000, 90_000],
  );
});

test('nor one that allows for a burst', () => {
  // In 10 s it takes 2,000 and the 1,500 of its bucket: 350/s.
  const trials = search({ ...STEADY, burst: 1500 });
  const { rate, confirmedRate, notConfirmed } = figuresOfSearch(PLAN, trials, false);
  assert.deepEqual([rate, confirmedRate], [null, null]);
  assert.ok(notConfirmed!.rate > 300, String(notConfirmed!.rate));
  const emptyMs = (1500 / (notConfirmed!.rate - 200)) * 1000;
  assert.ok(
    Math.abs(notConfirmed!.throttlesAfterMs! - emptyMs) <= 2250,
    `${notConfirmed!.throttlesAfterMs}`,
  );
});

const KNEE = [
  ...[50, 100, 200].map((rate) => trial({ rate })),
  ...Array.from({ length: 23 }, (_, i) => trial({ rate: 210 + (i % 3), outcome: 'failed' as const })), // prettier-ignore
];
const longer = (change: Partial<BreakpointTrial>) => trial({ confirmsForMs: 90_000, rate: 199, ...change }); // prettier-ignore

test('a longer load that fails from its beginning is a trial like any other', () => {
  const first = nextLoad(PLAN, KNEE)!;
  assert.equal(first.kind, 'confirmation');
  const early = longer({ outcome: 'failed', troubleBeganMs: 2000, rate: first.rate });
  const next = nextLoad(PLAN, [...KNEE, early])!;
  assert.equal(next.kind, 'confirmation');
  assert.ok(next.rate < first.rate, 'the knee has moved');
  // Four of them, and the search gives it up without a knee.
  const four = [...KNEE, early, early, early, early];
  assert.equal(nextLoad(PLAN, four), null);
  const { rate, notConfirmed } = figuresOfSearch(PLAN, four, false);
  assert.deepEqual([rate, notConfirmed], [null, { rate: first.rate, throttlesAfterMs: null }]);
});

test('one that fails late moves no knee, and is repeated at its rate', () => {
  const late = longer({ outcome: 'failed', troubleBeganMs: 31_000 });
  const again = nextLoad(PLAN, [...KNEE, late]);
  assert.deepEqual(again, { kind: 'confirmation', rate: 199 });
  // It held the second time: a hiccup.
  const calm = [...KNEE, late, longer({})];
  assert.equal(nextLoad(PLAN, calm), null);
  assert.equal(figuresOfSearch(PLAN, calm, false).confirmedRate, 199);
  assert.equal(figuresOfSearch(PLAN, calm, false).notConfirmed, undefined);
  // It could not be sent: once more.
  const limited = longer({ outcome: 'generator-limited' });
  assert.deepEqual(nextLoad(PLAN, [...KNEE, late, limited]), again);
  // A bucket that is still empty fails at once.
  const empty = [...KNEE, late, longer({ outcome: 'failed', troubleBeganMs: 0 })];
  assert.equal(nextLoad(PLAN, empty), null);
  assert.equal(figuresOfSearch(PLAN, empty, false).notConfirmed!.throttlesAfterMs, 31_000);
});

test('a search that was cut shows what it knew up to then', () => {
  const { end, rate, confirmedRate } = figuresOfSearch(PLAN, KNEE, true);
  assert.equal(end, 'cut');
  assert.ok(rate! > 150 && rate! < 212, String(rate));
  assert.equal(confirmedRate, null);
  assert.deepEqual(
    [figuresOfSearch(PLAN, [], true).rate, figuresOfSearch(PLAN, [], true).end],
    [null, 'cut'],
  );
});
