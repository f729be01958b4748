/**
 * Snark work as a submission carries it: a transaction snark's statement and proof, when it was made, and the fee. And what its proof is checked
 * against: 300 field elements, and the digest of the "statement of knowledge" that binds it to the submitter.
 * Source: MinaProtocol/mina, src/lib/uptime_service/uptime_service.ml (Proof_data), src/lib/transaction_snark, src/lib/mina_base/sok_message.ml;
 * checked on the recorded submissions of release candidate 1, whose proofs verify.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */
import { blake2b } from '@noble/hashes/blake2.js';
import {
  BinProtError,
  bytes,
  type Codec,
  Reader,
  record,
  uint64,
  type ValueOf,
  within,
} from './bin-prot.ts';
import { type Registers, type SignedAmount, statementFields } from './block.ts';
import { bytesToIntegerLE, p } from './field.ts';
import { readProof } from './proof.ts';

export const SOK_DIGEST_BYTES = 32;

const statement = record(statementFields(bytes(SOK_DIGEST_BYTES)));
export type TransactionStatement = ValueOf<typeof statement>;

export type SnarkWork = {
  readonly statement: TransactionStatement;
  /** Its s-expression (proof.ts). */
  readonly proof: string;
  /** What the prover took, seconds. */
  readonly proofTimeSeconds: number;
  /** As it stands in the bytes: the digest is over them. */
  readonly feeBytes: Uint8Array;
  /** Nanomina. */
  readonly fee: bigint;
};

const float64: Codec<number> = {
  leastBytes: 8,
  read: (reader) => reader.view.getFloat64(reader.skip(8), true),
  write: () => {
    throw new BinProtError('snark work is read, not written', null);
  },
};

/** @throws BinProtError that names the field where the bytes stop to be snark work, also for bytes left behind it */
export function parseSnarkWork(input: Uint8Array): SnarkWork {
  const reader = new Reader(input);
  const read = <T>(name: string, step: () => T): T => within(name, step);
  const found = read('statement', () => statement.read(reader));
  const proof = read('proof', () => readProof(reader));
  const proofTimeSeconds = read('proof_time', () => float64.read(reader));
  const feeAt = reader.at;
  const fee = read('snark_work_fee', () => uint64.read(reader));
  if (reader.left > 0)
    throw new BinProtError(`${reader.left} bytes are left behind the snark work`, reader.at);
  return {
    statement: found,
    proof,
    proofTimeSeconds,
    feeBytes: input.subarray(feeAt, reader.at),
    fee,
  };
}

/** What sok_digest must be. @param prover the submitter: 33 bytes (x, parity of y) */
export function sokDigest(
  { feeBytes }: Pick<SnarkWork, 'feeBytes'>,
  prover: Uint8Array,
): Uint8Array {
  const message = new Uint8Array(feeBytes.length + prover.length);
  message.set(feeBytes);
  message.set(prover, feeBytes.length);
  return blake2b(message, { dkLen: SOK_DIGEST_BYTES });
}

const signOf = ({ sgn }: SignedAmount): bigint => (sgn === 'Pos' ? 1n : p - 1n);
const flag = (value: boolean): bigint => (value ? 1n : 0n);

function* registersInput({
  first_pass_ledger,
  second_pass_ledger,
  pending_coinbase_stack: stack,
  local_state: local,
}: Registers): Generator<bigint> {
  const whole = [
    first_pass_ledger,
    second_pass_ledger,
    stack.data,
    stack.state.init,
    stack.state.curr,
    local.stack_frame,
    local.call_stack,
    local.transaction_commitment,
    local.full_transaction_commitment,
  ];
  for (const element of whole) yield bytesToIntegerLE(element);
  yield local.excess.magnitude;
  yield signOf(local.excess);
  yield local.supply_increase.magnitude;
  yield signOf(local.supply_increase);
  yield bytesToIntegerLE(local.ledger);
  yield flag(local.success);
  yield BigInt(local.account_update_index);
  yield flag(local.will_succeed);
}

/** The public input of the transaction circuit, which a valid proof is a proof of: 300 elements of Fp. */
export function transactionInput(found: TransactionStatement): bigint[] {
  const { supply_increase, fee_excess: excess } = found;
  const input = [
    ...registersInput(found.source),
    ...registersInput(found.target),
    bytesToIntegerLE(found.connecting_ledger_left),
    bytesToIntegerLE(found.connecting_ledger_right),
    supply_increase.magnitude,
    signOf(supply_increase),
    bytesToIntegerLE(excess.fee_token_l),
    excess.fee_excess_l.magnitude,
    signOf(excess.fee_excess_l),
    bytesToIntegerLE(excess.fee_token_r),
    excess.fee_excess_r.magnitude,
    signOf(excess.fee_excess_r),
  ];
  for (const byte of found.sok_digest)
    for (let bit = 0; bit < 8; bit++) input.push(flag(((byte >> bit) & 1) === 1));
  return input;
}
