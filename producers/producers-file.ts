/**
 * A list of block producers with real (test) keys, for targets whose whitelist is fixed. producers/key-entries.ts says
 * which forms are read; here the keys in it are checked.
 *
 * A libp2p seed is the 32-byte seed of the Ed25519 identity, as 64 hexadecimal digits or base64.
 */
import { decode } from '../mina/base58check.ts';
import { decodePrivateKey } from '../mina/schnorr.ts';
import { listProblems } from '../system/problems.ts';
import { readRegularFile } from '../system/regular-file.ts';
import { decodeText } from '../system/text-table.ts';
import { fleetOfKeys, type Fleet, type ProducerKeys } from './fleet.ts';
import { type KeyEntry, readKeyEntries } from './key-entries.ts';

const FORMS =
  'a line holds EK… or EK…,LIBP2P_SEED; a CSV sheet has the keys in one of its columns; a JSON file an array of keys, or of ' +
  'objects with private_key, privateKey or sk';
/** A million producers have some 110 MB of JSON. */
const MAX_BYTES = 512 * 1024 * 1024;

/** Of more problems than these the place is not shown: finding the line of a million would take minutes. */
const PLACES_SHOWN = 100;

/**
 * @returns the fleet, in the order of the file
 * @throws UserError (exit 2) with every fault and its line, one a line of the message; no key is shown
 */
export async function readProducersFile(file: string): Promise<Fleet> {
  const bytes = await readRegularFile(file, { what: 'the producers file', maxBytes: MAX_BYTES });
  const { entries, problems, label } = readKeyEntries(decodeText(bytes));
  const throwProblems = (): void => {
    problems.sort((a, b) => a.place - b.place);
    const lines = problems.map(({ place, text }, i) =>
      i < PLACES_SHOWN ? `${file}${label(place)}: ${text}` : text,
    );
    listProblems(lines, FORMS);
  };
  const keys: ProducerKeys[] = [];
  const listed: KeyEntry[] = [];
  const placeOfKey = new Map<string, number>();
  for (const entry of entries) {
    const { place } = entry;
    const key = readKeys(entry);
    if (typeof key === 'string') {
      problems.push({ place, text: key });
      continue;
    }
    const id = Buffer.from(key.privateKey).toString('latin1');
    const before = placeOfKey.get(id);
    if (before === undefined) {
      placeOfKey.set(id, place);
      keys.push(key);
      listed.push(entry);
    } else {
      const other = label(before).replace(/^:/, 'line ').trim();
      problems.push({ place, text: `has the same private key as ${other}` });
    }
  }
  if (problems.length === 0 && keys.length === 0)
    listProblems([`${file}: there is no private key in the file`], FORMS);
  throwProblems();
  const fleet = fleetOfKeys(keys);
  listed.forEach(({ place, publicKey: said }, i) => {
    const { publicKey } = fleet.producers[i];
    // Not the text itself: it may be a private key in the wrong place.
    if (said !== undefined && said !== publicKey)
      problems.push({
        place,
        text: `names another public key than its private key has, ${publicKey}`,
      });
  });
  throwProblems();
  return fleet;
}

/** @returns the keys, or what is wrong with them (without showing them) */
function readKeys({ privateKey: text, libp2pSeed: seedText }: KeyEntry): ProducerKeys | string {
  let privateKey: Uint8Array;
  try {
    privateKey = decode('privateKey', text.trim());
    decodePrivateKey(privateKey);
  } catch (error) {
    return (error as Error).message;
  }
  if (seedText === undefined) return { privateKey };
  const libp2pSeed = readLibp2pSeed(seedText);
  return libp2pSeed
    ? { privateKey, libp2pSeed }
    : 'has a libp2p seed that is neither 64 hexadecimal digits nor 32 bytes in base64';
}

function readLibp2pSeed(text: string): Uint8Array | null {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex');
  if (/^[A-Za-z0-9+/]{43}=?$/.test(text)) return Buffer.from(text, 'base64');
  return null;
}
