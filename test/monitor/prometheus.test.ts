import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import {
  parseInstant,
  parsePrometheusQuery,
  prometheusSource,
  prometheusUrlProblem,
  type PrometheusQuery,
} from '../../monitor/prometheus.ts';
import type { ResourceLine } from '../../results/types.ts';
import { SteppedClock } from './stepped-clock.ts';

/** Answers as in prometheus.io/docs/prometheus/latest/querying/api. */
const vector = (...values: string[]) => ({
  status: 'success',
  data: {
    resultType: 'vector',
    result: values.map((value, i) => ({
      metric: { instance: `i${i}` },
      value: [1435781451.781, value],
    })),
  },
});

async function until(reached: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !reached(); i++)
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(reached());
}

async function setUp(t: TestContext, queries: string[], token: string | null = null) {
  const answers = new Map<string, unknown>();
  const asked: { path: string; authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    asked.push({ path: request.url!, authorization: request.headers.authorization });
    const query = new URL(request.url!, 'http://x').searchParams.get('query')!;
    const answer = answers.get(query);
    if (answer === undefined) return; // hangs
    const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
    response.writeHead((answer as { status?: string }).status === 'error' ? 400 : 200);
    response.end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const clock = new SteppedClock();
  const lines: ResourceLine[] = [];
  const start = () => {
    const running = prometheusSource({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/prom/`,
      queries: queries.map((text) => parsePrometheusQuery(text) as PrometheusQuery),
      token,
      cores: 4,
    }).start({ intervalMs: 1000, clock, emit: (line) => lines.push(line) });
    t.after(() => running.stop());
  };
  const notes = () => lines.flatMap((line) => (line.kind === 'note' ? [line.text] : []));
  const readings = () => lines.filter(({ kind }) => kind === 'process');
  return { answers, asked, clock, lines, start, notes, readings };
}

test('figures by the names of their queries, one line a name', async (t) => {
  const { answers, asked, lines, start } = await setUp(
    t,
    ['backend.cpu=cpu{job="a=b"}', 'backend.rss=rss', 'db.cpu=dbcpu'],
    'secret',
  );
  answers.set('cpu{job="a=b"}', vector('1.23456'));
  answers.set('rss', { status: 'success', data: { resultType: 'scalar', result: [1, '5000'] } });
  answers.set('dbcpu', vector('0.5'));
  start();
  await until(() => lines.length === 2);
  const t0 = lines[0].t;
  assert.deepEqual(lines, [
    {
      t: t0,
      kind: 'process',
      name: 'backend',
      cpuCores: 1.2346,
      cpuPercentOfMachine: 30.86,
      rssBytes: 5000,
    },
    { t: t0, kind: 'process', name: 'db', cpuCores: 0.5, cpuPercentOfMachine: 12.5 },
  ]);
  assert.ok(asked.every(({ path }) => path.startsWith('/prom/api/v1/query?query=')));
  assert.ok(asked.every(({ authorization }) => authorization === 'Bearer secret'));
});

test('a query that fails is one note; the others stand; no value is no 0', async (t) => {
  const { answers, clock, start, notes, readings } = await setUp(t, [
    'a.cpu=bad',
    'a.rss=none',
    'b.cpu=good',
  ]);
  answers.set('bad', {
    status: 'error',
    errorType: 'bad_data',
    error: 'parse error: unexpected end',
  });
  answers.set('none', vector());
  answers.set('good', vector('2'));
  start();
  await until(() => readings().length === 1);
  await clock.step(1000);
  await until(() => readings().length === 2);
  assert.deepEqual(notes(), [
    'query a.cpu: parse error: unexpected end',
    'query a.rss: there is no value',
  ]);
  assert.ok(readings().every((line) => line.kind === 'process' && line.name === 'b'));
});

test('a server that hangs, and one that is something else', async (t) => {
  const { answers, clock, start, notes, readings, asked } = await setUp(t, ['a.cpu=q']);
  start();
  await until(() => asked.length === 1);
  await clock.step(5000);
  await until(() => notes().length === 1);
  assert.equal(notes()[0], 'could not be read: no answer within 5 s');
  answers.set('q', '<html>');
  await clock.step(1000);
  await until(() => notes().length === 2);
  assert.equal(notes()[1], 'could not be read: answer 200, which is no JSON');
  answers.set('q', vector('1'));
  await clock.step(1000);
  await until(() => readings().length === 1);
  assert.equal(notes().at(-1), 'can be read again');
});

test('answers: one value, or a sentence why not', () => {
  assert.equal(parseInstant(vector('1e3')), 1000);
  for (const text of ['NaN', '+Inf', '-1', 'x'])
    assert.equal(parseInstant(vector(text)), undefined, text);
  assert.throws(() => parseInstant(vector('1', '2')), /2 series; make it one/);
  assert.throws(
    () => parseInstant({ status: 'success', data: { resultType: 'matrix', result: [] } }),
    /gives a matrix/,
  );
  assert.throws(() => parseInstant(null), /no success/);
});

test('queries and URLs: what is wrong with them', () => {
  assert.deepEqual(parsePrometheusQuery('my.app.cpu=a=b'), {
    name: 'my.app',
    figure: 'cpu',
    expression: 'a=b',
  });
  for (const text of ['cpu=x', 'a.disk=x', 'a.cpu=', '.cpu=x', 'a.cpu'])
    assert.ok('problem' in parsePrometheusQuery(text), text);
  assert.equal(prometheusUrlProblem('https://prom.example/path'), null);
  assert.match(prometheusUrlProblem('http://u:p@h')!, /must not hold a user or a password/);
  assert.match(prometheusUrlProblem('prom:9090')!, /must be a URL/);
  assert.match(prometheusUrlProblem('http://h?x=1')!, /must not hold a query/);
});
