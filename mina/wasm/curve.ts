/**
 * Points of Pallas (y² = x³ + 5). Affine: x, y (72 bytes); Jacobian: X, Y, Z with x = X/Z², y = Y/Z³ (108 bytes),
 * infinity has Z = 0. Coordinates are elements of Fp in Montgomery form below 2 p + 2^134.
 * No sum is left out: doubling, opposite points and infinity are found and treated wherever points are added.
 */
import { ZERO, copyElement, fpInvert, fpIsZero, fpNegate } from './field';
import {
  FP_R,
  GENERATOR_X,
  GENERATOR_Y,
  addLimbs,
  fpMul,
  fpSquare,
  fpSub,
  fpSubReduced,
} from './unrolled';

export const AFFINE: usize = 72;
export const JACOBIAN: usize = 108;

const t0: usize = memory.data(36);
const t1: usize = memory.data(36);
const t2: usize = memory.data(36);
const t3: usize = memory.data(36);
const t4: usize = memory.data(36);
const t5: usize = memory.data(36);

export function setInfinity(out: usize): void {
  memory.copy(out, FP_R, 36);
  memory.copy(out + 36, FP_R, 36);
  memory.copy(out + 72, ZERO, 36);
}

export function jacobianFromAffine(out: usize, a: usize): void {
  memory.copy(out, a, AFFINE);
  memory.copy(out + 72, FP_R, 36);
}

/** out = 2·a, in place or not: 2M + 5S (EFD, shortw-jacobian-0, dbl-2009-l). Keeps Z = 0. */
export function jacobianDouble(out: usize, a: usize): void {
  const x = a;
  const y = a + 36;
  fpSquare(t1, y); // B
  addLimbs(t2, x, x);
  fpMul(t2, t2, t1);
  addLimbs(t2, t2, t2); // D = 4 X B
  addLimbs(t5, y, y);
  fpMul(out + 72, t5, a + 72); // 2 Y Z
  fpSquare(t1, t1);
  addLimbs(t1, t1, t1);
  addLimbs(t1, t1, t1); // 4 C
  fpSquare(t3, x);
  addLimbs(t4, t3, t3);
  addLimbs(t3, t4, t3); // E = 3 A
  fpSquare(t4, t3);
  fpSubReduced(t4, t4, t2);
  fpSubReduced(out, t4, t2); // E² - 2 D
  fpSub(t2, t2, out);
  fpMul(t3, t3, t2);
  fpSubReduced(t3, t3, t1);
  fpSubReduced(out + 36, t3, t1); // E (D - X3) - 8 C
}

/** a += b, b affine: 8M + 3S (EFD, shortw-jacobian-0, madd), all cases. */
export function jacobianAddAffine(a: usize, bx: usize, by: usize): void {
  const z = a + 72;
  if (fpIsZero(z)) {
    copyElement(a, bx);
    copyElement(a + 36, by);
    copyElement(z, FP_R);
    return;
  }
  fpSquare(t0, z);
  fpMul(t1, bx, t0);
  fpSub(t1, t1, a); // H
  fpMul(t0, t0, z);
  fpMul(t2, by, t0);
  fpSub(t2, t2, a + 36); // r
  if (fpIsZero(t1)) {
    if (fpIsZero(t2)) jacobianDouble(a, a);
    else setInfinity(a);
    return;
  }
  fpMul(z, z, t1);
  fpSquare(t3, t1); // H²
  fpMul(t1, t1, t3); // H³
  fpMul(t3, t3, a); // V
  fpSquare(t4, t2);
  addLimbs(t5, t3, t3);
  addLimbs(t5, t5, t1);
  fpSubReduced(a, t4, t5); // r² - H³ - 2 V
  fpSub(t3, t3, a);
  fpMul(t2, t2, t3);
  fpMul(t1, t1, a + 36);
  fpSubReduced(a + 36, t2, t1); // r (V - X3) - Y H³
}

/** Affine coordinates; false for infinity. */
export function jacobianToAffine(out: usize, a: usize): bool {
  if (fpIsZero(a + 72)) return false;
  fpInvert(t0, a + 72);
  scaleToAffine(out, a, t0);
  return true;
}

