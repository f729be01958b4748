/** New blocks of an era: links, versions and slots from their bytes, against figures of the networks' configurations; what does not fit an era. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseBlock } from '../../mina/block.ts';
import { type BlockSummary, decodeBlock } from '../../mina/block-summary.ts';
import { chooseEra, type EraSource, originOf } from '../../producers/chain-origin.ts';
import { chainTemplates, readHeaders } from '../../producers/chain-templates.ts';
import { planSubmissions } from '../../producers/corpus-plan.ts';
import { recordedPayloads } from '../../producers/templates.ts';
import { UserError } from '../../user-error.ts';
import { slowOnly, thorough } from '../support/thorough.ts';

const shipped = await recordedPayloads();
const END_MS = Date.parse('2026-11-26T14:30:00Z');

/** Genesis and fork records of the networks, and their slots: written down here anew, not taken from the table under test. */
const NETWORKS = [
  { network: 'testnet', era: 'mesa', genesis: '2026-08-19T18:00:00Z', fork: 859_560, slotMs: 90_000, version: 4, height: 545_434 },
  { network: 'mainnet', era: 'mesa', genesis: '2026-09-03T18:00:00Z', fork: 958_440, slotMs: 90_000, version: 4, height: 548_147 },
  { network: 'mainnet', era: 'berkeley', genesis: '2024-06-05T00:00:00Z', fork: 564_480, slotMs: 180_000, version: 3, height: 359_605 },
] as const; // prettier-ignore

const LENGTH = thorough ? 50 : 20;
/** Blocks before a hard fork, and behind it. */
const HALF = thorough ? 30 : 14;
/** The slow suite has the others. */
const QUICK = 'mesa on mainnet';

describe('a chain of one era', () => {
  for (const { network, era, genesis, fork, slotMs, version, height } of NETWORKS)
    test(
      `${era} on ${network}: every block decodes, links, and stands in its slot`,
      QUICK === `${era} on ${network}` ? {} : slowOnly,
      async () => {
        const request = {
          length: LENGTH,
          seed: 's',
          endMs: END_MS,
          origin: originOf(era, network),
        };
        const blocks: BlockSummary[] = [];
        for (const template of await chainTemplates(shipped, request)) {
          const { block } = await template.load();
          const bytes = Buffer.from(block.toString().slice(1, -1), 'base64');
          // The version stands behind protocol state, proof, and a delta proof of 33 bytes.
          const { protocol_state_proof: proofAt } = parseBlock(bytes).offsets;
          assert.deepEqual(
            [...bytes.subarray(proofAt + 11_138 + 33, proofAt + 11_138 + 37)],
            [version, 0, 0, 0],
          );
          blocks.push(decodeBlock(bytes));
        }
        const genesisMs = Date.parse(genesis);
        const byHash = new Map(blocks.map((block) => [block.state_hash, block]));
        const lowest = Math.min(...blocks.map((block) => block.height));
        for (const block of blocks) {
          const slot = (Date.parse(block.timestamp!) - genesisMs) / slotMs;
          assert.equal(slot, Math.trunc(slot));
          assert.deepEqual(
            [block.slot_since_hard_fork, block.slot, block.slot_time, block.era],
            [slot, fork + slot, block.timestamp, era],
          );
          assert.deepEqual(
            [block.epoch, block.slot_in_epoch],
            [Math.trunc(slot / 7140), slot % 7140],
          );
          assert.ok(block.height > height && block.height <= height + slot);
          const parent = byHash.get(block.previous_state_hash);
          if (block.height === lowest) continue;
          assert.equal(block.height, parent!.height + 1);
          assert.ok(parent!.slot < block.slot);
        }
        assert.equal(new Set(blocks.map((block) => block.height)).size, LENGTH);
        const last = blocks.at(-1)!;
        assert.equal(last.slot_since_hard_fork, Math.floor((END_MS - genesisMs) / slotMs));
        if (network === 'testnet')
          assert.equal(
            last.genesis_state_hash,
            '3NLT7n4LiVo6U4LXr9BjCEp9712fP61uXkRC6hnRnB682A8f4HrJ',
          );
        assert.equal(new Set(blocks.map((block) => block.genesis_state_hash)).size, 1);
      },
    );

  test('where the network is younger than the chain is long, the sentence names genesis and option', async () => {
    const request = { length: 50, seed: 's', endMs: Date.parse('2026-08-19T18:30:00Z') };
    await assert.rejects(
      chainTemplates(shipped, { ...request, origin: originOf('mesa', 'testnet') }),
      (error: UserError) =>
        /^--chain 50 takes \d+ slots up to 2026-08-19T18:30:00.000Z, but the network of the blocks began 20 slots before \(2026-08-19T18:00:00.000Z\)$/.test(
          error.message,
        ) && /--era/.test(error.hint),
    );
  });
});

