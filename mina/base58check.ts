/**
 * Mina's base58check strings: version byte, fixed prefix, payload, 4-byte checksum
 * (the first bytes of SHA-256 twice).
 * Layout: uptime-service-backend, src/delegation_backend/constants.go and data.go; MinaProtocol/mina,
 * src/lib/base58_check/version_bytes.ml.
 * Pure (no I/O, no `k6/*`, no `node:*`), so k6 scenarios and Node programs share it.
 */
import bs58check from 'bs58check';

const LAYOUTS = {
  publicKey: { title: 'public key', header: [0xcb, 0x01, 0x01], bytes: 33 }, // x (32, LE), parity of y (1)
  signature: { title: 'signature', header: [0x9a, 0x01], bytes: 64 }, // rx (32, LE), s (32, LE)
  privateKey: { title: 'private key', header: [0x5a, 0x01], bytes: 32 }, // scalar (32, LE)
  stateHash: { title: 'state hash', header: [0x10, 0x01], bytes: 32 }, // field (32, LE)
  blockHash: { title: 'block hash', header: [0x10], bytes: 32 }, // BLAKE2b-256 of the block
  ledgerHash: { title: 'ledger hash', header: [0x05, 0x01], bytes: 32 }, // field (32, LE)
} as const;
export type Kind = keyof typeof LAYOUTS;

/** 3 + 33 + 4 bytes and 2 + 64 + 4 bytes never need more; decoding is quadratic, so longer text is refused unread. */
const MAX_CHARACTERS = 128;

/**
 * @returns the payload inside `text`: 33 bytes for a public key, 64 for a signature, else 32
 * @throws RangeError if `text` has a wrong character, checksum, length or is of another kind; the
 * message repeats the text unless a private key is asked for
 */
export function decode(kind: Kind, text: string): Uint8Array {
  const { header, bytes } = LAYOUTS[kind];
  const raw = decodeChecked(kind, text);
  if (raw.length !== header.length + bytes || header.some((byte, i) => raw[i] !== byte)) {
    const other = kindOf(raw);
    throw refusal(
      kind,
      text,
      other
        ? `it is a ${LAYOUTS[other].title}`
        : `it holds ${raw.length} bytes that start with ${raw[0]}, not ${header.length + bytes} that start with ${header.join(' ')}`,
    );
  }
  return raw.slice(header.length);
}

/** Inverse of {@link decode}. @throws RangeError if `payload` has another length */
export function encode(kind: Kind, payload: Uint8Array): string {
  const { title, header, bytes } = LAYOUTS[kind];
  if (payload.length !== bytes)
    throw new RangeError(`a ${title} has ${bytes} bytes, not ${payload.length}`);
  return bs58check.encode(Uint8Array.of(...header, ...payload));
}

function decodeChecked(kind: Kind, text: string): Uint8Array {
  if (text.length === 0) throw refusal(kind, text, 'it is empty');
  if (text.length > MAX_CHARACTERS) throw refusal(kind, text, `it has ${text.length} characters`);
  try {
    return bs58check.decode(text);
  } catch (error) {
    // The package's own messages never repeat the text.
    const isChecksum = error instanceof Error && error.message === 'Invalid checksum';
    throw refusal(
      kind,
      text,
      isChecksum ? 'its checksum does not match' : 'it has a character outside base58',
    );
  }
}

const kindOf = (raw: Uint8Array): Kind | undefined =>
  (Object.keys(LAYOUTS) as Kind[]).find((kind) => {
    const { header, bytes } = LAYOUTS[kind];
    return raw.length === header.length + bytes && header.every((byte, i) => raw[i] === byte);
  });

function refusal(kind: Kind, text: string, reason: string): RangeError {
  // Whatever stands where a private key is expected may be one, if a damaged one.
  const shown =
    kind === 'privateKey'
      ? ''
      : `: "${text.length > MAX_CHARACTERS ? `${text.slice(0, 16)}…` : text}"`;
  return new RangeError(`not a Mina ${LAYOUTS[kind].title}: ${reason}${shown}`);
}
