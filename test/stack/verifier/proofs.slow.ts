/**
 * Real proofs through o1js: two recorded submissions and two proofs of mainnet pass, every altered one fails, and good ones pass afterwards. Needs
 * o1js (`npm ci --prefix proofs`).
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { decode } from '../../../mina/base58check.ts';
import { encodeBlock, parseBlock } from '../../../mina/block.ts';
import { bytesToIntegerLE } from '../../../mina/field.ts';
import { proofText } from '../../../mina/proof.ts';
import { parseSnarkWork } from '../../../mina/snark-work.ts';
import { knownProof } from '../../../stack/verifier/known-proof.ts';
import {
  openProofPool,
  type ProofChecker,
  type ProofJob,
  whyNoProofs,
} from '../../../stack/verifier/proof-pool.ts';
import type { Submission } from '../../../stack/verifier/verifier.ts';
import { readVector } from '../../mina/vectors.ts';
import {
  recordedInput,
  shippedKeys,
  verifierWith,
  WITH_WORK,
  WITHOUT_WORK,
} from '../../support/verifier.ts';

/** `brief`: two submissions that pass and two that were altered; `all`: everything. With either, proofs that cannot be checked are a fault, not a reason to skip. */
const wanted = process.env.MINA_TEST_PROOFS;
const why = wanted === undefined ? whyNoProofs() : null;
const skip = why === null ? false : `${why}: NOT TESTED (npm ci --prefix proofs)`;
const inFull = wanted === 'brief' ? { skip: 'MINA_TEST_PROOFS=brief' } : {};
const DLOG = '(Pickles.verify dlog_check)';

/** The same block one higher, with the proof that it had. */
function higher(bytes: Uint8Array): Uint8Array {
  const block = parseBlock(bytes);
  const state = block.protocol_state;
  const consensus = state.body.consensus_state;
  return encodeBlock({
    ...block,
    protocol_state: {
      ...state,
      body: {
        ...state.body,
        consensus_state: { ...consensus, blockchain_length: consensus.blockchain_length + 1 },
      },
    },
  });
}

