/**
 * "Kimchi" Poseidon over two inputs at once, one a lane (paired.mjs has the arithmetic, kimchi.ts the same for one input). mina/poseidon-pair.ts stores
 * the numbers at `parameters`:
 *
 *     54 × 3 rows [factor 1, factor 2, constant] · 3 rows [factor 0, factor 1, factor 2, constant]
 *
 * with 25 doubles a factor and 5 a constant. A state is three elements of 80 bytes, each at most p / 2 and a little.
 */
import {
  MONTGOMERY_ONE,
  PLAIN_ONE,
  R_SQUARED,
  knownRows,
  lastRows,
  multiply,
  multiplyThree,
  squareThree,
} from './paired';

export { knownRows, lastRows, multiply, multiplyThree, squareThree } from './paired'; // for the tests

const ROUNDS = 55;
const ELEMENT: usize = 80;
const STATE: usize = 3 * ELEMENT;
const ROW: usize = 2 * 200 + 40;
const LAST_ROW: usize = 3 * 200 + 40;
const LIMB_MASK: u64 = (1 << 51) - 1;

export const parameters: usize = memory.data(<i32>(ROW * 54 * 3 + LAST_ROW * 3), 16);
/** Two elements of each lane for every permutation: lane 0 at this address, lane 1 behind it. Integers below p, 32 bytes each, little-endian. */
export const input: usize = memory.data(2 * 2048, 16);
const LANE: usize = 2048;
/** The state that `absorb` begins with, and the one that it ends with; the caller copies them. */
export const startState: usize = memory.data(240, 16);
export const state: usize = memory.data(240, 16);
/** The first element of the last state as an integer: five limbs of 51 bits, a double a lane each, maybe negative. */
export const result: usize = memory.data(80, 16);

const powers: usize = memory.data(240, 16);
const sbox: usize = memory.data(240, 16);
const element: usize = memory.data(80, 16);

/** x^7 of all three elements. */
function seventhPowers(): void {
  squareThree(powers, state);
  multiplyThree(powers, powers, state);
  squareThree(powers, powers);
  multiplyThree(sbox, powers, state);
}

function permute(): void {
  let row = parameters;
  for (let round = 1; round < ROUNDS; round++, row += 3 * ROW) {
    seventhPowers();
    knownRows(state, sbox, row);
  }
  seventhPowers();
  lastRows(state, sbox, row);
}

/** 32 bytes into the limbs of one lane, not balanced: what is below p has a highest limb of 50 bits. */
function loadLane(out: usize, bytes: usize): void {
  const w0 = load<u64>(bytes);
  const w1 = load<u64>(bytes, 8);
  const w2 = load<u64>(bytes, 16);
  const w3 = load<u64>(bytes, 24);
  store<f64>(out, <f64>(<i64>(w0 & LIMB_MASK)));
  store<f64>(out, <f64>(<i64>(((w0 >> 51) | (w1 << 13)) & LIMB_MASK)), 16);
  store<f64>(out, <f64>(<i64>(((w1 >> 38) | (w2 << 26)) & LIMB_MASK)), 32);
  store<f64>(out, <f64>(<i64>(((w2 >> 25) | (w3 << 39)) & LIMB_MASK)), 48);
  store<f64>(out, <f64>(<i64>(w3 >> 12)), 64);
}

/** Adds the integers of both lanes to an element of the state. */
function addInput(target: usize, bytes: usize): void {
  loadLane(element, bytes);
  loadLane(element + 8, bytes + LANE);
  multiply(element, element, R_SQUARED);
  for (let i: usize = 0; i < ELEMENT; i += 16)
    v128.store(target + i, f64x2.add(v128.load(target + i), v128.load(element + i)));
  multiply(target, target, MONTGOMERY_ONE); // balances the limbs
}

/** Takes `pairs` (at most 32) pairs of elements, beginning from `startState`; ends with `state` and `result`. */
export function absorb(pairs: usize): void {
  memory.copy(state, startState, STATE);
  for (let at = input; at < input + 64 * pairs; at += 64) {
    addInput(state, at);
    addInput(state + ELEMENT, at + 32);
    permute();
  }
  multiply(result, state, PLAIN_ONE);
}
