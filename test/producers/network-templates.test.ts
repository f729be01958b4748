/** The blocks of a simulated network as they are sent, and corpora in which who submits what is given. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeBlock } from '../../mina/block-summary.ts';
import { templateOfPayloads, writeBrokenCorpus } from '../../producers/broken-corpus.ts';
import { checkJob, readCorpus, writeCorpus } from '../../producers/corpus.ts';
import { originOf } from '../../producers/chain-origin.ts';
import { makeFleet, nodesOf } from '../../producers/fleet.ts';
import { hardForkAt } from '../../producers/fork-times.ts';
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
  era: 'rc1',
  hardFork: null,
  nodesPerProducer: 1,
  sameSecondShare: 0,
  stayedShare: 0,
  leastGapMs: 0,
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
    assert.equal(block.era, 'rc1');
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

test('sizes of blocks: each block has one, whoever submits it, and still decodes and links', async () => {
  const sized = await networkTemplates(shipped, {
    plan,
    producers: fleet.producers,
    endMs: END_MS,
    blockBytes: { least: 13_000, most: 34_000 },
  });
  const ofHeight = new Map<string, number>();
  let sum = 0;
  for (const template of sized.templates) {
    const { block } = await template.load();
    const bytes = Buffer.from(block.toString().slice(1, -1), 'base64');
    assert.ok(bytes.length >= 13_000 && bytes.length <= 34_000);
    const { state_hash } = decodeBlock(bytes);
    assert.equal(ofHeight.get(state_hash) ?? bytes.length, bytes.length);
    ofHeight.set(state_hash, bytes.length);
    sum += bytes.length;
  }
  assert.ok(Math.abs(sum / sized.templates.length - 23_500) < 5000);
});

test('a hard fork: Berkeley up to the frozen tip, then Mesa from its genesis on, linked to the last block with transactions', async () => {
  const hardFork = hardForkAt('berkeley', 10 * 180_000);
  const forked = planNetwork({
    ...plan.shape,
    era: 'mesa',
    hardFork,
    durationMs: 10 * 180_000 + 900_000,
    forkShare: 0,
    lateShare: 0,
    laggingShare: 0,
    stayedShare: 0.2,
    seed: 'fork',
  });
  const { templates, templateOf, heights } = await networkTemplates(shipped, {
    plan: forked,
    producers: fleet.producers,
    endMs: END_MS,
    origin: originOf('berkeley', 'mainnet'),
  });
  const sent = await Promise.all(
    [...templateOf].map(async (which, i) => {
      const { block, snarkWork } = await templates[which].load();
      const bytes = Buffer.from(block.toString().slice(1, -1), 'base64');
      return { ...decodeBlock(bytes), snarkWork, place: forked.submissions.blocks[i] };
    }),
  );
  const old = sent.filter(({ era }) => era === 'berkeley');
  const after = sent.filter(({ era }) => era === 'mesa');
  assert.ok(old.length > 0 && after.length > 0);
  const berkeleyMs = Date.parse('2024-06-05T00:00:00Z');
  // Global slots go on: the genesis has the old count's slot at that time, and counts from there in slots of 90 s.
  const genesisAt = Math.max(...old.map(({ slot }) => slot)) + (hardFork.genesisMs - hardFork.chainEndMs) / 180_000 + 1; // prettier-ignore
  const genesisMs = berkeleyMs + (genesisAt - 564_480) * 180_000;
  for (const { timestamp, slot } of old)
    assert.equal(Date.parse(timestamp!), berkeleyMs + (slot - 564_480) * 180_000); // prettier-ignore
  for (const { timestamp, slot, slot_since_hard_fork, protocol_version } of after) {
    assert.equal(slot, genesisAt + slot_since_hard_fork);
    assert.equal(Date.parse(timestamp!), genesisMs + slot_since_hard_fork * 90_000);
    assert.equal(protocol_version, '4.0.0');
  }
  const byPlace = new Map(sent.map((one) => [one.place, one]));
  const genesis = forked.blocks.findIndex(({ maker }) => maker === -1);
  const { parent } = forked.blocks[genesis];
  assert.equal(heights[genesis], heights[parent] + 1);
  for (const [place, block] of byPlace) {
    const link = byPlace.get(forked.blocks[place].parent);
    if (link === undefined) continue;
    assert.equal(block.previous_state_hash, link.state_hash);
    assert.equal(block.height, link.height + 1);
    if (place > genesis && byPlace.has(genesis))
      assert.equal(block.genesis_state_hash, byPlace.get(genesis)!.state_hash);
  }
  assert.ok(byPlace.has(genesis), 'nobody submitted the genesis');
  // Heights exist in both eras; nobody has snark work for blocks without transactions.
  const oldHeights = new Set(old.map(({ height }) => height));
  assert.ok(after.some(({ height }) => oldHeights.has(height)));
  for (const { place, snarkWork } of sent)
    if (!forked.blocks[place].hasTransactions) assert.equal(snarkWork, undefined);
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

test('the nodes of a fleet: the key of their producer, an identity each, the first that of the producer', () => {
  const nodes = {
    producers: Uint32Array.of(0, 0, 1, 1, 1),
    ordinals: Uint8Array.of(0, 1, 0, 1, 2),
  };
  const senders = nodesOf(fleet, nodes);
  assert.deepEqual(
    senders.producers.map(({ publicKey }) => publicKey),
    [0, 0, 1, 1, 1].map((producer) => fleet.producers[producer].publicKey),
  );
  assert.equal(new Set(senders.producers.map(({ peerId }) => peerId)).size, 5);
  assert.equal(senders.producers[2].peerId, fleet.producers[1].peerId);
  assert.deepEqual(senders.privateKeys.slice(32, 64), fleet.privateKeys.slice(0, 32));
  assert.ok(!JSON.stringify(senders).includes('privateKeys'));
  assert.deepEqual(nodesOf(fleet, nodes).producers, senders.producers);
});
