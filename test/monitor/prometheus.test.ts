import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import {
  basic,
  bearer,
  parseInstant,
  parsePrometheusQuery,
  prometheusSource,
  prometheusUrlProblem,
  type PrometheusQuery,
} from '../../monitor/prometheus.ts';
import type { ResourceLine } from '../../results/types.ts';
import { FakeClock } from '../support/clock.ts';
import { until } from '../support/until.ts';

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

async function setUp(
  t: TestContext,
  queries: string[],
  authorization: string | null = null,
  env: Record<string, string> = {},
) {
  const answers = new Map<string, unknown>();
  const asked: { path: string; authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    asked.push({ path: request.url!, authorization: request.headers.authorization });
    const query = new URL(request.url!, 'http://x').searchParams.get('query')!;
    const answer = answers.get(query);
    if (answer === undefined) return; // hangs
    if (typeof answer === 'number') {
      response.writeHead(answer, answer < 400 ? { location: 'http://127.0.0.1:1/' } : {});
      return response.end('nothing here');
    }
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
  const clock = new FakeClock();
  const lines: ResourceLine[] = [];
  const start = () => {
    const running = prometheusSource({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/prom/`,
      queries: queries.map((text) => parsePrometheusQuery(text) as PrometheusQuery),
      authorization,
      env,
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
    bearer('secret'),
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
    'query a.rss: there is no series of it now',
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
  assert.equal(notes()[1], 'could not be read: answer 200, which is a web page');
  answers.set('q', vector('1'));
  await clock.step(1000);
  await until(() => readings().length === 1);
  assert.equal(notes().at(-1), 'can be read again');
});

/** Answers without a figure, and the note of each; the forms are those of the API's reference. */
const NO_FIGURE: [string, unknown, RegExp][] = [
  ['NaN', vector('NaN'), /its value is "NaN", which is no figure/],
  ['+Inf', vector('+Inf'), /its value is "\+Inf"/],
  ['below 0', vector('-1'), /its value is "-1"/],
  ['beyond a double', vector('1e999'), /its value is "1e999"/],
  ['no number', vector('x'), /its value is "x"/],
  ['empty text', vector(''), /its value is ""/],
  ['empty vector', vector(), /there is no series of it now/],
  ['two series', vector('1', '2'), /2 series; make it one/],
  ['matrix', { status: 'success', data: { resultType: 'matrix', result: [] } }, /gives a matrix/],
  ['string', { status: 'success', data: { resultType: 'string', result: [1, 'a'] } }, /a string/],
  [
    'a histogram',
    {
      status: 'success',
      data: { resultType: 'vector', result: [{ metric: {}, histogram: [1, { count: '5' }] }] },
    },
    /it gives a histogram/,
  ],
  [
    'warnings',
    { ...vector('0.5'), warnings: ['PromQL warning: partial response'] },
    /the server warns: PromQL warning: partial response/,
  ],
  ['no data', { status: 'success' }, /gives a undefined/],
  ['null data', { status: 'success', data: null }, /gives a undefined/],
  [
    'no sample',
    { status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value: 7 }] } },
    /unknown form/,
  ],
  ['a list', [], /no success/],
  ['an error', { status: 'error', errorType: 'timeout', error: 'query timed out' }, /timed out/],
  ['JSON null', 'null', /no success/],
];

test('other answers than one number: a note each, and no figure', async (t) => {
  for (const [name, answer, note] of NO_FIGURE) {
    const { answers, start, notes, readings } = await setUp(t, ['a.cpu=q', 'b.cpu=good']);
    answers.set('q', answer).set('good', vector('1'));
    start();
    await until(() => readings().length === 1);
    assert.equal(notes().length, 1, name);
    assert.match(notes()[0], note, name);
    assert.match(notes()[0], /^query a\.cpu: /);
    assert.ok(readings().every((line) => line.kind === 'process' && line.name === 'b'));
  }
  assert.equal(parseInstant(vector('1e3')), 1000);
  const scalar = { status: 'success', data: { resultType: 'scalar', result: [1, '2'] } };
  assert.equal(parseInstant(scalar), 2);
  assert.equal(parseInstant({ ...vector('1'), infos: ['metric might not be a counter'] }), 1);
});

test('answers of something else: its kind is said', async (t) => {
  for (const [answer, note] of [
    ['<!DOCTYPE html><p>hello', /answer 200, which is a web page/],
    ['', /answer 200, which is no JSON/],
    [302, /answer 302, which leads elsewhere \(http:\/\/127.0.0.1:1\/\)/],
    [401, /answer 401: does it ask for --prometheus-user-env or --prometheus-token-env/],
    [502, /answer 502, which is no JSON/],
  ] as const) {
    const { answers, start, notes, readings } = await setUp(t, ['a.cpu=q']);
    answers.set('q', answer);
    start();
    await until(() => notes().length === 1);
    assert.match(notes()[0], note);
    assert.equal(readings().length, 0);
  }
});

test('a user and a password, or a token, go to the server alone', async (t) => {
  assert.equal(basic('me:pässword'), 'Basic bWU6cMOkc3N3b3Jk');
  assert.equal(bearer(null), null);
  const { answers, asked, start, readings } = await setUp(t, ['a.cpu=q'], basic('me:word'));
  answers.set('q', vector('1'));
  start();
  await until(() => readings().length === 1);
  assert.equal(asked[0].authorization, 'Basic bWU6d29yZA==');
});

test('a proxy that is in the way is named', async (t) => {
  const lines: ResourceLine[] = [];
  const running = prometheusSource({
    url: 'http://prometheus.test:9090',
    queries: [parsePrometheusQuery('a.cpu=q') as PrometheusQuery],
    authorization: null,
    env: { HTTP_PROXY: 'http://127.0.0.1:1' },
  }).start({ intervalMs: 1000, clock: new FakeClock(), emit: (line) => lines.push(line) });
  t.after(() => running.stop());
  await until(() => lines.length === 1);
  assert.match(
    (lines[0] as { text: string }).text,
    /could not be read: .*ECONNREFUSED.*\(HTTP_PROXY is http:\/\/127.0.0.1:1\)/,
  );
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
