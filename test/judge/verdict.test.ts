import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gateRules, judgeGates } from '../../judge/gates.ts';
import { type Facts, verdictOf } from '../../judge/verdict.ts';
import type { LatencyFigures } from '../../results/types.ts';

const latency: LatencyFigures = {
  count: 1000, meanMs: 20, minMs: 1, p50Ms: 18, p90Ms: 40, p95Ms: 52.4, p99Ms: 90, p999Ms: 120, maxMs: 130, hdr: '',
}; // prettier-ignore

const good: Facts = {
  figures: {
    sent: 1000,
    accepted: 1000,
    answers: { '200': 1000 },
    errorRate: 0,
    submissionsPerSecond: 16.66,
    bytesSent: 1,
    bytesReceived: 1,
    latency,
    felt: latency,
    failedIterations: 0,
    processes: {},
  },
  broken: [],
  interrupted: false,
  generatorLimit: null,
};
const withFigures = (change: Partial<Facts['figures']>): Facts => ({
  ...good,
  figures: { ...good.figures, ...change },
});
const gatesOf = ({ figures }: Facts) => judgeGates(gateRules([]), figures);
const judge = (facts: Facts) => verdictOf(facts, gatesOf(facts));

test('a good run passes', () => {
  assert.deepEqual(judge(good), {
    passed: true,
    exitCode: 0,
    sentence: 'PASSED: 1,000 of 1,000 submissions were accepted, 16.7 submissions/s, p95 52.4 ms.',
  });
});

test('one error in a hundred passes, one more does not', () => {
  assert.equal(judge(withFigures({ errorRate: 0.01, accepted: 990 })).exitCode, 0);
  const { exitCode, sentence } = judge(withFigures({ errorRate: 0.011, accepted: 989 }));
  assert.equal(exitCode, 99);
  assert.match(sentence, /^FAILED: error-rate<=1% does not hold \(1.1 %\); 989 of 1,000/);
});

test('one failed iteration fails the run', () => {
  const { exitCode, sentence } = judge(withFigures({ failedIterations: 1 }));
  assert.equal(exitCode, 99);
  assert.match(sentence, /failed-iterations<=0 does not hold \(1\)/);
});

test('no data is a failure of its own, whatever the gates say', () => {
  const nothing = withFigures({
    sent: 0, accepted: 0, answers: {}, errorRate: null, submissionsPerSecond: null, latency: null, felt: null,
  }); // prettier-ignore
  assert.ok(gatesOf(nothing).every(({ state }) => state === 'no data'));
  assert.equal(judge(nothing).exitCode, 3);
  assert.equal(
    judge({ ...nothing, figures: { ...nothing.figures, failedIterations: 9 } }).exitCode,
    3,
  );
});

test('a generator that was the bottleneck comes before any gate, and blames no target', () => {
  const facts = { ...withFigures({ errorRate: 1 }), generatorLimit: 'of 100 starts 7 began late' };
  const { passed, exitCode, sentence } = judge(facts);
  assert.deepEqual([passed, exitCode], [false, 4]);
  assert.match(sentence, /^GENERATOR-LIMITED: of 100 starts 7 began late; this says little/);
  assert.equal(judge({ ...facts, interrupted: true }).exitCode, 130);
});

test('what broke comes before all else, then the interrupt', () => {
  const broken = { ...good, interrupted: true, broken: ['the backend ended after 12 s'] };
  assert.equal(judge(broken).exitCode, 5);
  assert.match(judge(broken).sentence, /^BROKEN: the backend ended after 12 s; 1,000 of 1,000/);
  assert.equal(judge({ ...good, interrupted: true }).exitCode, 130);
  assert.equal(judge({ ...withFigures({ errorRate: 1 }), interrupted: true }).exitCode, 130);
});

test('where some answers must be refusals, both are told: as expected, and accepted', () => {
  const { sentence, exitCode } = judge(withFigures({ accepted: 900, expected: 1000 }));
  assert.equal(exitCode, 0);
  assert.match(
    sentence,
    /^PASSED: 1,000 of 1,000 submissions were answered as expected, 900 accepted, 16\.7/,
  );
});
