/**
 * Legacy Poseidon: 63 rounds of x^5 and a 3 × 3 matrix, with the state scaled by a diagonal matrix a round, so
 * that all matrices but the last have a first column of ones (x^5 commutes with diagonal matrices). Each row is
 * reduced once. signer.ts computes the scaled numbers and stores them at `poseidonParameters`:
 *
 *     3 elements added first · 62 × 3 rows [factor 1, factor 2, constant] · 3 rows [factor 0, 1, 2, constant]
 *
 * All are elements (36 bytes) but the factors of the 62 rounds, which stand there three times, times 2^87, 2^174 and
 * 2^261 and not in Montgomery form (fpSum2Known): 47 KB. A state is three elements, below 3 p on the way in and
 * out and below 8 p inside; the twin in BigInt is mina/poseidon.ts.
 */
import { copyElement } from './field';
import { addLimbs, fpMul, fpSquare, fpSum2Known, fpSum3 } from './unrolled';

const ROUNDS = 63;
const FACTOR: usize = 3 * 36;
const ROW: usize = 2 * FACTOR + 36;
const LAST_ROW: usize = 4 * 36;
export const STATE: usize = 3 * 36;
export const poseidonParameters: usize = memory.data(<i32>(ROW * 62 * 3 + LAST_ROW * 3 + 108));

const sbox: usize = memory.data(108);
const powers: usize = memory.data(108);

/** sbox = x^5 of all three elements; three independent products follow each other, so that they overlap. */
function fifthPowers(state: usize): void {
  fpSquare(powers, state);
  fpSquare(powers + 36, state + 36);
  fpSquare(powers + 72, state + 72);
  fpSquare(powers, powers);
  fpSquare(powers + 36, powers + 36);
  fpSquare(powers + 72, powers + 72);
  fpMul(sbox, powers, state);
  fpMul(sbox + 36, powers + 36, state + 36);
  fpMul(sbox + 72, powers + 72, state + 72);
}

export function permute(state: usize): void {
  let at = poseidonParameters;
  addLimbs(state, state, at);
  addLimbs(state + 36, state + 36, at + 36);
  addLimbs(state + 72, state + 72, at + 72);
  at += 108;
  const s0 = sbox;
  const s1 = sbox + 36;
  const s2 = sbox + 72;
  for (let round = 1; round < ROUNDS; round++) {
    fifthPowers(state);
    for (let row: usize = 0; row < 108; row += 36, at += ROW)
      fpSum2Known(state + row, s1, at, s2, at + FACTOR, s0, at + 2 * FACTOR);
  }
  fifthPowers(state);
  for (let row: usize = 0; row < 3; row++, at += LAST_ROW)
    fpSum3(state + row * 36, s0, at, s1, at + 36, s2, at + 72, at + 108);
}

/** Adds two elements (below 3 p) to a state and permutes; `b` may be 0 (null) for a zero. */
export function absorb(state: usize, a: usize, b: usize): void {
  addLimbs(state, state, a);
  if (b !== 0) addLimbs(state + 36, state + 36, b);
  permute(state);
}

export function copyState(out: usize, state: usize): void {
  copyElement(out, state);
  copyElement(out + 36, state + 36);
  copyElement(out + 72, state + 72);
}
