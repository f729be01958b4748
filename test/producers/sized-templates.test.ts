/** Bodies of an exact size: signed, whole, and up to what a backend takes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ENVELOPE, RECORD } from '../../mina/envelope.ts';
import { parseBlock } from '../../mina/block.ts';
import { BinProtError } from '../../mina/bin-prot.ts';
import { verify } from '../../mina/schnorr.ts';
import { messageOf, signedText } from '../../mina/submission-text.ts';
import { parseSubmission, signedFields, tokenBytes } from '../../mina/submission.ts';
import { readCorpus, writeCorpus } from '../../producers/corpus.ts';
import { makeFleet } from '../../producers/fleet.ts';
import { MAX_BODY_BYTES } from '../../mina/limits.ts';
import { sizedTemplates } from '../../producers/sized-templates.ts';
import { recordedPayloads } from '../../producers/templates.ts';
import { scratchFolder } from '../support/scratch.ts';

const fleet = makeFleet({ seed: 'sizes', count: 3 });
const payloads = await recordedPayloads();
const START = Date.parse('2026-01-02T03:04:05Z') / 1000;
const named = (bytes: number) => ({ name: `${bytes}`, bytes });
// Each remainder of 4, around the recorded sizes, and across the pieces in which a block is made.
const SIZES = [1000, 17_000, 17_250, 17_251, 17_252, 32_300, 64_001, 64_002, 64_003, 3_000_000];

async function write(t: TestContext, sizes: readonly number[], seed = 'a') {
  const folder = join(scratchFolder(t), 'corpus');
  const templates = sizedTemplates(payloads, sizes.map(named), seed);
  const index = await writeCorpus({
    folder,
    fleet,
    templates,
    mix: [{ weight: 1, templates: templates.map((_, i) => i), order: 'sequence' }],
    count: sizes.length,
    network: 'testnet',
    seed,
    createdAt: { startSeconds: START, perSecond: 1 },
    workers: 1,
  });
  return { folder, index, templates };
}

function bodiesOf(folder: string): Buffer[] {
  const corpus = readCorpus(folder);
  corpus.close();
  const envelopes = readFileSync(join(folder, 'envelopes.bin'));
  const bodies = readFileSync(join(folder, 'bodies.bin'));
  return Array.from({ length: corpus.index.count }, (_, i) => {
    const at = i * RECORD.bytes;
    const { offset, bytes, envelopeOffset } = corpus.index.templates[envelopes.readUInt32LE(at)];
    const body = Buffer.from(bodies.subarray(offset, offset + bytes));
    const start = at + RECORD.envelopeOffset;
    if (envelopeOffset !== undefined)
      envelopes.copy(body, envelopeOffset, start, start + ENVELOPE.bytes);
    return body;
  });
}

test('each body has its size to the byte, and its signature holds', async (t) => {
  const { folder, index } = await write(t, SIZES);
  assert.deepEqual(
    index.templates.map(({ bytes }) => bytes),
    SIZES,
  );
  const bodies = bodiesOf(folder);
  assert.deepEqual(
    bodies.map(({ length }) => length),
    SIZES,
  );
  for (const body of bodies) {
    const submission = parseSubmission(body);
    const { signature, submitterKey } = submission;
    const message = messageOf(signedText(signedFields(submission)));
    assert.ok(verify(submitterKey, signature, message, 'testnet'), `${body.length}`); // prettier-ignore
  }
});

test('the recorded block stands at the beginning, so the chain can be read; only a smaller body cuts it', async (t) => {
  const { folder } = await write(t, SIZES);
  const recorded = payloads.map(({ path }) => {
    const body = readFileSync(path);
    return Buffer.from(tokenBytes(body, parseSubmission(body).block));
  });
  for (const body of bodiesOf(folder)) {
    const submission = parseSubmission(body);
    const block = Buffer.from(tokenBytes(body, submission.block));
    const known = recorded.find((one) => block.subarray(0, 500).equals(one.subarray(0, 500)))!;
    const shared = Math.min(known.length, block.length);
    assert.ok(block.subarray(0, shared).equals(known.subarray(0, shared)));
    if (block.length >= known.length) parseBlock(block);
    else assert.throws(() => parseBlock(block), BinProtError);
    // The largest recorded one that fits has snark work.
    assert.equal(submission.snarkWork !== null, body.length >= 32_300, `${body.length}`);
  }
});

test('the seed decides what is added', async () => {
  const of = async (seed: string) => {
    const [template] = sizedTemplates(payloads, [named(100_000)], seed);
    return (await template.load()).block;
  };
  assert.ok((await of('a')).equals(await of('a')));
  assert.ok(!(await of('a')).equals(await of('b')));
});

test('one byte over the limit expects 413, the limit itself does not', () => {
  const [at, over] = sizedTemplates(
    payloads,
    [named(MAX_BODY_BYTES), named(MAX_BODY_BYTES + 1)],
    'a',
  );
  assert.equal(at.expected, undefined);
  assert.deepEqual(over.expected, { status: 413, body: null });
});

test('the corpus says what its bodies expect, and to which group they belong', async (t) => {
  const folder = join(scratchFolder(t), 'corpus');
  const [template] = sizedTemplates(payloads, [named(20_000)], 'a');
  await writeCorpus({
    folder,
    fleet,
    templates: [{ ...template, expected: { status: 413, body: null }, group: 7 }],
    count: 1,
    network: 'testnet',
    seed: 'a',
    createdAt: { startSeconds: START, perSecond: 1 },
    workers: 1,
  });
  const corpus = readCorpus(folder);
  corpus.close();
  const [{ expected, group }] = corpus.index.templates;
  assert.deepEqual({ expected, group }, { expected: { status: 413, body: null }, group: 7 });
});

test('a recorded body lies in the corpus as it is, between signed ones, with its own submitter', async (t) => {
  const folder = join(scratchFolder(t), 'corpus');
  const [sized] = sizedTemplates(payloads, [named(20_000)], 'a');
  const bytes = readFileSync(payloads[0].path);
  const recorded = { ...sized, recorded: () => Promise.resolve(bytes) };
  const second = sizedTemplates(payloads, [named(21_001)], 'a')[0];
  await writeCorpus({
    folder,
    fleet,
    templates: [sized, recorded, second],
    mix: [{ weight: 1, templates: [0, 1, 2], order: 'sequence' }],
    count: 7,
    network: 'testnet',
    seed: 'a',
    createdAt: { startSeconds: START, perSecond: 1 },
    workers: 1,
  });
  const corpus = readCorpus(folder);
  assert.equal(corpus.index.templates[1].envelopeOffset, undefined);
  const { submitter, peerId, createdAt } = parseSubmission(bytes);
  const { template, ...said } = corpus.submissionAt(4);
  assert.equal(template, 1);
  assert.equal(said.submitter, submitter);
  assert.equal(said.peerId, peerId);
  assert.equal(said.createdAt, createdAt.utc);
  corpus.close();
  const { offset } = corpus.index.templates[1];
  const inFile = readFileSync(join(folder, 'bodies.bin')).subarray(offset, offset + bytes.length);
  assert.ok(inFile.equals(bytes));
  for (const i of [0, 2, 3, 5, 6]) {
    const body = bodiesOf(folder)[i];
    const submission = parseSubmission(body);
    const message = messageOf(signedText(signedFields(submission)));
    const { signature, submitterKey } = submission;
    assert.ok(verify(submitterKey, signature, message, 'testnet'), `${i}`);
  }
});
