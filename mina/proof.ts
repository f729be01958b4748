/**
 * A Pickles wrap proof, as blocks (protocol_state_proof) and snark work carry it: bin_prot in, the s-expression out that o1js' `verify` takes.
 * Berkeley and Mesa have the same layout. Nothing is checked but the layout: whether a value is below its modulus or a point on its curve is
 * the verifier's to say.
 *
 * In bin_prot a vector of fixed length is its elements and one unit, an array its length and its elements, a limb an int64. In the
 * s-expression a record is `((name value)…)`, what has no name `(a b …)`, a field `0x` and 64 hex digits, big-endian, a limb 16 hex digits.
 * Source: MinaProtocol/mina, src/lib/pickles/proof.ml, composition_types.ml and src/lib/pickles_types/plonk_types.ml; checked on proofs of mainnet,
 * devnet and release candidate 1, which o1js accepts in this form.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */
import { BinProtError, INT64, Reader, within } from './bin-prot.ts';
import { FIELD_BYTES } from './field.ts';

/** Reads one value and gives its s-expression. @throws BinProtError */
type Shape = (reader: Reader) => string;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const HEX_UPPER = HEX.map((text) => text.toUpperCase());

const field: Shape = (reader) => {
  const start = reader.skip(FIELD_BYTES);
  let hex = '0x';
  for (let i = start + FIELD_BYTES - 1; i >= start; i--) hex += HEX_UPPER[reader.bytes[i]];
  return hex;
};

/** An int64; whatever does not fit 32 bits, which is nearly every limb, is written in nine bytes. */
const limb: Shape = (reader) => {
  const code = reader.byte();
  let value: bigint;
  if (code === INT64) value = reader.view.getBigUint64(reader.skip(8), true);
  else if (code < 0x80) value = BigInt(code);
  else if (code === 0xff) value = BigInt.asUintN(64, BigInt(reader.view.getInt8(reader.skip(1))));
  else if (code === 0xfe)
    value = BigInt.asUintN(64, BigInt(reader.view.getInt16(reader.skip(2), true)));
  else if (code === 0xfd)
    value = BigInt.asUintN(64, BigInt(reader.view.getInt32(reader.skip(4), true)));
  else throw new BinProtError(`0x${HEX[code]} starts no 64-bit integer,`, reader.at - 1);
  return value.toString(16).padStart(16, '0');
};

function oneOf(reader: Reader, what: string, texts: readonly string[]): string {
  const index = reader.byte();
  if (index >= texts.length)
    throw new BinProtError(`0x${HEX[index]} is no ${what},`, reader.at - 1);
  return texts[index];
}
const bool: Shape = (reader) => oneOf(reader, 'bool', ['false', 'true']);
const unit: Shape = (reader) => oneOf(reader, 'unit', ['()']);
const proofsVerified: Shape = (reader) => oneOf(reader, 'number of proofs', ['N0', 'N1', 'N2']);
/** OCaml's char, as a decimal escape. */
const char: Shape = (reader) => `"\\${reader.byte().toString().padStart(3, '0')}"`;

const tuple =
  (...shapes: readonly Shape[]): Shape =>
  (reader) =>
    `(${shapes.map((shape) => shape(reader)).join(' ')})`;

const record = (fields: Record<string, Shape>): Shape => {
  const entries = Object.entries(fields);
  return (reader) =>
    `(${entries.map(([name, shape]) => `(${name} ${within(name, () => shape(reader))})`).join('')})`;
};

const vector =
  (length: number, element: Shape): Shape =>
  (reader) => {
    const parts: string[] = [];
    for (let i = 0; i < length; i++) parts.push(within(String(i), () => element(reader)));
    unit(reader);
    return `(${parts.join(' ')})`;
  };

/** No proof that was ever seen has more than 15. */
const MOST_ELEMENTS = 100;
const array =
  (element: Shape): Shape =>
  (reader) => {
    const length = reader.byte();
    if (length > MOST_ELEMENTS)
      throw new BinProtError(`an array has at most ${MOST_ELEMENTS} elements here,`, reader.at - 1);
    const parts: string[] = [];
    for (let i = 0; i < length; i++) parts.push(within(String(i), () => element(reader)));
    return `(${parts.join(' ')})`;
  };

/** Some x is written as x. */
const option =
  (value: Shape): Shape =>
  (reader) =>
    oneOf(reader, 'option', ['none', 'some']) === 'none' ? '()' : value(reader);

