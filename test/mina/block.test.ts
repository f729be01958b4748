import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BinProtError } from '../../mina/bin-prot.ts';
import {
  EMPTY_BODY,
  PROOF_BYTES,
  type ParsedBlock,
  blockPatcher,
  decodeProtocolState,
  encodeBlock,
  encodeProtocolState,
  parseBlock,
} from '../../mina/block.ts';
import { decodeBlock } from '../../mina/block-summary.ts';
import { integerToBytesLE, p } from '../../mina/field.ts';
import { stateHashText } from '../../mina/state-hash.ts';
import {
  blockOf,
  blockVectors,
  eraBlocks,
  protocolStates,
  recordedBlock,
} from './block-fixtures.ts';
import { checkMutations } from './block-fuzz.ts';

const { recorded, both } = blockVectors();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** `source` with some bytes from `at` on replaced. */
function patched(source: Uint8Array, at: number, ...bytes: number[]): Uint8Array {
  const copy = source.slice();
  copy.set(bytes, at);
  return copy;
}

describe('recorded blocks', () => {
  for (const vector of recorded)
    test(`${vector.file}: fields, sizes, and the same bytes again`, () => {
      const bytes = recordedBlock(vector.file);
      const block = parseBlock(bytes);
      const { body, previous_state_hash } = block.protocol_state;
      const { consensus_state: consensus, blockchain_state: blockchain } = body;
      assert.equal(block.era, 'rc1');
      assert.equal(consensus.blockchain_length, vector.height);
      assert.equal(consensus.global_slot_since_genesis, vector.slot);
      assert.equal(consensus.curr_global_slot_since_hard_fork.slot_number, vector.slot);
      assert.equal(blockchain.timestamp, BigInt(vector.timestamp));
      assert.equal(stateHashText(previous_state_hash), vector.previous_state_hash);
      assert.equal(stateHashText(body.genesis_state_hash), both.genesis_state_hash);
      assert.equal(consensus.min_window_density, both.min_window_density);
      assert.equal(consensus.sub_window_densities.length, 11);
      assert.equal(consensus.total_currency, BigInt(both.total_currency));
      assert.equal(bytes.length, both.bytes);
      assert.deepEqual(block.offsets, {
        protocol_state_proof: both.protocol_state,
        delta_block_chain_proof: both.protocol_state + PROOF_BYTES,
        current_protocol_version: both.version_at,
        body: both.header,
      });
      assert.equal(hex(block.delta_block_chain_proof.state_hash), hex(previous_state_hash));
      assert.deepEqual(block.current_protocol_version, { transaction: 2, network: 0, patch: 0 });
      assert.equal(block.proposed_protocol_version_opt, null);
      assert.deepEqual([...block.body], EMPTY_BODY);
      assert.ok(sameBytes(encodeBlock(block), bytes));
      const { state, bytes: stateBytes } = decodeProtocolState(bytes);
      assert.equal(stateBytes, both.protocol_state);
      assert.ok(sameBytes(encodeProtocolState(state), bytes.subarray(0, stateBytes)));
      assert.ok(sameBytes(blockPatcher(block)(block.protocol_state), bytes));
    });

  test('the parts of a parsed block are views of the input', () => {
    const bytes = recordedBlock();
    const block = parseBlock(bytes);
    for (const part of [
      block.body,
      block.protocol_state_proof,
      block.protocol_state.previous_state_hash,
      block.protocol_state.body.consensus_state.last_vrf_output,
    ])
      assert.equal(part.buffer, bytes.buffer);
  });

  test('the summary of a block', () => {
    const vector = recorded[0];
    const bytes = recordedBlock(vector.file);
    const submitter = 'B62qiZv3JwF9wRGtqhNbLsfWMm6zYd71RD6Akfq9AUK8MY4EC5Ye9i6';
    const { snarked_ledger_hash, staged_ledger_hash, ...summary } = decodeBlock(bytes);
    assert.deepEqual(summary, {
      state_hash: vector.state_hash.rc1,
      previous_state_hash: vector.previous_state_hash,
      height: vector.height,
      slot: vector.slot,
      slot_since_hard_fork: vector.slot,
      epoch: 0,
      slot_in_epoch: vector.slot,
      slot_time: '2024-02-21T08:54:54.322Z',
      timestamp: '2024-02-21T08:54:54.322Z',
      genesis_state_hash: both.genesis_state_hash,
      block_creator: submitter,
      coinbase_receiver: submitter,
      era: 'rc1',
      protocol_version: '2.0.0',
      sizes: {
        block: both.bytes,
        header: both.header,
        protocol_state: both.protocol_state,
        protocol_state_proof: PROOF_BYTES,
        body: EMPTY_BODY.length,
      },
    });
    assert.match(snarked_ledger_hash, /^j[1-9A-Za-z]{50}$/);
    assert.match(staged_ledger_hash, /^j[1-9A-Za-z]{50}$/);
  });
});

