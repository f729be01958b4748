import assert from 'node:assert/strict';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ENVELOPE, ENVELOPE_END, RECORD } from '../../mina/envelope.ts';
import { verify } from '../../mina/schnorr.ts';
import { createSigner } from '../../mina/signer.ts';
import { messageOf, signedText } from '../../mina/submission-text.ts';
import { parseSubmission, signedFields } from '../../mina/submission.ts';
import { loadMinaWasm } from '../../paths.ts';
import type { Corpus } from '../../producers/corpus.ts';
import { type CorpusJob, readCorpus, writeCorpus } from '../../producers/corpus.ts';
import { makeFleet } from '../../producers/fleet.ts';
import { readTemplates, type SubmissionTemplate } from '../../producers/templates.ts';
import { UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';

const fleet = makeFleet({ seed: 'corpus', count: 50 });
const shipped = await readTemplates();
const START = Date.parse('2026-01-02T03:04:05Z') / 1000;
const job = (part: Partial<CorpusJob> = {}): CorpusJob => ({
  fleet,
  templates: shipped,
  count: 100,
  network: 'testnet',
  seed: 's',
  createdAt: { startSeconds: START, perSecond: 10 },
  workers: 1,
  ...part,
});
const FILES = ['bodies.bin', 'corpus.json', 'envelopes.bin'];
const bytesIn = (folder: string) => FILES.map((name) => readFileSync(join(folder, name)));

/** Body i as a scenario posts it. */
function bodyOf(folder: string, corpus: Corpus, i: number): Buffer {
  const record = readFileSync(join(folder, 'envelopes.bin')).subarray(i * RECORD.bytes);
  const { offset, bytes, envelopeOffset } = corpus.index.templates[record.readUInt32LE(0)];
  const body = readFileSync(join(folder, 'bodies.bin')).subarray(offset, offset + bytes);
  record.copy(body, envelopeOffset, RECORD.envelopeOffset, RECORD.envelopeOffset + ENVELOPE.bytes);
  return body;
}

/** All that a recorded body may hold, with characters that JSON writes otherwise. */
const odd: SubmissionTemplate = {
  name: 'odd',
  weight: 1,
  hasSnarkWork: true,
  load: () =>
    Promise.resolve({
      block: Buffer.from('"ab\\/d"'),
      snarkWork: Buffer.from('""'),
      graphqlControlPort: 9007199254740993n,
      builtWithCommitSha: 'a<b>&"é',
    }),
};

for (const network of ['testnet', 'mainnet'] as const)
  test(`every submission of a ${network} corpus is signed by its producer`, async (t) => {
    const folder = join(scratchFolder(t), 'corpus');
    const index = await writeCorpus({ folder, ...job({ network, templates: [...shipped, odd] }) });
    const corpus = readCorpus(folder);
    t.after(() => corpus.close());
    assert.deepEqual(corpus.index, index);
    assert.deepEqual(
      [index.firstCreatedAt, index.lastCreatedAt],
      ['2026-01-02T03:04:05Z', '2026-01-02T03:04:14Z'],
    );
    const signer = createSigner(loadMinaWasm());
    const other = network === 'testnet' ? 'mainnet' : 'testnet';
    const peerIds = new Map(fleet.producers.map((p) => [p.publicKey, p.peerId]));
    const templates = new Set<number>();
    for (let i = 0; i < 100; i++) {
      const submission = parseSubmission(bodyOf(folder, corpus, i));
      const { createdAt, peerId, submitter, template } = corpus.submissionAt(i);
      templates.add(template);
      assert.equal(
        createdAt,
        new Date((START + Math.floor(i / 10)) * 1000).toISOString().replace('.000', ''),
      );
      assert.equal(submission.createdAt.utc, createdAt);
      assert.equal(submission.submitter, submitter);
      assert.equal(peerIds.get(submitter), peerId);
      assert.equal(submission.peerId, peerId);
      const message = messageOf(signedText(signedFields(submission)));
      const { submitterKey, signature } = submission;
      assert.equal(signer.verify(submitterKey, signature, message, network), true, `${i}`);
      assert.equal(signer.verify(submitterKey, signature, message, other), false, `${i}`);
      if (i < 3) assert.equal(verify(submitterKey, signature, message, network), true);
    }
    assert.equal(templates.size, 3);
    assert.throws(() => corpus.submissionAt(100), RangeError);
    assert.throws(() => corpus.submissionAt(-1), RangeError);
  });

test('two workers, one worker and a second run write the same bytes; 272 a submission', async (t) => {
  const parent = scratchFolder(t);
  const folders = ['one', 'two', 'again'].map((name) => join(parent, name));
  const progress: number[] = [];
  for (const [i, folder] of folders.entries())
    await writeCorpus({
      folder,
      ...job({
        count: 4500,
        workers: i === 1 ? 2 : 1,
        onProgress: ({ signed }) => progress.push(signed),
      }),
    });
  assert.deepEqual(
    progress,
    [1, 2, 3].flatMap(() => [2048, 4096, 4500]),
  );
  const [one, two, again] = folders.map(bytesIn);
  assert.deepEqual(two, one);
  assert.deepEqual(again, one);
  assert.deepEqual(readdirSync(folders[0]).sort(), FILES);
  const beside = FILES.slice(1).reduce(
    (sum, name) => sum + statSync(join(folders[0], name)).size,
    0,
  );
  assert.ok(beside / 4500 < 300, `${beside / 4500}`);
  const corpus = readCorpus(folders[0]);
  t.after(() => corpus.close());
  // Across the borders of what is read at once, backwards too.
  assert.notDeepEqual(corpus.submissionAt(4095), corpus.submissionAt(4096));
  const record = one[2].toString('latin1', 4499 * RECORD.bytes + 4, 4499 * RECORD.bytes + 24);
  assert.equal(corpus.submissionAt(4499).createdAt, record);
  assert.equal(corpus.submissionAt(0).createdAt, '2026-01-02T03:04:05Z');
});

test('bodies are JSON before they are patched, block and snark work as they were', async (t) => {
  const folder = join(scratchFolder(t), 'corpus');
  const { templates } = await writeCorpus({
    folder,
    ...job({ count: 1, templates: [...shipped, odd] }),
  });
  const bodies = readFileSync(join(folder, 'bodies.bin'));
  for (const [i, { offset, bytes, envelopeOffset }] of templates.entries()) {
    const body = bodies.toString('utf8', offset, offset + bytes);
    assert.equal(envelopeOffset, bytes - ENVELOPE.bytes - ENVELOPE_END.length);
    const { data } = JSON.parse(body) as { data: Record<string, unknown> };
    const parts = await [...shipped, odd][i].load();
    assert.equal(data.block, JSON.parse(parts.block.toString()));
    assert.equal(data.snark_work, parts.snarkWork && JSON.parse(parts.snarkWork.toString()));
    assert.ok(body.includes(parts.block.toString()));
  }
});

test('an aborted or failed run leaves nothing', async (t) => {
  const parent = scratchFolder(t);
  const folder = join(parent, 'made', 'for', 'it');
  const controller = new AbortController();
  const reason = new Error('enough');
  await assert.rejects(
    writeCorpus({
      folder,
      ...job({
        count: 50_000,
        signal: controller.signal,
        onProgress: () => controller.abort(reason),
      }),
    }),
    reason,
  );
  await assert.rejects(writeCorpus({ folder, ...job({ signal: controller.signal }) }), reason);
  const broken = { ...odd, load: () => Promise.reject(new Error('gone')) };
  await assert.rejects(writeCorpus({ folder, ...job({ templates: [odd, broken] }) }), /gone/);
  const noKey = makeFleet({ seed: 'corpus', count: 1 });
  noKey.privateKeys.fill(0);
  await assert.rejects(
    writeCorpus({ folder, ...job({ fleet: noKey }) }),
    /a signing worker failed: private key/,
  );
  assert.deepEqual(readdirSync(parent), []);
});

test('a folder with content is refused and kept; an empty one is taken', async (t) => {
  const folder = scratchFolder(t);
  writeFileSync(join(folder, 'mine'), 'x');
  await assert.rejects(writeCorpus({ folder, ...job() }), (error: unknown) => {
    assert.ok(error instanceof UserError && error.exitCode === 2);
    return /is not empty: it holds mine/.test(error.message);
  });
  assert.deepEqual(readdirSync(folder), ['mine']);
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  await writeCorpus({ folder: empty, ...job() });
  assert.deepEqual(readdirSync(empty).sort(), FILES);
  await assert.rejects(
    writeCorpus({ folder: join(folder, 'mine', 'x'), ...job() }),
    /cannot write .*ENOTDIR/,
  );
});

test('impossible jobs are refused', async (t) => {
  const folder = join(scratchFolder(t), 'corpus');
  const jobs: [Partial<CorpusJob>, RegExp][] = [
    [{ count: 0 }, /count/],
    [{ count: 1.5 }, /count/],
    [{ workers: 0 }, /workers/],
    [{ templates: [] }, /template/],
    [{ createdAt: { startSeconds: START, perSecond: 0 } }, /perSecond/],
    [{ createdAt: { startSeconds: START + 0.5, perSecond: 1 } }, /startSeconds/],
    [{ createdAt: { startSeconds: 2 ** 32 - 5, perSecond: 1 } }, /last created_at/],
    [{ snarkWorkShare: 1.1 }, /snarkWorkShare/],
    [{ snarkWorkShare: 0.5, templates: [odd] }, /every template/],
    [{ snarkWorkShare: 0.5, templates: [shipped[1]] }, /no template/],
  ];
  for (const [part, message] of jobs)
    await assert.rejects(writeCorpus({ folder, ...job(part) }), (error: unknown) => {
      assert.ok(error instanceof RangeError, String(error));
      return message.test(error.message);
    });
});

test('a corpus whose files do not agree is refused', async (t) => {
  const folder = join(scratchFolder(t), 'corpus');
  await writeCorpus({ folder, ...job() });
  const index = readFileSync(join(folder, 'corpus.json'), 'utf8');
  const refused = (expected: RegExp) =>
    assert.throws(
      () => readCorpus(folder),
      (error: unknown) => error instanceof UserError && expected.test(error.message),
    );
  const change = (from: string, to: string) => {
    assert.ok(index.includes(from));
    writeFileSync(join(folder, 'corpus.json'), index.replace(from, to));
  };
  change('"count": 100', '"count": 99');
  refused(/envelopes\.bin has 27200 bytes instead of 26928/);
  change('"format": 1', '"format": 2');
  refused(/corpus\.json\.format/);
  change('"network": "testnet"', '"network": "moon"');
  refused(/corpus\.json\.network/);
  change('{', '');
  refused(/is not JSON/);
  writeFileSync(join(folder, 'corpus.json'), index);
  readCorpus(folder).close();
  truncateSync(join(folder, 'bodies.bin'), 10);
  refused(/bodies\.bin has 10 bytes/);
  assert.throws(() => readCorpus('/nowhere'), /corpus\.json cannot be read \(ENOENT\)/);
});
