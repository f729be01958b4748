/** The embedded backend answers as the real one did, byte for byte. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseSubmission, SubmissionError } from '../../mina/submission.ts';
import { goStringOfBytes, storedJson } from '../../stack/storage/go-json.ts';
import { createHourlyLimiter } from '../../stack/backend/rate-limit.ts';
import { loadConfig } from '../../stack/backend/config.ts';
import { networkOf } from '../../mina/network.ts';
import {
  backendAnswers,
  exchange,
  expand,
  post,
  startTestBackend,
  type TestBackend,
} from './support.ts';

/** Where node's HTTP parser is stricter than Go's, or writes another version: see the head of server.ts. */
const STRICTER_PARSER = [
  'FOO /',
  'FOO submit',
  'GET /a//b<é',
  'chunked + CL',
  'CL twice same',
  'CL empty',
  '1.2',
  'LF only',
  'folded',
  'lower method',
];
/** Accepted here, refused there; or the text differs although the meaning is the same. */
const OTHERWISE: Record<string, RegExp> = {
  'chunked unfinished': /^HTTP\/1\.1 411 /, // Go first reads to the end of the body
  'big unread body on /': /^HTTP\/1\.1 200 [^]*delegation backend serviceHTTP\/1\.1 200 /,
  'leading CRLF': /^HTTP\/1\.1 200 /,
  'header space before colon': /^HTTP\/1\.1 400 Bad Request\r\n/,
  '1.0': /^HTTP\/1\.1 200 [^]*\r\n\r\ndelegation backend service$/,
  '1.0 keep': /^HTTP\/1\.1 200 [^]*Connection: keep-alive\r\n\r\ndelegation backend service$/,
  '1.0 submit': /^HTTP\/1\.1 400 [^]*required fields/,
  '1.0 submit no CL': /^HTTP\/1\.1 400 /,
  '0.9': /^HTTP\/1\.1 400 /,
  binary: /^HTTP\/1\.1 400 /, // Go waits for a line end
};

describe('requests as the real backend saw them', () => {
  let backend: TestBackend;
  before(async () => {
    backend = await startTestBackend({ signatures: 'unchecked' });
  });
  after(() => backend.stop());

  for (const { name, send, answer, then } of backendAnswers.http)
    test(name, async () => {
      const parts = send.map((part) =>
        typeof part === 'number' || part === 'END' ? part : expand(part),
      );
      const undated = (text: string): string => text.replace(/Date: [^\r]*/g, 'Date: D');
      const expected = OTHERWISE[name];
      const isWhole = (text: string): boolean =>
        expected
          ? expected.test(text)
          : then === 'open' && undated(text).length >= answer.length && answer !== '';
      const got = await exchange(backend.port, parts, isWhole);
      if (STRICTER_PARSER.includes(name)) assert.match(got.text, /^HTTP\/1\.1 (400|505) /);
      else if (expected) assert.match(got.text, expected);
      else {
        assert.equal(undated(got.text), answer);
        if (then === 'closed') assert.ok(got.closed, 'the connection stayed open');
      }
    });
});

describe('bodies as the real backend saw them', () => {
  for (const { name, body, verified, unverified, stored } of backendAnswers.bodies)
    test(name, async () => {
      const bytes = expand(body);
      const strict = await startTestBackend();
      const lenient = await startTestBackend({ signatures: 'unchecked' });
      try {
        assert.deepEqual(await post(strict.port, bytes), verified);
        assert.equal(strict.storage.saved.length, verified.status === 200 ? 1 : 0);
        const forwarded = 'X-Forwarded-For: 192.0.2.1\r\n';
        assert.deepEqual(await post(lenient.port, bytes, forwarded), unverified);
        const saved = lenient.storage.saved.map((submission) =>
          Buffer.from(storedJson(submission)).toString('latin1'),
        );
        assert.deepEqual(saved, stored === null ? [] : [stored]);
      } finally {
        await Promise.all([strict.stop(), lenient.stop()]);
      }
    });

  test('the parser alone tells the same two kinds of refusal apart', () => {
    for (const { name, body, unverified } of backendAnswers.bodies) {
      const problem = problemOf(expand(body));
      if (unverified.body.includes('decoding')) assert.equal(problem, 'decode', name);
      else if (unverified.body.includes('required')) assert.equal(problem, 'missing', name);
      else assert.equal(problem, null, name);
    }
  });
});

function problemOf(body: Uint8Array): string | null {
  try {
    parseSubmission(body);
    return null;
  } catch (error) {
    assert.ok(error instanceof SubmissionError);
    return error.problem;
  }
}

describe('sequences as the real backend saw them', () => {
  const submitter = 'B62qkKcZoRsRQ6PLL5SJyxRwJyFa8otqpinRUg6jZKQHYzkCEj9Z1Rk';
  for (const { name, env, steps } of backendAnswers.sequences)
    test(name, async () => {
      const config = loadConfig({
        CONFIG_NETWORK_NAME: 'testnet',
        CONFIG_FILESYSTEM_PATH: 'unused',
        DELEGATION_WHITELIST_DISABLED: '1',
        BACKEND_FAITHFUL: '1',
        ...env,
      });
      const whitelist = name.includes('not in') ? new Set(['x']) : new Set([submitter]);
      const backend = await startTestBackend({
        network: networkOf(config.networkName),
        limiter: createHourlyLimiter(config.requestsPerKeyHourly, () => 0),
        whitelist: () => (name.includes('whitelist') ? whitelist : null),
      });
      try {
        for (const { step, answer } of steps) {
          const { body } = backendAnswers.bodies.find((each) => each.name === step)!;
          assert.deepEqual(await post(backend.port, expand(body)), answer, step);
        }
      } finally {
        await backend.stop();
      }
    });
});

test('remote_addr is the first X-Forwarded-For, else ip:port, in Go’s JSON', async () => {
  const body = expand(backendAnswers.bodies[0].body);
  const backend = await startTestBackend();
  for (const { headers, remote_addr } of backendAnswers.forwarded) {
    const lines = headers.map((header) => `${header}\r\n`).join('');
    assert.equal((await post(backend.port, body, lines)).status, 200);
    const text = Buffer.from(goStringOfBytes(backend.storage.saved.at(-1)!.remoteAddr));
    const port = /"127\.0\.0\.1:\d+"/;
    if (port.test(remote_addr!)) assert.match(text.toString(), port);
    else assert.equal(text.toString('latin1'), remote_addr, headers.join());
  }
  await backend.stop();
});
