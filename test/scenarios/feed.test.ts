/** The real k6 with records from a feeder: exact counts, no feeder's request among them, and nothing of the target's to the feeder. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { answerBytes } from '../../load/feeder/feeder.ts';
import { startFeed } from '../../load/feeder/feed.ts';
import { k6Memory, makeK6Plan, writeK6Plan } from '../../load/k6/plan.ts';
import { startK6 } from '../../load/k6/run.ts';
import { SampleAggregator } from '../../load/k6/samples.ts';
import { scheduleOf } from '../../load/schedule.ts';
import { PLAIN_TRANSPORT, type Transport } from '../../load/target/transport.ts';
import { ENVELOPE, RECORD } from '../../mina/envelope.ts';
import { distFile } from '../../paths.ts';
import { makeFleet } from '../../producers/fleet.ts';
import { readTemplates } from '../../producers/templates.ts';
import type { LoadShape } from '../../results/types.ts';
import { FEED_STATUS, type K6Plan } from '../../scenarios/lib/plan.ts';
import { k6Path } from '../support/k6.ts';
import { httpAnswer, shape, startTarget } from '../support/run-scenario.ts';
import { scratchFolder } from '../support/scratch.ts';

const OK = '{"status":"ok"}';

/** @param bytesOf body size of a submission, once */
async function runK6(
  plan: K6Plan,
  folder: string,
  bytesOf: (index: number) => number,
  transport?: Transport,
) {
  const schedule = scheduleOf(plan.load);
  const aggregator = new SampleAggregator({
    lease: plan.load.lease,
    count: Infinity,
    expectedStatus: 200,
    bodyBytesOf: bytesOf,
    schedule: schedule && { schedule, vus: plan.load.vus },
    feeder: { status: FEED_STATUS, answerBytes: answerBytes(plan.load.lease) },
    answersPath: join(folder, 'answers.bin'),
  });
  const running = await startK6({
    k6Path: await k6Path(),
    bundlePath: distFile('scenarios', 'soak.js'),
    planPath: await writeK6Plan(plan, folder),
    runFolder: folder,
    memory: k6Memory(plan, 1e6),
    onSampleBytes: (chunk) => aggregator.push(chunk),
    ...(transport && { transport }),
  });
  const end = await running.done;
  aggregator.end();
  return { end, aggregator, lines: aggregator.takeSeconds() };
}

async function fedRun(load: LoadShape, count: number, lease?: number) {
  const folder = scratchFolder();
  const fleet = makeFleet({ seed: 'feed', count: 40 });
  const templates = await readTemplates();
  const feed = await startFeed({
    folder, fleet, templates, count, network: 'testnet', seed: 'feed', ratePerSecond: 50,
  }); // prettier-ignore
  const target = await startTarget((socket) => socket.write(httpAnswer(200, OK)));
  const plan = makeK6Plan({ url: target.url, load, source: feed.source, seed: 'feed' });
  if (lease !== undefined) plan.load.lease = lease;
  try {
    const run = await runK6(plan, folder, (index) => feed.takeBodyBytes(index));
    await feed.stop();
    const sent = feed.sent();
    const bodies = [...(sent.chunks() as Iterable<readonly { createdAt: number; submitter: string }[]>)].flat(); // prettier-ignore
    sent.close();
    return { ...run, bodies, figures: feed.figures(), requests: target.requests };
  } finally {
    await feed.stop();
    feed.close();
    await target.stop();
  }
}

/** created_at and submitter as they came over the wire. */
const factsOf = (body: Buffer) => {
  const start = body.length - 2 - ENVELOPE.bytes;
  const text = ({ offset, bytes }: { offset: number; bytes: number }) =>
    body.toString('latin1', start + offset, start + offset + bytes);
  return {
    createdAt: Date.parse(text(ENVELOPE.createdAt)) / 1000,
    submitter: text(ENVELOPE.submitter),
  };
};
const key = ({ createdAt, submitter }: { createdAt: number; submitter: string }) =>
  `${createdAt} ${submitter}`;

describe('counts are exact, and the feeder is in none of them', { concurrency: 2 }, () => {
  for (const [name, load, lease] of [
    [
      'open model',
      shape({
        executor: 'constant-arrival-rate',
        iterations: null,
        vus: 20,
        durationMs: 2000,
        rate: { starts: 60, timeUnitMs: 1000 },
      }),
    ],
    [
      'VUs with think time',
      shape({
        executor: 'constant-vus',
        iterations: null,
        vus: 5,
        durationMs: 2000,
        think: { minMs: 50, maxMs: 150 },
      }),
    ],
    [
      'leases of several, cut at the end',
      shape({ executor: 'constant-vus', iterations: null, vus: 3, durationMs: 1000 }),
      20,
    ],
  ] as [string, LoadShape, number?][])
    test(name, async () => {
      const { end, aggregator, bodies, figures, requests, lines } = await fedRun(load, 1e6, lease);
      assert.equal(end.outcome, 'finished', end.sentence);
      const { totals } = aggregator;
      assert.ok(totals.sent > 10, `${totals.sent}`);
      assert.equal(totals.failedIterations, 0);
      assert.equal(totals.accepted, totals.sent);
      assert.equal(requests.length, totals.sent);
      assert.equal(totals.httpRequests, totals.sent);
      assert.equal(aggregator.latency.count, totals.sent);
      assert.deepEqual(totals.answers, { 200: totals.sent });
      assert.deepEqual(aggregator.inFlight(), []);
      assert.equal(figures.requests * (lease ?? 1), figures.records);
      assert.ok(figures.records >= totals.sent);
      if (lease === undefined) assert.equal(figures.records, totals.sent);
      // Each body has its own bytes counted, and of what was received only the target's answers.
      const sentBytes = requests.reduce((sum, { body }) => sum + body.length, 0);
      assert.equal(totals.bytesSent, sentBytes);
      assert.equal(totals.bytesReceived, requests.length * httpAnswer(200, OK).length);
      assert.equal(lines.reduce((sum, { bytesReceived }) => sum + bytesReceived, 0), totals.bytesReceived); // prettier-ignore
      // What was handed out and answered is what the target got; what a lease had left over was not sent.
      const answered = bodies.filter((_, i) => aggregator.table.answerOf(i) !== null);
      const received = requests.map(({ body }) => factsOf(body));
      assert.deepEqual(answered.map(key).sort(), received.map(key).sort());
      const now = Date.now() / 1000;
      assert.ok(received.every(({ createdAt }) => createdAt <= now && createdAt > now - 600));
    });
});

