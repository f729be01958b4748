/**
 * "Kimchi" Poseidon, which state hashes use: 55 rounds of x^7 with a scaled state, in the way of poseidon.ts. state-hasher.ts
 * stores the numbers at `kimchiParameters`, as poseidon.ts has them:
 *
 *     3 elements added first (zeros here, not used) · 54 × 3 rows [factor 1, factor 2, constant] · 3 rows [factor 0, 1, 2, constant]
 *
 * A sponge is a record in memory that keeps the state after every pair of inputs, so that hashing an input again begins at
 * its first changed pair:
 *
 *     u32 pairs known · 4 bytes · start state · MAX_PAIRS states · MAX_PAIRS × 64 bytes of input
 */
import { fpFromInteger, fpToInteger, integerFromBytes, integerToBytes } from './field';
import { allocate } from './memory';
import { addLimbs, fpMul, fpSquare, fpSum2Known, fpSum3 } from './unrolled';

const ROUNDS = 55;
const FACTOR: usize = 3 * 36;
const ROW: usize = 2 * FACTOR + 36;
const LAST_ROW: usize = 4 * 36;
const STATE: usize = 3 * 36;
const PAIR: usize = 64;
const MAX_PAIRS: usize = 32;
const STATES: usize = 8;
const INPUTS: usize = STATES + (MAX_PAIRS + 1) * STATE;
const SPONGE_BYTES: usize = INPUTS + MAX_PAIRS * PAIR;

export const kimchiParameters: usize = memory.data(<i32>(108 + ROW * 54 * 3 + LAST_ROW * 3));
/** Up to MAX_PAIRS pairs of integers below p, 32 bytes each, little-endian. */
export const kimchiInput: usize = memory.data(2048);
/** The hash: 32 bytes, little-endian. */
export const kimchiResult: usize = memory.data(32);

const sbox: usize = memory.data(108);
const powers: usize = memory.data(108);
const element: usize = memory.data(36);

/** sbox = x^7 of all three elements; three independent products follow each other, so that they overlap. */
function seventhPowers(state: usize): void {
  fpSquare(powers, state);
  fpSquare(powers + 36, state + 36);
  fpSquare(powers + 72, state + 72);
  fpMul(powers, powers, state);
  fpMul(powers + 36, powers + 36, state + 36);
  fpMul(powers + 72, powers + 72, state + 72);
  fpSquare(powers, powers);
  fpSquare(powers + 36, powers + 36);
  fpSquare(powers + 72, powers + 72);
  fpMul(sbox, powers, state);
  fpMul(sbox + 36, powers + 36, state + 36);
  fpMul(sbox + 72, powers + 72, state + 72);
}

/** A state is three elements, below 6 p on the way in, 8 p inside and 4 p on the way out. */
export function kimchiPermute(state: usize): void {
  let at = kimchiParameters + 108;
  const s0 = sbox;
  const s1 = sbox + 36;
  const s2 = sbox + 72;
  for (let round = 1; round < ROUNDS; round++) {
    seventhPowers(state);
    for (let row: usize = 0; row < 108; row += 36, at += ROW)
      fpSum2Known(state + row, s1, at, s2, at + FACTOR, s0, at + 2 * FACTOR);
  }
  seventhPowers(state);
  for (let row: usize = 0; row < 3; row++, at += LAST_ROW)
    fpSum3(state + row * 36, s0, at, s1, at + 36, s2, at + 72, at + 108);
}

/** Adds the integer of 32 bytes to an element of a state. */
function addInput(target: usize, bytes: usize): void {
  integerFromBytes(element, bytes);
  fpFromInteger(element, element);
  addLimbs(target, target, element);
}

/** A sponge that starts from the zero state; 0 if there is no memory. */
export function newKimchiSponge(): usize {
  return allocate(SPONGE_BYTES);
}

/** Makes the state after the first pair of `other`, which has hashed one, the start state of `sponge`. */
export function startKimchiSponge(sponge: usize, other: usize): void {
  memory.copy(sponge + STATES, other + STATES + STATE, STATE);
  store<u32>(sponge, 0);
}

export function forgetKimchiInput(sponge: usize): void {
  store<u32>(sponge, 0);
}

/**
 * Hashes `pairs` (at least 1, at most MAX_PAIRS) at {@link kimchiInput} to {@link kimchiResult}.
 * @returns how many pairs it had to permute for
 */
export function kimchiHash(sponge: usize, pairs: usize): usize {
  const known: usize = min(<usize>load<u32>(sponge), pairs);
  let first: usize = 0;
  while (
    first < known &&
    memory.compare(sponge + INPUTS + first * PAIR, kimchiInput + first * PAIR, PAIR) === 0
  )
    first++;
  for (let pair = first; pair < pairs; pair++) {
    const before = sponge + STATES + pair * STATE;
    const state = before + STATE;
    const input = kimchiInput + pair * PAIR;
    memory.copy(sponge + INPUTS + pair * PAIR, input, PAIR);
    memory.copy(state, before, STATE);
    addInput(state, input);
    addInput(state + 36, input + 32);
    kimchiPermute(state);
  }
  // Pairs known beyond these hung on what changed.
  if (first < pairs) store<u32>(sponge, <u32>pairs);
  fpToInteger(element, sponge + STATES + pairs * STATE);
  integerToBytes(kimchiResult, element);
  return pairs - first;
}
