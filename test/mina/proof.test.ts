/** Proofs, snark work and verification keys as o1js takes them. That o1js accepts them: test/stack/verifier/proofs.slow.ts. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { blake2b } from '@noble/hashes/blake2.js';
import { decode } from '../../mina/base58check.ts';
import { BinProtError } from '../../mina/bin-prot.ts';
import { EMPTY_BODY, parseBlock } from '../../mina/block.ts';
import { bodyReference } from '../../mina/body-reference.ts';
import { proofText } from '../../mina/proof.ts';
import { parseSnarkWork, sokDigest, transactionInput } from '../../mina/snark-work.ts';
import { parseVerificationKey } from '../../mina/verification-key.ts';
import { shippedKeys } from '../support/verifier.ts';
import { recordedBlock } from './block-fixtures.ts';
import { readVector, recordedSubmission } from './vectors.ts';

const mainnetProofs = (): Uint8Array[] =>
  (JSON.parse(readVector('mainnet-proofs.json')) as { mainnet: { proof: string }[] }).mainnet.map(
    ({ proof }) => new Uint8Array(Buffer.from(proof, 'base64url')),
  );
const recordedProofs = (): Uint8Array[] =>
  ['submission-with-snark-work.json', 'submission-without-snark-work.json'].map(
    (name) => parseBlock(recordedBlock(name)).protocol_state_proof,
  );
const withWork = recordedSubmission('submission-with-snark-work.json');
const work = (): Uint8Array => new Uint8Array(Buffer.from(withWork.data.snark_work!, 'base64'));

test('a proof is read to its last byte, and every field stands in the text', () => {
  for (const proof of [...mainnetProofs(), ...recordedProofs()]) {
    assert.equal(proof.length, 11_138);
    const text = proofText(proof);
    assert.match(text, /^\(\(statement \(\(proof_state \(\(deferred_values \(\(plonk /);
    assert.equal(text.split('(').length, text.split(')').length);
    // Of them 58 points, two fields each.
    assert.equal([...text.matchAll(/0x[0-9A-F]{64}/g)].length, 294);
    assert.match(text, /\(branch_data \(\(proofs_verified N2\)\(domain_log2 "\\0\d\d"\)\)\)/);
  }
});

test('a proof that is too short, too long or of another layout is refused with the place', () => {
  const [proof] = mainnetProofs();
  const faultOf = (bytes: Uint8Array): BinProtError => {
    try {
      proofText(bytes);
    } catch (error) {
      assert.ok(error instanceof BinProtError);
      return error;
    }
    throw new assert.AssertionError({ message: 'it was taken' });
  };
  assert.match(faultOf(proof.subarray(0, -1)).field, /^proof\.bulletproof/);
  assert.match(faultOf(Uint8Array.of(...proof, 0)).message, /^1 bytes are left behind the proof/);
  assert.match(faultOf(proof.subarray(1)).field, /^statement\./);
  // The unit behind alpha's two limbs, of 9 bytes each.
  const altered = proof.slice();
  altered[18] = 1;
  assert.match(faultOf(altered).message, /0x01 is no unit/);
});

test('mutated proofs are a text or an error, never anything else', () => {
  const [proof] = recordedProofs();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(proof.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      fc.nat(proof.length),
      (changes, end) => {
        const bytes = proof.slice(0, end % 3 === 0 ? end : proof.length);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        try {
          assert.ok(proofText(bytes).startsWith('((statement'));
        } catch (error) {
          assert.ok(error instanceof BinProtError, String(error));
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('recorded snark work: 300 inputs, and the digest that names its submitter', () => {
  const read = parseSnarkWork(work());
  const prover = decode('publicKey', withWork.submitter);
  assert.equal(read.fee, 100_000_000n);
  assert.ok(read.proofTimeSeconds > 1 && read.proofTimeSeconds < 1000);
  const input = transactionInput(read.statement);
  assert.equal(input.length, 300);
  // Eight bits a byte, lowest first.
  const bits = input.slice(-256).map(Number);
  const bytes = read.statement.sok_digest.map((_, i) =>
    bits.slice(8 * i, 8 * i + 8).reduce((sum, bit, k) => sum + (bit << k), 0),
  );
  assert.deepEqual(bytes, read.statement.sok_digest);
  assert.deepEqual(sokDigest(read, prover), read.statement.sok_digest);
  const other = prover.slice();
  other[32] ^= 1;
  assert.notDeepEqual(sokDigest(read, other), read.statement.sok_digest);
});

test('snark work is read to its last byte', () => {
  const bytes = work();
  for (const end of [0, 1, 500, 800, bytes.length - 1])
    assert.throws(() => parseSnarkWork(bytes.subarray(0, end)), BinProtError);
  assert.throws(() => parseSnarkWork(Uint8Array.of(...bytes, 0)), /1 bytes are left/);
});

test('a key is the same from each of its three forms', () => {
  const { mainnet, devnet, rc1 } = shippedKeys();
  assert.equal(Object.keys(shippedKeys()).length, 3);
  for (const network of [mainnet, devnet, rc1])
    for (const kind of ['block', 'transaction'] as const) {
      const key = network[kind];
      assert.equal(parseVerificationKey(` ${key}\n`), key);
      assert.equal(
        createHash('sha256').update(Buffer.from(key, 'base64')).digest('hex'),
        network[`${kind}_sha256`],
      );
      const points = pointsOf(key);
      assert.equal(parseVerificationKey(JSON.stringify(nodeForm(points))), key);
      assert.equal(
        parseVerificationKey(
          JSON.stringify({ data: { blockchainVerificationKey: nodeForm(points) } }),
        ),
        key,
      );
      assert.equal(parseVerificationKey(JSON.stringify(rustForm(points, 'elems'))), key);
      assert.equal(parseVerificationKey(JSON.stringify(rustForm(points, 'chunks'))), key);
    }
  // A node's own words, of a network of Mesa.
  assert.equal(parseVerificationKey(readVector('mesa-mut-blockchain-vk.json')).length, 2396);
});

test('what is no key is refused with the reason', () => {
  const key = shippedKeys().mainnet.block;
  const bytes = Buffer.from(key, 'base64');
  bytes[40] ^= 1;
  for (const [text, reason] of [
    [bytes.toString('base64'), /its point 1 of 28 is not on the curve/],
    [key.slice(0, -4), /it holds 1794 bytes, and a key has 1796/],
    ['{"commitments": 1}', /it has no commitments/],
    ['{', /it is no JSON/],
    ['no key', /neither JSON nor base64/],
    [JSON.stringify(nodeForm(pointsOf(key).slice(1))), /sigma_comm has 6 points, and a key has 7/],
  ] as const)
    assert.throws(() => parseVerificationKey(text), reason);
});

type Point = { x: Buffer; y: Buffer };

/** Both little-endian. */
function pointsOf(key: string): Point[] {
  const bytes = Buffer.from(key, 'base64');
  const points: Point[] = [];
  for (let i = 0, at = 2; i < 28; i++, at += 64) {
    if (i === 7 || i === 22) at++;
    points.push({ x: bytes.subarray(at, at + 32), y: bytes.subarray(at + 32, at + 64) });
  }
  return points;
}

