/** A stored run judged by other gates. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeAgain } from '../../judge/again.ts';
import type { Run } from '../../results/reader.ts';
import type { Gate, VerdictReason } from '../../results/types.ts';
import { EXIT } from '../../user-error.ts';
import { syntheticRun } from '../../bench/synthetic-run.ts';

const STORED: Gate[] = [
  { name: 'error-rate<=1%', state: 'pass', value: 0, limit: 1, unit: '%' },
  { name: 'p95<1ms', state: 'fail', value: 30, limit: 1, unit: 'ms' },
  { name: 'a gate of an older toolkit', state: 'pass', value: 1, limit: 2, unit: '' },
];
function stored(reasons: VerdictReason[] = [], gates = STORED): Run {
  const run = syntheticRun({ seconds: 10 });
  const verdict = { passed: false, exitCode: 99, sentence: 'FAILED: x', reasons };
  return { ...run, summary: { ...run.summary!, gates, verdict } };
}
const namesOf = ({ gates }: { gates: Gate[] }) => gates.map(({ name }) => name);

test('a gate replaces that of the same figure; the others stay as they were judged', () => {
  const run = stored([{ kind: 'gate', name: 'p95<1ms', state: 'fail', value: 30, unit: 'ms' }]);
  const again = judgeAgain(run, ['p95 < 10s']);
  assert.deepEqual(namesOf(again), ['error-rate<=1%', 'a gate of an older toolkit', 'p95<10s']);
  assert.deepEqual(again.gates.slice(0, 2), [STORED[0], STORED[2]]);
  const { state, value } = again.gates[2];
  assert.deepEqual([state, value], ['pass', run.summary!.figures.latency!.p95Ms]);
  assert.equal(again.verdict.exitCode, EXIT.passed);
  assert.match(again.verdict.sentence, /^PASSED/);
  const both = judgeAgain(run, ['p95<10s', 'p95<2ms']);
  assert.deepEqual(both.gates.slice(2).map((gate) => gate.state), ['pass', 'fail']); // prettier-ignore
  assert.equal(both.verdict.exitCode, EXIT.gateFailed);
  assert.match(both.verdict.sentence, /p95<2ms/);
  assert.doesNotMatch(both.verdict.sentence, /p95<1ms/);
});

test('without a figure there is no data, which does not pass', () => {
  const { gates, verdict } = judgeAgain(stored([], []), ['missing<=0']);
  assert.equal(gates[0].state, 'no data');
  assert.equal(verdict.exitCode, EXIT.gateFailed);
});

test('what else stands against the run stays, whatever the gates say', () => {
  for (const [reason, exitCode] of [
    [{ kind: 'broken', words: 'the backend ended' }, EXIT.broken],
    [{ kind: 'interrupted' }, EXIT.interrupted],
    [{ kind: 'generator-limited' }, EXIT.generatorLimited],
  ] as const)
    assert.equal(judgeAgain(stored([reason]), ['p95<10s']).verdict.exitCode, exitCode);
});

test('a run that did not end by itself is judged by its samples, and is not complete', () => {
  const run = { ...syntheticRun({ seconds: 10 }), summary: null };
  const { gates, verdict } = judgeAgain(run, ['p95<10s', 'max<0.001ms']);
  assert.deepEqual(
    gates.map(({ name, state }) => [name, state]),
    [['error-rate<=1%', 'pass'], ['failed-iterations<=0', 'pass'], ['p95<10s', 'pass'], ['max<0.001ms', 'fail']], // prettier-ignore
  );
  assert.equal(verdict.exitCode, EXIT.interrupted);
  const before = { ...run, plan: null, samples: [], resources: [] };
  assert.equal(judgeAgain(before, ['p95<10s']).gates[0].state, 'no data');
});
