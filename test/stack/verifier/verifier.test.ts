/** Verdicts: fields, error texts of both eras, their order, and what is neither valid nor refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Block,
  blockInEra,
  encodeBlock,
  type ParsedBlock,
  parseBlock,
} from '../../../mina/block.ts';
import { ERAS } from '../../../mina/eras.ts';
import { parseSnarkWork } from '../../../mina/snark-work.ts';
import type { Checks } from '../../../stack/verifier/answer.ts';
import type { Submission } from '../../../stack/verifier/verifier.ts';
import { blockVectors } from '../../mina/block-fixtures.ts';
import {
  blockHashOf,
  checkerThat,
  mesaBlock,
  recordedInput,
  shippedKeys,
  verifierWith,
  WITH_WORK,
  WITHOUT_WORK,
} from '../../support/verifier.ts';

const ALL_VALID = checkerThat(() => true);
const NONE: Checks = {
  decoding: 'passed',
  consistency: 'passed',
  block_proof: 'not done',
  snark_work: 'not done',
  sok_digest: 'not done',
  snark_work_proof: 'not done',
};

/** Another block with its own hash, in the place of the recorded one. */
const withBlock = (input: Submission, block: Uint8Array): Submission => ({
  ...input,
  block,
  blockHash: blockHashOf(block),
});

test('recorded blocks without checks: state hash, parent, height and slot', async () => {
  for (const { file, state_hash, previous_state_hash, height, slot } of blockVectors().recorded) {
    const { facts, error, verified, checks } = await verifierWith().verify(recordedInput(file));
    assert.deepEqual(facts, {
      stateHash: state_hash.rc1,
      parent: previous_state_hash,
      height,
      slot,
    });
    assert.deepEqual([error, verified], [null, true]);
    assert.deepEqual(checks, NONE);
  }
});

test('the rule: of the block itself, or as a verifier of another release reads it', async () => {
  const [{ file, state_hash }] = blockVectors().recorded;
  const input = recordedInput(file);
  const hashBy = async (rule: 'auto' | 'rc1' | 'berkeley' | 'mainnet' | 'mesa' | 'rampup') => {
    const { facts, error } = await verifierWith({ rule }).verify(input);
    return facts?.stateHash ?? error;
  };
  assert.equal(await hashBy('rc1'), state_hash.rc1);
  for (const rule of ['berkeley', 'mainnet', 'mesa'] as const)
    assert.equal(await hashBy(rule), state_hash.berkeley);
  assert.equal(await hashBy('rampup'), 'Fail to decode block');
});

test('with checks: one job for the block, one for the snark work, each with its key', async () => {
  const proofs = checkerThat(() => true);
  const verifier = verifierWith({ proofs });
  const { checks, error, verified } = await verifier.verify(recordedInput(WITH_WORK));
  assert.deepEqual([error, verified], [null, true]);
  assert.deepEqual(checks, {
    decoding: 'passed',
    consistency: 'passed',
    block_proof: 'passed',
    snark_work: 'passed',
    sok_digest: 'passed',
    snark_work_proof: 'passed',
  });
  assert.deepEqual(
    proofs.jobs.map(({ publicInput, key }) => [publicInput.length, key]),
    [
      [1, shippedKeys().rc1.block],
      [300, shippedKeys().rc1.transaction],
    ],
  );
  const without = await verifier.verify(recordedInput(WITHOUT_WORK));
  assert.deepEqual(
    [without.checks.block_proof, without.checks.snark_work, without.checks.snark_work_proof],
    ['passed', 'absent', 'absent'],
  );
});

test('one proof a block, however many submissions carry it, and also while it is checked', async () => {
  const proofs = checkerThat(() => true);
  const verifier = verifierWith({ proofs });
  const input = recordedInput(WITHOUT_WORK);
  await Promise.all(Array.from({ length: 50 }, () => verifier.verify(input)));
  await verifier.verify({ ...input, submitter: 'other', blockHash: 'claims another' });
  assert.equal(proofs.jobs.length, 1);
});

test('a block is known by its bytes, not by the hash that a submission claims', async () => {
  const proofs = checkerThat(({ publicInput }) => publicInput[0].length > 0);
  const verifier = verifierWith({ proofs });
  const good = recordedInput(WITHOUT_WORK);
  const other = recordedInput(WITH_WORK);
  const first = await verifier.verify({ ...other, snarkWork: null, blockHash: good.blockHash });
  assert.equal(first.checks.consistency, 'failed');
  assert.match(first.checks.notes![0], /^block_hash is ZB76.*, and the block’s is YhRT/);
  assert.notEqual((await verifier.verify(good)).facts!.height, first.facts!.height);
});

