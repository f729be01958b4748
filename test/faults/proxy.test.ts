/** The proxy of faults before a target that writes down what arrives: what a client sees of each, what the target sees of it, and that it ends. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { answerBody, FaultProxy } from '../../faults/proxy/proxy.ts';
import { type Piece, RequestSplitter } from '../../faults/proxy/requests.ts';
import type { Toxic } from '../../faults/proxy/toxic.ts';
import { until } from '../support/until.ts';

type Arrival = { bytes: number; whole: boolean; sha: string };

/** Its own log is the truth. */
async function startTarget(t: TestContext) {
  const arrivals: Arrival[] = [];
  const server = createServer((incoming, response) => {
    const hash = createHash('sha256');
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      hash.update(chunk);
    });
    incoming.on('error', () => undefined);
    incoming.on('close', () => {
      arrivals.push({ bytes, whole: incoming.complete, sha: hash.digest('hex') });
      if (incoming.complete) response.end('{"status":"ok"}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close().closeAllConnections());
  return { port: (server.address() as AddressInfo).port, arrivals };
}

async function startProxy(t: TestContext, port: number, seed = 1): Promise<FaultProxy> {
  const proxy = new FaultProxy({ host: '127.0.0.1', port }, seed);
  await proxy.listen(0);
  t.after(() => proxy.stop());
  return proxy;
}

type Answer = { status: number; body: string; ms: number } | { error: string; ms: number };

function post(port: number, body: Buffer, agent?: Agent): Promise<Answer> {
  const began = performance.now();
  const ms = (): number => performance.now() - began;
  return new Promise((resolve) => {
    const sent = request(
      { host: '127.0.0.1', port, method: 'POST', agent: agent ?? false },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () =>
          resolve({ status: answer.statusCode!, body: Buffer.concat(chunks).toString(), ms: ms() }),
        );
        answer.on('error', (error: NodeJS.ErrnoException) => resolve({ error: error.code!, ms: ms() })); // prettier-ignore
      },
    );
    sent.on('error', (error: NodeJS.ErrnoException) => resolve({ error: error.code!, ms: ms() }));
    sent.end(body);
  });
}

const BODY = Buffer.alloc(50_000, 'x');
const isOk = (answer: Answer): boolean => 'status' in answer && answer.status === 200;

/** What happens while the toxic is on, and that all is as before when it is off, on the same agent. */
async function around(
  t: TestContext,
  toxic: Toxic,
  during: (around: { port: number; agent: Agent; arrivals: Arrival[]; proxy: FaultProxy }) => Promise<void>, // prettier-ignore
): Promise<number> {
  const { port, arrivals } = await startTarget(t);
  const proxy = await startProxy(t, port);
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  assert.ok(isOk(await post(proxy.port, BODY, agent)));
  await proxy.add(1, toxic);
  await during({ port: proxy.port, agent, arrivals, proxy });
  const struck = await proxy.remove(1);
  assert.ok(isOk(await post(proxy.port, BODY)), 'after the end');
  const fresh = arrivals.length;
  assert.ok(isOk(await post(proxy.port, BODY)));
  assert.equal(arrivals.length, fresh + 1);
  return struck;
}

test('latency: each request is later by it, and whole', async (t) => {
  await around(t, { kind: 'latency', minMs: 150, maxMs: 150 }, async ({ port, agent, arrivals }) => {
    for (const one of [agent, undefined]) {
      const answer = await post(port, BODY, one);
      assert.ok(isOk(answer) && answer.ms >= 149, JSON.stringify(answer));
    }
    assert.ok(arrivals.every(({ whole, bytes }) => whole && bytes === BODY.length));
  }); // prettier-ignore
});

test('bandwidth: bytes take their time, over all connections together', async (t) => {
  await around(t, { kind: 'bandwidth', bytesPerSecond: 400_000 }, async ({ port }) => {
    const began = performance.now();
    await Promise.all([post(port, BODY), post(port, BODY)]);
    // 100,000 bytes at 400,000 a second.
    assert.ok(performance.now() - began >= 240, `${performance.now() - began}`);
  });
});

test('stall: nothing goes through until the end, then all of it', async (t) => {
  const { port, arrivals } = await startTarget(t);
  const proxy = await startProxy(t, port);
  await proxy.add(1, { kind: 'stall' });
  const answers: Answer[] = [];
  const sent = Promise.all([1, 2, 3].map(() => post(proxy.port, BODY).then((one) => answers.push(one)))); // prettier-ignore
  // A request past the proxy comes and goes in the meantime.
  assert.ok(isOk(await post(port, BODY)));
  assert.deepEqual([answers.length, arrivals.length], [0, 1]);
  await proxy.remove(1);
  await sent;
  assert.ok(answers.every(isOk) && arrivals.length === 4);
});

test('refuse: open connections are reset, new ones refused', async (t) => {
  await around(t, { kind: 'refuse' }, async ({ port, agent, arrivals }) => {
    const before = arrivals.length;
    for (let i = 0; i < 3; i++) {
      const answer = await post(port, BODY, agent);
      assert.ok('error' in answer && ['ECONNREFUSED', 'ECONNRESET'].includes(answer.error));
      if (i > 0) assert.equal(answer.error, 'ECONNREFUSED');
    }
    assert.equal(arrivals.length, before);
  });
});

test('reset: of all, or of a share that the seed picks; the target never sees those', async (t) => {
  const all = await around(t, { kind: 'reset', share: 1 }, async ({ port, arrivals }) => {
    const before = arrivals.length;
    const answer = await post(port, BODY);
    assert.equal('error' in answer && answer.error, 'ECONNRESET');
    assert.equal(arrivals.length, before);
  });
  assert.ok(all >= 1);
  const picked = async (seed: number): Promise<string> => {
    const { port, arrivals } = await startTarget(t);
    const proxy = await startProxy(t, port, seed);
    await proxy.add(1, { kind: 'reset', share: 0.5 });
    let fates = '';
    for (let i = 0; i < 24; i++)
      fates += isOk(await post(proxy.port, Buffer.from('x'))) ? '.' : 'R';
    const resets = fates.replaceAll('.', '').length;
    assert.equal(await proxy.remove(1), resets);
    assert.equal(arrivals.length, 24 - resets);
    return fates;
  };
  const [one, again, other] = [await picked(7), await picked(7), await picked(8)];
  assert.equal(one, again);
  assert.notEqual(one, other);
});

test('cut: the target sees half a body, the client a reset', async (t) => {
  const struck = await around(t, { kind: 'cut', share: 1 }, async ({ port, agent, arrivals }) => {
    for (const one of [undefined, agent]) {
      const before = arrivals.length;
      const answer = await post(port, BODY, one);
      assert.equal('error' in answer && answer.error, 'ECONNRESET');
      await until(() => arrivals.length === before + 1, () => arrivals); // prettier-ignore
      const { whole, bytes } = arrivals[before];
      assert.deepEqual([whole, bytes], [false, BODY.length / 2]);
    }
  });
  assert.equal(struck, 2);
});

test('status: the answer is the proxy’s, the connection stays, the target sees nothing', async (t) => {
  const struck = await around(t, { kind: 'status', status: 503, share: 1 }, async ({ port, agent, arrivals }) => {
    const before = arrivals.length;
    for (let i = 0; i < 3; i++) {
      const answer = await post(port, BODY, agent);
      assert.deepEqual('status' in answer && [answer.status, answer.body], [503, answerBody(503)]);
    }
    assert.equal(arrivals.length, before);
  }); // prettier-ignore
  assert.equal(struck, 3);
});

test('no byte is changed or lost, whatever goes through, with latency and a narrow way too', async (t) => {
  const received: Buffer[] = [];
  const server: Server = createTcp((socket: Socket) => {
    socket.on('data', (chunk) => {
      received.push(chunk);
      socket.write(chunk);
    });
    socket.on('end', () => socket.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const proxy = await startProxy(t, (server.address() as AddressInfo).port);
  await proxy.add(1, { kind: 'latency', minMs: 0, maxMs: 20 });
  await proxy.add(2, { kind: 'bandwidth', bytesPerSecond: 50_000_000 });
  const sent = Buffer.alloc(1_500_000);
  for (let i = 0; i < sent.length; i += 4) sent.writeUInt32LE(i, i);
  const { createConnection } = await import('node:net');
  const client = createConnection({ host: '127.0.0.1', port: proxy.port });
  const back: Buffer[] = [];
  client.on('data', (chunk) => back.push(chunk));
  client.end(sent);
  await once(client, 'close');
  assert.ok(Buffer.concat(received).equals(sent) && Buffer.concat(back).equals(sent));
});

/** A request as text, and what it is. */
const requestArbitrary = fc.record({
  head: fc.constantFrom('POST /v1/submit HTTP/1.1\r\nhost: a', 'GET / HTTP/1.1\r\nx: Content-Lengths'),
  body: fc.uint8Array({ maxLength: 300 }),
}); // prettier-ignore

test('however a stream of requests is cut into chunks: each begins and ends once, and the bytes stay', () => {
  fc.assert(
    fc.property(fc.array(requestArbitrary, { maxLength: 5 }), fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (requests, sizes) => {
      const stream = Buffer.concat(
        requests.flatMap(({ head, body }) => [Buffer.from(`${head}\r\nContent-Length: ${body.length}\r\n\r\n`), Buffer.from(body)]),
      );
      const splitter = new RequestSplitter();
      const pieces: Piece[] = [];
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = sizes[i % sizes.length];
        pieces.push(...splitter.push(stream.subarray(at, at + size)));
        at += size;
      }
      assert.ok(Buffer.concat(pieces.map(({ bytes }) => bytes)).equals(stream));
      const count = (of: 'begins' | 'ends') => pieces.filter((piece) => piece[of]).length;
      assert.deepEqual([count('begins'), count('ends')], [requests.length, requests.length]);
      const bodies = pieces.reduce((sum, { inBody }) => sum + inBody, 0);
      assert.equal(bodies, requests.reduce((sum, { body }) => sum + body.length, 0));
    }),
  ); // prettier-ignore
});

test('what is no request with a length is passed on as it is', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 80 }), { maxLength: 6 }), (chunks) => {
      const splitter = new RequestSplitter();
      const out = chunks.flatMap((chunk) => splitter.push(Buffer.from(chunk))).map(({ bytes }) => bytes);
      const all = Buffer.concat(chunks);
      // The beginning of a head may wait for its end.
      assert.ok(all.subarray(0, Buffer.concat(out).length).equals(Buffer.concat(out)));
      if (splitter.isOpaque) assert.equal(Buffer.concat(out).length, all.length);
    }),
  ); // prettier-ignore
  for (const text of [
    '\x16\x03\x01\x02\x00\x01\x00',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n',
    'POST / HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc',
    `GET /${'x'.repeat(70_000)}`,
  ]) {
    const splitter = new RequestSplitter();
    assert.equal(Buffer.concat(splitter.push(Buffer.from(text, 'latin1')).map(({ bytes }) => bytes)).toString('latin1'), text); // prettier-ignore
    assert.ok(splitter.isOpaque, text.slice(0, 30));
  }
});
