/**
 * Verification keys of the block and the transaction circuit: 28 points of Pallas, and nothing else that differs between networks. Three forms go
 * in, one comes out, which o1js' `verify` takes (base64 of 1,796 bytes):
 *
 * - that base64 itself;
 * - a node's own, the field `blockchainVerificationKey` of its GraphQL: `{"commitments": {"sigma_comm": [["0x…", "0x…"], …], …}}`, x and y big-endian;
 * - mina-rust's, ledger/src/proofs/data/*_verifier_index.json: points as `{"elems": […]}` (also `chunks`, `unshifted`), each x, little-endian, and a byte that
 *   is 0x80 where y is the larger root; as hex or as lists of numbers.
 *
 * Source: MinaProtocol/mina, src/lib/pickles/side_loaded_verification_key.ml (1,796 bytes); o1-labs/mina-rust (JSON).
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */
import { decodeBase64, badBase64At, encodeBase64 } from './base64.ts';
import { decompress, isOnCurve } from './curve.ts';
import { bytesToIntegerLE, FIELD_BYTES, Fp, p } from './field.ts';

type Point = { readonly x: bigint; readonly y: bigint };

/** Names as o1js' bytes have them in order; `psm` is also called so in both JSON forms. */
const SIGMAS = 7;
const COEFFICIENTS = 15;
const SINGLE = [
  'generic_comm',
  'psm_comm',
  'complete_add_comm',
  'mul_comm',
  'emul_comm',
  'endomul_scalar_comm',
] as const;
const POINTS = SIGMAS + COEFFICIENTS + SINGLE.length;

const MAX_PROOFS_VERIFIED = 2;
/** Of the wrap domain: 1 is 2^14. */
const WRAP_DOMAIN = 1;
const KEY_BYTES = 2 + POINTS * 2 * FIELD_BYTES + 2;

/** @param points in the order of the bytes */
function keyBytes(points: readonly Point[]): Uint8Array {
  const bytes = new Uint8Array(KEY_BYTES);
  bytes.set([MAX_PROOFS_VERIFIED, WRAP_DOMAIN]);
  let at = 2;
  points.forEach(({ x, y }, i) => {
    bytes.set(Fp.toBytesLE(x), at);
    bytes.set(Fp.toBytesLE(y), at + FIELD_BYTES);
    at += 2 * FIELD_BYTES;
    // Each of the two vectors ends with a unit, which is a zero byte.
    if (i === SIGMAS - 1 || i === SIGMAS + COEFFICIENTS - 1) at++;
  });
  return bytes;
}

const utf8 = (text: string): Uint8Array =>
  Uint8Array.from(text, (letter) => Math.min(letter.charCodeAt(0), 0xff));

