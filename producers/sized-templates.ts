/**
 * Bodies of an exact size, from 17 KB to just over what a backend takes.
 *
 * What makes a real submission large is its block, and in a block what follows header and proof: the staged ledger diff with
 * its transactions, whose proofs look like random bytes (the payload sets that the program recorded go up to 4 MB, and one body
 * has 14 MB). So a large body here is a recorded one whose block goes on: behind the recorded bytes come random ones up to the
 * size. Header and proof stay, so height, slot and state hash can be read from it; like the blocks of a chain
 * (producers/chain-templates.ts) a real stateless verifier cannot take it for valid. Base64 grows by fours: up to three spaces
 * beside the block, which no signature covers, make the size exact.
 */
import { ENVELOPE, ENVELOPE_END } from '../mina/envelope.ts';
import { MAX_BODY_BYTES } from '../mina/limits.ts';
import { EXIT, UserError } from '../user-error.ts';
import { frameOf } from './bodies.ts';
import { type Payload, payloadBytes } from './payloads.ts';
import { RandomStream } from './random.ts';
import type { SubmissionTemplate } from './templates.ts';

/** A whole body's size. `name`: for people, as the user wrote it. */
export type BodySize = { name: string; bytes: number };

/** The answer to a body over the limit; a proxy may give it in its own words. */
export const TOO_LARGE = { status: 413, body: null } as const;

/** Below this there is hardly a block left. */
export const LEAST_BODY_BYTES = 1000;

/** Letters made at a time; a multiple of 4. */
const PIECE = 1 << 20;

/**
 * One template a size, in their order, each of the largest recorded payload that fits into it. Where none does, the block of
 * the smallest is cut, and cannot be decoded any more. The same payloads, sizes and seed give the same bytes.
 * Memory: one body at a time, while it is read.
 */
export function sizedTemplates(
  payloads: readonly Payload[],
  sizes: readonly BodySize[],
  seed: string,
): SubmissionTemplate[] {
  const bySize = payloads
    .map((payload) => ({ payload, bytes: frameBytes(payload) + lengthOf(payload.block) }))
    .sort((a, b) => b.bytes - a.bytes);
  return sizes.map(({ name, bytes }): SubmissionTemplate => {
    const { payload } = bySize.find((one) => one.bytes <= bytes) ?? bySize.at(-1)!;
    const { graphqlControlPort, builtWithCommitSha } = payload;
    // The smallest may have snark work that alone is larger.
    const hasSnarkWork =
      payload.snarkWork !== undefined && frameBytes(payload) + QUOTES <= bytes - PIECE_OF_BLOCK;
    return {
      name: `${name} from ${payload.name}`,
      weight: 1,
      hasSnarkWork,
      bodyBytes: bytes,
      ...(bytes > MAX_BODY_BYTES && { expected: TOO_LARGE }),
      async load() {
        const body = await payloadBytes(payload);
        const letters = bytes - frameBytes(payload, hasSnarkWork) - QUOTES;
        if (letters < 4)
          throw new UserError(
            `a body of ${bytes} bytes has no room for a block beside the other fields of ${payload.path}`,
            { hint: 'leave out that size of --sizes', exitCode: EXIT.usage },
          );
        const { block, snarkWork } = payload;
        return {
          block: blockOf(
            Buffer.from(
              JSON.parse(body.toString('latin1', block.start, block.end)) as string,
              'base64',
            ),
            letters - (letters % 4),
            new RandomStream(seed, `block of ${bytes} bytes`),
          ),
          snarkWork:
            hasSnarkWork && snarkWork ? body.subarray(snarkWork.start, snarkWork.end) : undefined,
          graphqlControlPort,
          builtWithCommitSha,
          spaces: letters % 4,
        };
      },
    };
  });
}

const QUOTES = 2;
/** Of the block this much stays at least, or the snark work is left out. */
const PIECE_OF_BLOCK = 400;

const lengthOf = ({ start, end }: { start: number; end: number }): number => end - start;

/** Bytes of a body without its block (and its quotes). */
function frameBytes(payload: Payload, hasSnarkWork = payload.snarkWork !== undefined): number {
  const { head, beforeSnarkWork, beforeEnvelope } = frameOf({
    ...payload,
    hasSnarkWork,
    spaces: 0,
  });
  const snarkWork = hasSnarkWork ? lengthOf(payload.snarkWork!) : 0;
  return (
    head.length +
    beforeSnarkWork.length +
    snarkWork +
    beforeEnvelope.length +
    ENVELOPE.bytes +
    ENVELOPE_END.length
  );
}

/** @returns a JSON string of `letters` base64 letters, a multiple of 4: the recorded block, cut or carried on */
function blockOf(recorded: Buffer, letters: number, random: RandomStream): Buffer {
  const json = Buffer.allocUnsafe(letters + QUOTES);
  json[0] = json[letters + 1] = 0x22;
  for (let at = 0; at < letters; at += PIECE) {
    const from = (at / 4) * 3;
    const to = (Math.min(letters, at + PIECE) / 4) * 3;
    const known = recorded.subarray(from, to);
    const piece = Buffer.concat([known, random.bytes(to - from - known.length)]);
    json.write(piece.toString('base64'), 1 + at, 'latin1');
  }
  return json;
}
