/** The recorder: what it writes down, what it answers, what it passes on; on full disks and for senders that break off. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readPayloadFolder, payloadBytes } from '../../producers/payloads.ts';
import { RECORDING_FILES } from '../../producers/recording/format.ts';
import type { WriteV } from '../../producers/recording/writer.ts';
import { shownHeaders, shownTarget } from '../../stack/recorder/secrets.ts';
import { readRecorded, RECORDED_NAMES } from '../support/recorded.ts';
import { until } from '../support/until.ts';
import { answersOf, bytesOf, recordInto, requestsOf } from './recorder-support.ts';

const [withWork, without] = RECORDED_NAMES.map((name) => Buffer.from(readRecorded(name)));

type Got = { status: number; reason: string; raw: string[]; body: Buffer };

/** @param chunks sent one after another; of several the last one ends the request */
async function send(
  url: string,
  {
    method = 'POST',
    headers = {},
    chunks = [],
  }: { method?: string; headers?: Record<string, string>; chunks?: Buffer[] },
): Promise<Got> {
  const req = request(url, { method, headers, agent: false });
  for (const chunk of chunks) req.write(chunk);
  req.end();
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  const parts: Buffer[] = [];
  for await (const part of res as AsyncIterable<Buffer>) parts.push(part);
  return {
    status: res.statusCode!,
    reason: res.statusMessage!,
    raw: res.rawHeaders,
    body: Buffer.concat(parts),
  };
}

const post = (url: string, body: Buffer, headers: Record<string, string> = {}): Promise<Got> =>
  send(url, { headers: { 'Content-Length': String(body.length), ...headers }, chunks: [body] });

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('a submission is written byte for byte with its headers but for secrets, and answered as a backend does', async (t) => {
  const { url, folder, end } = await recordInto(t);
  const before = Date.now();
  const got = await post(`${url}/v1/submit?token=abc&x=1`, withWork, {
    'X-Forwarded-For': '10.0.0.7',
    Authorization: 'Bearer of-bad-news',
    'X-Api-Key': 'open-sesame',
  });
  assert.deepEqual([got.status, got.body.toString()], [200, '{"status":"ok"}']);
  await end();
  const [written] = requestsOf(folder);
  assert.deepEqual(bytesOf(folder, written.body), withWork);
  assert.equal(written.body.bytes, withWork.length);
  assert.equal(written.target, '/v1/submit?token=(removed)&x=1');
  const headers = new Map(written.headers);
  assert.equal(headers.get('X-Forwarded-For'), '10.0.0.7');
  assert.equal(headers.get('Authorization'), '(removed)');
  assert.equal(headers.get('X-Api-Key'), '(removed)');
  assert.ok(Date.parse(written.at) >= before && Date.parse(written.at) <= Date.now());
  const [answer] = answersOf(folder);
  assert.deepEqual(
    [answer.n, answer.status, answer.text, answer.by],
    [1, 200, '{"status":"ok"}', 'recorder'],
  );
  for (const name of Object.values(RECORDING_FILES))
    for (const secret of ['of-bad-news', 'open-sesame', 'token=abc'])
      assert.ok(!readFileSync(join(folder, name)).includes(secret), `${secret} in ${name}`);
});

test('what is no good submission gets the answer of a backend that knows neither keys nor time', async (t) => {
  const { url, end, folder, recorder } = await recordInto(t);
  const answerTo = async (what: Promise<Got>) => {
    const { status, body } = await what;
    return `${status} ${body.toString()}`;
  };
  const submit = `${url}/v1/submit`;
  assert.equal(
    await answerTo(post(submit, Buffer.from('{}'))),
    `400 {"error":"One of required fields wasn't provided"}`,
  );
  assert.equal(
    await answerTo(post(submit, Buffer.from('nonsense'))),
    '400 {"error":"Error decoding payload"}',
  );
  assert.equal(await answerTo(send(submit, { chunks: [without, without] })), '411 ');
  assert.equal(await answerTo(send(`${url}/health`, { method: 'GET' })), '200 {"status":"ok"}\n');
  assert.equal(await answerTo(send(url, { method: 'GET' })), '200 delegation backend service');
  const moved = await send(`${url}//v1/submit`, { method: 'GET' });
  assert.deepEqual(
    [moved.status, moved.raw[moved.raw.indexOf('Location') + 1]],
    [301, '/v1/submit'],
  );
  const large = connect(recorder.port, '127.0.0.1');
  large.write('POST /v1/submit HTTP/1.1\r\nHost: x\r\nContent-Length: 50000001\r\n\r\n');
  const [first] = (await once(large, 'data')) as [Buffer];
  assert.match(first.toString(), /^HTTP\/1\.1 413 /);
  large.destroy();
  await end();
  assert.deepEqual(recorder.counts.answers, { 200: 2, 301: 1, 400: 2, 411: 1, 413: 1 });
  assert.equal(requestsOf(folder).length, 7);
  assert.equal(answersOf(folder).length, 7);
});