describe('a chain over a hard fork', () => {
  test('Berkeley, its end without transactions, a gap, then Mesa from its genesis on; some go on with the old tip', async () => {
    const request = {
      length: 2 * HALF,
      seed: 'fork',
      endMs: END_MS,
      origin: originOf('berkeley', 'testnet'),
      hardFork: { from: 'berkeley', to: 'mesa', share: 0.5 } as const,
    };
    const templates = await chainTemplates(shipped, request);
    const blocks = await Promise.all(
      templates.map(async (template) => {
        const { block, snarkWork } = await template.load();
        const bytes = Buffer.from(block.toString().slice(1, -1), 'base64');
        return { ...decodeBlock(bytes), snarkWork, body: parseBlock(bytes).body.length };
      }),
    );
    const old = blocks.filter(({ era }) => era === 'berkeley');
    const after = blocks.filter(({ era }) => era === 'mesa');
    assert.equal(new Set(old.map(({ height }) => height)).size, HALF);
    assert.equal(new Set(after.map(({ height }) => height)).size, HALF);
    const genesis = after[0];
    const forkBlock = old.find(({ state_hash }) => state_hash === genesis.previous_state_hash)!;
    assert.deepEqual([genesis.slot_since_hard_fork, genesis.height], [0, forkBlock.height + 1]);
    // Some blocks of the old chain come after the fork block, without transactions, and nobody has snark work for them.
    const end = old.filter(({ height }) => height > forkBlock.height);
    assert.ok(end.length >= 3);
    for (const { snarkWork, body } of end) assert.deepEqual([snarkWork, body], [undefined, 7]);
    const genesisMs = Date.parse(genesis.timestamp!);
    const lastOldMs = Math.max(...old.map(({ timestamp }) => Date.parse(timestamp!)));
    assert.ok(genesisMs - lastOldMs >= 2 * 180_000, 'there is no gap');
    // The slot in which the genesis lies by the old count is its global slot.
    assert.equal(
      genesis.slot,
      445_860 + (genesisMs - Date.parse('2024-04-09T21:00:00Z')) / 180_000,
    );
    const byHash = new Map(blocks.map((block) => [block.state_hash, block]));
    for (const block of after) {
      assert.equal(block.slot, genesis.slot + block.slot_since_hard_fork);
      assert.equal(Date.parse(block.timestamp!), genesisMs + block.slot_since_hard_fork * 90_000);
      if (block === genesis) continue;
      assert.equal(block.genesis_state_hash, genesis.state_hash);
      assert.equal(byHash.get(block.previous_state_hash)!.height, block.height - 1);
    }
    const ageMs = END_MS - Date.parse(after.at(-1)!.timestamp!);
    assert.ok(ageMs >= 0 && ageMs < 180_000, String(ageMs));

    // As a load goes through it: old tips first, then new ones, and among these some by nodes that stayed.
    const count = 2000;
    const sent = [...planSubmissions({ count, producers: 100, templates, seed: 'fork', createdAt: { startSeconds: 0, perSecond: Infinity } }, count)][0].templates; // prettier-ignore
    const eras = [...sent].map((template) => blocks[template].era);
    const begins = eras.indexOf('mesa');
    assert.ok(begins > 0.4 * count && begins < 0.9 * count, String(begins));
    const late = eras.slice(begins).filter((era) => era === 'berkeley').length;
    assert.ok(Math.abs(late / (count - begins) - 0.1) < 0.04, String(late));
    for (const template of sent.slice(begins))
      if (blocks[template].era === 'berkeley') assert.equal(templates[template].tip!.by, 'stayed');
  });
});

describe('the era of new blocks', () => {
  const source = (era: EraSource['header']['era'], isBodyEmpty: boolean): EraSource => ({
    payload: { path: 'a.json' },
    header: { era },
    bodyBytes: isBodyEmpty ? 7 : 1234,
    isBodyEmpty,
  });
  const ask = { era: 'mesa', isChosen: false, network: 'testnet', fromMs: END_MS } as const;

  test('the default is Mesa; auto is that of the recorded blocks', async () => {
    const sources = await readHeaders(shipped, { mayDiffer: true });
    assert.deepEqual(chooseEra(sources, ask), {
      era: 'mesa',
      from: null,
      origin: originOf('mesa', 'testnet'),
      note: null,
    });
    assert.deepEqual(chooseEra(sources, { ...ask, era: 'auto', isChosen: true }), {
      era: 'rc1',
      from: null,
      origin: null,
      note: null,
    });
  });

  test('a body that the era does not read: asked for it is an error, by default the recorded era stays', () => {
    const sources = [source('berkeley', true), source('berkeley', false)];
    assert.throws(
      () => chooseEra(sources, { ...ask, isChosen: true }),
      (error) =>
        error instanceof UserError &&
        error.exitCode === 2 &&
        error.message ===
          'a.json: its block is of Berkeley and has a body of 1234 bytes, which Mesa does not read',
    );
    const { era, origin, note } = chooseEra(sources, ask);
    assert.deepEqual([era, origin], ['berkeley', null]);
    assert.match(note!, /of the era of the recorded ones, Berkeley, because a\.json: its block/);
    assert.equal(chooseEra([source('mesa', false)], ask).era, 'mesa');
  });

  test('a clock before Mesa: by default Berkeley, with a note', () => {
    const fromMs = Date.parse('2026-08-19T17:00:00Z');
    const found = chooseEra([source('rc1', true)], { ...ask, fromMs });
    assert.deepEqual([found.era, found.origin], ['berkeley', originOf('berkeley', 'testnet')]);
    assert.match(found.note!, /begin before Mesa did \(2026-08-19T18:00:00Z\)/);
    assert.equal(chooseEra([source('rc1', false)], { ...ask, fromMs }).era, 'rc1');
    assert.equal(chooseEra([source('rc1', true)], { ...ask, isChosen: true, fromMs }).era, 'mesa');
  });
});
