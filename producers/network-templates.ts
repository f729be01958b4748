/**
 * The blocks of a simulated network (producers/network-plan.ts) as templates: a chain of new blocks made from recorded ones, linked, each
 * created by its maker; with snark work for those who submit it as their tip, without for its maker.
 */
import { decode } from '../mina/base58check.ts';
import { EMPTY_BODY, EMPTY_BODY_REFERENCE } from '../mina/block.ts';
import type { ChainBlock, ChainLink } from '../mina/chain.ts';
import { ERAS } from '../mina/eras.ts';
import { FIELD_BYTES } from '../mina/field.ts';
import { createStateHasher } from '../mina/state-hasher.ts';
import { loadMinaWasm } from '../paths.ts';
import type { ChainOrigin } from './chain-origin.ts';
import {
  beginChain,
  beginEra,
  blockOf,
  keepLast,
  readHeaders,
  type Source,
  type SourceBuilders,
} from './chain-templates.ts';
import type { Producer } from './fleet.ts';
import { type NetworkPlan, SUBMISSION_KINDS } from './network-plan.ts';
import { type Payload, payloadBytes } from './payloads.ts';
import { RandomStream } from './random.ts';
import type { SubmissionTemplate } from './templates.ts';

export type NetworkTemplates = {
  templates: SubmissionTemplate[];
  /** The template of each submission of the plan. */
  templateOf: Uint32Array;
  /** Height of each block of the plan. */
  heights: number[];
  /** None of the payloads has snark work, so all submissions go without. */
  isWithoutSnarkWork: boolean;
};

/** Room for a fork: two blocks of one slot must differ. */
const VRF_OUTPUT_BYTES = 32;
/** A field element has 254 bits; the output fills no more than 253. */
const VRF_OUTPUT_MASK = 0x1f;

export type NetworkBlocks = {
  plan: NetworkPlan;
  producers: readonly Producer[];
  /** Milliseconds since 1970; the last block is of the slot in which this lies, so no block is younger. */
  endMs: number;
  /** Era and genesis of the chain, with a hard fork of the old one; absent or null: those of the recorded blocks. */
  origin?: ChainOrigin | null;
  /** Of each block: random bytes behind the recorded ones make up what is missing; absent or null: as recorded. */
  blockBytes?: SizeRange | null;
};

/** In bytes. */
export type SizeRange = { least: number; most: number };

/** What a block of the plan is made from. */
type Made = { source: Source; lender: Payload | null; bytes: number };

/**
 * Only blocks that somebody submits become templates. The same payloads, plan, producers and slot of `endMs` give the same bytes.
 * Memory: some 13 KB a block, and one recorded block.
 * @throws UserError if a payload's block is none, if they are of several networks, or if the chain would begin before its genesis
 */
