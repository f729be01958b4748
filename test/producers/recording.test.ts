/** Recordings: what is written is read again, and of one that was cut off what is whole. */
import assert from 'node:assert/strict';
import { appendFileSync, cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { recordedStarts } from '../../load/timed-starts.ts';
import { payloadBytes, readPayloadFolder } from '../../producers/payloads.ts';
import { RECORDING_FILES } from '../../producers/recording/format.ts';
import { RecordingWriter } from '../../producers/recording/writer.ts';
import { TakenBody } from '../../stack/recorder/taken-body.ts';
import { UserError } from '../../user-error.ts';
import { jobOf } from '../support/job.ts';
import { readRecorded, RECORDED_NAMES } from '../support/recorded.ts';
import { scratchFolder } from '../support/scratch.ts';

const BODIES = RECORDED_NAMES.map((name) => Buffer.from(readRecorded(name)));
const START = Date.parse('2026-05-01T12:00:00.250Z');

const requestLine = (n: number, at: number, body: Buffer, pieces: [number, number][]) => ({
  n,
  at: new Date(at).toISOString(),
  method: 'POST',
  target: '/v1/submit',
  httpVersion: '1.1',
  from: '127.0.0.1:1',
  headers: [] as [string, string][],
  body: { bytes: body.length, pieces, crc32: crc32(body) },
});

/** Of so many requests, a second and a half apart, the bodies in turns. */
async function recording(t: TestContext, count: number): Promise<string> {
  const folder = join(scratchFolder(t), 'recording');
  const writer = await RecordingWriter.open(folder, { startedAt: '', forward: null });
  for (let i = 0; i < count; i++) {
    const body = BODIES[i % 2];
    const at = writer.addBytes([body]);
    writer.addRequest(requestLine(i + 1, START + 1500 * i, body, [[at, body.length]]));
    writer.addAnswer({ n: i + 1, ms: 1, status: 200, by: 'recorder' });
  }
  await writer.close({ answers: { 200: count }, lost: 0 });
  return folder;
}

const copyOf = (folder: string): string => {
  const copy = `${folder}-${crypto.randomUUID()}`;
  cpSync(folder, copy, { recursive: true });
  return copy;
};

test('a recording is read as it was written, in its order and with its times', async (t) => {
  const folder = await recording(t, 5);
  const { payloads, notes } = await readPayloadFolder(folder);
  assert.deepEqual(notes, []);
  assert.deepEqual(
    payloads.map(({ name }) => name),
    [1, 2, 3, 4, 5].map((n) => `request ${n}`),
  );
  for (const [i, payload] of payloads.entries())
    assert.deepEqual(await payloadBytes(payload), BODIES[i % 2]);
  const words = ['--scenario', 'replay', '--payloads', folder, '--timing', 'recorded'];
  const { request } = jobOf([...words, '--time-factor', '2']);
  const { offsetsMs } = recordedStarts(request, payloads);
  assert.deepEqual([...offsetsMs], [0, 750, 1500, 2250, 3000]);
});

test('a recorder that was killed: what is whole is read, a cut last line is named and left out', async (t) => {
  const whole = await recording(t, 3);
  const lines = readFileSync(join(whole, RECORDING_FILES.requests));
  const secondEnd = lines.indexOf('\n', lines.indexOf('\n') + 1) + 1;
  for (const length of [secondEnd, secondEnd + 1, secondEnd + 60, lines.length - 1]) {
    const folder = copyOf(whole);
    truncateSync(join(folder, RECORDING_FILES.requests), length);
    const head = JSON.parse(readFileSync(join(folder, RECORDING_FILES.head), 'utf8')) as object;
    writeFileSync(join(folder, RECORDING_FILES.head), JSON.stringify({ ...head, end: undefined }));
    const { payloads, notes } = await readPayloadFolder(folder);
    assert.equal(payloads.length, 2, `${length} bytes`);
    assert.equal(notes.length, 1);
    assert.ok(
      notes[0].endsWith(
        length === secondEnd
          ? 'was cut off: 2 submissions are whole'
          : 'was cut off: 2 submissions are whole, and 1 request is not and left out',
      ),
      notes[0],
    );
  }
});

test('bytes that are not there, or are others, are not sent', async (t) => {
  const whole = await recording(t, 3);
  const shorter = copyOf(whole);
  truncateSync(join(shorter, RECORDING_FILES.bodies), BODIES[0].length + BODIES[1].length + 5);
  const flipped = copyOf(whole);
  const bytes = readFileSync(join(flipped, RECORDING_FILES.bodies));
  bytes[BODIES[0].length + 100] ^= 1;
  writeFileSync(join(flipped, RECORDING_FILES.bodies), bytes);
  for (const [folder, left] of [
    [shorter, ['request 1', 'request 2']],
    [flipped, ['request 1', 'request 3']],
  ] as const) {
    const { payloads, notes } = await readPayloadFolder(folder);
    assert.deepEqual(
      payloads.map(({ name }) => name),
      left,
    );
    assert.match(notes[0], /cut off: 2 submissions are whole, and 1 request is not and left out$/);
  }
});

test('a recording without one whole submission, of a later format, of another program: one sentence each', async (t) => {
  const folder = await recording(t, 1);
  const errorOf = async (change: (copy: string) => void): Promise<UserError> => {
    const copy = copyOf(folder);
    change(copy);
    const error: unknown = await readPayloadFolder(copy).then(
      () => null,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof UserError, String(error));
    assert.equal(error.exitCode, 2);
    assert.ok(!error.message.includes('\n'));
    return error;
  };
  const head = (text: string) => (copy: string) =>
    writeFileSync(join(copy, RECORDING_FILES.head), text);
  const empty = await errorOf((copy) => truncateSync(join(copy, RECORDING_FILES.requests), 10));
  assert.match(
    empty.message,
    /holds no whole submission: .* was cut off: 0 submissions are whole, and 1 request is not/,
  );
  assert.match(
    (await errorOf(head('{"format":2}'))).message,
    /has format 2, and this version reads 1/,
  );
  assert.match((await errorOf(head('{"x":1}'))).message, /is no head of a recording/);
  assert.match((await errorOf(head('{'))).message, /is no head of a recording/);
  const gone = await errorOf((copy) => rmSync(join(copy, RECORDING_FILES.bodies)));
  assert.match(gone.message, /the bodies of the recording .*ENOENT/);
});

test('requests that are no submissions are counted and passed over', async (t) => {
  const folder = await recording(t, 2);
  const line = requestLine(3, START, BODIES[0], [[0, BODIES[0].length]]);
  const odd = requestLine(4, START, BODIES[0].subarray(1, 50), [[1, 49]]);
  for (const more of [{ ...line, method: 'GET' }, { ...line, target: '/v1/submit/' }, odd])
    appendFileSync(join(folder, RECORDING_FILES.requests), `${JSON.stringify(more)}\n`);
  const { payloads, notes } = await readPayloadFolder(folder);
  assert.equal(payloads.length, 2);
  assert.match(
    notes[0],
    /not used: 2 that are no POST to \/v1\/submit, 1 whose bodies are no submissions$/,
  );
});

test('a folder that holds something is left as it is', async (t) => {
  const folder = scratchFolder(t);
  writeFileSync(join(folder, 'mine.txt'), 'x');
  await assert.rejects(RecordingWriter.open(folder, { startedAt: '', forward: null }), (error) => {
    assert.ok(error instanceof UserError && error.exitCode === 2);
    return /is not empty: it holds mine\.txt/.test(error.message);
  });
});

test('law: bodies that come in turns in whatever pieces are read as they were', async (t) => {
  const chunk = fc.uint8Array({ maxLength: 90_000 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(2), chunk), { maxLength: 12 }), async (steps) => {
      const folder = join(scratchFolder(t), 'recording');
      const writer = await RecordingWriter.open(folder, { startedAt: '', forward: null });
      const taken = [0, 1, 2].map(() => new TakenBody(writer));
      const sent: Buffer[][] = [[], [], []];
      for (const [which, bytes] of steps) {
        taken[which].take(Buffer.from(bytes));
        sent[which].push(Buffer.from(bytes));
      }
      const notes = taken.map((body) => body.end());
      // What belongs to no request is cut off at the end.
      for (const [i, body] of notes.entries())
        writer.addRequest({ ...requestLine(i + 1, START, BODIES[0], []), body });
      await writer.close({ answers: {}, lost: 0 });
      const all = readFileSync(join(folder, RECORDING_FILES.bodies));
      for (const [i, note] of notes.entries()) {
        const whole = Buffer.concat(sent[i]);
        const read = Buffer.concat(note.pieces.map(([at, n]) => all.subarray(at, at + n)));
        assert.ok(read.equals(whole));
        assert.equal(note.crc32, crc32(whole));
      }
    }),
    { numRuns: 15 },
  );
});