/** Answers what `answer` says to whatever comes, and keeps what came. */
async function target(
  t: TestContext,
  answer: (
    req: IncomingMessage,
    body: Buffer,
  ) => { status: number; reason: string; raw: string[]; parts: Buffer[] },
): Promise<{ url: string; seen: { raw: string[]; method: string; path: string; hash: string }[] }> {
  const seen: { raw: string[]; method: string; path: string; hash: string }[] = [];
  const server = createHttpServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks);
      seen.push({ raw: req.rawHeaders, method: req.method!, path: req.url!, hash: sha(body) });
      const { status, reason, raw, parts } = answer(req, body);
      res.sendDate = false;
      res.writeHead(status, reason, raw);
      for (const part of parts) res.write(part);
      res.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

/** Headers of the hop, which are the recorder's own. */
const OF_THE_HOP = /^(connection|keep-alive|transfer-encoding|content-length|host|date)$/i;
const endToEnd = (raw: readonly string[]): string[] => {
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2)
    if (!OF_THE_HOP.test(raw[i])) kept.push(raw[i], raw[i + 1]);
  return kept;
};

test('a request and its answer are passed on byte for byte: status, words, headers in their order, chunked and binary bodies', async (t) => {
  const binary = randomBytes(300_000);
  const raw = ['X-One', 'a', 'Set-Cookie', 'c=1', 'x-one', 'b', 'Retry-After', '1'];
  const { url: behind, seen } = await target(t, () => ({
    status: 429,
    reason: 'Slow Down',
    raw: [...raw, 'Connection', 'keep-alive, X-Hop', 'X-Hop', 'gone'],
    parts: [binary.subarray(0, 10), binary.subarray(10)],
  }));
  const { url, folder, end } = await recordInto(t, { forward: `${behind}/base` });
  const bodies = [withWork, without, Buffer.alloc(0), randomBytes(3_000_000)];
  const asked = ['X-First', '1', 'x-FIRST', '2', 'Authorization', 'Basic eDp5', 'Content-Type', 'application/json']; // prettier-ignore
  for (const [i, body] of bodies.entries()) {
    const req = request(`${url}/v1/submit?q=%20${i}`, { method: 'POST', agent: false });
    for (let k = 0; k < asked.length; k += 2) req.appendHeader(asked[k], asked[k + 1]);
    req.setHeader('TE', 'trailers');
    // The last one comes in chunks, without a length.
    if (i < bodies.length - 1) req.setHeader('Content-Length', body.length);
    req.end(body);
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    const parts: Buffer[] = [];
    for await (const part of res as AsyncIterable<Buffer>) parts.push(part);
    assert.deepEqual([res.statusCode, res.statusMessage], [429, 'Slow Down']);
    assert.deepEqual(endToEnd(res.rawHeaders), raw);
    assert.equal(sha(Buffer.concat(parts)), sha(binary));
    assert.equal(seen[i].hash, sha(body));
    assert.equal(seen[i].path, `/base/v1/submit?q=%20${i}`);
    const came = endToEnd(seen[i].raw);
    assert.ok(!came.includes('TE'), 'a header of the hop went on');
    const lower = (texts: readonly string[]) => texts.map((text) => text.toLowerCase()).sort();
    assert.deepEqual(
      lower(came).filter((text) => lower(asked).includes(text)),
      lower(asked),
      'headers that did not go on',
    );
  }
  await end();
  const requests = requestsOf(folder);
  assert.deepEqual(
    requests.map(({ body }) => sha(bytesOf(folder, body))),
    bodies.map(sha),
  );
  const answers = answersOf(folder);
  assert.equal(answers.length, 4);
  for (const { status, reason, by, headers, body } of answers) {
    assert.deepEqual([status, reason, by], [429, 'Slow Down', 'target']);
    assert.ok(headers!.some(([name, value]) => name === 'Set-Cookie' && value === '(removed)'));
    assert.equal(sha(bytesOf(folder, body!)), sha(binary));
  }
});

test('many at once keep their bytes apart, in pieces or whole', async (t) => {
  const { url: behind, seen } = await target(t, (_, body) => ({
    status: 200,
    reason: 'OK',
    raw: [],
    parts: [Buffer.from(sha(body))],
  }));
  const { url, folder, end } = await recordInto(t, { forward: behind });
  const bodies = Array.from({ length: 40 }, (_, i) => randomBytes(i % 5 === 0 ? 400_000 : 20_000));
  const got = await Promise.all(bodies.map((body) => post(url, body)));
  assert.deepEqual(
    got.map(({ body }) => body.toString()),
    bodies.map(sha),
  );
  assert.equal(seen.length, bodies.length);
  await end();
  const requests = requestsOf(folder);
  assert.deepEqual(requests.map(({ body }) => sha(bytesOf(folder, body))).sort(), bodies.map(sha).sort()); // prettier-ignore
  for (const answer of answersOf(folder)) {
    const { body } = requests.find(({ n }) => n === answer.n)!;
    assert.equal(answer.text, sha(bytesOf(folder, body)), 'an answer of another request');
  }
});

