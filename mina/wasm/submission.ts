/**
 * Submissions as records of mina/envelope.ts. Signed text of a template:
 *
 *     prefix ,"created_at":"<20>","peer_id":"<52>" suffix
 *
 * The hash over the whole blocks of the prefix is kept; what is left lies in one piece in memory (the template's
 * tail), where time and peer id are patched.
 */
import { blake2bBlocks, blake2bEnd, blake2bStart } from './blake2b';
import { LANES } from './curve';
import { allocate, storeAscii } from './memory';
import {
  KEY_PEER_ID,
  KEY_TEXT,
  keyAt,
  laneKeys,
  laneMessages,
  laneSignatures,
  signLanes,
} from './schnorr';
import { signatureText, timeText } from './text';

// A template's record.
const STATE: usize = 0;
const BEFORE: usize = 64; // u64, bytes hashed in the state
const TAIL: usize = 72; // address
const TAIL_BYTES: usize = 76;
const TAIL_CAPACITY: usize = 80;
const CREATED_AT: usize = 84; // address in the tail
const RECORD_INDEX: usize = 88; // u32
const TEMPLATE_BYTES: usize = 96;

const MAX_TEMPLATES: i32 = 65536;
const templates: usize = memory.data(MAX_TEMPLATES * 4);
let templateCount: i32 = 0;

const VARYING: usize = 15 + 20 + 13 + 52 + 1;

function templateAt(index: i32): usize {
  return load<u32>(templates + ((<usize>index) << 2));
}

/** Forgets all templates; their memory is used again. */
export function clearTemplates(): void {
  templateCount = 0;
}

/**
 * Starts a template whose text is `prefixBytes` long before, `suffixBytes` after the varying part.
 * @returns its index, or -1 if there is no room
 */
export function beginTemplate(prefixBytes: usize, suffixBytes: usize, recordIndex: u32): i32 {
  if (templateCount === MAX_TEMPLATES) return -1;
  let template = templateCount < knownTemplates ? templateAt(templateCount) : 0;
  if (template === 0) {
    template = allocate(TEMPLATE_BYTES);
    if (template === 0) return -1;
    store<u32>(templates + ((<usize>templateCount) << 2), <u32>template);
    knownTemplates = templateCount + 1;
  }
  const rest: usize = prefixBytes === 0 ? 0 : ((prefixBytes - 1) & 127) + 1;
  const bytes = rest + VARYING + suffixBytes;
  if (load<u32>(template, TAIL_CAPACITY) < <u32>bytes) {
    const capacity = max<usize>(256, (<usize>1) << (32 - clz(<u32>(bytes - 1))));
    const tail = allocate(capacity);
    if (tail === 0) return -1;
    store<u32>(template, <u32>tail, TAIL);
    store<u32>(template, <u32>capacity, TAIL_CAPACITY);
  }
  store<u32>(template, recordIndex, RECORD_INDEX);
  blake2bStart(template + STATE);
  store<u64>(template, 0, BEFORE);
  store<u32>(template, <u32>bytes, TAIL_BYTES);
  let at: usize = <usize>load<u32>(template, TAIL) + rest;
  at = storeAscii(at, ',"created_at":"');
  store<u32>(template, <u32>at, CREATED_AT);
  at = storeAscii(at + 20, '","peer_id":"');
  storeAscii(at + 52, '"');
  return templateCount++;
}
let knownTemplates: i32 = 0;

/** Hashes `bytes` (a multiple of 128) of the prefix. The last 1 to 128 bytes of it go to {@link templateTail}. */
export function hashTemplate(index: i32, data: usize, bytes: usize): void {
  const template = templateAt(index);
  blake2bBlocks(template + STATE, data, bytes, load<u64>(template, BEFORE));
  store<u64>(template, load<u64>(template, BEFORE) + bytes, BEFORE);
}

/** Where the rest of the prefix is to be stored; the suffix goes to the last bytes of the tail. */
export function templateTail(index: i32): usize {
  return load<u32>(templateAt(index), TAIL);
}
export function templateTailBytes(index: i32): usize {
  return load<u32>(templateAt(index), TAIL_BYTES);
}

/** Inputs of {@link signEnvelopes}: per lane a template's index (u32) and seconds since 1970 (u32). */
export const laneTemplates: usize = memory.data(<i32>(LANES * 4));
export const laneCreatedAt: usize = memory.data(<i32>(LANES * 4));
/** LANES records of mina/envelope.ts. */
const RECORD: usize = 272;
export const laneRecords: usize = memory.data(<i32>(LANES * RECORD));

const digest: usize = memory.data(64);

/** Fills laneRecords from laneTemplates, laneKeys and laneCreatedAt; false if a nonce is 0. */
export function signEnvelopes(lanes: usize): bool {
  for (let i: usize = 0; i < lanes; i++) {
    const template = templateAt(load<u32>(laneTemplates + i * 4));
    const key = keyAt(load<u32>(laneKeys + i * 4));
    const createdAt: usize = load<u32>(template, CREATED_AT);
    const record = laneRecords + i * RECORD;
    store<u32>(record, load<u32>(template, RECORD_INDEX));
    timeText(record + 4, load<u32>(laneCreatedAt + i * 4));
    let at = storeAscii(record + 24, '","peer_id":"');
    memory.copy(at, key + KEY_PEER_ID, 52);
    // Time, joint and peer id stand in the envelope as they stand in the signed text.
    memory.copy(createdAt, record + 4, 20 + 13 + 52);
    memory.copy(digest, template + STATE, 64);
    blake2bEnd(
      digest,
      load<u32>(template, TAIL),
      load<u32>(template, TAIL_BYTES),
      load<u64>(template, BEFORE),
    );
    memory.copy(laneMessages + i * 32, digest, 32);
  }
  if (!signLanes(lanes)) return false;
  for (let i: usize = 0; i < lanes; i++) {
    const key = keyAt(load<u32>(laneKeys + i * 4));
    const record = laneRecords + i * RECORD;
    let at = storeAscii(record + 4 + 85, '"},"signature":"');
    signatureText(at, laneSignatures + i * 64);
    at = storeAscii(at + 96, '","submitter":"');
    memory.copy(at, key + KEY_TEXT, 55);
    store<u8>(at + 55, 0);
  }
  return true;
}
