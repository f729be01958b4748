/**
 * The numbers of Poseidon as mina/wasm wants them in memory.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */
import { Fp } from './field.ts';
import { scalePoseidon } from './poseidon-scaled.ts';
import type { PoseidonParameters } from './poseidon.ts';

const LIMBS = 9;
const LIMB_BITS = 29n;
const LIMB_MASK = (1n << LIMB_BITS) - 1n;
/** Montgomery form is the product with 2^261. */
const MONTGOMERY_BITS = 261n;
/** A factor known beforehand stands there three times, times these powers of two (mina/wasm/unrolled.mjs). */
const KNOWN_FACTOR_BITS = [87n, 174n, 261n];

/** The scaled numbers in the order of mina/wasm/poseidon.ts and kimchi.ts, each as 9 limbs of 29 bits, lowest first. */
export function poseidonLimbs(parameters: PoseidonParameters): Uint32Array {
  const { initial, rounds } = scalePoseidon(parameters);
  const montgomery = (value: bigint): bigint => Fp.reduce(value << MONTGOMERY_BITS);
  const known = (value: bigint): bigint[] =>
    KNOWN_FACTOR_BITS.map((bits) => Fp.reduce(value << bits));
  const numbers = [
    ...initial.map(montgomery),
    ...rounds
      .slice(0, -1)
      .flat()
      .flatMap((row) => [...row.slice(0, -1).flatMap(known), montgomery(row.at(-1)!)]),
    ...rounds.at(-1)!.flat().map(montgomery),
  ];
  const limbs = new Uint32Array(numbers.length * LIMBS);
  numbers.forEach((number, i) => {
    let rest = number;
    for (let j = 0; j < LIMBS; j++, rest >>= LIMB_BITS)
      limbs[i * LIMBS + j] = Number(rest & LIMB_MASK);
  });
  return limbs;
}
