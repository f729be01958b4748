/** The blocks of a simulated network as they are sent, and corpora in which who submits what is given. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeBlock } from '../../mina/block-summary.ts';
import { templateOfPayloads, writeBrokenCorpus } from '../../producers/broken-corpus.ts';
import { checkJob, readCorpus, writeCorpus } from '../../producers/corpus.ts';
import { makeFleet } from '../../producers/fleet.ts';
import { planNetwork, SUBMISSION_KINDS } from '../../producers/network-plan.ts';
import { networkTemplates } from '../../producers/network-templates.ts';
import { payloadBytes } from '../../producers/payloads.ts';
import { recordedPayloads, templatesOf } from '../../producers/templates.ts';
import type { UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';

const SLOT_TIME_MS = 180_000;
const CYCLE_MS = 900_000;
const END_MS = Date.parse('2026-01-02T03:04:05Z');
const shipped = await recordedPayloads();
const fleet = makeFleet({ seed: 'net', count: 12 });
const plan = planNetwork({
  era: 'berkeley',
  producers: 12,
  durationMs: 2 * CYCLE_MS,
  seed: 'net',
  forkShare: 0.5,
  lateShare: 0.3,
  laggingShare: 0.1,
});
const made = await networkTemplates(shipped, { plan, producers: fleet.producers, endMs: END_MS });
const loaded = await Promise.all(made.templates.map((template) => template.load()));
const blocks = loaded.map(({ block }) =>
  decodeBlock(Buffer.from(block.toString().slice(1, -1), 'base64')),
);

test('each submission sends its block: made by its maker, linked to its parent, with snark work unless it is the maker’s', () => {
  const { submissions } = plan;
  const hashes = new Map<number, string>();
  submissions.blocks.forEach((place, i) =>
    hashes.set(place, blocks[made.templateOf[i]].state_hash),
  );
  assert.ok(new Set(hashes.values()).size === hashes.size, 'two blocks are the same');
  let forks = 0;
  for (let i = 0; i < submissions.count; i++) {
    const place = submissions.blocks[i];
    const { slot, parent, maker, isFork } = plan.blocks[place];
    const block = blocks[made.templateOf[i]];
    const isMaker = SUBMISSION_KINDS[submissions.kinds[i]] === 'maker';
    assert.equal(block.block_creator, fleet.producers[maker].publicKey);
    assert.equal(block.height, made.heights[place]);
    assert.equal(loaded[made.templateOf[i]].snarkWork === undefined, isMaker);
    if (isMaker) assert.equal(submissions.producers[i], maker);
    if (isFork) forks++;
    const parentHash = hashes.get(parent);
    if (parentHash !== undefined) assert.equal(block.previous_state_hash, parentHash);
    const ageMs = END_MS - Date.parse(block.timestamp!);
    const slotsBefore = plan.blocks.at(-1)!.slot - slot;
    assert.equal(Math.floor(ageMs / SLOT_TIME_MS), slotsBefore);
  }
  assert.ok(forks > 0, 'nobody saw a fork');
  assert.equal(made.isWithoutSnarkWork, false);
});

test('seed and plan decide every byte', async () => {
  const again = await networkTemplates(shipped, {
    plan,
    producers: fleet.producers,
    endMs: END_MS,
  });
  assert.deepEqual(await Promise.all(again.templates.map((template) => template.load())), loaded);
  assert.deepEqual(again.templateOf, made.templateOf);
});

test('payloads without snark work: nobody has any; a network older than its genesis is refused', async () => {
  const without = shipped.filter(({ snarkWork }) => snarkWork === undefined);
  const bare = await networkTemplates(without, { plan, producers: fleet.producers, endMs: END_MS });
  assert.equal(bare.isWithoutSnarkWork, true);
  assert.ok(bare.templates.every(({ hasSnarkWork }) => !hasSnarkWork));
  await assert.rejects(
    networkTemplates(shipped, {
      plan,
      producers: fleet.producers,
      endMs: Date.parse('2020-01-01'),
    }),
    (error: UserError) => /^a network of \d+ blocks takes \d+ slots up to 2020/.test(error.message),
  );
});

test('a corpus of what is given: template, producer and time of each submission', async (t) => {
  const folder = join(scratchFolder(t), 'corpus');
  const { submissions } = plan;
  const createdAt = Uint32Array.from(
    submissions.atMs,
    (ms) => 1_700_000_000 + Math.floor(ms / 1000),
  );
  const job = {
    fleet,
    templates: made.templates,
    count: submissions.count,
    network: 'testnet' as const,
    seed: 'net',
    createdAt: { startSeconds: 0, perSecond: Infinity },
    given: { templates: made.templateOf, producers: submissions.producers, createdAt },
  };
  await writeCorpus({ ...job, folder });
  const corpus = readCorpus(folder);
  t.after(() => corpus.close());
  for (let i = 0; i < submissions.count; i++) {
    const found = corpus.submissionAt(i);
    assert.equal(found.template, made.templateOf[i]);
    assert.equal(found.submitter, fleet.producers[submissions.producers[i]].publicKey);
    assert.equal(Date.parse(found.createdAt) / 1000, createdAt[i]);
  }
  assert.equal(Date.parse(corpus.index.lastCreatedAt) / 1000, createdAt.at(-1));
  const short = { ...job, given: { producers: Uint32Array.of(1) } };
  assert.throws(() => checkJob(short), /given\.producers must have \d+ entries, but has 1/);
});

test('broken signatures: another submitter, everything else as recorded', async (t) => {
  const folder = join(scratchFolder(t), 'corpus');
  const count = 25;
  await writeBrokenCorpus({
    folder,
    fleet,
    payloads: [...shipped, shipped[0]],
    payloadOf: (i) => i % 3,
    count,
    network: 'testnet',
    seed: 's',
  });
  assert.deepEqual([...templateOfPayloads([...shipped, shipped[0]])], [0, 1, 0]);
  const corpus = readCorpus(folder);
  t.after(() => corpus.close());
  assert.equal(corpus.index.templates.length, templatesOf(shipped).length);
  const submitters = new Set<string>();
  const recorded = await Promise.all(
    shipped.map(async (payload) => JSON.parse(String(await payloadBytes(payload))) as { signature: string; data: { created_at: string; peer_id: string } }),
  ); // prettier-ignore
  for (let i = 0; i < count; i++) {
    const { signature, submitter, createdAt, peerId, template } = corpus.submissionAt(i);
    const own = recorded[(i % 3) % 2];
    assert.deepEqual(
      [template, signature, createdAt, peerId],
      [(i % 3) % 2, own.signature, own.data.created_at, own.data.peer_id],
    );
    submitters.add(submitter);
  }
  assert.deepEqual(
    [...submitters].sort(),
    fleet.producers.map(({ publicKey }) => publicKey).sort(),
  );
});
