/** Mutated blocks for the decoder: every run is one of a parsed block or an error that names byte and field. */
import assert from 'node:assert/strict';
import { BinProtError } from '../../mina/bin-prot.ts';
import { encodeBlock, parseBlock } from '../../mina/block.ts';
import { stateHashText } from '../../mina/state-hash.ts';
import { createStateHasher } from '../../mina/state-hasher.ts';
import { loadMinaWasm } from '../../paths.ts';
import { eraBlocks, recordedBlock } from './block-fixtures.ts';

/** xorshift32: the same numbers on every machine. */
function randomSource(seed: number): (limit: number) => number {
  let state = seed * 2654435761 || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

const GUARD = 64;
/** Bytes that mean something at many places, or lie at a border. */
const TELLING = [
  0, 1, 2, 11, 0x1f, 0x20, 0x21, 0x3f, 0x40, 0x7f, 0x80, 0xfb, 0xfc, 0xfd, 0xfe, 0xff,
];

/** All Uint8Arrays inside a value. */
function views(value: unknown, found: Uint8Array[] = []): Uint8Array[] {
  if (value instanceof Uint8Array) found.push(value);
  else if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(value)) views(inner, found);
  return found;
}

/** @returns how many of the `count` mutants were blocks */
export function checkMutations({ count, seed }: { count: number; seed: number }): {
  accepted: number;
  refused: number;
} {
  const below = randomSource(seed);
  const sources = [
    ...eraBlocks().map(([, bytes]) => bytes),
    recordedBlock('submission-with-snark-work.json'),
  ];
  const hasher = createStateHasher(loadMinaWasm());
  // The block lies between guards, so that a read beside it would be seen in the result.
  const room = new Uint8Array(GUARD + 16_000 + GUARD);
  let accepted = 0;
  let refused = 0;

  for (let run = 0; run < count; run++) {
    const source = sources[below(sources.length)];
    room.fill(run & 0xff);
    room.set(source, GUARD);
    let length = source.length;
    const changes = 1 + below(4);
    for (let i = 0; i < changes; i++) {
      // Seven of eight changes go where the decoder looks at every byte.
      const region = below(8);
      const at = region === 0 ? below(length) : region === 1 ? length - 1 - below(60) : below(1600);
      const place = GUARD + Math.max(0, Math.min(at, length - 1));
      const end = GUARD + length;
      const kind = below(8);
      if (kind < 3) room[place] = TELLING[below(TELLING.length)];
      else if (kind < 5) room[place] = below(256);
      else if (kind === 5) {
        const bytes = 1 + below(40);
        room.copyWithin(place, place + bytes, end); // takes bytes out
        length = Math.max(0, length - bytes);
      } else if (kind === 6) {
        const bytes = 1 + below(40);
        room.copyWithin(place + bytes, place, end); // puts bytes in
        length = Math.min(length + bytes, room.length - 2 * GUARD);
      } else if (below(4) === 0) length = below(length + 1);
    }
    const block = room.subarray(GUARD, GUARD + length);
    try {
      const parsed = parseBlock(block);
      for (const view of views(parsed)) {
        assert.equal(view.buffer, room.buffer);
        assert.ok(view.byteOffset >= GUARD && view.byteOffset + view.length <= GUARD + length);
      }
      const { offsets } = parsed;
      assert.ok(offsets.protocol_state_proof <= offsets.delta_block_chain_proof);
      assert.ok(offsets.delta_block_chain_proof < offsets.current_protocol_version);
      assert.ok(offsets.current_protocol_version < offsets.body && offsets.body < length);
      // Longer forms of integers become shorter, so compare what the bytes mean.
      const again = encodeBlock(parsed);
      assert.ok(again.length <= length);
      if (accepted % 16 === 0) {
        const reparsed = parseBlock(again);
        assert.equal(reparsed.era, parsed.era);
        assert.equal(
          stateHashText(hasher.stateHash(reparsed.protocol_state, parsed.era)),
          stateHashText(hasher.stateHash(parsed.protocol_state, parsed.era)),
        );
      }
      accepted++;
    } catch (error) {
      if (!(error instanceof BinProtError)) throw error;
      assert.notEqual(error.field, '');
      assert.ok(error.offset !== null && error.offset >= 0 && error.offset <= length);
      refused++;
    }
  }
  return { accepted, refused };
}