export async function networkTemplates(
  payloads: readonly Payload[],
  request: NetworkBlocks,
): Promise<NetworkTemplates> {
  const { plan, origin = null, blockBytes = null } = request;
  const { blocks, submissions, shape } = plan;
  const sources = await readHeaders(payloads, { mayDiffer: origin !== null });
  const withWork = sources.filter(({ payload }) => payload.snarkWork !== undefined);
  const random = new RandomStream(shape.seed, 'network blocks');
  const sizes = new RandomStream(shape.seed, 'network block sizes');
  const anyOf = (list: readonly Source[]) => list[random.below(list.length)];
  // Drawn for all, so that what one block is made from does not depend on who submits another.
  const made = blocks.map(({ hasTransactions }): Made => {
    const source = anyOf(sources);
    const lender = withWork.length === 0 ? null : anyOf(withWork).payload;
    const { least, most } = blockBytes ?? { least: 0, most: 0 };
    const bytes = least + sizes.below(most - least + 1);
    if (!hasTransactions) return { source, lender: null, bytes: 0 };
    return {
      source,
      lender: source.payload.snarkWork === undefined ? lender : source.payload,
      bytes,
    };
  });
  const grown = growPlan(sources, made, request);

  const makers = SUBMISSION_KINDS.indexOf('maker');
  const templates: SubmissionTemplate[] = [];
  const places = new Map<string, number>();
  const read = keepLast(blockOf);
  const templateOf = submissions.blocks.map((block, i) => {
    const lender = submissions.kinds[i] === makers ? null : made[block].lender;
    const name = `${block} ${lender === null ? 'without' : 'with'}`;
    const known = places.get(name);
    if (known !== undefined) return known;
    places.set(name, templates.length);
    const { source, bytes: wanted } = made[block];
    const { bytes, height, slot } = grown[block];
    const headerBytes = bytes.subarray(0, bytes.length - EMPTY_BODY.length);
    return (
      templates.push({
        name: `block ${height} (slot ${slot}) from ${source.payload.name}`,
        weight: 1,
        hasSnarkWork: lender !== null,
        async load() {
          const { whole } = await read(source.payload);
          const body = blocks[block].hasTransactions
            ? whole.subarray(source.header.offsets.body)
            : Uint8Array.from(EMPTY_BODY);
          const missing = Math.max(0, wanted - headerBytes.length - body.length);
          const more = new RandomStream(shape.seed, `body of block ${block}`).bytes(missing);
          const whole64 = Buffer.concat([headerBytes, body, more]).toString('base64');
          const { graphqlControlPort, builtWithCommitSha } = source.payload;
          return {
            block: Buffer.from(`"${whole64}"`, 'latin1'),
            snarkWork: lender === null ? undefined : await snarkWorkOf(lender),
            graphqlControlPort,
            builtWithCommitSha,
          };
        },
      }) - 1
    );
  });
  return {
    templates,
    templateOf,
    heights: grown.map(({ height }) => height),
    isWithoutSnarkWork: withWork.length === 0,
  };
}

/** The blocks of a plan with a body that is cut off, linked, in their slots; over a hard fork of both eras. */
function growPlan(
  sources: readonly Source[],
  made: readonly Made[],
  { plan, producers, endMs, origin }: NetworkBlocks,
): ChainBlock[] {
  const { blocks, shape } = plan;
  const { hardFork } = shape;
  const hasher = createStateHasher(loadMinaWasm());
  const random = new RandomStream(shape.seed, 'network rivals');
  const old = hardFork === null ? blocks : blocks.filter(({ fromMs }) => fromMs < hardFork.genesisMs); // prettier-ignore
  const [{ slot: first }, last] = [old[0], old.at(-1)!];
  const chain = beginChain(sources, {
    slots: last.slot - first + 1,
    endMs: endMs - (blocks.at(-1)!.fromMs - last.fromMs),
    what: `a network of ${blocks.length} blocks`,
    origin,
    hasher,
  });
  /** Global slot of the beginning. */
  const beginning = chain.firstSlot - first;
  let now: SourceBuilders = chain;
  let base = beginning;
  const grown: ChainBlock[] = [];
  blocks.forEach(({ slot, parent, maker, isFork, hasTransactions }, i) => {
    const link: ChainLink = parent === -1 ? chain.root : grown[parent];
    if (maker === -1) {
      const { genesisMs, from } = hardFork!;
      const startsMs = chain.any.timeOf(beginning);
      base = beginning + genesisMs / ERAS[from].slotTimeMs;
      const { genesis, ...builders } = beginEra(sources, {
        era: shape.era,
        genesisMs: startsMs + genesisMs,
        globalSlot: base,
        fork: link,
        hasher,
      });
      now = builders;
      grown.push(genesis);
      return;
    }
    const key = decode('publicKey', producers[maker].publicKey);
    const block = now.of(made[i].source).append(link, {
      slot: base + slot,
      creator: { x: key.subarray(0, FIELD_BYTES), is_odd: key[FIELD_BYTES] === 1 },
      ...(isFork && { vrfOutput: vrfOutput(random) }),
      ...(!hasTransactions && { bodyReference: EMPTY_BODY_REFERENCE }),
    });
    grown.push(block);
  });
  return grown;
}

async function snarkWorkOf(payload: Payload): Promise<Buffer> {
  const { start, end } = payload.snarkWork!;
  return (await payloadBytes(payload)).subarray(start, end);
}

function vrfOutput(random: RandomStream): Uint8Array {
  const output = Uint8Array.from({ length: VRF_OUTPUT_BYTES }, () => random.below(256));
  output[VRF_OUTPUT_BYTES - 1] &= VRF_OUTPUT_MASK;
  return output;
}
