/**
 * A chain of new blocks as templates (`--chain N`), made from those of recorded submissions: heights, slots, epochs, times and hashes are
 * new and linked, the creator is the producer that submits it first, proof and body stay those of a recorded block, drawn for each one. The proof no longer fits, so
 * a real stateless verifier takes such blocks only with --no-checks.
 */
import { decode } from '../mina/base58check.ts';
import { BinProtError } from '../mina/bin-prot.ts';
import {
  EMPTY_BODY,
  isEmptyBody,
  type ParsedBlock,
  parseBlock,
  type PublicKeyElements,
} from '../mina/block.ts';
import {
  type ChainBuilder,
  type ChainLink,
  type ChainShape,
  createChainBuilder,
  growChain,
  type GrownBlock,
} from '../mina/chain.ts';
import { FIELD_BYTES } from '../mina/field.ts';
import { createStateHasher } from '../mina/state-hasher.ts';
import { parseSubmission, tokenBytes } from '../mina/submission.ts';
import { loadMinaWasm } from '../paths.ts';
import { EXIT, UserError } from '../user-error.ts';
import { type ChainOrigin, placedAt, settled } from './chain-origin.ts';
import { planSubmissions, type TipTime } from './corpus-plan.ts';
import type { Producer } from './fleet.ts';
import { type Payload, payloadBytes } from './payloads.ts';
import { listProblems } from '../system/problems.ts';
import { RandomStream } from './random.ts';
import { readSources, readTemplates, type SubmissionTemplate } from './templates.ts';

export type ChainRequest = {
  /** Blocks of the main chain; forks come on top. */
  length: number;
  seed: string;
  /** Milliseconds since 1970; the last block is of the slot in which this lies, so no block is younger. */
  endMs: number;
  /** Who will submit the blocks, as the corpus of `seed` plans it; without it the recorded creators stay. */
  makers?: { producers: readonly Producer[]; count: number };
  /** Era and genesis of the chain; absent or null: those of the recorded blocks. */
  origin?: ChainOrigin | null | undefined;
};

/** As in Mina, where three of four slots get a block. */
const EMPTY_SLOTS = 0.25;
/** Blocks beside which there is a second one of the same slot. */
const FORKS = 0.1;
const PLANNED_AT_ONCE = 4096;

/** A recorded submission whose block others are made from. */
export type Source = {
  payload: Payload;
  /** With a body that is cut off: all that a chain changes stands before it. */
  header: ParsedBlock;
  /** Of the whole block. */
  bodyBytes: number;
  isBodyEmpty: boolean;
};

/** Templates of `folder` (default: those that are shipped) as they are, or of a chain made from them. */
export async function readChain(
  folder: string | undefined,
  request: ChainRequest | null,
): Promise<SubmissionTemplate[]> {
  return request === null
    ? readTemplates(folder)
    : chainTemplates(await readSources(folder), request);
}

/**
 * Two templates for each block made from a submission with snark work (without it for the maker, with it for the others), one for
 * each other block. The same payloads, seed, makers and slot of `endMs` give the same bytes.
 * Memory: some 13 KB a block, and one recorded block.
 * @throws UserError if a payload's block is none, if they are of several networks, or if the chain would begin before its genesis
 */
export async function chainTemplates(
  payloads: readonly Payload[],
  request: ChainRequest,
): Promise<SubmissionTemplate[]> {
  const sources = await readHeaders(payloads, { mayDiffer: Boolean(request.origin) });
  const blocks = layOut(sources, request);
  const grown = makeBlocks(sources, blocks, request);
  const read = keepLast(blockOf);

  return blocks.flatMap(({ source: { payload, header }, uses }, i) => {
    const { bytes, height, slot } = grown[i];
    const headerBytes = bytes.subarray(0, bytes.length - EMPTY_BODY.length);
    return uses.map((use): SubmissionTemplate => ({
      ...use,
      name: `block ${height} (slot ${slot}) from ${payload.name}`,
      async load() {
        const { bytes, whole } = await read(payload);
        const block = Buffer.concat([headerBytes, whole.subarray(header.offsets.body)]);
        const { snarkWork, graphqlControlPort, builtWithCommitSha } = payload;
        return {
          block: Buffer.from(`"${block.toString('base64')}"`, 'latin1'),
          snarkWork:
            use.hasSnarkWork && snarkWork
              ? bytes.subarray(snarkWork.start, snarkWork.end)
              : undefined,
          graphqlControlPort,
          builtWithCommitSha,
        };
      },
    }));
  });
}

