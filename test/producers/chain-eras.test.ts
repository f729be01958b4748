/** New blocks of an era: links, versions and slots from their bytes, against figures of the networks' configurations; what does not fit an era. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseBlock } from '../../mina/block.ts';
import { type BlockSummary, decodeBlock } from '../../mina/block-summary.ts';
import { chooseEra, type EraSource, originOf } from '../../producers/chain-origin.ts';
import { chainTemplates, readHeaders } from '../../producers/chain-templates.ts';
import { recordedPayloads } from '../../producers/templates.ts';
import { UserError } from '../../user-error.ts';

const shipped = await recordedPayloads();
const END_MS = Date.parse('2026-11-26T14:30:00Z');

/** Genesis and fork records of the networks, and their slots: written down here anew, not taken from the table under test. */
const NETWORKS = [
  { network: 'testnet', era: 'mesa', genesis: '2026-08-19T18:00:00Z', fork: 859_560, slotMs: 90_000, version: 4, height: 545_434 },
  { network: 'mainnet', era: 'mesa', genesis: '2026-09-03T18:00:00Z', fork: 958_440, slotMs: 90_000, version: 4, height: 548_147 },
  { network: 'mainnet', era: 'berkeley', genesis: '2024-06-05T00:00:00Z', fork: 564_480, slotMs: 180_000, version: 3, height: 359_605 },
] as const; // prettier-ignore

describe('--chain 50', () => {
  for (const { network, era, genesis, fork, slotMs, version, height } of NETWORKS)
    test(`${era} on ${network}: every block decodes, links, and stands in its slot`, async () => {
      const request = { length: 50, seed: 's', endMs: END_MS, origin: originOf(era, network) };
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
      assert.equal(new Set(blocks.map((block) => block.height)).size, 50);
      const last = blocks.at(-1)!;
      assert.equal(last.slot_since_hard_fork, Math.floor((END_MS - genesisMs) / slotMs));
      if (network === 'testnet')
        assert.equal(
          last.genesis_state_hash,
          '3NLT7n4LiVo6U4LXr9BjCEp9712fP61uXkRC6hnRnB682A8f4HrJ',
        );
      assert.equal(new Set(blocks.map((block) => block.genesis_state_hash)).size, 1);
    });

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
      origin: originOf('mesa', 'testnet'),
      note: null,
    });
    assert.deepEqual(chooseEra(sources, { ...ask, era: 'auto', isChosen: true }), {
      era: 'rc1',
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
