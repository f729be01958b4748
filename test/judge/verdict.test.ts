import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gateRules, judgeGates } from '../../judge/gates.ts';
import { mostFrequentError } from '../../judge/reasons.ts';
import { type Facts, verdictFrom, verdictOf } from '../../judge/verdict.ts';
import type { LatencyFigures, VerdictReason } from '../../results/types.ts';

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
    reasons: [],
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
  const limit = { cause: 'cpu quota', sentence: 'of 100 starts 7 began late' };
  const facts = { ...withFigures({ errorRate: 1 }), generatorLimit: limit };
  assert.deepEqual(judge(facts).reasons![0], {
    kind: 'generator-limited', cause: 'cpu quota', words: limit.sentence,
  }); // prettier-ignore
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

test('reasons are data, all of them, the one that decides first', () => {
  const facts: Facts = {
    ...withFigures({ errorRate: 0.02, accepted: 980, answers: { '200': 980, '503': 20 } }),
    interrupted: true,
    broken: ['the backend ended', 'k6 did not end'],
    missing: 3,
  };
  const { reasons, exitCode, sentence } = judge(facts);
  assert.equal(exitCode, 5);
  assert.deepEqual(reasons, [
    { kind: 'broken', words: 'the backend ended' },
    { kind: 'broken', words: 'k6 did not end' },
    { kind: 'interrupted' },
    { kind: 'gate', name: 'error-rate<=1%', state: 'fail', value: 2, unit: '%' },
    { kind: 'missing', count: 3 },
    { kind: 'most frequent error', answer: '503', count: 20, of: 20 },
  ]);
  assert.match(
    sentence,
    /^BROKEN: the backend ended; k6 did not end; 980 of 1,000 submissions were accepted, 3 of them are not in/,
  );
  // Any order gives the same verdict, and one of a kind that this toolkit does not know decides nothing.
  const unknown = { kind: 'of tomorrow' } as unknown as VerdictReason;
  const again = verdictFrom([unknown, ...reasons].reverse(), facts.figures);
  assert.equal(again.exitCode, 5);
  assert.equal(verdictFrom([unknown], good.figures).exitCode, 0);
});

test('the most frequent error stands in the verdict, with the words of the target', () => {
  const failed = withFigures({
    errorRate: 1, accepted: 0, latency: null, answers: { '400': 700, 'error:1050': 300 },
  }); // prettier-ignore
  const refusals = [
    { answer: '400', text: 'Field created_at is a timestamp in future', count: 600 },
    { answer: '400', text: 'Wrong payload', count: 100 },
  ];
  const { sentence } = judge({ ...failed, figures: { ...failed.figures, refusals } });
  assert.match(
    sentence,
    /; most frequent error: answer 400 "Field created_at is a timestamp in future", 700 of 1,000\.$/,
  );
  assert.match(
    judge(failed).sentence,
    /most frequent error: answer 400 \(bad request: .*\), 700 of/,
  );
  const refused = withFigures({ errorRate: 1, accepted: 0, answers: { 'error:1212': 1000 } });
  assert.match(judge(refused).sentence, /every error: connection refused: .*, 1,000 times\.$/);
  const otherBody = withFigures({ errorRate: 0.4, accepted: 600, answers: { '200': 1000 } });
  assert.match(
    judge(otherBody).sentence,
    /every error: answer 200 without the backend's body, 400/,
  );
});

test('what to look at is known only where all failed for one reason', () => {
  const of = (answers: Record<string, number>, text?: string) =>
    mostFrequentError({
      ...good.figures,
      accepted: answers['200'] ?? 0,
      answers,
      refusals: text === undefined ? [] : [{ answer: Object.keys(answers)[0], text, count: 1 }],
    })?.hint;
  const future = 'Field created_at is a timestamp in future';
  assert.equal(of({ '400': 1000 }, future), 'clock');
  assert.equal(of({ '400': 999, '503': 1 }, future), undefined);
  assert.equal(of({ '400': 1000 }, 'Wrong payload'), undefined);
  assert.equal(of({ '401': 1000 }, 'Invalid signature'), 'network');
  assert.equal(of({ '401': 1000 }, 'Submitter is not registered'), 'whitelist');
  assert.equal(of({ 'error:1212': 1000 }), 'address');
});

test('where bodies must be refused, a refusal that may be the expected one is not called an error', () => {
  const figures = { ...good.figures, accepted: 800, expected: 990, errorRate: 0.01 };
  const of = (answers: Record<string, number>) =>
    mostFrequentError({ ...figures, answers })?.answer;
  assert.equal(of({ '200': 800, '413': 200 }), undefined);
  assert.equal(of({ '200': 800, '413': 190, 'error:1050': 10 }), 'error:1050');
  assert.equal(of({ '200': 1000 }), undefined);
});
