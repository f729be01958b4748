/** The search for the highest rate that holds: which rate is next, what is known, and the sentence at the end. */
import { thorough } from '../../support/thorough.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { searchOf } from '../../../load/scenarios/breakpoint.ts';
import { coverageOf, CASES } from '../../../bench/breakpoint.ts';
import { blurOf, ceilingOf, searchState, type SearchOptions, type Trial } from '../../../load/breakpoint/search.ts'; // prettier-ignore
import { verdictOfSearch } from '../../../judge/breakpoint-verdict.ts';
import { normalOf, randomOf } from '../../../judge/random.ts';
import { uniform } from '../../../scenarios/lib/plan.ts';
import { UserError } from '../../../user-error.ts';
import type { BreakpointFigures, Gate } from '../../../results/types.ts';

const OPTIONS: SearchOptions = {
  first: 50,
  lowest: 1,
  highest: 5000,
  precision: 0.05,
  mostTrials: 60,
};

/** A search against a target whose trials hold below `capacity`; each outcome is turned round with chance `wrong`. */
function play(
  capacity: number,
  { wrong = 0, seed = 1, ceiling = Infinity, options = OPTIONS } = {},
): { trials: Trial[]; end: string; knee: ReturnType<typeof searchState>['knee'] } {
  const trials: Trial[] = [];
  for (;;) {
    const { next, end, knee } = searchState(options, trials);
    if (next === null) return { trials, end: end!, knee };
    const held = next < capacity !== uniform(seed, 'think', trials.length) < wrong;
    const outcome = next > ceiling ? 'generator-limited' : held ? 'held' : 'failed';
    trials.push({ rate: next, outcome });
  }
}

test('any capacity within the range is found within the precision', () => {
  fc.assert(
    fc.property(fc.double({ min: 1.5, max: 4500, noNaN: true }), (capacity) => {
      const { knee, trials, end } = play(capacity);
      assert.equal(end, 'precise');
      assert.ok(Math.abs(knee.rate / capacity - 1) < 0.03, `${knee.rate} for ${capacity}`);
      assert.ok(knee.low <= capacity && capacity <= knee.high);
      assert.ok(trials.length <= 30, `${trials.length} trials`);
    }),
    { numRuns: thorough ? 100 : 10 },
  );
});

test('one trial of twenty that lies does not mislead it', () => {
  const searches = thorough ? 100 : 10;
  let off = 0;
  for (let seed = 0; seed < searches; seed++) {
    const { knee } = play(333, { wrong: 0.05, seed });
    if (Math.abs(knee.rate / 333 - 1) > 0.05) off++;
  }
  assert.ok(off <= 2, `${off} of ${searches} searches were more than 5 % off`);
});

test('the interval holds the capacity in 93 of 100 searches and more, blurred or not, and its middle is near', () => {
  // `npm run bench -- breakpoint` has 300 searches of each; fewer scatter more: 4 standard deviations below 95 %.
  const searches = thorough ? 120 : 6;
  const cases = thorough ? Object.entries(CASES) : Object.entries(CASES).filter((_, i) => i % 4 === 0); // prettier-ignore
  for (const [name, target] of cases) {
    const { held, bias, meanTrials } = coverageOf(target, searches, 3);
    const least = 0.95 - 4 * Math.sqrt((0.95 * 0.05) / searches);
    assert.ok(held >= least, `${name}: ${held}`);
    assert.ok(Math.abs(bias) < (name === 'D/D/1' ? 0.015 : 0.04), `${name}: ${bias}`);
    assert.ok(meanTrials <= 26, name);
  }
});

test('the blur is fitted: a target that changes from trial to trial has a wider interval than a sharp one', () => {
  const wide = (blur: number): number => {
    const trials: Trial[] = [];
    const random = randomOf(5);
    const normal = normalOf(random);
    for (let next; (next = searchState({ ...OPTIONS, mostTrials: 40 }, trials).next) !== null;)
      trials.push({
        rate: next,
        outcome: next < 300 * Math.exp(blur * normal()) ? 'held' : 'failed',
      });
    const { low, high } = searchState(OPTIONS, trials).knee;
    assert.ok(low < 300 && 300 < high, `${blur}: ${low} to ${high}`);
    if (blur === 0) assert.ok(blurOf(OPTIONS, trials) < 0.006);
    else assert.ok(blurOf(OPTIONS, trials) > 0.02);
    return high / low;
  };
  assert.ok(wide(0) < 1.05);
  assert.ok(wide(0.1) > 1.06);
});

