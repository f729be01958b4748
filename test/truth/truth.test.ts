/**
 * A few runs of a few seconds in which summary and target must agree, the comparison itself, and that no scenario is without a truth case;
 * scenarios.slow.ts and faults.slow.ts run the rest.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { SCENARIOS } from '../../load/scenarios/index.ts';
import type { Summary } from '../../results/types.ts';
import { CASES, type TruthCase } from './cases.ts';
import { agree } from './compare.ts';
import { runHere } from '../support/run-command.ts';
import { freshResults } from '../support/load-results.ts';
import { LENIENT, type TruthRun, truthRun } from './run.ts';
import { startTruthTarget } from './target.ts';

test('every scenario has a truth case, and there is none of a scenario that is gone', () => {
  assert.deepEqual(Object.keys(CASES).sort(), SCENARIOS.map(({ name }) => name).sort());
});

const QUICK: Record<'closed' | 'open', TruthCase> = {
  closed: {
    args: ['--vus', '5', '--think', '100ms-100ms', '--duration', '2s', '--gate', 'error-rate<=50%'],
    programme: {
      deedOf: (n) => ({
        afterMs: n % 10 === 3 ? 150 : 20,
        ...(n % 4 === 1 && { answer: { status: 503, body: '{"error":"over capacity"}' } }),
        ...(n % 9 === 5 && { answer: 'reset' as const }),
      }),
    },
    known: { durationMs: 2000, thinkMs: 100, perSecond: null },
  },
  open: {
    args: ['--scenario', 'arrival', '--rate', '40/s', '--duration', '2s', ...LENIENT],
    programme: { workers: { count: 4, serviceMs: 60 } },
    known: { durationMs: 2000, thinkMs: null, perSecond: 40 },
  },
};

/** Each says one thing that the target did not see. */
const LIES: Record<string, (summary: Summary) => void> = {
  'one more sent': ({ figures }) => (figures.sent += 1),
  'one more accepted': ({ figures }) => (figures.accepted += 1),
  'a class': ({ figures }) => {
    figures.answers['200'] -= 1;
    figures.answers['201'] = 1;
  },
  'a byte': ({ figures }) => (figures.bytesSent += 1),
  'a rate of ends': ({ figures }) => (figures.submissionsPerSecond! *= 1.01),
  'an accepted rate': ({ figures }) => (figures.acceptedPerSecond! *= 0.99),
  'a longer load': (summary) => (summary.loadMs += 20),
  'a median too low': ({ figures }) => (figures.latency!.p50Ms = 5),
  // However slow the machine was: the target takes 20 ms at least.
  'a highest one too low': ({ figures }) => (figures.latency!.maxMs = 5),
  'one answer fewer in the latency': ({ figures }) => (figures.latency!.count -= 1),
  'an error rate': ({ figures }) => (figures.errorRate! += 0.01),
};
const OF_CLOSED: typeof LIES = {
  'a median too high': ({ figures }) => (figures.latency!.p50Ms *= 100),
};
const OF_OPEN: typeof LIES = {
  'fewer planned': ({ figures }) => (figures.schedule!.planned -= 5),
  'more lateness than there was time': ({ figures }) => (figures.lateness!.meanMs += 60_000),
  'no wait since the intended start': ({ figures }) => (figures.sinceIntended!.meanMs = 1),
};

for (const [name, { args, programme, known }] of Object.entries(QUICK))
  describe(`${name} model`, () => {
    let run: TruthRun;
    before(async () => {
      run = await truthRun(args, programme);
    });

    test('summary and target agree', () => agree(run.log, run, known));

    test('a summary that says something else does not', () => {
      for (const [lie, tell] of Object.entries({
        ...LIES,
        ...(name === 'open' ? OF_OPEN : OF_CLOSED),
      })) {
        const summary = structuredClone(run.summary);
        tell(summary);
        assert.throws(() => agree(run.log, { ...run, summary }, known), assert.AssertionError, lie);
      }
    });

    test('nor do rows that lack a second, or have it too early', () => {
      const { samples } = run;
      const least = samples.filter((_, i) => i !== 1);
      assert.throws(() => agree(run.log, { ...run, samples: least }, known), assert.AssertionError);
      const early = samples.map((line) => ({ ...line, t: line.t - 10_000 }));
      assert.throws(() => agree(run.log, { ...run, samples: early }, known), assert.AssertionError);
    });
  });

test('what is refused before the load never reaches the target', async () => {
  const target = await startTruthTarget();
  const NO_PROCESS = '999999999';
  for (const [words, cause] of [
    // It meant 100 %, and took the place of the default of 1 %: a load of which nothing was accepted passed.
    [['--gate', 'error-rate<=1'], /error-rate<=1%/],
    [['--gate', 'error-rate<=5'], /error-rate<=5%/],
    [['--gate', 'p95-since-intended<1s'], /p95-since-intended/],
    [['--gate', 'breakpoint>=10/s'], /breakpoint/],
    [['--target-pid', NO_PROCESS], /999999999/],
  ] as const) {
    const results = freshResults();
    const place = ['--target', target.url, '--results', results, '--duration', '1s'];
    const { exitCode, stderr } = await runHere(['load', ...place, ...words]);
    assert.equal(exitCode, 2, `${words.join(' ')}: ${stderr}`);
    assert.match(stderr, cause);
  }
  const { exitCode, stderr } = await runHere(['load', '--storage', 'file:///tmp', '--results', freshResults()]); // prettier-ignore
  assert.equal(exitCode, 2);
  assert.match(stderr, /--storage[^\n]*--target/);
  assert.deepEqual([target.log.length, target.questions], [0, 0]);
  await target.stop();
});
