/** Bodies with answers of their own, recorded ones among signed ones, and latencies kept apart, with the real k6. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { corpusSource, makeK6Plan } from '../../load/k6/plan.ts';
import { figuresOf } from '../../load/k6/figures.ts';
import { endOf } from '../support/load-end.ts';
import { makeFakeCorpus } from '../support/fake-corpus.ts';
import {
  httpAnswer,
  runScenario,
  shape,
  startTarget,
  type Behaviour,
} from '../support/run-scenario.ts';
import { scratchFolder } from '../support/scratch.ts';

const OK = '{"status":"ok"}';
const refusal = { status: 413, body: null };

/** A corpus of three bodies in turn: signed, one that must be refused, and one that is sent as it is. */
async function run(behaviour: Behaviour, cacheBytes?: number) {
  const folder = scratchFolder();
  const corpus = makeFakeCorpus(folder, { count: 12, templateBytes: [700, 900, 800] });
  const [signed, over, recorded] = corpus.index.templates;
  corpus.index.templates = [
    { ...signed, group: 0 },
    { ...over, group: 1, expected: refusal },
    { offset: recorded.offset, bytes: recorded.bytes, group: 2 },
  ];
  const target = await startTarget(behaviour);
  const plan = makeK6Plan({
    url: target.url,
    load: shape({ vus: 2, iterations: 12 }),
    source: corpusSource(folder, corpus.index),
    seed: 'groups',
  });
  if (cacheBytes !== undefined) plan.bodyCacheBytes = cacheBytes;
  const groups = { expectedStatus: [200, 413, 200], of: (index: number) => index % 3 };
  const result = await runScenario({ bundle: 'load', plan, folder, groups });
  await target.stop();
  assert.equal(result.end.outcome, 'finished', result.end.sentence);
  assert.equal(result.aggregator.totals.failedIterations, 0, result.log.join());
  return { ...result, corpus, requests: target.requests };
}

test('each body is held against its own answer, and latencies are kept apart', async () => {
  const { aggregator, requests, log } = await run((socket, { body }) => {
    const [status, text] = body.length === 900 ? [413, 'too large'] : [200, OK];
    setTimeout(() => socket.write(httpAnswer(status, text)), body.length === 800 ? 100 : 0);
  });
  const { totals, table } = aggregator;
  assert.deepEqual(totals.answers, { 200: 8, 413: 4 });
  assert.deepEqual([totals.accepted, totals.expected, totals.otherBody], [8, 12, 0]);
  assert.deepEqual(table.answerOf(1), { class: '413', expected: true, accepted: false });
  const figures = figuresOf(aggregator, endOf(aggregator));
  assert.deepEqual([figures.errorRate, figures.expected, figures.latency!.count], [0, 12, 8]);
  const [signed, over, recorded] = aggregator.byGroup();
  assert.deepEqual(
    [signed, over, recorded].map((group) => [group.sent, group.accepted, group.expected]),
    [[4, 4, 4], [4, 0, 4], [4, 4, 4]], // prettier-ignore
  );
  assert.deepEqual(
    [signed, over, recorded].map(({ latency }) => latency.count),
    [4, 4, 4],
  );
  assert.ok(recorded.latency.figures()!.minMs >= 99);
  // A body that was refused unread was not sent.
  assert.deepEqual([signed.bytesSent, over.bytesSent, recorded.bytesSent], [2800, 0, 3200]);
  assert.deepEqual(log, []);
  assert.equal(requests.length, 12);
});

for (const cacheBytes of [undefined, 1])
  test(`recorded bodies go out as they are, signed ones with their envelopes${cacheBytes === undefined ? '' : ', none kept'}`, async () => {
    const { corpus, requests } = await run(
      (socket, { body }) => socket.write(httpAnswer(body.length === 900 ? 413 : 200, OK)),
      cacheBytes,
    );
    const template = corpus.templateBody(2);
    for (const { body } of requests) if (body.length === 800) assert.ok(body.equals(template));
    const signed = requests.filter(({ body }) => body.length === 700).map(({ body }) => body.toString('latin1')); // prettier-ignore
    const planned = [0, 3, 6, 9].map((i) => corpus.bodyOf(i).toString('latin1'));
    assert.deepEqual(signed.sort(), planned.sort());
  });

test('a body that must be refused and is taken counts as accepted, and as an error', async () => {
  const { aggregator, log } = await run((socket) => socket.write(httpAnswer(200, OK)));
  const { totals, table } = aggregator;
  assert.deepEqual(totals.answers, { 200: 12 });
  assert.deepEqual([totals.accepted, totals.expected, totals.otherBody], [12, 8, 0]);
  assert.deepEqual(table.answerOf(1), { class: '200', expected: false, accepted: true });
  assert.equal(figuresOf(aggregator, endOf(aggregator)).errorRate, 4 / 12);
  assert.equal(aggregator.byGroup()[1].latency.count, 0);
  assert.match(log.join('\n'), /status 200/);
});

test('neither the one answer nor the other: none is expected', async () => {
  const { aggregator } = await run((socket) => socket.write(httpAnswer(200, 'hello')));
  const { totals } = aggregator;
  assert.deepEqual([totals.sent, totals.accepted, totals.expected], [12, 0, 0]);
  assert.equal(totals.otherBody, 12);
});
