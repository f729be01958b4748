/** The real k6, the real bundles, targets that answer well, badly, early, late and not at all. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { corpusSource, makeK6Plan, packPayloads } from '../../load/k6/plan.ts';
import type { RunningK6 } from '../../load/k6/run.ts';
import { figuresOf } from '../../load/k6/figures.ts';
import { endOf } from '../support/load-end.ts';
import { payloadOf, type K6Plan } from '../../scenarios/lib/plan.ts';
import { makeFakeCorpus, type FakeCorpus } from '../support/fake-corpus.ts';
import {
  httpAnswer,
  runScenario,
  shape,
  startTarget,
  type Behaviour,
  type ScenarioRun,
} from '../support/run-scenario.ts';
import { scratchFolder } from '../support/scratch.ts';

const OK = '{"status":"ok"}';
const accept: Behaviour = (socket) => socket.write(httpAnswer(200, OK));
const constant = { executor: 'constant-vus', iterations: null } as const;

/** Which record each body is, by its envelope. Fails for a body that is no submission of the corpus, byte for byte. */
function recordsOf(corpus: FakeCorpus, bodies: readonly Buffer[]): number[] {
  const byBytes = new Map<string, number>();
  for (let i = 0; i < corpus.index.count; i++) byBytes.set(corpus.bodyOf(i).toString('latin1'), i);
  return bodies.map((body) => {
    const record = byBytes.get(body.toString('latin1'));
    assert.ok(
      record !== undefined,
      `a body of ${body.length} bytes is no submission of the corpus`,
    );
    return record;
  });
}

const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

/** Records of the submissions that were answered, each as often as it was. */
function answeredRecords({ aggregator }: ScenarioRun, count: number): number[] {
  const records: number[] = [];
  for (let i = 0; i < aggregator.table.length; i++)
    if (aggregator.table.answerOf(i) !== null) records.push(i % count);
  return records;
}