describe('eras', () => {
  test('each is told by layout and version, and comes back byte for byte', () => {
    const lengths: number[] = [];
    for (const [era, bytes] of eraBlocks()) {
      const block = parseBlock(bytes);
      assert.equal(block.era, era);
      assert.equal(
        block.protocol_state.body.constants.grace_period_slots === null,
        era === 'rampup',
      );
      assert.ok(sameBytes(encodeBlock(block), bytes));
      assert.equal(decodeBlock(bytes).era, era);
      lengths.push(bytes.length);
    }
    // grace_period_slots is 2160 or so: FE and two bytes.
    assert.deepEqual(lengths, [both.bytes - 3, both.bytes, both.bytes, both.bytes]);
  });

  test('version 3.1.0 with grace_period_slots is not rampup', () => {
    const berkeley = parseBlock(blockOf('berkeley', parseBlock(recordedBlock())));
    const version = { transaction: 3, network: 1, patch: 0 };
    const bytes = encodeBlock({ ...berkeley, current_protocol_version: version });
    assert.equal(parseBlock(bytes).era, 'berkeley');
  });

  test('another transaction version is refused', () => {
    for (const transaction of [0, 1, 5])
      assert.throws(() => parseBlock(patched(recordedBlock(), both.version_at, transaction)), {
        field: 'current_protocol_version.transaction',
        offset: both.version_at,
      });
  });
});

describe('any block', () => {
  test('decode of encode is the same state, and encode of that the same bytes', () => {
    fc.assert(
      fc.property(protocolStates, (state) => {
        const bytes = encodeProtocolState(state).slice();
        const { state: again, bytes: length } = decodeProtocolState(
          Uint8Array.of(...bytes, 0xff, 0xff), // what follows is not looked at
        );
        assert.equal(length, bytes.length);
        assert.deepEqual(plain(again), plain(state));
        assert.ok(sameBytes(encodeProtocolState(again), bytes));
      }),
      { numRuns: 300 },
    );
  });

  test('with any state, delta proof, proposed version and body', () => {
    const template = parseBlock(recordedBlock());
    const small = fc.integer({ min: 0, max: 40000 });
    const version = fc.record({ transaction: small, network: small, patch: small });
    fc.assert(
      fc.property(
        protocolStates,
        fc.option(version),
        fc.uint8Array({ minLength: 7, maxLength: 300 }),
        fc.nat({ max: 3 }),
        (protocol_state, proposed_protocol_version_opt, body, links) => {
          const hash = protocol_state.previous_state_hash;
          const bytes = encodeBlock({
            ...template,
            protocol_state,
            proposed_protocol_version_opt,
            delta_block_chain_proof: { state_hash: hash, body_hashes: Array(links).fill(hash) },
            body,
          });
          const block = parseBlock(bytes);
          assert.equal(block.delta_block_chain_proof.body_hashes.length, links);
          assert.deepEqual(
            plain(block.proposed_protocol_version_opt),
            plain(proposed_protocol_version_opt),
          );
          assert.ok(sameBytes(block.body, body));
          assert.ok(sameBytes(encodeBlock(block), bytes));
        },
      ),
      { numRuns: 100 },
    );
  });

  test('a proof of another length is found by the hash behind it', () => {
    const template = parseBlock(recordedBlock());
    for (const length of [0, 1, PROOF_BYTES - 8, PROOF_BYTES + 1, 60_000]) {
      const bytes = encodeBlock({ ...template, protocol_state_proof: new Uint8Array(length) });
      assert.equal(parseBlock(bytes).protocol_state_proof.length, length);
    }
    const far = encodeBlock({ ...template, protocol_state_proof: new Uint8Array(80_000) });
    assert.throws(() => parseBlock(far), BinProtError);
  });

  test('where delta is not 0 the hash behind the proof is another one', () => {
    const template = parseBlock(recordedBlock());
    const delta_block_chain_proof = {
      state_hash: integerToBytesLE(7n, 32),
      body_hashes: [integerToBytesLE(8n, 32)],
    };
    const bytes = encodeBlock({ ...template, delta_block_chain_proof });
    const again = parseBlock(bytes);
    assert.equal(again.protocol_state_proof.length, PROOF_BYTES);
    assert.deepEqual(plain(again.delta_block_chain_proof), plain(delta_block_chain_proof));
  });

  test('14 MB of body', () => {
    const template = parseBlock(recordedBlock());
    const body = new Uint8Array(14_000_000).fill(0x5a);
    const block = parseBlock(encodeBlock({ ...template, body }));
    assert.equal(block.body.length, body.length);
    const next = blockPatcher(block)(block.protocol_state);
    assert.ok(sameBytes(next, block.bytes));
    assert.equal(next.buffer.byteLength, next.length);
  });
});