/** out = (X·i², Y·i³) for i = 1/Z. */
function scaleToAffine(out: usize, a: usize, inverse: usize): void {
  fpSquare(t1, inverse);
  fpMul(out, a, t1);
  fpMul(t1, t1, inverse);
  fpMul(out + 36, a + 36, t1);
}

// --- tables of multiples -------------------------------------------------------------------------------------

const MAX_ENTRIES: usize = 128;
const multiples: usize = memory.data(13824); // MAX_ENTRIES Jacobian points
const prefixes: usize = memory.data(4608); // MAX_ENTRIES elements
const running: usize = memory.data(36);
const base: usize = memory.data(72);
const baseJacobian: usize = memory.data(108);

/** The affine multiples 1·b, 2·b, … `entries`·b of the affine point b, in `table`; entries <= 128 < q. */
export function fillMultiples(table: usize, b: usize, entries: usize): void {
  jacobianFromAffine(multiples, b);
  copyElement(prefixes, FP_R);
  for (let i: usize = 1; i < entries; i++) {
    const point = multiples + i * JACOBIAN;
    memory.copy(point, point - JACOBIAN, JACOBIAN);
    jacobianAddAffine(point, b, b + 36);
    fpMul(prefixes + i * 36, prefixes + (i - 1) * 36, point + 72);
  }
  fpInvert(running, prefixes + (entries - 1) * 36);
  for (let i: usize = entries - 1; i > 0; i--) {
    const point = multiples + i * JACOBIAN;
    fpMul(t0, running, prefixes + (i - 1) * 36);
    fpMul(running, running, point + 72);
    scaleToAffine(table + i * AFFINE, point, t0);
  }
  memory.copy(table, b, AFFINE);
}

/** `windows` rows of `entries` affine points: row w, column j holds (j + 1)·2^(bits·w)·b, b affine. */
export function fillTable(table: usize, b: usize, windows: usize, bits: i32, entries: usize): void {
  memory.copy(base, b, AFFINE);
  for (let w: usize = 0; w < windows; w++) {
    fillMultiples(table + w * entries * AFFINE, base, entries);
    if (w === windows - 1) break;
    jacobianFromAffine(baseJacobian, base);
    for (let i = 0; i < bits; i++) jacobianDouble(baseJacobian, baseJacobian);
    jacobianToAffine(base, baseJacobian);
  }
}

/** 32 windows of 8 bits of the generator, signed digits: 32 × 128 points, 288 KiB. */
const GENERATOR_WINDOWS: usize = 32;
const GENERATOR_ENTRIES: usize = 128;
const generatorTable: usize = memory.data(294912);
const generator: usize = memory.data(72);

export function fillGeneratorTable(): void {
  copyElement(generator, GENERATOR_X);
  copyElement(generator + 36, GENERATOR_Y);
  fillTable(generatorTable, generator, GENERATOR_WINDOWS, 8, GENERATOR_ENTRIES);
}

/** Signed 8-bit digits (32 × i8, lowest first, each -128 … 127) of an integer below 2^255, given as 32 bytes. */
export function recode8(digits: usize, bytes: usize): void {
  let carry = 0;
  for (let i: usize = 0; i < 32; i++) {
    const value = <i32>load<u8>(bytes + i) + carry;
    carry = value >= 128 ? 1 : 0;
    store<i8>(digits + i, <i8>(value - (carry << 8)));
  }
}

const negatedY: usize = memory.data(36);

/** a += digit·(row of multiples); a is Jacobian. */
export function addMultiple(a: usize, row: usize, digit: i32): void {
  if (digit === 0) return;
  const point = row + (<usize>abs(digit) - 1) * AFFINE;
  if (digit > 0) jacobianAddAffine(a, point, point + 36);
  else {
    fpNegate(negatedY, point + 36);
    jacobianAddAffine(a, point, negatedY);
  }
}

/** a += k·G for the digits of k (recode8); a is Jacobian. */
export function addGeneratorMultiple(a: usize, digits: usize): void {
  for (let w: usize = 0; w < GENERATOR_WINDOWS; w++)
    addMultiple(a, generatorTable + w * (GENERATOR_ENTRIES * AFFINE), load<i8>(digits + w));
}

// --- k·G for many k at once: affine additions, in step, inversions shared ------------------------------------

