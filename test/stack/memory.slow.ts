/** The backend as a process, under 1,000 connections that each send 4 MB, and under clients that send next to nothing. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { startBackend } from '../../stack/backend-process.ts';
import { openFilesLimit } from '../../system/open-files.ts';
import { scratchFolder } from '../support/scratch.ts';
import { readRecorded } from '../support/recorded.ts';
import { until } from '../support/until.ts';

const base = scratchFolder();
const MB = 1e6;
const BODY_BYTES = 4 * MB;
const CONNECTIONS = 1000;
/** Bodies under way have 268 MB, the reserve 50, a part of each connection's body 64; the rest is Node and what it has not collected yet. */
const MOST_RSS = 900 * MB;

/** Two files of this process each: its own end, and in the worst case what the shell left it. */
const limit = await openFilesLimit();
const skip =
  process.platform !== 'linux'
    ? 'reads /proc'
    : limit !== null && limit < 2 * CONNECTIONS
      ? `only ${limit} files may be open`
      : false;

const recorded = Buffer.from(readRecorded('submission-without-snark-work.json'));
/** White space after the object is part of no value: what is sent is a valid submission of 4 MB. */
const large = Buffer.concat([recorded, Buffer.alloc(BODY_BYTES - recorded.length, 0x20)]);
const head = (length: number): Buffer =>
  Buffer.from(
    `POST /v1/submit HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`,
  );
const peakRss = (pid: number): number =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) * 1024;

/** Sends, reads to the end. @returns the status, 0 for none */
const send = (port: number, body: Buffer): Promise<number> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0)));
    socket.write(head(body.length));
    socket.write(body);
  });

const start = (name: string) =>
  startBackend({
    whitelist: null,
    storageFolder: join(base, name),
    logFile: join(base, `${name}.log`),
    // One submitter sends them all.
    env: { REQUESTS_PER_PK_HOURLY: '100000', BACKEND_FAITHFUL: '1' },
  });

test(
  '1,000 connections at once, 4 MB each: all are answered, and memory is bounded',
  { skip },
  async () => {
    const backend = await start('large');
    const statuses = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => send(backend.port, large)),
    );
    const rss = peakRss(backend.pid);
    console.log(`peak memory of the backend: ${Math.round(rss / MB)} MB`);
    assert.deepEqual([...new Set(statuses)], [200]);
    assert.ok(rss < MOST_RSS, `${rss} bytes`);
    await backend.stop();
  },
);

test(
  '500 clients that send next to nothing hold up nobody, and little memory',
  { skip },
  async () => {
    const backend = await start('slow');
    const slow: Socket[] = Array.from({ length: 500 }, () => {
      const socket = connect(backend.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(head(BODY_BYTES));
      socket.write(recorded.subarray(0, 1000));
      return socket;
    });
    const trickle = setInterval(() => slow.forEach((socket) => socket.write(' ')), 200);
    await until(async () => {
      const text = await (await fetch(`${backend.url}/metrics`)).text();
      return Number(/^uptime_backend_connections (\d+)$/m.exec(text)?.[1]) >= slow.length;
    });
    const startedMs = performance.now();
    for (let i = 0; i < 50; i++) assert.equal(await send(backend.port, recorded), 200);
    console.log(
      `50 submissions one after another: ${Math.round(performance.now() - startedMs)} ms`,
    );
    for (const status of await Promise.all([large, large].map((body) => send(backend.port, body))))
      assert.equal(status, 200);
    assert.ok(peakRss(backend.pid) < MOST_RSS / 2, `${peakRss(backend.pid)} bytes`);
    const text = await (await fetch(`${backend.url}/metrics`)).text();
    assert.match(text, /^uptime_backend_signature_checks_waiting 0$/m);
    clearInterval(trickle);
    slow.forEach((socket) => socket.destroy());
    await backend.stop();
  },
);