test('error texts: the first check that fails, in the words of the program', async () => {
  const good = recordedInput(WITH_WORK);
  const zeroDigest = Buffer.from(good.snarkWork as Uint8Array);
  // mina#19299: 32 zeros where the digest stands; its length is before it.
  const { sok_digest: digest } = parseSnarkWork(zeroDigest).statement;
  const digestAt = digest.byteOffset - zeroDigest.byteOffset;
  assert.equal(zeroDigest[digestAt - 1], 0x20);
  zeroDigest.fill(0, digestAt, digestAt + 32);
  const sok = 'Transaction_snark.verify: Mismatched sok_message';
  const dlog = '(Pickles.verify dlog_check)';
  const cases: [
    string,
    Submission,
    (job: { publicInput: readonly string[] }) => boolean,
    string,
  ][] = [
    ['no block', { ...good, block: null }, () => true, 'Fail to decode block'],
    ['empty', { ...good, block: new Uint8Array(0) }, () => true, 'Fail to decode block'],
    ['foreign', { ...good, block: Buffer.from('block') }, () => true, 'Fail to decode block'],
    ['no base64', { ...good, block: 'undecodable' }, () => true, 'Fail to decode block'],
    ['no file', { ...good, block: 'unreadable' }, () => true, 'Fail to load block'],
    ['a false block proof', good, ({ publicInput }) => publicInput.length > 1, dlog],
    ['a false snark work proof', good, ({ publicInput }) => publicInput.length === 1, dlog],
    ['zero digest', { ...good, snarkWork: zeroDigest }, () => true, sok],
    [
      'another submitter',
      { ...good, submitter: recordedInput(WITHOUT_WORK).submitter },
      () => true,
      sok,
    ],
    ['no submitter', { ...good, submitter: 'B62q' }, () => true, 'submitter is no public key'],
    [
      'cut work',
      { ...good, snarkWork: zeroDigest.subarray(0, 900) },
      () => true,
      'Fail to decode snark work',
    ],
    [
      'work is no base64',
      { ...good, snarkWork: 'undecodable' },
      () => true,
      'Fail to decode snark work',
    ],
    ['both proofs', { ...good, snarkWork: zeroDigest }, () => false, dlog],
  ];
  for (const [name, input, say, text] of cases) {
    const verdict = await verifierWith({ proofs: checkerThat(say) }).verify(input);
    assert.equal(verdict.error, text, name);
    // As the original: refused and nevertheless looked at, without what the block says.
    assert.deepEqual([verdict.verified, verdict.facts], [true, null], name);
  }
});

test('Mesa: decoded and hashed; its proof is not checkable, its sok error has the words of Mesa', async () => {
  const proofs = checkerThat(() => false);
  const verifier = verifierWith({ proofs });
  const input = withBlock({ ...recordedInput(WITH_WORK), snarkWork: null }, mesaBlock());
  const { facts, error, verified, checks } = await verifier.verify(input);
  assert.equal(facts!.stateHash, '3NK6RWU4RvrLkCnsM8hcWykcr2FiAa6XJrBTGBuuzNUU5mBadseV');
  assert.deepEqual([error, verified], [null, false]);
  assert.equal(checks.block_proof, 'not checkable');
  assert.match(checks.notes!.at(-1)!, /^block proof: proofs of Mesa cannot be checked yet/);
  assert.equal(proofs.jobs.length, 0);
  // Its header is real and its body is not: the body reference says so.
  assert.match(checks.notes![0], /^body_reference is not that of the body/);

  const { snarkWork } = recordedInput(WITH_WORK);
  const stolen = { ...input, snarkWork, submitter: recordedInput(WITHOUT_WORK).submitter };
  const refusal = await verifier.verify(stolen);
  assert.equal(refusal.error, "proof's sok message digest does not match the sok message");
  assert.equal(refusal.verified, true);
  // The same work of its own submitter: no key of Mesa, so nobody can say.
  const own = await verifier.verify({ ...input, snarkWork });
  assert.deepEqual(
    [own.error, own.verified, own.checks.snark_work_proof],
    [null, false, 'not checkable'],
  );
});

test('a verifier of one side of the fork refuses blocks of the other', async () => {
  const mesa = withBlock(recordedInput(WITHOUT_WORK), mesaBlock());
  const dlog = '(Pickles.verify dlog_check)';
  const say = async (rule: 'berkeley' | 'mesa' | 'mainnet', input: Submission) => {
    const { error, verified } = await verifierWith({ rule, proofs: ALL_VALID }).verify(input);
    return error ?? verified;
  };
  assert.equal(await say('berkeley', mesa), dlog);
  assert.equal(await say('mesa', mesa), false);
  assert.equal(await say('mesa', recordedInput(WITHOUT_WORK)), dlog);
  assert.equal(await say('mainnet', recordedInput(WITHOUT_WORK)), true);
  // Without checks each decodes the other's header, as the original.
  assert.equal((await verifierWith({ rule: 'berkeley' }).verify(mesa)).error, null);
});

