/** `GET /metrics`: Prometheus' text format, and that the figures are those of what was sent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHistogram, metricsText } from '../../stack/backend/metrics.ts';
import { MemoryStorage, NOW_MS, post, RECORDED, startTestBackend } from './support.ts';

test('the format, with what has to be escaped', () => {
  const histogram = createHistogram([0.1, 1]);
  for (const seconds of [0.1, 0.5, 1, 7]) histogram.record(seconds);
  const text = metricsText([
    { name: 'a_total', help: 'x \\ y\nz', kind: 'counter', series: [[{}, 3]] },
    {
      name: 'b',
      help: 'b',
      kind: 'gauge',
      series: [[{ path: 'C:\\"d"\n', more: '{}' }, 0.5]],
    },
    { name: 's', help: 's', kind: 'histogram', series: [[{ storage: 'S3' }, histogram]] },
  ]);
  assert.equal(
    text,
    [
      '# HELP a_total x \\\\ y\\nz',
      '# TYPE a_total counter',
      'a_total 3',
      '# HELP b b',
      '# TYPE b gauge',
      'b{path="C:\\\\\\"d\\"\\n",more="{}"} 0.5',
      '# HELP s s',
      '# TYPE s histogram',
      's_bucket{storage="S3",le="0.1"} 1',
      's_bucket{storage="S3",le="1"} 3',
      's_bucket{storage="S3",le="+Inf"} 4',
      's_sum{storage="S3"} 8.6',
      's_count{storage="S3"} 4',
      '',
    ].join('\n'),
  );
});

test('each answer is counted, by its name', async () => {
  const storage = new MemoryStorage();
  Object.assign(storage, { name: 'filesystem /with "quotes"' });
  const whitelist = new Set(RECORDED.map(({ bytes }) => submitterOf(bytes)));
  const backend = await startTestBackend(
    { whitelist: () => whitelist, nowMs: () => NOW_MS },
    { storages: [storage] },
  );
  const [first, second] = RECORDED.map(({ bytes }) => bytes);
  const changed = Buffer.from(second.toString().replace('2024-02-21T', '2024-02-22T'));
  for (const body of [first, first, second, changed, Buffer.from('x')])
    await post(backend.port, body);
  whitelist.clear();
  await post(backend.port, first);
  const answer = await fetch(`http://127.0.0.1:${backend.port}/metrics`);
  assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const lines = (await answer.text()).split('\n');
  for (const line of [
    'uptime_backend_submissions_total{status="200",answer="ok"} 3',
    'uptime_backend_submissions_total{status="401",answer="bad_signature"} 1',
    'uptime_backend_submissions_total{status="400",answer="undecodable"} 1',
    'uptime_backend_submissions_total{status="401",answer="not_registered"} 1',
    'uptime_backend_stored_total 3',
    `uptime_backend_body_bytes_total ${3 * first.length + second.length + changed.length + 1}`,
    'uptime_backend_submission_seconds_count 6',
    'uptime_backend_signature_check_seconds_count 4',
    'uptime_backend_storage_seconds_count{storage="filesystem /with \\"quotes\\""} 3',
    'uptime_backend_bodies_waiting 0',
    'uptime_backend_bodies_under_way_bytes 0',
  ])
    assert.ok(lines.includes(line), `${line}\n${lines.join('\n')}`);
  // Every line is one of the format, and no series stands in it twice.
  const series = lines.filter((line) => line !== '' && !line.startsWith('#'));
  for (const line of series)
    assert.match(line, /^[a-z_]+(\{([a-z]+="([^"\\]|\\[\\"n])*",?)+\})? [0-9.e+-]+$/);
  assert.equal(new Set(series.map((line) => line.replace(/ \S+$/, ''))).size, series.length);
  await backend.stop();
});

const submitterOf = (bytes: Buffer): string =>
  (JSON.parse(bytes.toString()) as { submitter: string }).submitter;
