/**
 * The blocks of a simulated network (producers/network-plan.ts) as templates: a chain of new blocks made from recorded ones, linked, each
 * created by its maker; with snark work for those who submit it as their tip, without for its maker.
 */
import { decode } from '../mina/base58check.ts';
import { EMPTY_BODY } from '../mina/block.ts';
import type { ChainBlock, ChainLink } from '../mina/chain.ts';
import { FIELD_BYTES } from '../mina/field.ts';
import { beginChain, blockOf, keepLast, readHeaders, type Source } from './chain-templates.ts';
import type { ChainOrigin } from './chain-origin.ts';
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

/**
 * Only blocks that somebody submits become templates. The same payloads, plan, producers and slot of `endMs` give the same bytes.
 * Memory: some 13 KB a block, and one recorded block.
 * @param endMs milliseconds since 1970; the last block is of the slot in which this lies, so no block is younger
 * @throws UserError if a payload's block is none, if they are of several networks, or if the chain would begin before its genesis
 */
export async function networkTemplates(
  payloads: readonly Payload[],
  {
    plan,
    producers,
    endMs,
    origin = null,
  }: {
    plan: NetworkPlan;
    producers: readonly Producer[];
    endMs: number;
    /** Era and genesis of the chain; null: those of the recorded blocks. */
    origin?: ChainOrigin | null;
  },
): Promise<NetworkTemplates> {
  const { blocks, submissions, shape } = plan;
  const sources = await readHeaders(payloads, { mayDiffer: origin !== null });
  const withWork = sources.filter(({ payload }) => payload.snarkWork !== undefined);
  const random = new RandomStream(shape.seed, 'network blocks');
  const anyOf = (list: readonly Source[]) => list[random.below(list.length)];
  // Drawn for all, so that what one block is made from does not depend on who submits another.
  const made = blocks.map(() => {
    const source = anyOf(sources);
    const lender = withWork.length === 0 ? null : anyOf(withWork).payload;
    return { source, lender: source.payload.snarkWork === undefined ? lender : source.payload };
  });

  const firstSlot = blocks[0].slot;
  const chain = beginChain(sources, {
    slots: blocks.at(-1)!.slot - firstSlot + 1,
    endMs,
    what: `a network of ${blocks.length} blocks`,
    origin,
  });
  const grown: ChainBlock[] = [];
  blocks.forEach(({ slot, parent, maker, isFork }, i) => {
    const key = decode('publicKey', producers[maker].publicKey);
    const link: ChainLink = parent === -1 ? chain.root : grown[parent];
    const block = chain.builders.get(made[i].source)!.append(link, {
      slot: chain.firstSlot + slot - firstSlot,
      creator: { x: key.subarray(0, FIELD_BYTES), is_odd: key[FIELD_BYTES] === 1 },
      ...(isFork && { vrfOutput: vrfOutput(random) }),
    });
    grown.push(block);
  });

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
    const { source } = made[block];
    const { bytes, height, slot } = grown[block];
    const headerBytes = bytes.subarray(0, bytes.length - EMPTY_BODY.length);
    return (
      templates.push({
        name: `block ${height} (slot ${slot}) from ${source.payload.name}`,
        weight: 1,
        hasSnarkWork: lender !== null,
        async load() {
          const { whole } = await read(source.payload);
          const block = Buffer.concat([headerBytes, whole.subarray(source.header.offsets.body)]);
          const { graphqlControlPort, builtWithCommitSha } = source.payload;
          return {
            block: Buffer.from(`"${block.toString('base64')}"`, 'latin1'),
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

async function snarkWorkOf(payload: Payload): Promise<Buffer> {
  const { start, end } = payload.snarkWork!;
  return (await payloadBytes(payload)).subarray(start, end);
}

function vrfOutput(random: RandomStream): Uint8Array {
  const output = Uint8Array.from({ length: VRF_OUTPUT_BYTES }, () => random.below(256));
  output[VRF_OUTPUT_BYTES - 1] &= VRF_OUTPUT_MASK;
  return output;
}