/** Most scalars of one call. */
export const LANES: usize = 256;
export const laneDigits: usize = memory.data(8192); // LANES × 32 digits
export const lanePoints: usize = memory.data(18432); // LANES affine points
/** Per lane: 1 while the sum is infinity. */
export const laneInfinity: usize = memory.data(256);
const lanePrefixes: usize = memory.data(9216);
const laneDenominators: usize = memory.data(9216);
const laneAddends: usize = memory.data(1024); // address of the point to add, 0 for nothing to do
const laneKinds: usize = memory.data(256);
const KIND_ADD: u8 = 0;
const KIND_DOUBLE: u8 = 1;
const lambda: usize = memory.data(36);

/** lanePoints[i] = k_i·G for the digits in laneDigits, i < lanes <= LANES; infinity is told by laneInfinity. */
export function generatorMultiples(lanes: usize): void {
  memory.fill(laneInfinity, 1, lanes);
  for (let w: usize = 0; w < GENERATOR_WINDOWS; w++) {
    const row = generatorTable + w * (GENERATOR_ENTRIES * AFFINE);
    let product = FP_R;
    for (let i: usize = 0; i < lanes; i++) {
      const digit = <i32>load<i8>(laneDigits + i * 32 + w);
      store<u32>(laneAddends + i * 4, 0);
      if (digit === 0) continue;
      const point = row + (<usize>abs(digit) - 1) * AFFINE;
      const sum = lanePoints + i * AFFINE;
      if (load<u8>(laneInfinity + i)) {
        copyElement(sum, point);
        copyElement(sum + 36, point + 36);
        if (digit < 0) fpNegate(sum + 36, sum + 36);
        store<u8>(laneInfinity + i, 0);
        continue;
      }
      const denominator = laneDenominators + i * 36;
      fpSub(denominator, point, sum);
      store<u8>(laneKinds + i, KIND_ADD);
      if (fpIsZero(denominator)) {
        copyElement(negatedY, point + 36);
        if (digit < 0) fpNegate(negatedY, negatedY);
        fpSub(negatedY, negatedY, sum + 36);
        if (!fpIsZero(negatedY)) {
          store<u8>(laneInfinity + i, 1);
          continue;
        }
        addLimbs(denominator, sum + 36, sum + 36);
        store<u8>(laneKinds + i, KIND_DOUBLE);
      }
      store<u32>(laneAddends + i * 4, <u32>point);
      fpMul(lanePrefixes + i * 36, product, denominator);
      product = lanePrefixes + i * 36;
    }
    if (product === FP_R) continue;
    fpInvert(running, product);
    let last = lanes;
    // Backwards: running = 1 / (product of the denominators up to this lane).
    while (last > 0) {
      let i = last - 1;
      while (i > 0 && load<u32>(laneAddends + i * 4) === 0) i--;
      const point: usize = load<u32>(laneAddends + i * 4);
      if (point === 0) break;
      let before: isize = <isize>i - 1;
      while (before >= 0 && load<u32>(laneAddends + <usize>before * 4) === 0) before--;
      const sum = lanePoints + i * AFFINE;
      if (before >= 0) {
        fpMul(lambda, running, lanePrefixes + <usize>before * 36);
        fpMul(running, running, laneDenominators + i * 36);
      } else copyElement(lambda, running);
      if (load<u8>(laneKinds + i) === KIND_DOUBLE) {
        fpSquare(t0, sum);
        addLimbs(t1, t0, t0);
        addLimbs(t0, t1, t0);
      } else {
        if (load<i8>(laneDigits + i * 32 + w) < 0) {
          fpNegate(t0, point + 36);
          fpSub(t0, t0, sum + 36);
        } else fpSub(t0, point + 36, sum + 36);
      }
      fpMul(lambda, lambda, t0);
      fpSquare(t1, lambda);
      addLimbs(t2, sum, point);
      fpSubReduced(t1, t1, t2); // x3 = lambda² - x1 - x2
      fpSub(t2, sum, t1);
      copyElement(sum, t1);
      fpMul(t2, t2, lambda);
      fpSubReduced(sum + 36, t2, sum + 36);
      last = <usize>(before + 1);
    }
  }
}
