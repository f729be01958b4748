/**
 * Who sends: a fleet of block producers, each with a Mina key and a libp2p identity. A fleet comes from a
 * seed, so a whitelist is written once, or from a list of keys. Test keys only: whoever knows the seed
 * knows every private key.
 *
 * Producer i of a seed (the same whatever the size of the fleet):
 * - private key: {@link hashOfSeed}('private-key/1', seed, i in decimal), its 64 bytes read little-endian,
 *   reduced modulo q - 1, plus 1: from 1 to q - 1, with a bias below 2^-256;
 * - libp2p identity: the Ed25519 key whose seed is the first 32 bytes of
 *   hashOfSeed('libp2p-identity/1', seed, i in decimal).
 * For a key of a list that names no libp2p seed the identity comes from the key itself:
 * hashOfSeed('libp2p-identity-of-key/1', its 32 bytes, '').
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import nacl from 'tweetnacl';
import {
  bytesToIntegerLE,
  FIELD_BYTES as PRIVATE_KEY_BYTES,
  integerToBytesLE,
  q,
} from '../mina/field.ts';
import { encodePeerId } from '../mina/peer-id.ts';
import { createSigner } from '../mina/signer.ts';
import { loadMinaWasm } from '../paths.ts';
import { hashOfSeed } from './random.ts';

/** What may be shown of a block producer. */
export type Producer = {
  /** base58check, `B62…`. */
  publicKey: string;
  /** libp2p peer id of an Ed25519 key, `12D3KooW…`. */
  peerId: string;
};

export type Fleet = {
  producers: readonly Producer[];
  /**
   * 32 bytes (little-endian scalar) for each producer, one after another. Not enumerable, so neither
   * JSON.stringify nor console.log shows it.
   */
  readonly privateKeys: Uint8Array;
};

const LIBP2P_SEED_BYTES = 32;

/**
 * @param seed any text; @param count producers, at least 1
 * @throws RangeError for another count
 */
export function makeFleet({ seed, count }: { seed: string; count: number }): Fleet {
  if (!Number.isSafeInteger(count) || count < 1)
    throw new RangeError(`a fleet has at least 1 producer, not ${count}`);
  const keys = Array.from({ length: count }, (_, i) => ({
    privateKey: privateKeyOf(seed, i),
    libp2pSeed: hashOfSeed('libp2p-identity/1', seed, String(i)).subarray(0, LIBP2P_SEED_BYTES),
  }));
  return fleetOfKeys(keys);
}

/** The private key of producer `index`, 32 bytes little-endian. */
function privateKeyOf(seed: string, index: number): Uint8Array {
  const wide = bytesToIntegerLE(hashOfSeed('private-key/1', seed, String(index)));
  return integerToBytesLE((wide % (q - 1n)) + 1n, PRIVATE_KEY_BYTES);
}

/**
 * A private key (32 bytes, little-endian scalar, 0 < d < q) and, where given, the libp2p identity: its peer id, or its
 * Ed25519 seed.
 */
export type ProducerKeys = {
  privateKey: Uint8Array;
  /** Where it is known: computing it takes 0.1 ms. */
  publicKey?: string | undefined;
  peerId?: string | undefined;
  libp2pSeed?: Uint8Array | undefined;
};

/** @param privateKeys 32 bytes each @returns `B62…` of each */
export function publicKeysOf(privateKeys: readonly Uint8Array[]): string[] {
  const signer = createSigner(loadMinaWasm());
  return privateKeys.map((key) => signer.publicKeyText(signer.addKey(key, 'testnet')));
}

export function fleetOfKeys(keys: readonly ProducerKeys[]): Fleet {
  const signer = createSigner(loadMinaWasm());
  const privateKeys = new Uint8Array(keys.length * PRIVATE_KEY_BYTES);
  const producers = keys.map(({ privateKey, publicKey, libp2pSeed, peerId }, i) => {
    privateKeys.set(privateKey, i * PRIVATE_KEY_BYTES);
    const identity = () =>
      libp2pSeed ??
      hashOfSeed('libp2p-identity-of-key/1', privateKey, '').subarray(0, LIBP2P_SEED_BYTES);
    return {
      // A public key is the same on every network; what else belongs to a network is made by who signs.
      publicKey: publicKey ?? signer.publicKeyText(signer.addKey(privateKey, 'testnet')),
      peerId: peerId ?? encodePeerId(ed25519PublicKey(identity())),
    };
  });
  return Object.defineProperty({ producers, privateKeys }, 'privateKeys', { enumerable: false });
}