describe('each answer is counted under its class', () => {
  const cases: {
    name: string;
    behaviour: Behaviour;
    answers: Record<string, number>;
    accepted: number;
    /** Answers whose time counts. */
    timed: number;
    log?: RegExp;
    plan?: Partial<K6Plan['load']>;
  }[] = [
    { name: '200', behaviour: accept, answers: { 200: 6 }, accepted: 6, timed: 6 },
    {
      name: '401, explained in the log',
      behaviour: (socket) => socket.write(httpAnswer(401, '{"error":"Invalid signature"}')),
      answers: { 401: 6 },
      accepted: 0,
      timed: 0,
      log: /status 401 \[reason [0-9a-f]{8}\]: Invalid signature$/m,
    },
    {
      name: '500',
      behaviour: (socket) => socket.write(httpAnswer(500, '')),
      answers: { 500: 6 },
      accepted: 0,
      timed: 0,
    },
    {
      name: 'a redirect is not followed',
      behaviour: (socket) =>
        socket.write('HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n'),
      answers: { 302: 6 },
      accepted: 0,
      timed: 0,
    },
    {
      name: 'the catch-all answer of another path: 200 and not accepted',
      behaviour: (socket) => socket.write(httpAnswer(200, 'delegation backend service')),
      answers: { 200: 6 },
      accepted: 0,
      timed: 6,
      log: /status 200 \[reason [0-9a-f]{8}\]: delegation backend service$/m,
    },
    {
      name: 'some of each',
      behaviour: (socket, _, n) =>
        socket.write(n % 3 === 0 ? httpAnswer(429, '{}') : httpAnswer(200, OK)),
      answers: { 200: 4, 429: 2 },
      accepted: 4,
      timed: 4,
    },
    {
      name: 'a connection that is reset',
      behaviour: (socket) => socket.resetAndDestroy(),
      answers: { 'error:1220': 6 },
      accepted: 0,
      timed: 0,
      log: /reset by peer/,
    },
    {
      name: 'an answer that never comes',
      behaviour: () => {},
      answers: { 'error:1050': 6 },
      accepted: 0,
      timed: 0,
      log: /request timeout/,
      plan: { requestTimeoutMs: 100 },
    },
  ];
  for (const { name, behaviour, answers, accepted, timed, log, plan: change } of cases)
    test(name, async () => {
      const folder = scratchFolder();
      const corpus = makeFakeCorpus(folder, { count: 6, templateBytes: [700, 900] });
      const target = await startTarget(behaviour);
      const plan = makeK6Plan({
        url: target.url,
        load: shape({ iterations: 6, ...change }),
        source: corpusSource(folder, corpus.index),
        seed: 'classes',
      });
      const run = await runScenario({ bundle: 'smoke', plan, folder });
      await target.stop();
      const { totals } = run.aggregator;
      assert.equal(run.end.outcome, 'finished');
      assert.deepEqual(totals.answers, answers);
      assert.equal(totals.sent, 6);
      assert.equal(totals.accepted, accepted);
      assert.equal(totals.failedIterations, 0);
      assert.equal(totals.faultyLines, 0);
      assert.equal(totals.resent, 0);
      assert.equal(totals.bytesSent, 3 * 700 + 3 * 900);
      assert.deepEqual(run.aggregator.inFlight(), []);
      assert.equal(run.aggregator.latency.count, timed);
      assert.equal(run.aggregator.felt.count, timed);
      assert.deepEqual(
        sorted(
          recordsOf(
            corpus,
            target.requests.map(({ body }) => body),
          ),
        ),
        [0, 1, 2, 3, 4, 5],
      );
      if (log) assert.match(run.log.join('\n'), log);
      else if (accepted === 6) assert.deepEqual(run.log, []);
    });

  test('nothing listening: refused, and no latency of 0 ms', async () => {
    const folder = scratchFolder();
    const corpus = makeFakeCorpus(folder, { count: 6, templateBytes: [700] });
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as { port: number };
    free.close();
    await once(free, 'close');
    const plan = makeK6Plan({
      url: `http://127.0.0.1:${port}/v1/submit`,
      load: shape({ iterations: 6 }),
      source: corpusSource(folder, corpus.index),
      seed: 'refused',
    });
    const run = await runScenario({ bundle: 'load', plan, folder });
    assert.deepEqual(run.aggregator.totals.answers, { 'error:1212': 6 });
    const figures = figuresOf(run.aggregator, endOf(run.aggregator));
    assert.equal(figures.latency, null);
    assert.equal(figures.errorRate, 1);
  });

  test('an answer before the body was read: the next body is whole', async () => {
    const folder = scratchFolder();
    const corpus = makeFakeCorpus(folder, { count: 8, templateBytes: [900_000] });
    let n = 0;
    const target = await startTarget(accept, (socket) => {
      // Every other request is refused at its head; what follows is read and thrown away.
      if (n++ % 2 === 1) return false;
      socket.write('HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return true;
    });
    const plan = makeK6Plan({
      url: target.url,
      load: shape({ vus: 1, iterations: 8 }),
      source: corpusSource(folder, corpus.index),
      seed: 'early',
    });
    const run = await runScenario({ bundle: 'load', plan, folder });
    await target.stop();
    assert.equal(run.aggregator.totals.sent, 8);
    assert.ok(
      run.aggregator.totals.answers['413'] > 0,
      JSON.stringify([run.aggregator.totals, run.log]),
    );
    const whole = recordsOf(
      corpus,
      target.requests.map(({ body }) => body),
    );
    const accepted = [0, 1, 2, 3, 4, 5, 6, 7].filter(
      (i) => run.aggregator.table.answerOf(i)!.class === '200',
    );
    assert.ok(accepted.length > 0);
    assert.deepEqual(sorted(whole), accepted);
  });
});

describe('what is sent is what was planned', () => {
  const cases: { name: string; count: number; templateBytes: number[]; cacheBytes?: number }[] = [
    {
      name: 'a corpus that is used up, and then sent again',
      count: 50,
      templateBytes: [600, 800, 1000],
    },
    { name: 'a corpus smaller than a lease', count: 5, templateBytes: [600] },
    { name: 'no room to keep bodies', count: 37, templateBytes: [600, 800], cacheBytes: 1 },
  ];
  for (const { name, count, templateBytes, cacheBytes } of cases)
    test(`${name}: byte for byte, by index`, async () => {
      const folder = scratchFolder();
      const corpus = makeFakeCorpus(folder, { count, templateBytes });
      const target = await startTarget(accept);
      const plan = makeK6Plan({
        url: target.url,
        load: shape({ ...constant, vus: 3, durationMs: 1000 }),
        source: corpusSource(folder, corpus.index),
        seed: 'bytes',
      });
      if (cacheBytes !== undefined) plan.bodyCacheBytes = cacheBytes;
      assert.equal(plan.load.lease, 32);
      const run = await runScenario({ bundle: 'load', plan, folder });
      await target.stop();
      const { totals } = run.aggregator;
      assert.equal(totals.sent, target.requests.length);
      assert.equal(totals.accepted, totals.sent);
      assert.ok(totals.sent > 0);
      assert.equal(totals.httpRequests, totals.sent);
      assert.equal(
        run.lines.reduce((sum, { sent }) => sum + sent, 0),
        totals.sent,
      );
      assert.equal(
        totals.bytesSent,
        target.requests.reduce((sum, { body }) => sum + body.length, 0),
      );
      assert.deepEqual(run.aggregator.inFlight(), []);
      const received = recordsOf(
        corpus,
        target.requests.map(({ body }) => body),
      );
      assert.deepEqual(sorted(received), sorted(answeredRecords(run, count)));
      // At most the rest of each VU's last lease is left out below the highest index.
      assert.ok(totals.sent >= run.aggregator.table.length - 3 * 32);
      assert.equal(
        totals.resent,
        [...Array(run.aggregator.table.length).keys()].filter(
          (i) => i >= count && run.aggregator.table.answerOf(i) !== null,
        ).length,
      );
      const { head } = target.requests[0];
      assert.match(head, /^POST \/v1\/submit HTTP\/1\.1\r\n/);
      assert.match(head, /^content-type: application\/json$/im);
      assert.match(head, /^user-agent: mina-delegation-load-test$/im);
    });

  test('with think times each submission is one iteration, and none is left out', async () => {
    const folder = scratchFolder();
    const corpus = makeFakeCorpus(folder, { count: 1000, templateBytes: [600] });
    const target = await startTarget(accept);
    const plan = makeK6Plan({
      url: target.url,
      load: shape({ ...constant, vus: 10, durationMs: 1500, think: { minMs: 100, maxMs: 300 } }),
      source: corpusSource(folder, corpus.index),
      seed: 'think',
    });
    assert.equal(plan.load.lease, 1);
    const run = await runScenario({ bundle: 'load', plan, folder });
    await target.stop();
    const { sent } = run.aggregator.totals;
    assert.ok(sent > 0 && sent <= 10 * (1500 / 100 + 1), `${sent} were sent`);
    assert.equal(sent, target.requests.length);
    assert.deepEqual(run.aggregator.inFlight(), []);
  });

  for (const order of ['in order', 'random'] as const)
    test(`replay ${order}: recorded bodies, byte for byte`, async () => {
      const folder = scratchFolder();
      // Not JSON, not even text: nothing of a body is looked at.
      const bodies = [1, 2, 3, 4, 5].map((n) => Buffer.alloc(100 * n, n));
      const source = await packPayloads(
        bodies.map((body) => ({ read: () => Promise.resolve(body) })),
        folder,
        order,
      );
      const target = await startTarget(accept);
      const plan = makeK6Plan({
        url: target.url,
        load: shape({ vus: 1, iterations: 12 }),
        source,
        seed: 'replay',
      });
      const run = await runScenario({ bundle: 'replay', plan, folder });
      await target.stop();
      const expected = [...Array(12).keys()].map((i) => bodies[payloadOf(plan, source, i)]);
      assert.deepEqual(
        target.requests.map(({ body }) => body),
        expected,
      );
      if (order === 'in order') assert.equal(target.requests[6].body.length, 200);
      else assert.notDeepEqual(expected.slice(0, 5), bodies);
      assert.equal(run.aggregator.totals.accepted, 12);
      assert.equal(
        run.aggregator.totals.bytesSent,
        expected.reduce((sum, body) => sum + body.length, 0),
      );
    });
});

describe('a run that is cut', () => {
  for (const [name, think, howMany] of [
    ['without think time', { minMs: 0, maxMs: 0 }, 60],
    ['with think time', { minMs: 20, maxMs: 60 }, 30],
  ] as const)
    test(`stop ${name}: all rows are whole, and each request received is answered or in flight`, async () => {
      const folder = scratchFolder();
      const corpus = makeFakeCorpus(folder, { count: 10_000, templateBytes: [600] });
      let running: RunningK6 | undefined;
      const target = await startTarget((socket, _, n) => {
        if (n === howMany) {
          running!.stop();
          running!.stop(); // would make k6 drop its samples if it were passed on
        }
        // The last ones are never answered: they are in flight when k6 stops.
        if (n < howMany - 3) setTimeout(() => socket.write(httpAnswer(200, OK)), 5);
      });
      const plan = makeK6Plan({
        url: target.url,
        load: shape({ ...constant, vus: 8, durationMs: 60_000, think }),
        source: corpusSource(folder, corpus.index),
        seed: 'stop',
      });
      const run = await runScenario({
        bundle: 'load',
        plan,
        folder,
        onStarted: (k6) => (running = k6),
      });
      await target.stop();
      assert.equal(run.end.outcome, 'interrupted', run.end.sentence);
      assert.equal(run.end.exitCode, 105);
      const { totals } = run.aggregator;
      assert.equal(totals.faultyLines, 0);
      assert.ok(totals.sent > 0);
      assert.equal(totals.accepted, totals.sent);
      const inFlight = run.aggregator.inFlight();
      assert.ok(inFlight.length >= 1 && inFlight.length <= 8, `${inFlight.length} in flight`);
      const known = new Set([...answeredRecords(run, 10_000), ...inFlight]);
      for (const record of recordsOf(
        corpus,
        target.requests.map(({ body }) => body),
      ))
        assert.ok(known.has(record), `submission ${record} was received, but is not accounted for`);
    });

  test('an iteration that throws is counted, and k6 not believed', async () => {
    const folder = scratchFolder();
    const corpus = makeFakeCorpus(folder, {
      count: 10,
      templateBytes: [600],
      // Record 4 names a template that is not there.
      templateOf: (i) => (i === 4 ? 7 : 0),
    });
    const target = await startTarget(accept);
    const source = corpusSource(folder, corpus.index);
    const plan = makeK6Plan({ url: target.url, load: shape({ iterations: 10 }), source, seed: '' });
    const run = await runScenario({ bundle: 'load', plan, folder });
    await target.stop();
    assert.equal(run.end.outcome, 'finished');
    assert.equal(run.aggregator.totals.failedIterations, 1);
    assert.equal(run.aggregator.totals.sent, 9);
    assert.equal(
      run.lines.reduce((sum, line) => sum + (line.failedIterations ?? 0), 0),
      1,
    );
    assert.equal(figuresOf(run.aggregator, endOf(run.aggregator)).failedIterations, 1);
    assert.deepEqual(run.aggregator.inFlight(), []);
    assert.match(run.log.join('\n'), /submission 4: the iteration threw: TypeError/);
  });
});