/** For comparison: bytes as hex. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

describe('malformed blocks are refused, with byte and field', () => {
  const state = 'protocol_state';
  const blockchain = `${state}.body.blockchain_state`;
  const consensus = `${state}.body.consensus_state`;
  const statement = `${blockchain}.ledger_proof_statement`;
  const modulus = [...integerToBytesLE(p, 32)];
  /** Offset, bytes to write there, field, reason; in the order of the block. */
  const cases: [number, number[], string, RegExp][] = [
    [0, modulus, `${state}.previous_state_hash`, /not below the modulus/],
    [32, modulus, `${state}.body.genesis_state_hash`, /not below the modulus/],
    [96, [0x1f], `${blockchain}.staged_ledger_hash.non_snark.aux_hash`, /31 bytes stands where 32/],
    [129, [0xff], `${blockchain}.staged_ledger_hash.non_snark.pending_coinbase_aux`, /no length/],
    [162, modulus, `${blockchain}.staged_ledger_hash.pending_coinbase_hash`, /modulus/],
    [322, modulus, `${statement}.source.pending_coinbase_stack.state.init`, /modulus/],
    [514, [0x80], `${statement}.source.local_state.excess.magnitude`, /0x80 starts no 64-bit/],
    [515, [2], `${statement}.source.local_state.excess.sgn`, /0x02 is no sgn/],
    [550, [2], `${statement}.source.local_state.success`, /0x02 is no bool/],
    [551, [0xfc], `${statement}.source.local_state.account_update_index`, /0xfc starts no 32-bit/],
    [552, [1], `${statement}.source.local_state.failure_status_tbl`, /0x01 is no empty list/],
    [881, [9], `${statement}.target.local_state.will_succeed`, /0x09 is no bool/],
    [947, [2], `${statement}.supply_increase.sgn`, /no sgn/],
    [1016, [1], `${statement}.sok_digest`, /0x01 is no unit/],
    [1017, [0xfb], `${blockchain}.timestamp`, /0xfb starts no 64-bit/],
    [1026, [0], `${blockchain}.body_reference`, /0 bytes stands where 32/],
    [1059, [0xff, 5], `${consensus}.blockchain_length`, /0xff and then 5/],
    [1062, [0x65], `${consensus}.sub_window_densities`, /a list of 101 has more than 100/],
    [1063, [0xfc], `${consensus}.sub_window_densities.0`, /0xfc starts no 32-bit/],
    [1116, [1], `${consensus}.curr_global_slot_since_hard_fork.slot_number`, /0x01 is no constr/],
    [12694, [2], 'proposed_protocol_version_opt', /0x02 is no option/],
  ];
  for (const [offset, bytes, field, message] of cases)
    test(`${field} at byte ${offset}`, () => {
      assert.throws(() => parseBlock(patched(recordedBlock(), offset, ...bytes)), {
        name: 'BinProtError',
        problem: 'decode',
        field,
        offset,
        message,
      });
    });

  test('a hash of the delta proof, a list behind it, and the version', () => {
    const bytes = recordedBlock();
    const at = both.protocol_state + PROOF_BYTES;
    const refuses = (broken: Uint8Array, field: string, offset: number): void =>
      assert.throws(() => parseBlock(broken), { field, offset });
    refuses(patched(bytes, at, ...modulus), 'delta_block_chain_proof.state_hash', at);
    refuses(patched(bytes, at + 32, 1), 'delta_block_chain_proof.body_hashes', at + 32);
    refuses(patched(bytes, at + 34, 0x90), 'current_protocol_version.network', at + 34);
  });

  test('cut off anywhere, the field and the byte are told', () => {
    const bytes = recordedBlock();
    for (let length = 0; length < bytes.length; length += length < 1600 || length > 12_600 ? 1 : 97)
      assert.throws(
        () => parseBlock(bytes.subarray(0, length)),
        (error) =>
          error instanceof BinProtError &&
          error.field !== '' &&
          error.offset !== null &&
          error.offset <= length &&
          error.message.includes(`at byte ${error.offset}`),
        `${length} bytes`,
      );
    assert.throws(() => parseBlock(bytes.subarray(0, 3)), {
      message:
        'protocol_state.previous_state_hash: the data ends at byte 3, but 32 bytes are needed at byte 0',
    });
    assert.throws(() => parseBlock(bytes.subarray(0, bytes.length - 1)), {
      field: 'body',
      offset: both.header,
    });
    assert.throws(() => parseBlock(bytes.subarray(0, 5000)), {
      field: 'protocol_state_proof',
      offset: both.protocol_state,
    });
  });

  test('other things than blocks', () => {
    const random = Uint8Array.from({ length: 20_000 }, (_, i) => (i * 7919 + (i >> 3)) & 0xff);
    for (const bytes of [new Uint8Array(0), new Uint8Array(20_000), random, random.fill(0xff)])
      assert.throws(() => parseBlock(bytes), BinProtError);
  });
});