/** By tweetnacl, in 2.7 ms. */
const byTweetnacl = (seed: Uint8Array): Uint8Array => nacl.sign.keyPair.fromSeed(seed).publicKey;

/** By OpenSSL, in 0.03 ms: a JWK needs some x, but it is computed anew from d. Node 26 refuses an x that is not right. */
function byJwk(seed: Uint8Array): Uint8Array {
  const d = Buffer.from(seed).toString('base64url');
  return publicPart(createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', d, x: '' }, format: 'jwk' })); // prettier-ignore
}

/** What stands before the seed in a PKCS #8 key of Ed25519 (RFC 8410, section 7). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** By OpenSSL, too; that of Node 20 takes ten times as long to read this form. */
const byPkcs8 = (seed: Uint8Array): Uint8Array =>
  publicPart(createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' }));

const publicPart = (key: KeyObject): Uint8Array =>
  Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url');

let way: ((seed: Uint8Array) => Uint8Array) | undefined;

/**
 * RFC 8032, 5.1.5. 12,000 identities would take tweetnacl half a minute, so OpenSSL makes them in the first way in which
 * this Node's OpenSSL does as tweetnacl does, which the first one shows (a FIPS build may refuse Ed25519).
 * @param seed 32 bytes @returns 32 bytes
 */
export function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  if (way !== undefined) return way(seed);
  const expected = byTweetnacl(seed);
  way = [byJwk, byPkcs8].find((one) => agrees(one, seed, expected)) ?? byTweetnacl;
  return expected;
}

function agrees(
  one: (seed: Uint8Array) => Uint8Array,
  seed: Uint8Array,
  expected: Uint8Array,
): boolean {
  try {
    return Buffer.compare(one(seed), expected) === 0;
  } catch {
    return false;
  }
}

/** Whether a native way was found, once one key was made. For tests: without it a fleet of thousands takes half a minute. */
export const ed25519IsNative = (): boolean => way !== undefined && way !== byTweetnacl;

/**
 * The nodes of a fleet as senders: each has the key of its producer and an identity of its own; the first that of the producer.
 * @param nodes place of its producer, and its number among the producer's nodes, for each
 */
export function nodesOf(
  { producers, privateKeys }: Fleet,
  nodes: { producers: Uint32Array; ordinals: Uint8Array },
): Fleet {
  const keys = Array.from(nodes.producers, (producer, node): ProducerKeys => {
    const { publicKey, peerId } = producers[producer];
    const ordinal = nodes.ordinals[node];
    return {
      privateKey: privateKeys.subarray(
        producer * PRIVATE_KEY_BYTES,
        (producer + 1) * PRIVATE_KEY_BYTES,
      ),
      publicKey,
      ...(ordinal === 0
        ? { peerId }
        : {
            libp2pSeed: hashOfSeed('libp2p-identity-of-node/1', peerId, String(ordinal)).subarray(
              0,
              LIBP2P_SEED_BYTES,
            ),
          }),
    };
  });
  return fleetOfKeys(keys);
}

/** `text` is also the whitelist file of a backend: one public key a line. */
export const FLEET_FORMATS = ['text', 'csv', 'json'] as const;
export type FleetFormat = (typeof FLEET_FORMATS)[number];

/** The public part of a fleet as a file, ending in a line break. */
export function formatFleet({ producers }: Fleet, format: FleetFormat): string {
  switch (format) {
    case 'text':
      return producers.map(({ publicKey }) => `${publicKey}\n`).join('');
    case 'csv':
      // Neither base58 nor a number needs quotes.
      return [
        'index,public_key,peer_id\n',
        ...producers.map(({ publicKey, peerId }, i) => `${i},${publicKey},${peerId}\n`),
      ].join('');
    case 'json': {
      const rows = producers.map(({ publicKey, peerId }, index) =>
        JSON.stringify({ index, public_key: publicKey, peer_id: peerId }),
      );
      return `[\n  ${rows.join(',\n  ')}\n]\n`;
    }
  }
}