test('no key of its network: neither valid nor refused; a key that is given is used', async () => {
  const source = parseBlock(recordedInput(WITHOUT_WORK).block);
  const own = encodeBlock({
    ...source,
    current_protocol_version: { ...ERAS.berkeley.protocolVersion },
  });
  const input = withBlock(recordedInput(WITHOUT_WORK), own);
  const proofs = checkerThat(() => true);
  const { error, verified, facts, checks } = await verifierWith({ proofs }).verify(input);
  assert.deepEqual([error, verified, checks.block_proof], [null, false, 'not checkable']);
  assert.match(checks.notes![0], /there is no block key of the network with genesis 3NLuvaxv/);
  assert.equal(facts!.height, 4);
  assert.equal(proofs.jobs.length, 0);

  const block = shippedKeys().devnet.block;
  const given = await verifierWith({ proofs, keys: { block, transaction: null } }).verify(input);
  assert.equal(given.verified, true);
  assert.equal(proofs.jobs[0].key, block);
});

test('a checker that does not work makes nothing invalid, and is asked again', async () => {
  let calls = 0;
  const proofs = checkerThat(() => (calls++ === 0 ? new Error('no memory') : true));
  const verifier = verifierWith({ proofs });
  const first = await verifier.verify(recordedInput(WITHOUT_WORK));
  assert.deepEqual([first.error, first.verified], [null, false]);
  assert.deepEqual(first.checks.notes, ['block proof: no memory']);
  assert.equal((await verifier.verify(recordedInput(WITHOUT_WORK))).verified, true);
});

/** The recorded block with one thing changed. */
function altered(change: (block: ParsedBlock) => Block): Submission {
  const input = recordedInput(WITHOUT_WORK);
  return withBlock(input, encodeBlock(change(parseBlock(input.block))));
}

test('what does not fit itself: noted, and refused by --strict alone', async () => {
  type State = ParsedBlock['protocol_state'];
  const body =
    (change: (body: State['body']) => Partial<State['body']>) => (block: ParsedBlock) => ({
      ...block,
      protocol_state: {
        ...block.protocol_state,
        body: { ...block.protocol_state.body, ...change(block.protocol_state.body) },
      },
    });
  const consensus = (change: Partial<State['body']['consensus_state']>) =>
    body(({ consensus_state }) => ({ consensus_state: { ...consensus_state, ...change } }));
  const cases: [(block: ParsedBlock) => Block, RegExp][] = [
    [(block) => ({ ...block, body: Uint8Array.of(...block.body, 0) }), /^body_reference is not/],
    [
      (block) => ({
        ...block,
        delta_block_chain_proof: {
          ...block.delta_block_chain_proof,
          state_hash: block.protocol_state.body.genesis_state_hash,
        },
      }),
      /^delta_block_chain_proof does not end/,
    ],
    [
      (block) => ({
        ...block,
        delta_block_chain_proof: {
          ...block.delta_block_chain_proof,
          body_hashes: Array.from({ length: 101 }, () => block.protocol_state.previous_state_hash),
        },
      }),
      /^delta_block_chain_proof has 101 hashes, more than 100$/,
    ],
    [
      (block) => ({
        ...block,
        delta_block_chain_proof: {
          ...block.delta_block_chain_proof,
          body_hashes: [block.protocol_state.previous_state_hash],
        },
      }),
      /^delta_block_chain_proof does not end/,
    ],
    [
      body(({ blockchain_state }) => ({
        blockchain_state: {
          ...blockchain_state,
          timestamp: blockchain_state.timestamp + 180_000n,
        },
      })),
      /^timestamp \d+ is not within slot 5/,
    ],
    [consensus({ epoch_count: 1 }), /^epoch_count 1 is not that of slot 5/],
    [consensus({ global_slot_since_genesis: 4 }), /^global_slot_since_genesis 4 is before slot 5/],
  ];
  for (const [change, note] of cases) {
    const input = altered(change);
    const lenient = await verifierWith().verify(input);
    assert.deepEqual([lenient.error, lenient.checks.consistency], [null, 'failed']);
    assert.equal(lenient.checks.notes!.length, 1, lenient.checks.notes!.join());
    assert.match(lenient.checks.notes![0], note);
    const strict = await verifierWith({ strict: true }).verify(input);
    assert.match(strict.error!, /^block is inconsistent: /);
  }
});

test('the fork of the configuration: slots and heights go on from it', async () => {
  const input = withBlock(recordedInput(WITHOUT_WORK), mesaBlock());
  const notesWith = async (globalSlot: number, height: number) =>
    (
      await verifierWith({ fork: { stateHash: '', height, globalSlot } }).verify(input)
    ).checks.notes!.slice(1);
  assert.deepEqual(await notesWith(449_660, 297_734), []);
  assert.match(
    (await notesWith(449_661, 297_734))[0],
    /^slots are counted from global slot 449660/,
  );
  assert.match((await notesWith(449_660, 297_736))[0], /^height 297736 is not above/);
});

test('a block of Mesa made from a recorded one is consistent when its slots are those of Mesa', async () => {
  const block = blockInEra(parseBlock(recordedInput(WITHOUT_WORK).block), 'mesa');
  const { checks } = await verifierWith().verify(
    withBlock(recordedInput(WITHOUT_WORK), block.bytes),
  );
  // 180 s a slot are not Mesa's 90.
  assert.match(checks.notes![0], /^timestamp \d+ is not within slot 5 \(of 90000 ms/);
});
