/**
 * Points of Pallas (y² = x³ + 5). Affine: x, y (72 bytes); Jacobian: X, Y, Z with x = X/Z², y = Y/Z³ (108 bytes),
 * infinity has Z = 0. Coordinates are elements of Fp in Montgomery form below 2 p + 2^134.
 * No sum is left out: doubling, opposite points and infinity are found and treated wherever points are added.
 */
import { halfDigits0, halfDigits1 } from './endomorphism';
import { ZERO, copyElement, fpInvert, fpIsZero, fpNegate } from './field';
import {
  FP_BETA,
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
  copyElement(out, FP_R);
  copyElement(out + 36, FP_R);
  copyElement(out + 72, ZERO);
}

export function jacobianFromAffine(out: usize, a: usize): void {
  copyElement(out, a);
  copyElement(out + 36, a + 36);
  copyElement(out + 72, FP_R);
}

/** out = 2·a, in place or not: 3M + 4S (EFD, shortw-jacobian-0, dbl-2009-l, with D = 4 X B). Keeps Z = 0. */
export function jacobianDouble(out: usize, a: usize): void {
  const x = a;
  const y = a + 36;
  fpSquare(t1, y); // B
  addLimbs(t2, x, x);
  fpMul(t2, t2, t1);
  addLimbs(t2, t2, t2); // D
  addLimbs(t5, y, y);
  fpMul(out + 72, t5, a + 72); // 2 Y Z
  addLimbs(t1, t1, t1);
  fpSquare(t1, t1); // 4 C = (2 B)²
  addLimbs(t1, t1, t1); // 8 C
  fpSquare(t3, x);
  addLimbs(t4, t3, t3);
  addLimbs(t3, t4, t3); // E = 3 A
  fpSquare(t4, t3);
  addLimbs(t5, t2, t2);
  fpSubReduced(out, t4, t5); // E² - 2 D
  fpSub(t2, t2, out);
  fpMul(t3, t3, t2);
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

/** Points that share one inversion. */
const GROUP: usize = 512;
const group: usize = memory.data(<i32>(GROUP * JACOBIAN));
const prefixes: usize = memory.data(<i32>(GROUP * 36));
const running: usize = memory.data(36);
const bases: usize = memory.data(<i32>(AFFINE * 32));

/** out = the first `count` points of `group` as affine ones; none of them is infinity. */
function normaliseGroup(out: usize, count: usize): void {
  copyElement(prefixes, group + 72);
  for (let i: usize = 1; i < count; i++)
    fpMul(prefixes + i * 36, prefixes + (i - 1) * 36, group + i * JACOBIAN + 72);
  fpInvert(running, prefixes + (count - 1) * 36);
  for (let i: usize = count - 1; i > 0; i--) {
    const point = group + i * JACOBIAN;
    fpMul(t0, running, prefixes + (i - 1) * 36);
    fpMul(running, running, point + 72);
    scaleToAffine(out + i * AFFINE, point, t0);
  }
  scaleToAffine(out, group, running);
}

/** points = 1·b, 2·b, … `entries`·b, Jacobian, for an affine b. */
function listMultiples(points: usize, b: usize, entries: usize): void {
  jacobianFromAffine(points, b);
  for (let i: usize = 1; i < entries; i++) {
    const point = points + i * JACOBIAN;
    copyElement(point, point - 108);
    copyElement(point + 36, point - 72);
    copyElement(point + 72, point - 36);
    jacobianAddAffine(point, b, b + 36);
  }
}

/** table = 1·b, 2·b, … `entries`·b, affine; entries <= GROUP. */
export function fillMultiples(table: usize, b: usize, entries: usize): void {
  listMultiples(group, b, entries);
  normaliseGroup(table, entries);
}

/** `windows` (<= 32) rows of `entries` affine points: row w, column j holds (j + 1)·2^(bits·w)·b, b affine. */
export function fillTable(table: usize, b: usize, windows: usize, bits: i32, entries: usize): void {
  jacobianFromAffine(group, b);
  for (let w: usize = 1; w < windows; w++) {
    const point = group + w * JACOBIAN;
    jacobianDouble(point, point - JACOBIAN);
    for (let i = 1; i < bits; i++) jacobianDouble(point, point);
  }
  normaliseGroup(bases, windows);
  const rows = GROUP / entries;
  for (let first: usize = 0; first < windows; first += rows) {
    const count = min<usize>(rows, windows - first);
    for (let w: usize = 0; w < count; w++)
      listMultiples(group + w * entries * JACOBIAN, bases + (first + w) * AFFINE, entries);
    normaliseGroup(table + first * entries * AFFINE, count * entries);
  }
}

/** 32 windows of 8 bits of the generator, signed digits: 32 × 128 points, 288 KiB. */
const GENERATOR_WINDOWS: usize = 32;
const GENERATOR_ENTRIES: usize = 128;
const generatorTable: usize = memory.data(<i32>(GENERATOR_WINDOWS * GENERATOR_ENTRIES * AFFINE));
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
function addMultiple(a: usize, row: usize, digit: i32): void {
  if (digit === 0) return;
  const point = row + (<usize>abs(digit) - 1) * AFFINE;
  addSigned(a, point, point + 36, digit < 0);
}

/** a += (x, y), or (x, -y). */
function addSigned(a: usize, x: usize, y: usize, isNegative: bool): void {
  if (isNegative) {
    fpNegate(negatedY, y);
    jacobianAddAffine(a, x, negatedY);
  } else jacobianAddAffine(a, x, y);
}

/** a += k·G for the digits of k (recode8); a is Jacobian. */
export function addGeneratorMultiple(a: usize, digits: usize): void {
  for (let w: usize = 0; w < GENERATOR_WINDOWS; w++)
    addMultiple(a, generatorTable + w * (GENERATOR_ENTRIES * AFFINE), load<i8>(digits + w));
}

// --- k·P of any point, by the endomorphism -------------------------------------------------------------------

/** Table of a point: 26 windows of 5 bits, 16 points each. */
export const POINT_WINDOWS: usize = 26;
export const POINT_ENTRIES: usize = 16;
const WINDOW_BITS = 5;
export const POINT_TABLE_BYTES: usize = POINT_WINDOWS * POINT_ENTRIES * AFFINE;
const someMultiples: usize = memory.data(<i32>(POINT_ENTRIES * AFFINE));
const betaX: usize = memory.data(36);

export function fillPointTable(table: usize, point: usize): void {
  fillTable(table, point, POINT_WINDOWS, WINDOW_BITS, POINT_ENTRIES);
}

/** a += d0·P + d1·(beta·x, y) for the window's digits of the two halves and a row of multiples of P. */
function addWindow(a: usize, row: usize, window: usize): void {
  const d0 = <i32>load<i8>(halfDigits0 + window);
  addMultiple(a, row, d0);
  const d1 = <i32>load<i8>(halfDigits1 + window);
  if (d1 === 0) return;
  const point = row + (<usize>abs(d1) - 1) * AFFINE;
  fpMul(betaX, point, FP_BETA);
  addSigned(a, betaX, point + 36, d1 < 0);
}

/** a += k·P for k split into its digits (splitScalar) and the table of P. */
export function addTableMultiple(a: usize, table: usize): void {
  for (let w: usize = 0; w < POINT_WINDOWS; w++)
    addWindow(a, table + w * (POINT_ENTRIES * AFFINE), w);
}

/** a = k·P for k split into its digits (splitScalar); P is affine. */
export function multiplyPoint(a: usize, point: usize): void {
  fillMultiples(someMultiples, point, POINT_ENTRIES);
  setInfinity(a);
  for (let w: usize = POINT_WINDOWS; w > 0; w--) {
    for (let i = 0; i < WINDOW_BITS; i++) jacobianDouble(a, a);
    addWindow(a, someMultiples, w - 1);
  }
}

// --- k·G for many k at once: affine additions, in step, inversions shared ------------------------------------

/** Most scalars of one call. */
export const LANES: usize = 256;
export const laneDigits: usize = memory.data(<i32>(LANES * 32));
export const lanePoints: usize = memory.data(<i32>(LANES * AFFINE));
/** Per lane: 1 while the sum is infinity. */
export const laneInfinity: usize = memory.data(<i32>LANES);
const lanePrefixes: usize = memory.data(<i32>(LANES * 36));
const laneDenominators: usize = memory.data(<i32>(LANES * 36));
const laneAddends: usize = memory.data(<i32>(LANES * 4)); // address of the point to add; 0: nothing to do
const laneKinds: usize = memory.data(<i32>LANES);
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