test('a target that is gone, or breaks off its answer: 502 or a cut answer, and both are recorded', async (t) => {
  const deaf = createServer((socket) => {
    socket.once('data', (bytes: Buffer) => {
      if (bytes.includes('half'))
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
      setTimeout(() => socket.destroy(), 20);
    });
  });
  deaf.listen(0, '127.0.0.1');
  await once(deaf, 'listening');
  t.after(() => void deaf.close());
  const forward = `http://127.0.0.1:${(deaf.address() as AddressInfo).port}`;
  const { url, folder, end, notes, recorder } = await recordInto(t, { forward });
  const got = await post(url, without);
  assert.equal(got.status, 502);
  assert.match(got.body.toString(), /the recorder's target did not answer: /);
  await assert.rejects(post(`${url}/half`, Buffer.from('half')));
  await end();
  assert.equal(recorder.counts.forwardFailures, 2);
  assert.equal(notes.length, 1, notes.join('; '));
  const [first, second] = answersOf(folder);
  assert.deepEqual([first.status, first.by, second.status, second.by], [502, 'recorder', 200, 'target']); // prettier-ignore
  assert.ok(first.error !== undefined && second.error !== undefined);
  assert.deepEqual(bytesOf(folder, requestsOf(folder)[0].body), without);
});

test('a sender that breaks off leaves a request that says so, and replay passes it over', async (t) => {
  const { url, folder, end, recorder } = await recordInto(t);
  await post(`${url}/v1/submit`, without);
  const socket = connect(recorder.port, '127.0.0.1');
  socket.write(`POST /v1/submit HTTP/1.1\r\nHost: x\r\nContent-Length: ${withWork.length}\r\n\r\n`);
  socket.write(withWork.subarray(0, 1000), () => socket.destroy());
  await until(() => requestsOf(folder).length === 2);
  await end();
  const [, second] = requestsOf(folder);
  assert.equal(second.body.cut, true);
  assert.deepEqual(bytesOf(folder, second.body), withWork.subarray(0, second.body.bytes));
  assert.equal(answersOf(folder)[1].status, null);
  const { payloads, notes } = await readPayloadFolder(folder);
  assert.equal(payloads.length, 1);
  assert.deepEqual(await payloadBytes(payloads[0]), without);
  assert.match(notes.join(), /1 that the sender broke off/);
});

test('a disk that is full: who was answered 200 is in the recording, whole; the others hear 503', async (t) => {
  let room = 3 * withWork.length + 2000;
  /** A disk with so much room; the last write may be a part of one. */
  const write: WriteV = (file, buffers, position) => {
    const taken = Buffer.concat(buffers).subarray(0, room);
    room -= taken.length;
    if (taken.length === 0)
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    return writeSync(file, taken, 0, taken.length, position);
  };
  const { url, folder, end, writer, recorder } = await recordInto(t, { write });
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) {
    const { status } = await post(`${url}/v1/submit`, withWork).catch(() => ({ status: 0 }));
    statuses.push(status);
  }
  const accepted = statuses.filter((status) => status === 200).length;
  assert.ok(accepted >= 1 && accepted <= 3, statuses.join());
  assert.deepEqual(new Set(statuses.slice(accepted)), new Set([503]));
  assert.ok(writer.failure.aborted);
  await end();
  assert.equal(recorder.counts.lost, 8 - accepted);
  assert.equal(requestsOf(folder).length, accepted);
  const { payloads, notes } = await readPayloadFolder(folder);
  assert.equal(payloads.length, accepted);
  for (const payload of payloads) assert.deepEqual(await payloadBytes(payload), withWork);
  assert.match(notes.join(), /was cut off/);
});

test('names of credentials are known in headers and addresses', () => {
  assert.deepEqual(shownHeaders(['Cookie', 'a', 'X-Auth-Token', 'b', 'Author', 'c', 'X', 'Bearer d']), [
    ['Cookie', '(removed)'],
    ['X-Auth-Token', '(removed)'],
    ['Author', 'c'],
    ['X', '(removed)'],
  ]); // prettier-ignore
  assert.equal(shownTarget('http://u:p@h/v1/submit?api%5Fkey=1&a&b=2'), 'http://h/v1/submit?api%5Fkey=(removed)&a&b=2'); // prettier-ignore
});