test('what is known does not depend on whether it was asked for after each trial', () => {
  const { trials, knee } = play(333, { wrong: 0.05, seed: 4 });
  assert.deepEqual(searchState({ ...OPTIONS }, trials).knee, knee);
  // Asked again, and for fewer.
  assert.deepEqual(searchState(OPTIONS, trials).knee, knee);
  const early = searchState(OPTIONS, trials.slice(0, 5)).knee;
  assert.deepEqual(searchState({ ...OPTIONS }, trials.slice(0, 5)).knee, early);
});

test('rates double until one fails, then the search halves what is left', () => {
  const rates = play(300).trials.map(({ rate }) => rate);
  assert.deepEqual(rates.slice(0, 4), [50, 100, 200, 400]);
  assert.ok(rates[4] > 200 && rates[4] < 400);
});

test('a target that takes all, or nothing, ends the search', () => {
  const all = play(Infinity);
  assert.equal(all.end, 'holds the highest');
  assert.equal(all.trials.at(-1)!.rate, OPTIONS.highest);
  const nothing = play(0);
  assert.equal(nothing.end, 'fails the lowest');
});

test('a target that fails every trial ends the search soon, whatever the rates are', () => {
  for (const [rate, hold, lowest] of [
    ['50/s', 10_000, 1],
    ['1000/s', 10_000, 15.63],
    ['100/min', 60_000, 0.17],
    ['10/s', 2000, 5],
    ['10/s', 3000, 3.33],
    ['1/s', 2000, 1],
  ] as const) {
    const options = searchOf({
      rate,
      hold,
      'max-rate': 5000,
      precision: 5,
      'max-trials': 40,
      settle: 0,
    });
    assert.equal(options.lowest, lowest, rate);
    const trials: Trial[] = [];
    for (let next; (next = searchState(options, trials).next) !== null;)
      // As load/breakpoint/run.ts does.
      trials.push({ rate: Math.round(next * 100) / 100, outcome: 'failed' });
    // Where the range is narrow, what is left of it may be as narrow as asked for.
    assert.match(searchState(options, trials).end!, /^(fails the lowest|precise)$/, rate);
    assert.ok(trials.length <= 14, `${rate}: ${trials.length} trials`);
  }
});

test('what the generator cannot send is a ceiling, not a knee', () => {
  const limited = play(Infinity, { ceiling: 700 });
  assert.equal(limited.end, 'generator-limited');
  assert.ok(limited.trials.some(({ outcome }) => outcome === 'held'));
  assert.ok(limited.trials.length < 20);
  // Below the ceiling the knee is found as ever.
  const below = play(500, { ceiling: 700 });
  assert.equal(below.end, 'precise');
  assert.ok(Math.abs(below.knee.rate / 500 - 1) < 0.03);
});

test('a ceiling needs two trials at about the same rate, above all that was sent', () => {
  const of = (...trials: [rate: number, outcome: Trial['outcome']][]) =>
    ceilingOf(trials.map(([rate, outcome]) => ({ rate, outcome })));
  assert.equal(of([400, 'generator-limited']), Infinity);
  assert.equal(of([400, 'generator-limited'], [800, 'generator-limited']), Infinity);
  assert.equal(of([800, 'generator-limited'], [400, 'generator-limited'], [430, 'generator-limited']), 400); // prettier-ignore
  // A rate that was sent, whatever the target made of it, can be sent.
  for (const outcome of ['held', 'failed'] as const) {
    assert.equal(of([400, 'generator-limited'], [400, 'generator-limited'], [400, outcome]), Infinity); // prettier-ignore
    assert.equal(of([400, 'generator-limited'], [410, 'generator-limited'], [500, outcome]), Infinity); // prettier-ignore
  }
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          rate: fc.integer({ min: 1, max: 50 }),
          outcome: fc.constantFrom('held', 'failed', 'generator-limited'),
        }),
      ),
      (trials) => {
        const ceiling = ceilingOf(trials);
        for (const { rate, outcome } of trials)
          if (outcome !== 'generator-limited') assert.ok(rate < ceiling);
      },
    ),
  );
});