for (const [name, load, lease] of [
  [
    'of an open model',
    shape({
      executor: 'constant-arrival-rate',
      iterations: null,
      vus: 20,
      durationMs: 1500,
      rate: { starts: 60, timeUnitMs: 1000 },
    }),
  ],
  [
    'of a lease that goes beyond it',
    shape({ executor: 'constant-vus', iterations: null, vus: 3, durationMs: 1500 }),
    20,
  ],
] as [string, LoadShape, number?][])
  test(`starts beyond what the feeder has, ${name}: nothing is sent, asked for, or failed`, async () => {
    const count = 50;
    const { aggregator, requests, figures } = await fedRun(load, count, lease);
    const { totals } = aggregator;
    assert.equal(totals.failedIterations, 0);
    assert.deepEqual([totals.sent, totals.accepted, requests.length], [count, count, count]);
    assert.ok(totals.beyondPlan > 0, `${totals.beyondPlan}`);
    // The feeder hands each out once.
    assert.equal(figures.records, count);
    assert.deepEqual(aggregator.inFlight(), []);
  });

test('the feeder gets nothing of the target: no header, no cookie, no proxy, no secret', async () => {
  const folder = scratchFolder();
  const heads: IncomingHttpHeaders[] = [];
  const record = Buffer.alloc(RECORD.bytes, 'x');
  record.writeUInt32LE(0);
  let refuse = false;
  const feeder = createServer((request, response) => {
    heads.push(request.headers);
    response.writeHead(refuse ? 410 : FEED_STATUS);
    response.end(record);
  });
  feeder.listen(0, '127.0.0.1');
  await once(feeder, 'listening');
  const { port } = feeder.address() as AddressInfo;
  const bodiesPath = join(folder, 'bodies.bin');
  writeFileSync(bodiesPath, Buffer.alloc(500, 'y'));
  const target = await startTarget((socket) =>
    socket.write(
      `HTTP/1.1 200 OK\r\nSet-Cookie: balancer=1; Path=/\r\nContent-Length: ${OK.length}\r\n\r\n${OK}`,
    ),
  );
  const transport: Transport = {
    ...PLAIN_TRANSPORT,
    headers: { 'x-environment': 'test' },
    // Nobody listens there: Go passes it by for loopback, of the feeder as of the target.
    proxy: 'http://127.0.0.1:1',
    secretHeaders: { authorization: 'Bearer top-secret' },
    forwarded: { first: 167772160, size: 65536 },
  };
  const plan = makeK6Plan({
    url: target.url,
    load: shape({ vus: 1, iterations: 5 }),
    source: {
      kind: 'feeder',
      bodiesPath,
      count: 1e6,
      url: `http://127.0.0.1:${port}/token`,
      templates: [{ offset: 0, bytes: 500, envelopeOffset: 500 - ENVELOPE.bytes - 2 }],
    },
    seed: 'x',
    headers: transport.headers,
    transport,
  });
  try {
    const { aggregator, end } = await runK6(plan, folder, () => 500, transport);
    assert.equal(aggregator.totals.accepted, 5, end.sentence);
    assert.equal(heads.length, 5);
    for (const head of heads) {
      const names = Object.keys(head).sort();
      assert.deepEqual(names, ['accept-encoding', 'host', 'user-agent'].filter((name) => name in head)); // prettier-ignore
    }
    const last = target.requests.at(-1)!.head;
    assert.match(last, /authorization: Bearer top-secret/i);
    assert.match(last, /x-environment: test/i);
    assert.match(last, /x-forwarded-for: /i);
    assert.match(last, /cookie: balancer=1/i);

    // A feeder that refuses: nothing is sent, and each iteration is a failed one.
    refuse = true;
    const before = target.requests.length;
    const again = scratchFolder();
    const { aggregator: refused } = await runK6({ ...plan, load: { ...plan.load, iterations: 1 } }, again, () => 0); // prettier-ignore
    assert.equal(refused.totals.failedIterations, 1);
    assert.equal(refused.totals.sent, 0);
    assert.deepEqual(refused.inFlight(), []);
    assert.equal(target.requests.length, before);
    assert.match(readFileSync(join(again, 'k6.log'), 'utf8'), /the feeder gave no records: status 410/); // prettier-ignore
  } finally {
    feeder.closeAllConnections();
    feeder.close();
    await target.stop();
  }
});