describe('real proofs', { skip }, () => {
  let proofs: ProofChecker;
  before(() => {
    proofs = openProofPool({ workers: 1, known: knownProof() });
  });
  after(() => proofs.close());

  test('two recorded submissions pass everything', async () => {
    const verifier = verifierWith({ proofs });
    for (const name of [WITH_WORK, WITHOUT_WORK]) {
      const { error, verified, checks } = await verifier.verify(recordedInput(name));
      assert.deepEqual([error, verified, checks.block_proof], [null, true, 'passed'], name);
      const work = name === WITH_WORK ? 'passed' : 'absent';
      assert.deepEqual([checks.sok_digest, checks.snark_work_proof], [work, work], name);
    }
  });

  test('one of another state, and a block that was altered, do not', async () => {
    const known = knownProof();
    assert.equal(await proofs.check({ ...known, publicInput: ['1'] }), false);
    const good = recordedInput(WITHOUT_WORK);
    const block = higher(good.block);
    assert.equal((await verifierWith({ proofs }).verify({ ...good, block })).error, DLOG);
    assert.equal(await proofs.check(known), true);
  });

  const mainnet = (): ProofJob[] =>
    (
      JSON.parse(readVector('mainnet-proofs.json')) as {
        mainnet: { state_hash: string; proof: string }[];
      }
    ).mainnet.map(({ state_hash, proof }) => ({
      proof: proofText(new Uint8Array(Buffer.from(proof, 'base64url'))),
      publicInput: [String(bytesToIntegerLE(decode('stateHash', state_hash)))],
      key: shippedKeys().mainnet.block,
    }));

  test('two proofs of mainnet pass, under their own hash and key alone', inFull, async () => {
    const [first, second] = mainnet();
    assert.equal(await proofs.check(first), true);
    assert.equal(await proofs.check(second), true);
    for (const job of [
      { ...first, publicInput: second.publicInput },
      { ...first, publicInput: [String(BigInt(first.publicInput[0]) + 1n)] },
      { ...first, key: shippedKeys().devnet.block },
      { ...first, key: shippedKeys().rc1.block },
    ])
      assert.equal(await proofs.check(job), false);
  });

  test('every altered proof fails, and what o1js cannot read at all', inFull, async () => {
    const [good, other] = mainnet();
    const field = /0x[0-9A-F]{64}/g;
    const fields = [...good.proof.matchAll(field)];
    const replaced = (at: number, text: string): string => {
      const { index } = fields[at];
      return good.proof.slice(0, index) + text + good.proof.slice(index + 66);
    };
    const z1 = good.proof.lastIndexOf('(z_1 ') + 5;
    const z2 = good.proof.lastIndexOf('(z_2 ') + 5;
    const altered: [string, string][] = [
      ['a field of the other proof', replaced(0, [...other.proof.matchAll(field)][0][0])],
      ['the last commitment', replaced(fields.length - 1, `0x${'0'.repeat(63)}7`)],
      ['an evaluation', replaced(120, `0x${'0'.repeat(63)}1`)],
      [
        'z_1 is z_2',
        good.proof.slice(0, z1) + good.proof.slice(z2, z2 + 66) + good.proof.slice(z1 + 66),
      ],
      ['a field beyond its modulus', replaced(120, `0x${'F'.repeat(64)}`)],
      [
        'another number of proofs',
        good.proof.replace('(proofs_verified N2)', '(proofs_verified N0)'),
      ],
      ['a feature that is not used', good.proof.replace('(xor false)', '(xor true)')],
      [
        'a domain that is none',
        good.proof.replace(/\(domain_log2 "[^"]*"\)/, '(domain_log2 "\\250")'),
      ],
      ['no proof', 'no proof'],
    ];
    for (const [name, proof] of altered) {
      assert.notEqual(proof, good.proof, name);
      assert.equal(await proofs.check({ ...good, proof }), false, name);
    }
    assert.equal(await proofs.check(good), true);
  });

  test('altered submissions are refused with the program’s words', inFull, async () => {
    const verifier = verifierWith({ proofs });
    const good = recordedInput(WITH_WORK);
    const block = parseBlock(good.block);
    const otherProof = encodeBlock({
      ...block,
      protocol_state_proof: parseBlock(recordedInput(WITHOUT_WORK).block).protocol_state_proof,
    });
    const work = Buffer.from(good.snarkWork as Uint8Array);
    // The source's ledger is the statement's first field; the proof is of another one.
    const otherStatement = Buffer.from(work);
    otherStatement[0] ^= 1;
    assert.doesNotThrow(() => parseSnarkWork(otherStatement));
    const cases: [string, Submission][] = [
      ['a height that was raised', { ...good, block: higher(good.block) }],
      ['the proof of another block', { ...good, block: otherProof }],
      ['snark work of another statement', { ...good, snarkWork: otherStatement }],
    ];
    for (const [name, input] of cases)
      assert.equal((await verifier.verify(input)).error, DLOG, name);
    // By the key of another network, and by the rule of another release, whose hash is another one.
    for (const rule of ['mainnet', 'berkeley'] as const) {
      const { error, verified } = await verifierWith({ proofs, rule }).verify(good);
      assert.deepEqual([error, verified], [DLOG, true], rule);
    }
    assert.equal((await verifier.verify(good)).error, null);
  });
});

describe('WebAssembly', { skip, ...inFull }, () => {
  test('the same answers without the native back end', async () => {
    const proofs = openProofPool({ workers: 1, backend: 'wasm', known: knownProof() });
    try {
      const good = knownProof();
      assert.equal(await proofs.check(good), true);
      assert.equal(await proofs.check({ ...good, publicInput: ['1'] }), false);
    } finally {
      await proofs.close();
    }
  });
});