test('a generator that hiccups below what it has sent before makes no ceiling', () => {
  const trials: Trial[] = [
    { rate: 50, outcome: 'held' },
    { rate: 100, outcome: 'failed' },
    { rate: 80, outcome: 'generator-limited' },
    { rate: 80, outcome: 'generator-limited' },
  ];
  const { next, end } = searchState(OPTIONS, trials);
  assert.equal(end, null);
  assert.ok(next! < 100);
});

test('a search without end stops at its number of trials', () => {
  const options = { ...OPTIONS, mostTrials: 6 };
  const { end, trials } = play(333, { options });
  assert.deepEqual([end, trials.length], ['trials', 6]);
});

test('a range that is none is refused', () => {
  for (const wrong of [
    { first: 0.5 },
    { highest: 10 },
    { lowest: 0 },
    { precision: 0 },
    { precision: NaN },
  ])
    assert.throws(() => searchState({ ...OPTIONS, ...wrong }, []), RangeError);
});

const FOUND: BreakpointFigures = {
  rate: 300,
  low: 295,
  high: 309,
  end: 'precise',
  confirmedRate: 295,
  holdMs: 10_000,
  trials: [
    {
      folder: 'a',
      rate: 300,
      outcome: 'held',
      failedGates: [],
      keepingUpShare: 1,
      errorRate: 0,
      p50Ms: 1,
      p95Ms: 2,
      p99Ms: 3,
      backendCores: null,
    },
  ],
};
const CALM = { problem: null, interrupted: false };

test('each end has its sentence and its exit code', () => {
  const code = (change: Partial<BreakpointFigures>, how = {}, gates = [] as never[]) =>
    verdictOfSearch({ ...FOUND, ...change }, gates, { ...CALM, ...how }).exitCode;
  assert.equal(code({}), 0);
  assert.equal(code({ end: 'holds the highest' }), 0);
  assert.equal(code({ end: 'generator-limited' }), 4);
  assert.equal(code({ end: 'holds the highest', confirmedRate: null }), 99);
  assert.equal(code({ confirmedRate: null }), 99);
  assert.equal(code({ end: 'cut' }, { interrupted: true }), 130);
  assert.equal(code({ end: 'cut' }, { problem: new UserError('x', { hint: 'y' }) }), 5);
  assert.match(
    verdictOfSearch(FOUND, [], CALM).sentence,
    /^FOUND: the knee lies at 300 submissions\/s, with 95 % probability between 295 and 309; 295\/s held/,
  );
});

test('where no rate held, the sentence says whether it was the target', () => {
  const none = { rate: null, low: null, high: null, confirmedRate: null };
  const trial = (rate: number, outcome: 'failed' | 'generator-limited', failedGates: string[]) => ({
    ...FOUND.trials[0],
    ...{ rate, outcome, failedGates },
  });
  const failed = [
    trial(50, 'failed', ['p95<1s']),
    trial(0.78, 'failed', ['error-rate<=1%', 'p95<1s']),
  ];
  const limited = [trial(40, 'generator-limited', []), trial(50, 'generator-limited', [])];
  for (const [end, trials, exitCode, sentence] of [
    [
      'fails the lowest',
      failed,
      99,
      'FAILED: the gates do not even hold at 0.78/s: error-rate<=1%, p95<1s (2 trials of 10 s).',
    ],
    [
      'trials',
      failed.slice(0, 1),
      99,
      'FAILED: the gates do not even hold at 50/s: p95<1s (1 trial of 10 s).',
    ],
    [
      'trials',
      [...failed, ...limited],
      99,
      'FAILED: the gates do not even hold at 0.78/s: error-rate<=1%, p95<1s (4 trials of 10 s).',
    ],
    [
      'generator-limited',
      [...limited, failed[0]],
      99,
      'FAILED: the gates do not even hold at 50/s: p95<1s (3 trials of 10 s).',
    ],
    [
      'trials',
      limited,
      4,
      'GENERATOR-LIMITED: this machine cannot even send 40/s (2 trials of 10 s).',
    ],
    [
      'generator-limited',
      limited,
      4,
      'GENERATOR-LIMITED: this machine cannot even send 40/s (2 trials of 10 s).',
    ],
  ] as const) {
    const { reasons, ...verdict } = verdictOfSearch({ ...FOUND, ...none, end, trials: [...trials] }, [], CALM); // prettier-ignore
    assert.deepEqual(verdict, { passed: false, exitCode, sentence });
    assert.equal(reasons![0].kind, exitCode === 4 ? 'generator-limited' : 'lowest rate failed');
  }
});

