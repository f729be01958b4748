/** The search for the highest rate that holds: which rate is next, what is known, and the sentence at the end. */
import { thorough } from '../../support/thorough.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { searchOf } from '../../../load/scenarios/breakpoint.ts';
import { searchState, type SearchOptions, type Trial } from '../../../load/breakpoint/search.ts';
import { verdictOfSearch } from '../../../judge/breakpoint-verdict.ts';
import { uniform } from '../../../scenarios/lib/plan.ts';
import { UserError } from '../../../user-error.ts';
import type { BreakpointFigures } from '../../../results/types.ts';

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
    { numRuns: thorough ? 100 : 30 },
  );
});

test('one trial of twenty that lies does not mislead it', () => {
  const searches = thorough ? 100 : 40;
  let off = 0;
  for (let seed = 0; seed < searches; seed++) {
    const { knee } = play(333, { wrong: 0.05, seed });
    if (Math.abs(knee.rate / 333 - 1) > 0.05) off++;
  }
  assert.ok(off <= 2, `${off} of ${searches} searches were more than 5 % off`);
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
