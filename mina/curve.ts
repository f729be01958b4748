/**
 * Pallas, y² = x³ + 5 over Fp, on BigInt. The group has the prime order q, so every point but infinity
 * generates it. Readable reference; not constant-time, so for test keys only.
 * Curve: zcash/pasta (README.md). Generator: Mina's own, MinaProtocol/c-reference-signer, pasta_fp.h / crypto.c
 * (other Pallas libraries use (−1, 2)).
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */
import { Fp, p, q } from './field.ts';

export type AffinePoint = { readonly x: bigint; readonly y: bigint };
/** An affine point, or null for the point at infinity. */
export type Point = AffinePoint | null;

export const INFINITY = null;
const B = 5n;

export const GENERATOR: AffinePoint = {
  x: 1n,
  y: 12418654782883325593414442427049395787963493412651469444558597405572177144507n,
};

/** @returns whether both coordinates are in [0, p) and satisfy the equation; true for infinity */
export function isOnCurve(point: Point): boolean {
  if (point === INFINITY) return true;
  const { x, y } = point;
  if (x < 0n || x >= p || y < 0n || y >= p) return false;
  return Fp.square(y) === Fp.add(Fp.mul(Fp.square(x), x), B);
}

export const isEqual = (a: Point, b: Point): boolean =>
  a === INFINITY || b === INFINITY ? a === b : a.x === b.x && a.y === b.y;

export const negate = (a: Point): Point =>
  a === INFINITY ? INFINITY : { x: a.x, y: Fp.negate(a.y) };

/** The textbook chord and tangent rule, one inversion each. */
export function add(a: Point, b: Point): Point {
  if (a === INFINITY) return b;
  if (b === INFINITY) return a;
  if (a.x === b.x) return a.y === b.y ? double(a) : INFINITY;
  return chord(a, b.x, Fp.mul(Fp.sub(b.y, a.y), Fp.invert(Fp.sub(b.x, a.x))));
}

export function double(a: Point): Point {
  if (a === INFINITY) return INFINITY;
  // y is never 0: a point of order 2 does not exist in a group of odd prime order.
  const slope = Fp.mul(Fp.mul(3n, Fp.square(a.x)), Fp.invert(Fp.add(a.y, a.y)));
  return chord(a, a.x, slope);
}

/** Third intersection of the line through `a` with `slope` and the curve, mirrored at the x axis. */
function chord(a: AffinePoint, bx: bigint, slope: bigint): AffinePoint {
  const x = Fp.sub(Fp.sub(Fp.square(slope), a.x), bx);
  return { x, y: Fp.sub(Fp.mul(slope, Fp.sub(a.x, x)), a.y) };
}

/** @param scalar any integer; it is taken mod q. @returns scalar·point */
export function multiply(point: Point, scalar: bigint): Point {
  if (point === INFINITY) return INFINITY;
  const bits = (((scalar % q) + q) % q).toString(2);
  let sum: Jacobian = JACOBIAN_INFINITY;
  for (const bit of bits) {
    sum = doubleJacobian(sum);
    if (bit === '1') sum = addAffine(sum, point);
  }
  return toAffine(sum);
}

/**
 * The point with this x whose y is odd or even.
 * @throws RangeError if x is not in [0, p), or no point has it
 */
export function decompress(x: bigint, isOdd: boolean): AffinePoint {
  if (x < 0n || x >= p) throw new RangeError('x is not below the modulus of Fp');
  const y = Fp.sqrt(Fp.add(Fp.mul(Fp.square(x), x), B));
  if (y === undefined) throw new RangeError('x is on no point of the curve');
  return { x, y: (y & 1n) === (isOdd ? 1n : 0n) ? y : Fp.negate(y) };
}

/** (X/Z², Y/Z³); Z = 0 is infinity. One inversion at the end of a multiplication instead of one a step. */
type Jacobian = readonly [X: bigint, Y: bigint, Z: bigint];
const JACOBIAN_INFINITY: Jacobian = [1n, 1n, 0n];

/** hyperelliptic.org/EFD, shortw-jacobian-0, dbl-2009-l. Keeps Z = 0. */
function doubleJacobian([X, Y, Z]: Jacobian): Jacobian {
  const a = Fp.square(X);
  const b = Fp.square(Y);
  const c = Fp.square(b);
  const d = Fp.reduce(2n * (Fp.square(X + b) - a - c));
  const e = 3n * a;
  const x3 = Fp.reduce(e * e - 2n * d);
  return [x3, Fp.reduce(e * (d - x3) - 8n * c), Fp.mul(2n * Y, Z)];
}

/**
 * hyperelliptic.org/EFD, shortw-jacobian-0, madd-2007-bl without its scaling by 2. The sum must not be ±the point:
 * in `multiply` it is 2m·point with 2 <= 2m <= q − 3, as the scalar 2m + 1 is below q.
 */
function addAffine([X, Y, Z]: Jacobian, { x, y }: AffinePoint): Jacobian {
  if (Z === 0n) return [x, y, 1n];
  const zz = Fp.square(Z);
  const h = Fp.sub(Fp.mul(x, zz), X);
  const r = Fp.sub(Fp.mul(y, Fp.mul(Z, zz)), Y);
  const hh = Fp.square(h);
  const hhh = Fp.mul(h, hh);
  const v = Fp.mul(X, hh);
  const x3 = Fp.reduce(r * r - hhh - 2n * v);
  return [x3, Fp.reduce(r * (v - x3) - Y * hhh), Fp.mul(Z, h)];
}

function toAffine([X, Y, Z]: Jacobian): Point {
  if (Z === 0n) return INFINITY;
  const inverse = Fp.invert(Z);
  const inverse2 = Fp.square(inverse);
  return { x: Fp.mul(X, inverse2), y: Fp.mul(Y, Fp.mul(inverse, inverse2)) };
}