test('no knee without a load that confirms it', () => {
  const none = { rate: null, low: null, high: null, confirmedRate: null };
  const verdict = (notConfirmed: BreakpointFigures['notConfirmed'], gates: Gate[] = []) =>
    verdictOfSearch({ ...FOUND, ...none, notConfirmed }, gates, CALM);
  const throttled = verdict({ rate: 295, throttlesAfterMs: 31_400 });
  assert.equal(throttled.exitCode, 99);
  assert.equal(
    throttled.sentence,
    'FAILED: at 295/s the target throttles after 31 s; not confirmed; no knee is given (1 trial of 10 s).',
  );
  assert.deepEqual(throttled.reasons, [
    { kind: 'not confirmed', rate: 295, throttlesAfterMs: 31_400 },
  ]);
  assert.match(
    verdict({ rate: 295, throttlesAfterMs: null }).sentence,
    /^FAILED: no rate near what was found held over a longer load; not confirmed; no knee is given/,
  );
  // It is the reason for a gate that has nothing to look at.
  const gate: Gate = { name: 'breakpoint>=400/s', state: 'no data', value: null, limit: 400, unit: '/s' }; // prettier-ignore
  assert.match(verdict({ rate: 295, throttlesAfterMs: 31_400 }, [gate]).sentence, /throttles after 31 s/); // prettier-ignore
  // A longer load that could not be sent says nothing about the target.
  const limited = { ...FOUND.trials[0], outcome: 'generator-limited', confirmsForMs: 90_000 } as const; // prettier-ignore
  const unsent = verdictOfSearch({ ...FOUND, ...none, trials: [...FOUND.trials, limited] }, [], CALM); // prettier-ignore
  assert.equal(unsent.exitCode, 4);
  assert.match(unsent.sentence, /could not send 300\/s on time for 90 s, so no knee is confirmed/);
});

test('what was sent is never called unsendable', () => {
  const none = { rate: null, low: null, high: null, confirmedRate: null };
  const late = { ...FOUND.trials[0], outcome: 'generator-limited', begunShare: 1 } as const;
  const { sentence, exitCode } = verdictOfSearch({ ...FOUND, ...none, end: 'generator-limited', trials: [late, late] }, [], CALM); // prettier-ignore
  assert.equal(exitCode, 4);
  assert.match(sentence, /at 300\/s already this machine was too busy to tell/);
  const above = verdictOfSearch({ ...FOUND, end: 'generator-limited', trials: [...FOUND.trials, late] }, [], CALM); // prettier-ignore
  assert.doesNotMatch(above.sentence, /cannot send/);
});

test('a gate on the rate found can fail', () => {
  const gate = {
    name: 'breakpoint>=400/s',
    state: 'fail',
    value: 300,
    limit: 400,
    unit: '/s',
  } as const;
  const verdict = verdictOfSearch(FOUND, [gate], CALM);
  assert.equal(verdict.exitCode, 99);
  assert.match(verdict.sentence, /^FAILED: breakpoint>=400\/s does not hold/);
});
