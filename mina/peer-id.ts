/**
 * libp2p peer ids of Ed25519 keys, `12D3KooW…` (52 characters): base58btc of an identity multihash over
 * the protobuf form of the public key.
 * Source: libp2p/specs, peer-ids/peer-ids.md.
 * Pure (no I/O, no `k6/*`, no `node:*`), so k6 scenarios and Node programs share it.
 */
import bs58 from 'bs58';

// Multihash: code 0x00 (identity), 0x24 bytes. Protobuf: field 1 (key type) = 1 (Ed25519), field 2 (data), 0x20 bytes.
const HEADER = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20] as const;
const KEY_BYTES = 32;
const MAX_CHARACTERS = 128; // decoding is quadratic: longer text is refused unread

/** @param publicKey Ed25519, 32 bytes. @throws RangeError for another length */
export function encodePeerId(publicKey: Uint8Array): string {
  if (publicKey.length !== KEY_BYTES)
    throw new RangeError(`an Ed25519 public key has ${KEY_BYTES} bytes, not ${publicKey.length}`);
  return bs58.encode(Uint8Array.of(...HEADER, ...publicKey));
}

/**
 * Inverse of {@link encodePeerId}.
 * @returns the Ed25519 public key, 32 bytes
 * @throws RangeError for anything but the peer id of an Ed25519 key (`Qm…` ids hold a hash, not a key)
 */
export function decodePeerId(text: string): Uint8Array {
  const raw = text.length > MAX_CHARACTERS ? undefined : bs58.decodeUnsafe(text);
  if (raw?.length !== HEADER.length + KEY_BYTES || HEADER.some((byte, i) => raw[i] !== byte))
    throw new RangeError(`not the peer id of an Ed25519 key: "${text.slice(0, MAX_CHARACTERS)}"`);
  return raw.slice(HEADER.length);
}