/** A payload's file, and its block decoded from it. */
export async function blockOf(payload: Payload): Promise<{ bytes: Buffer; whole: Uint8Array }> {
  const bytes = await payloadBytes(payload);
  return { bytes, whole: tokenBytes(bytes, parseSubmission(bytes).block) };
}

/** Calls `of` again only where the argument is another one than last time. */
export function keepLast<A, B>(of: (argument: A) => Promise<B>): (argument: A) => Promise<B> {
  let last: { argument: A; result: Promise<B> } | undefined;
  return (argument) => {
    if (last?.argument !== argument) last = { argument, result: of(argument) };
    return last.result;
  };
}

/**
 * One file in memory at a time.
 * @param mayDiffer whether they may be of several networks: those that move into another one
 * @throws UserError that names each faulty file
 */
export async function readHeaders(
  payloads: readonly Payload[],
  { mayDiffer }: { mayDiffer: boolean },
): Promise<Source[]> {
  const sources: Source[] = [];
  const problems: string[] = [];
  for (const payload of payloads) {
    const { whole } = await blockOf(payload);
    try {
      const { offsets, body } = parseBlock(whole);
      const header = parseBlock(whole.slice(0, offsets.body + EMPTY_BODY.length));
      sources.push({
        payload,
        header,
        bodyBytes: body.length,
        isBodyEmpty: isEmptyBody(body),
      });
    } catch (error) {
      if (!(error instanceof BinProtError)) throw error;
      problems.push(`${payload.path}: --chain needs blocks, but this is none: ${error.message}`);
      continue;
    }
    if (mayDiffer) continue;
    const [first] = sources;
    const [found, wanted] = [sources.at(-1)!, first].map(networkOf);
    if (found !== wanted)
      problems.push(
        `${payload.path}: --chain needs blocks of one network, but this is of ${found} and ${first.payload.name} of ${wanted}`,
      );
  }
  listProblems(
    problems,
    'leave such files out of --payloads, or load their blocks without --chain',
  );
  return sources;
}

/** What all blocks of a chain have in common, in words. */
function networkOf({ header }: Source): string {
  const { constants, consensus_state: consensus } = header.protocol_state.body;
  const since = consensus.curr_global_slot_since_hard_fork.slot_number;
  const genesis = timeText(Number(constants.genesis_state_timestamp));
  const forkSlot = consensus.global_slot_since_genesis - since;
  return `${header.era} (genesis ${genesis}, slot ${forkSlot})`;
}