const named = (names: readonly string[], shape: Shape): Record<string, Shape> =>
  Object.fromEntries(names.map((name) => [name, shape]));

const point = tuple(field, field);
const fields2 = tuple(field, field);
const arrays2 = tuple(array(field), array(field));
const limbs2 = vector(2, limb);
const challenge = record({ inner: limbs2 });
const prechallenge = record({ prechallenge: challenge });

/** Rounds of the bulletproof of a step and of a wrap proof. */
const STEP_ROUNDS = 16;
const WRAP_ROUNDS = 15;

const COLUMNS = 15;
const PERMUTATION_COLUMNS = 6;
const SELECTORS = [
  'generic_selector',
  'poseidon_selector',
  'complete_add_selector',
  'mul_selector',
  'emul_selector',
  'endomul_scalar_selector',
];
const OPTIONAL_SELECTORS = [
  'range_check0_selector',
  'range_check1_selector',
  'foreign_field_add_selector',
  'foreign_field_mul_selector',
  'xor_selector',
  'rot_selector',
  'lookup_aggregation',
  'lookup_table',
];
const LOOKUP_COLUMNS = 5;
const LOOKUP_SELECTORS = [
  'runtime_lookup_table',
  'runtime_lookup_table_selector',
  'xor_lookup_selector',
  'lookup_gate_lookup_selector',
  'range_check_lookup_selector',
  'foreign_field_mul_lookup_selector',
];
const FEATURES = [
  'range_check0',
  'range_check1',
  'foreign_field_add',
  'foreign_field_mul',
  'xor',
  'rot',
  'lookup',
  'runtime_tables',
];

/** Of the columns that each circuit has. @param pair what stands for a column */
const evaluations = (pair: Shape): Record<string, Shape> => ({
  w: vector(COLUMNS, pair),
  coefficients: vector(COLUMNS, pair),
  z: pair,
  s: vector(PERMUTATION_COLUMNS, pair),
  ...named(SELECTORS, pair),
});

const statement = record({
  proof_state: record({
    deferred_values: record({
      plonk: record({
        alpha: challenge,
        beta: limbs2,
        gamma: limbs2,
        zeta: challenge,
        joint_combiner: option(challenge),
        feature_flags: record(named(FEATURES, bool)),
      }),
      bulletproof_challenges: vector(STEP_ROUNDS, prechallenge),
      branch_data: record({ proofs_verified: proofsVerified, domain_log2: char }),
    }),
    sponge_digest_before_evaluations: vector(4, limb),
    messages_for_next_wrap_proof: record({
      challenge_polynomial_commitment: point,
      old_bulletproof_challenges: vector(2, vector(WRAP_ROUNDS, prechallenge)),
    }),
  }),
  messages_for_next_step_proof: record({
    app_state: unit,
    challenge_polynomial_commitments: array(point),
    old_bulletproof_challenges: array(vector(STEP_ROUNDS, prechallenge)),
  }),
});

const proof = record({
  statement,
  prev_evals: record({
    evals: record({
      public_input: fields2,
      evals: record({
        ...evaluations(arrays2),
        ...named(OPTIONAL_SELECTORS, option(arrays2)),
        lookup_sorted: vector(LOOKUP_COLUMNS, option(arrays2)),
        ...named(LOOKUP_SELECTORS, option(arrays2)),
      }),
    }),
    ft_eval1: field,
  }),
  proof: record({
    commitments: record({
      w_comm: vector(COLUMNS, point),
      z_comm: point,
      t_comm: vector(7, point),
    }),
    evaluations: record(evaluations(fields2)),
    ft_eval1: field,
    bulletproof: record({
      lr: array(tuple(point, point)),
      z_1: field,
      z_2: field,
      delta: point,
      challenge_polynomial_commitment: point,
    }),
  }),
});

/** Reads a proof that something follows; leaves the reader behind it. @throws BinProtError */
export const readProof = (reader: Reader): string => proof(reader);

/**
 * @param bytes a proof and nothing else
 * @returns its s-expression, whose base64 is what o1js takes
 * @throws BinProtError that names the field where the bytes stop to be one
 */
export function proofText(bytes: Uint8Array): string {
  const reader = new Reader(bytes);
  const text = proof(reader);
  if (reader.left > 0)
    throw new BinProtError(`${reader.left} bytes are left behind the proof`, reader.at);
  return text;
}
