/** Rounds: their times, who is stopped in which, and what cannot be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decide } from '../../load/decide.ts';
import type { RoundsRequest } from '../../load/request.ts';
import { planRounds, roundsProblems, roundsProducers } from '../../load/rounds.ts';
import { definitionOf } from '../../load/scenarios/index.ts';
import { runHere } from '../support/run-command.ts';
import { factsOf, jobOf } from '../support/job.ts';

const WORDS = ['--scenario', 'rounds', '--repeats', '2', '--rate', '10/s', '--stress-rate', '40/s'];
const TIMES = [
  '--base-time',
  '3s',
  '--stress-time',
  '2s',
  '--pause',
  '4s',
  '--stopped-share',
  '0.25',
];
const SMALL: RoundsRequest = {
  rounds: 2,
  basePerSecond: 10,
  stressPerSecond: 40,
  baseMs: 3000,
  stressMs: 2000,
  pauseMs: 4000,
  stoppedShare: 0.25,
};

test('base time, stress and pause come in turns, at their rates, and nothing is sent in the pause', () => {
  const { offsetsMs, durationMs, rounds } = planRounds(SMALL, 80, 'a');
  assert.equal(durationMs, 3000 + 2000 + 4000 + 3000 + 2000);
  assert.deepEqual(rounds, [
    { fromMs: 0, stressFromMs: 3000, pauseFromMs: 5000, untilMs: 9000, stopped: 20 },
    { fromMs: 9000, stressFromMs: 12_000, pauseFromMs: 14_000, untilMs: 14_000, stopped: 20 },
  ]);
  const within = (from: number, to: number) =>
    offsetsMs.filter((ms) => ms >= from && ms < to).length;
  assert.deepEqual(
    [within(0, 3000), within(3000, 5000), within(5000, 9000), within(9000, 12_000), within(12_000, 14_000)],
    [30, 80, 0, 30, 80],
  ); // prettier-ignore
  assert.deepEqual([...offsetsMs.slice(0, 3)], [0, 100, 200]);
  assert.equal(within(0, 1e9), offsetsMs.length);
});

test('law: who is stopped sends nothing in that round, all others do, and no producer twice within a second', () => {
  const request = fc.record({
    rounds: fc.integer({ min: 1, max: 6 }),
    basePerSecond: fc.integer({ min: 1, max: 30 }),
    stressPerSecond: fc.integer({ min: 1, max: 60 }),
    baseMs: fc.integer({ min: 1000, max: 8000 }),
    stressMs: fc.integer({ min: 1000, max: 8000 }),
    pauseMs: fc.integer({ min: 2000, max: 5000 }),
    stoppedShare: fc.integer({ min: 0, max: 8 }).map((tenths) => tenths / 10),
  });
  fc.assert(
    fc.property(request, fc.integer({ min: 0, max: 50 }), fc.string(), (asked, more, seed) => {
      const producers = roundsProducers(asked) + more;
      assert.deepEqual(roundsProblems(asked, producers), []);
      const plan = planRounds(asked, producers, seed);
      const last = new Map<number, number>();
      const stops = new Uint32Array(producers);
      for (const [i, { fromMs, untilMs, stopped }] of plan.rounds.entries()) {
        const out = new Set(plan.stopped[i]);
        assert.equal(out.size, stopped);
        for (const place of out) stops[place]++;
        plan.offsetsMs.forEach((ms, k) => {
          if (ms < fromMs || ms >= untilMs) return;
          const who = plan.producers[k];
          assert.ok(who < producers && !out.has(who), `${who} is stopped in round ${i + 1}`);
          const before = last.get(who);
          if (before !== undefined) assert.ok(ms - before >= 1000, `${who}: ${ms - before} ms`);
          last.set(who, ms);
        });
      }
      if (asked.stoppedShare > 0 && plan.rounds[0].stopped > 0)
        assert.ok(Math.max(...stops) - Math.min(...stops) <= 1, 'some are stopped more often');
      for (let k = 1; k < plan.offsetsMs.length; k++)
        assert.ok(plan.offsetsMs[k] >= plan.offsetsMs[k - 1], 'times that go back');
    }),
    {
      numRuns: 60,
      // Two producers of whom 0.3, so one, are stopped: the other is too few.
      examples: [[{ rounds: 1, basePerSecond: 1, stressPerSecond: 1, baseMs: 1000, stressMs: 1000, pauseMs: 2000, stoppedShare: 0.3 }, 0, '']], // prettier-ignore
    },
  );
});

test('the decision has the times, the producers and who submits; the same for the same seed', () => {
  const job = jobOf([...WORDS, ...TIMES, '--producers', '80', '--seed', 'x']);
  const decision = decide(job, factsOf());
  assert.equal(decision.shape.timed!.of, 'rounds');
  assert.equal(decision.shape.durationMs, 14_000);
  assert.equal(decision.shape.iterations, 220);
  assert.equal(decision.producers, 80);
  assert.deepEqual(decision.submitters, planRounds(SMALL, 80, 'x').producers);
  assert.notDeepEqual(decision.submitters, planRounds(SMALL, 80, 'y').producers);
  assert.equal(decision.volume.peakRatePerSecond, 40);
  assert.ok(decision.gates.length > 0);
  const unasked = decide(jobOf(['--scenario', 'rounds']), factsOf());
  assert.equal(unasked.shape.durationMs, 3 * 30_000 + 2 * 5000);
  assert.equal(unasked.producers, roundsProducers(definitionOf('rounds').request!({ rate: '20/s', 'stress-rate': '100/s', repeats: 3, 'base-time': 20_000, 'stress-time': 10_000, pause: 5000, 'stopped-share': 0.2 }).rounds!)); // prettier-ignore
});

test('too few producers, a rate of nothing and a share that leaves nobody: one sentence each', async () => {
  const refused = async (...args: string[]) => {
    const { exitCode, stderr } = await runHere(['load', ...WORDS, ...TIMES, '--dry-run', ...args]);
    assert.equal(exitCode, 2, stderr);
    return stderr;
  };
  assert.match(await refused('--producers', '40'), /40 submissions\/s by the 30 producers that a round leaves of 40 would be one of each every 0\.75 s.*: take 59 producers or lower rates/); // prettier-ignore
  assert.match(await refused('--stress-rate', '0'), /--stress-rate must be more than 0/);
  assert.match(await refused('--duration', '5s'), /--duration has no effect in the scenario rounds: --repeats and its times say how long/); // prettier-ignore
  assert.match(
    await refused('--producers', '1', '--stopped-share', '0.9'),
    /leaves nobody to send/,
  );
});

test('a dry run says how many rounds, at which rates, and how many producers are stopped', async () => {
  const { exitCode, stdout, stderr } = await runHere(['load', ...WORDS, ...TIMES, '--producers', '80', '--dry-run']); // prettier-ignore
  assert.equal(exitCode, 0, stderr);
  assert.match(stdout, /2 rounds of 10 and 40\/s, 20 stopped in each/);
  // Its plan keeps two of a producer apart: nothing is to be feared of so few, nor of the scenario's own number.
  assert.doesNotMatch(stdout, /same second/);
  const { notes } = decide(jobOf(['--scenario', 'rounds']), factsOf());
  assert.deepEqual(notes, []);
});