/** ECMA-262, section 21.4.1.1: a date is at most 8.64e15 ms from 1970; a block may say any 64 bits. */
const timeText = (ms: number): string =>
  ms <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms since 1970`;

/** A block before it is made. */
type PlannedBlock = {
  source: Source;
  uses: { weight: number; hasSnarkWork: boolean; tip: TipTime }[];
};

const shapeOf = ({ length, seed }: ChainRequest, firstSlot: number): ChainShape => ({
  length,
  firstSlot,
  random: new RandomStream(seed, 'chain'),
  emptySlots: EMPTY_SLOTS,
  forks: FORKS,
});

/** The blocks in order of slots, counted from 0: all that follows from the seed alone, without their bytes. */
function layOut(sources: readonly Source[], request: ChainRequest): PlannedBlock[] {
  const bytes = new Uint8Array();
  const root = {
    state_hash: '',
    height: 0,
    slot: -1,
    stateHashBytes: bytes,
    lockCheckpoint: bytes,
  };
  const bare: ChainBuilder = {
    root,
    append: (parent, { slot }) => ({
      ...root,
      slot,
      height: parent.height + 1,
      previous_state_hash: '',
      timestampMs: 0,
      bytes,
      blockHash: () => '',
      base64: () => bytes,
    }),
    slotAt: () => 0,
  };
  const slots = [...growChain(bare, shapeOf(request, 0))].map(({ slot }) => slot);
  const filled = [...new Set(slots)];
  const nextSlot = new Map(filled.map((slot, i) => [slot, filled[i + 1] ?? slot + 1]));
  const random = new RandomStream(request.seed, 'chain source');
  return slots.map((fromSlot) => {
    const source = sources[random.below(sources.length)];
    const use = (by: TipTime['by'], hasSnarkWork: boolean) => ({
      weight: 1,
      hasSnarkWork,
      tip: { fromSlot, toSlot: nextSlot.get(fromSlot)!, by },
    });
    const uses =
      source.payload.snarkWork === undefined
        ? [use('all', false)]
        : [use('maker', false), use('others', true)];
    return { source, uses };
  });
}

/** The creator of each block: the producer whose submission of it comes first; undefined: there is none. */
function creatorsOf(
  blocks: readonly PlannedBlock[],
  { seed, makers }: ChainRequest,
): (PublicKeyElements | undefined)[] {
  if (makers === undefined) return [];
  const { producers, count } = makers;
  const blockOfTemplate = blocks.flatMap(({ uses }, i) => uses.map(() => i));
  const creators: (PublicKeyElements | undefined)[] = blocks.map(() => undefined);
  const plan = planSubmissions(
    {
      count,
      producers: producers.length,
      templates: blocks.flatMap(({ uses }) => uses),
      seed,
      createdAt: { startSeconds: 0, perSecond: Infinity },
    },
    PLANNED_AT_ONCE,
  );
  for (const chunk of plan)
    chunk.templates.forEach((template, k) => {
      const block = blockOfTemplate[template];
      if (creators[block] !== undefined) return;
      const key = decode('publicKey', producers[chunk.producers[k]].publicKey);
      creators[block] = { x: key.subarray(0, FIELD_BYTES), is_odd: key[FIELD_BYTES] === 1 };
    });
  return creators;
}

/**
 * What a chain of blocks made from `sources` grows from.
 * @param slots from the first block to the last, both counted @param what the option that asks for so many
 * @throws UserError if the chain would begin before the genesis of its network
 */
export function beginChain(
  sources: readonly Source[],
  {
    slots,
    endMs,
    what,
    origin = null,
  }: { slots: number; endMs: number; what: string; origin?: ChainOrigin | null | undefined },
): { any: ChainBuilder; builders: Map<Source, ChainBuilder>; firstSlot: number; root: ChainLink } {
  const hasher = createStateHasher(loadMinaWasm());
  const genesis = origin && settled(sources[0].header, origin, hasher);
  const headerOf = ({ header }: Source): ParsedBlock =>
    genesis === null ? header : placedAt(header, genesis);
  const first = headerOf(sources[0]);
  const builders = new Map(
    sources.map((source) => [
      source,
      createChainBuilder(headerOf(source), { hash: hasher.cached(), epochFields: true }),
    ]),
  );
  const any = builders.get(sources[0])!;

  const lastSlot = any.slotAt(endMs);
  const firstSlot = lastSlot - slots + 1;
  const genesisMs = Number(first.protocol_state.body.constants.genesis_state_timestamp);
  const genesisSlot = any.slotAt(genesisMs);
  if (firstSlot <= genesisSlot)
    throw new UserError(
      `${what} takes ${slots} slots up to ${timeText(endMs)}, but the network of the blocks began ` +
        `${Math.max(0, lastSlot - genesisSlot)} slots before (${timeText(genesisMs)})`,
      {
        hint:
          origin === null
            ? 'ask for a shorter chain, or for blocks of an older network'
            : 'ask for a shorter chain, or for another --era',
        exitCode: EXIT.usage,
      },
    );

  // The first block's parent is never sent: the highest recorded block, moved to the slot before, for recorded blocks may be of any time.
  const heightOf = ({ header }: Source) =>
    header.protocol_state.body.consensus_state.blockchain_length;
  const moved = any.append(
    { ...any.root, slot: -1, stateHashBytes: first.protocol_state.previous_state_hash },
    {
      slot: firstSlot - 1,
      height:
        origin === null
          ? sources.reduce((height, source) => Math.max(height, heightOf(source)), 0)
          : origin.height + Math.floor((firstSlot - 1 - origin.globalSlot) * (1 - EMPTY_SLOTS)),
    },
  );
  return { any, builders, firstSlot, root: moved };
}

/** The blocks with a body that is cut off. */
function makeBlocks(
  sources: readonly Source[],
  planned: readonly PlannedBlock[],
  request: ChainRequest,
): GrownBlock[] {
  const { any, builders, firstSlot, root } = beginChain(sources, {
    slots: planned.at(-1)!.uses[0].tip.toSlot,
    endMs: request.endMs,
    what: `--chain ${request.length}`,
    origin: request.origin,
  });
  const creators = creatorsOf(planned, request);
  let made = 0;
  const builder: ChainBuilder = {
    ...any,
    root,
    append(parent, next) {
      const creator = creators[made];
      const { source } = planned[made++];
      return builders.get(source)!.append(parent, { ...next, ...(creator && { creator }) });
    },
  };
  return [...growChain(builder, shapeOf(request, firstSlot))];
}
