/**
 * Two kimchi Poseidon hashes side by side in WebAssembly with relaxed SIMD (mina/wasm/kimchi-pair.ts): both together cost little more than one by itself.
 * One instance belongs to one thread.
 * Pure (no I/O, no `k6/*`, no `node:*`): the caller brings the module (paths.ts, loadMinaPairWasm).
 */
import { Fp, bytesToIntegerLE, FIELD_BYTES, integerToBytesLE, p } from './field.ts';
import { poseidonKimchiParameters } from './poseidon-kimchi-parameters.ts';
import { scalePoseidon } from './poseidon-scaled.ts';
import { createPoseidon } from './poseidon.ts';

const LIMBS = 5;
const LIMB_BITS = 51;
const LANES = 2;
/** Montgomery form is the product with 2^255. */
const MONTGOMERY_BITS = 255n;
/** A constant stands there so much more: then its bits are those of an integer (mina/wasm/paired.mjs). */
const INTEGER_OFFSET = 1.5 * 2 ** 52;
/** Most elements that one hash takes here. */
export const MAX_PAIR_ELEMENTS = 64;

export type PairHasher = {
  /** Where lane 0 and lane 1 take their elements from: 32 bytes each, little-endian, below p. Fixed for good: this memory does not grow. */
  readonly inputs: readonly [Uint8Array, Uint8Array];
  /**
   * Hashes the first `count` elements of both lanes, after a prefix as in poseidon.ts.
   * @returns 32 bytes each, little-endian
   */
  hash(prefix: string, count: number): [Uint8Array, Uint8Array];
};

/** The exports of mina/wasm/kimchi-pair.ts; addresses are numbers. */
type PairWasm = {
  memory: WebAssembly.Memory;
  parameters: WebAssembly.Global;
  input: WebAssembly.Global;
  startState: WebAssembly.Global;
  result: WebAssembly.Global;
  absorb(pairs: number): void;
};

/** Five limbs of 51 bits, lowest first, balanced (-2^50 to 2^50 - 1) but for the highest. @param value of any sign */
export function balancedLimbs(value: bigint): number[] {
  let rest = value;
  return Array.from({ length: LIMBS }, (_, i) => {
    const low = i === LIMBS - 1 ? rest : BigInt.asIntN(LIMB_BITS, rest);
    rest = (rest - low) >> BigInt(LIMB_BITS);
    return Number(low);
  });
}

/** mod p, from -p/2 to p/2. */
const centred = (value: bigint): bigint => {
  const reduced = Fp.reduce(value);
  return reduced > p / 2n ? reduced - p : reduced;
};
const montgomery = (value: bigint): number[] => balancedLimbs(centred(value << MONTGOMERY_BITS));

/** The scaled numbers in the order of mina/wasm/kimchi-pair.ts. */
export function pairParameters(): Float64Array {
  const { rounds } = scalePoseidon(poseidonKimchiParameters);
  const factor = (value: bigint): number[] =>
    Array.from({ length: LIMBS }, (_, i) => BigInt(LIMB_BITS * i)).flatMap((bits) =>
      balancedLimbs(centred(value << bits)),
    );
  const constant = (value: bigint): number[] =>
    montgomery(value).map((limb) => limb + INTEGER_OFFSET);
  return Float64Array.from(
    rounds.flat().flatMap((row) => [...row.slice(0, -1).flatMap(factor), ...constant(row.at(-1)!)]),
  );
}

/**
 * @param module the compiled mina/wasm/kimchi-pair.ts
 * @returns null where this machine does not fuse a multiplication with an addition: WebAssembly leaves that open, and all hashes would be wrong
 */
export function createPairHasher(module: WebAssembly.Module): PairHasher | null {
  const wasm = new WebAssembly.Instance(module).exports as unknown as PairWasm;
  const { buffer } = wasm.memory;
  const doubles = (of: WebAssembly.Global, count: number): Float64Array =>
    new Float64Array(buffer, of.value as number, count);
  const numbers = pairParameters();
  doubles(wasm.parameters, numbers.length).set(numbers);
  const startState = doubles(wasm.startState, 3 * LIMBS * LANES);
  const result = doubles(wasm.result, LIMBS * LANES);
  const lane = (i: number): Uint8Array =>
    new Uint8Array(
      buffer,
      (wasm.input.value as number) + i * MAX_PAIR_ELEMENTS * FIELD_BYTES,
      MAX_PAIR_ELEMENTS * FIELD_BYTES,
    );
  const inputs = [lane(0), lane(1)] as const;

  const poseidon = createPoseidon(poseidonKimchiParameters);
  const starts = new Map<string, Float64Array>();
  /** The state after a prefix, in both lanes. */
  function startOf(prefix: string): Float64Array {
    let start = starts.get(prefix);
    if (start === undefined) {
      const limbs = poseidon.prefixState(prefix).flatMap(montgomery);
      start = Float64Array.from(limbs.flatMap((limb) => [limb, limb]));
      starts.set(prefix, start);
    }
    return start;
  }

  function hashOf(lane: number): Uint8Array {
    let value = 0n;
    for (let i = LIMBS - 1; i >= 0; i--)
      value = (value << BigInt(LIMB_BITS)) + BigInt(result[LANES * i + lane]);
    return integerToBytesLE(Fp.reduce(value), FIELD_BYTES);
  }

  const hasher: PairHasher = {
    inputs,
    hash(prefix, count) {
      if (count < 1 || count > MAX_PAIR_ELEMENTS)
        throw new RangeError(`1 to ${MAX_PAIR_ELEMENTS} elements are hashed, not ${count}`);
      if (count % 2 === 1)
        for (const input of inputs) input.fill(0, count * FIELD_BYTES, (count + 1) * FIELD_BYTES);
      startState.set(startOf(prefix));
      wasm.absorb((count + 1) >> 1);
      return [hashOf(0), hashOf(1)];
    },
  };
  return isRight(hasher, poseidon) ? hasher : null;
}

/** Two known hashes. Of unfused products not one in a thousand is right, and this takes some hundred. */
function isRight(hasher: PairHasher, poseidon: ReturnType<typeof createPoseidon>): boolean {
  const prefix = '';
  const elements = [p - 2n, p / 3n];
  hasher.inputs.forEach((input, i) => input.set(integerToBytesLE(elements[i], FIELD_BYTES)));
  return hasher
    .hash(prefix, 1)
    .every((hash, i) => bytesToIntegerLE(hash) === poseidon.hashWithPrefix(prefix, [elements[i]]));
}
