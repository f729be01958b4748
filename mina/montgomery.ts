/**
 * Elements of Fp in the form in which mina/wasm holds them.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */
import { Fp } from './field.ts';

const LIMBS = 9;
const LIMB_BITS = 29n;
const LIMB_MASK = (1n << LIMB_BITS) - 1n;

/** 9 limbs of 29 bits for each number, lowest first, in Montgomery form (a·2^261 mod p). */
export function montgomeryLimbs(numbers: readonly bigint[]): Uint32Array {
  const limbs = new Uint32Array(numbers.length * LIMBS);
  numbers.forEach((number, i) => {
    let rest = Fp.reduce(number << (LIMB_BITS * BigInt(LIMBS)));
    for (let j = 0; j < LIMBS; j++, rest >>= LIMB_BITS)
      limbs[i * LIMBS + j] = Number(rest & LIMB_MASK);
  });
  return limbs;
}