describe('values that no block holds are refused, with the field', () => {
  const block = parseBlock(recordedBlock());
  const { protocol_state: state } = block;
  const refuses = (broken: ParsedBlock, field: string): void =>
    assert.throws(
      () => encodeBlock(broken),
      (error) =>
        error instanceof BinProtError &&
        error.problem === 'encode' &&
        error.field === field &&
        error.message.startsWith(`${field}: `),
    );
  const withConsensus = (change: Partial<typeof state.body.consensus_state>): ParsedBlock => ({
    ...block,
    protocol_state: {
      ...state,
      body: { ...state.body, consensus_state: { ...state.body.consensus_state, ...change } },
    },
  });

  test('integers, strings, fields, lists, versions, the body', () => {
    const consensus = 'protocol_state.body.consensus_state';
    refuses(withConsensus({ blockchain_length: 2 ** 32 }), `${consensus}.blockchain_length`);
    refuses(withConsensus({ epoch_count: -1 }), `${consensus}.epoch_count`);
    refuses(withConsensus({ total_currency: 2n ** 64n }), `${consensus}.total_currency`);
    refuses(withConsensus({ last_vrf_output: new Uint8Array(31) }), `${consensus}.last_vrf_output`);
    refuses(
      withConsensus({ sub_window_densities: Array<number>(101).fill(7) }),
      `${consensus}.sub_window_densities`,
    );
    refuses(
      withConsensus({ block_creator: { x: integerToBytesLE(p, 32), is_odd: true } }),
      `${consensus}.block_creator.x`,
    );
    const version = { transaction: 2, network: 0.5, patch: 0 };
    refuses({ ...block, current_protocol_version: version }, 'current_protocol_version.network');
    refuses({ ...block, body: new Uint8Array(6) }, 'body');
    const delta_block_chain_proof = { state_hash: new Uint8Array(31), body_hashes: [] };
    refuses({ ...block, delta_block_chain_proof }, 'delta_block_chain_proof.state_hash');
  });
});

test('mutated blocks: an answer or an error with byte and field, never a read past the end', () => {
  const { accepted, refused } = checkMutations({ count: 6000, seed: 1 });
  // Most bytes of a block are a proof and fields, where a change goes unnoticed.
  assert.ok(accepted > 600 && refused > 600, `${accepted} accepted, ${refused} refused`);
});