/** Of o1js' form. @throws RangeError */
function pointsOfBytes(bytes: Uint8Array): Point[] {
  if (bytes.length !== KEY_BYTES)
    throw new RangeError(`it holds ${bytes.length} bytes, and a key has ${KEY_BYTES}`);
  const points: Point[] = [];
  let at = 2;
  for (let i = 0; i < POINTS; i++) {
    const x = bytesToIntegerLE(bytes.subarray(at, at + FIELD_BYTES));
    const y = bytesToIntegerLE(bytes.subarray(at + FIELD_BYTES, at + 2 * FIELD_BYTES));
    points.push({ x, y });
    at += 2 * FIELD_BYTES;
    if (i === SIGMAS - 1 || i === SIGMAS + COEFFICIENTS - 1) at++;
  }
  return points;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** One point of either JSON form. @param name for the error @throws RangeError */
function pointOfJson(value: unknown, name: string): Point {
  const chunks = isRecord(value) ? (value.elems ?? value.chunks ?? value.unshifted) : undefined;
  if (Array.isArray(chunks)) {
    if (chunks.length !== 1)
      throw new RangeError(`${name} has ${chunks.length} chunks, and a key of Mina has one`);
    return compressedPoint(chunks[0], name);
  }
  if (typeof value === 'string') return compressedPoint(value, name);
  if (Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string'))
    return { x: bigEndian(value[0], name), y: bigEndian(value[1], name) };
  if (Array.isArray(value)) return compressedPoint(value, name);
  throw new RangeError(`${name} is no point`);
}

function bigEndian(text: string, name: string): bigint {
  if (!/^(0x)?[0-9a-f]{1,64}$/i.test(text)) throw new RangeError(`${name} is no number in hex`);
  return BigInt(text.startsWith('0x') ? text : `0x${text}`);
}

/** x, little-endian, then the flags of arkworks: 0x80 the larger y, 0x40 infinity. */
function compressedPoint(value: unknown, name: string): Point {
  const bytes =
    typeof value === 'string' && /^[0-9a-f]{66}$/i.test(value)
      ? Uint8Array.from({ length: 33 }, (_, i) =>
          Number.parseInt(value.slice(2 * i, 2 * i + 2), 16),
        )
      : Array.isArray(value) && value.length === 33
        ? Uint8Array.from(value as number[])
        : null;
  if (bytes === null) throw new RangeError(`${name} is no point of 33 bytes`);
  const flags = bytes[FIELD_BYTES];
  if ((flags & 0x40) !== 0) throw new RangeError(`${name} is the point at infinity`);
  const { x, y } = decompress(bytesToIntegerLE(bytes.subarray(0, FIELD_BYTES)), false);
  const isLarger = y > p - y;
  return { x, y: isLarger === ((flags & 0x80) !== 0) ? y : p - y };
}

/** Where the commitments stand: the answer of a node's GraphQL, what it holds, or a file with them at its top. */
function commitmentsOf(json: unknown): Record<string, unknown> | null {
  for (let at = json, depth = 0; isRecord(at) && depth < 4; depth++) {
    if (Array.isArray(at.sigma_comm)) return at;
    at = at.commitments ?? at.blockchainVerificationKey ?? at.data;
    // GraphQL gives it as a text where the field's type is a scalar that the server did not parse.
    if (typeof at === 'string')
      try {
        at = JSON.parse(at) as unknown;
      } catch {
        return null;
      }
  }
  return null;
}

function listOf(found: Record<string, unknown>, name: string, length: number): unknown[] {
  const list = found[name];
  if (!Array.isArray(list) || list.length !== length)
    throw new RangeError(
      `${name} has ${Array.isArray(list) ? list.length : 'no'} points, and a key has ${length} there`,
    );
  return list as unknown[];
}

/**
 * @param text a key in one of the three forms
 * @returns base64 of 1,796 bytes
 * @throws RangeError with what is wrong, to stand behind a name
 */
export function parseVerificationKey(text: string): string {
  const trimmed = text.trim();
  let points: Point[];
  if (trimmed.startsWith('{')) {
    let json: unknown;
    try {
      json = JSON.parse(trimmed);
    } catch (error) {
      throw new RangeError(`it is no JSON: ${(error as Error).message}`, { cause: error });
    }
    const found = commitmentsOf(json);
    if (found === null) throw new RangeError('it has no commitments (sigma_comm) of a key');
    points = [
      ...listOf(found, 'sigma_comm', SIGMAS).map((one, i) => pointOfJson(one, `sigma_comm ${i}`)),
      ...listOf(found, 'coefficients_comm', COEFFICIENTS).map((one, i) =>
        pointOfJson(one, `coefficients_comm ${i}`),
      ),
      ...SINGLE.map((name) => pointOfJson(found[name], name)),
    ];
  } else {
    const bytes = utf8(trimmed);
    if (badBase64At(bytes) !== -1) throw new RangeError('it is neither JSON nor base64');
    points = pointsOfBytes(decodeBase64(bytes, false));
  }
  const wrong = points.findIndex((point) => !isOnCurve(point));
  if (wrong !== -1) throw new RangeError(`its point ${wrong + 1} of ${POINTS} is not on the curve`);
  return String.fromCharCode(...encodeBase64(keyBytes(points)));
}
