/** What every implementation of the state hash must do; run on the readable one and on the fast one. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EraName } from '../../mina/eras.ts';
import { parseBlock } from '../../mina/block.ts';
import { bytesToIntegerLE } from '../../mina/field.ts';
import { type StateHash, stateHashText } from '../../mina/state-hash.ts';
import { blockVectors, eraBlocks, mainnetState, recordedBlock } from './block-fixtures.ts';

export function stateHashSuite(name: string, create: () => StateHash): void {
  describe(`state hash, ${name}`, () => {
    const hash = create();
    const { recorded } = blockVectors();

    test('recorded blocks, by both rules', () => {
      for (const vector of recorded) {
        const { protocol_state } = parseBlock(recordedBlock(vector.file));
        for (const rule of ['rc1', 'berkeley'] as const) {
          const found = stateHashText(hash.stateHash(protocol_state, rule));
          assert.equal(found, vector.state_hash[rule]);
          if (vector.body_hash)
            assert.equal(
              bytesToIntegerLE(hash.bodyHash(protocol_state.body, rule)),
              BigInt(vector.body_hash[rule]),
            );
        }
      }
    });

    test('a block of mainnet has the hash under which it was published', () => {
      const { state, state_hash } = mainnetState();
      assert.equal(stateHashText(hash.stateHash(state, 'berkeley')), state_hash);
      assert.notEqual(stateHashText(hash.stateHash(state, 'rc1')), state_hash);
    });

    test('each era by its own rule', () => {
      const { rc1, berkeley } = recorded[0].state_hash;
      const expected: Record<EraName, string> = { rampup: rc1, rc1, berkeley, mesa: berkeley };
      for (const [era, bytes] of eraBlocks()) {
        const { protocol_state } = parseBlock(bytes);
        const found = stateHashText(hash.stateHash(protocol_state, era));
        assert.equal(found, expected[era]);
      }
    });

    test('the Berkeley rule cannot hash a rampup block', () => {
      const [[, bytes]] = eraBlocks();
      const { protocol_state } = parseBlock(bytes);
      assert.throws(() => hash.stateHash(protocol_state, 'berkeley'), {
        name: 'RangeError',
        message: /grace_period_slots/,
      });
    });

    test('a field element of p or more is refused', () => {
      const { protocol_state } = parseBlock(recordedBlock());
      const bad = new Uint8Array(32).fill(0xff);
      assert.throws(
        () => hash.stateHash({ ...protocol_state, previous_state_hash: bad }, 'rc1'),
        RangeError,
      );
      const body = { ...protocol_state.body, genesis_state_hash: bad };
      assert.throws(() => hash.bodyHash(body, 'rc1'), RangeError);
    });
  });
}