const SINGLE = ['generic', 'psm', 'complete_add', 'mul', 'emul', 'endomul_scalar'];

function formOf(points: Point[], form: (point: Point) => unknown): Record<string, unknown> {
  const rest = points.length - 21;
  return {
    sigma_comm: points.slice(0, rest).map(form),
    coefficients_comm: points.slice(rest, rest + 15).map(form),
    ...Object.fromEntries(SINGLE.map((name, i) => [`${name}_comm`, form(points[rest + 15 + i])])),
  };
}

const bigEndian = (bytes: Buffer): string =>
  `0x${Buffer.from(bytes).reverse().toString('hex').toUpperCase()}`;
const nodeForm = (points: Point[]) => ({
  commitments: formOf(points, ({ x, y }) => [bigEndian(x), bigEndian(y)]),
});

const P = 0x40000000000000000000000000000000224698fc094cf91b992d30ed00000001n;
const rustForm = (points: Point[], name: string) =>
  formOf(points, ({ x, y }) => ({
    [name]: [x.toString('hex') + (BigInt(bigEndian(y)) > (P - 1n) / 2n ? '80' : '00')],
  }));

const hash = (bytes: Uint8Array): Uint8Array => blake2b(bytes, { dkLen: 32 });

test('the body reference of recorded blocks is that of their bodies', () => {
  for (const name of ['submission-with-snark-work.json', 'submission-without-snark-work.json']) {
    const block = parseBlock(recordedBlock(name));
    const wanted = block.protocol_state.body.blockchain_state.body_reference;
    assert.deepEqual(bodyReference(block.body, hash), wanted.slice());
    assert.notDeepEqual(bodyReference(Uint8Array.of(...EMPTY_BODY, 0), hash), wanted.slice());
  }
});

test('a body in several bitswap blocks: the data can be read back from its address', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 300 }),
      fc.integer({ min: 1, max: 9000 }),
      (most, length) => {
        const body = Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
        const blocks = new Map<string, Uint8Array>();
        const root = bodyReference(
          body,
          (bytes) => {
            assert.ok(bytes.length <= most);
            const key = hash(bytes);
            blocks.set(Buffer.from(key).toString('hex'), bytes.slice());
            return key;
          },
          most,
        );
        // As nodes read: breadth first, each block's data behind its links.
        const data: Uint8Array[] = [];
        const links = [Buffer.from(root).toString('hex')];
        for (const link of links) {
          const block = blocks.get(link)!;
          const count = block[0] + 256 * block[1];
          for (let i = 0; i < count; i++)
            links.push(Buffer.from(block.subarray(2 + 32 * i, 34 + 32 * i)).toString('hex'));
          data.push(block.subarray(2 + 32 * count));
        }
        const whole = Buffer.concat(data);
        assert.equal(whole.readUInt32LE(0), length + 1);
        assert.deepEqual(new Uint8Array(whole.subarray(5)), body);
      },
    ),
    { numRuns: 60 },
  );
});
