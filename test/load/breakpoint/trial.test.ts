/** What a trial says: of the target, of the generator, or of a target that gave way after a while. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failedLate } from '../../../load/breakpoint/progress.ts';
import { trialOf } from '../../../load/breakpoint/trial.ts';
import type { Gate, ScheduleFigures, Summary } from '../../../results/types.ts';
import { syntheticRun } from '../../../bench/synthetic-run.ts';

const { figures } = syntheticRun({ seconds: 10, rate: 300 }).summary!;
const level = Array.from({ length: 40 }, () => 3);
const kept: ScheduleFigures = {
  planned: 3000,
  started: 3000,
  late: 0,
  dropped: 0,
  droppedWhileFree: 0,
  onTimeShare: 1,
  keepingUpShare: 1,
  latenessP99Ms: 1,
  toleranceMs: 10,
  queue: { overMs: 10_000, inFlight: level },
};
const gate = (name: string, state: Gate['state']): Gate => ({ name, state, value: 0, limit: 0, unit: '' }); // prettier-ignore
const summaryOf = (
  exitCode: number,
  gates: Gate[],
  schedule: Partial<ScheduleFigures> = {},
): Pick<Summary, 'figures' | 'gates' | 'verdict'> => ({
  figures: { ...figures, schedule: { ...kept, ...schedule } },
  gates,
  verdict: { passed: exitCode === 0, exitCode, sentence: '' },
});

test('held, failed, or not to be told', () => {
  const held = trialOf('a', 300, summaryOf(0, [gate('queue-growth<=0.2%', 'pass')]));
  assert.deepEqual([held.outcome, held.failedGates, held.queueGrowth, held.begunShare], ['held', [], 0, 1]); // prettier-ignore
  const failed = trialOf('a', 300, summaryOf(99, [gate('queue-growth<=0.2%', 'fail')]));
  assert.deepEqual([failed.outcome, failed.failedGates], ['failed', ['queue-growth<=0.2%']]);
  const limited = trialOf('a', 300, summaryOf(4, [gate('p95<1s', 'fail')], { started: 2000 }));
  assert.deepEqual([limited.outcome, limited.begunShare], ['generator-limited', 2 / 3]);
});

test('a target that took all that was sent, some of it late, held', () => {
  const late = [gate('on-time>=99%', 'fail'), gate('queue-growth<=0.2%', 'pass')];
  assert.equal(trialOf('a', 300, summaryOf(4, late)).outcome, 'held');
  // Seen on a busy machine: too few late ones to say that the generator was limited.
  assert.equal(trialOf('a', 300, summaryOf(99, late)).outcome, 'held');
  assert.equal(trialOf('a', 300, summaryOf(99, late, { started: 2900 })).outcome, 'failed');
  // What never came was not taken; what came late and was answered late says nothing.
  assert.equal(
    trialOf('a', 300, summaryOf(4, late, { started: 2900 })).outcome,
    'generator-limited',
  );
  const both = [gate('on-time>=99%', 'fail'), gate('queue-growth<=0.2%', 'fail')];
  assert.equal(trialOf('a', 300, summaryOf(4, both)).outcome, 'generator-limited');
});

test('all was sent, some of it late, and the queue grew by more than that: the target fell behind', () => {
  const both = [gate('on-time>=99%', 'fail'), gate('queue-growth<=0.2%', 'fail')];
  const grows = { overMs: 10_000, inFlight: level.map((n, i) => n + 3 * i) };
  const of = (cause: string, change: Partial<ScheduleFigures> = {}) => {
    const summary = summaryOf(4, both, { queue: grows, latenessP99Ms: 40, ...change });
    summary.verdict.reasons = [{ kind: 'generator-limited', cause, words: '' }];
    return trialOf('a', 300, summary).outcome;
  };
  assert.equal(of('unknown'), 'failed');
  assert.equal(of('other processes'), 'failed');
  assert.equal(of('cpu quota'), 'generator-limited');
  assert.equal(of('unknown', { latenessP99Ms: 700 }), 'generator-limited');
  assert.equal(of('unknown', { started: 2900 }), 'generator-limited');
  assert.equal(of('unknown', { queue: { overMs: 10_000, inFlight: level } }), 'generator-limited');
});

test('a longer load that failed late is another experiment than a trial', () => {
  const grows = [gate('queue-growth<=0.2%', 'fail')];
  const of = (begins: number, confirmsForMs: number | null) =>
    trialOf(
      'a',
      300,
      summaryOf(99, grows, {
        planned: 27_000,
        queue: { overMs: 90_000, inFlight: level.map((n, i) => n + 50 * Math.max(0, i - begins)) },
      }),
      confirmsForMs,
    );
  const late = of(16, 90_000);
  assert.equal(late.troubleBeganMs, 36_000);
  assert.equal(late.confirmsForMs, 90_000);
  assert.ok(failedLate(late, 10_000));
  assert.ok(!failedLate(of(0, 90_000), 10_000));
  assert.ok(!failedLate(of(16, null), 10_000));
  assert.ok(!failedLate({ ...late, outcome: 'held' }, 10_000));
});
