/**
 * A chain of new blocks as templates (`--chain N`), made from those of recorded submissions: heights, slots, epochs, times and hashes are
 * new and linked, the creator is the producer that submits it first, proof and body stay those of a recorded block, drawn for each one. The proof no longer fits, so
 * a real stateless verifier takes such blocks only with --no-checks.
 */
import { decode } from '../mina/base58check.ts';
import { BinProtError } from '../mina/bin-prot.ts';
import {
  EMPTY_BODY,
  EMPTY_BODY_REFERENCE,
  isEmptyBody,
  type ParsedBlock,
  parseBlock,
  type PublicKeyElements,
} from '../mina/block.ts';
import {
  type ChainBlock,
  type ChainBuilder,
  type ChainLink,
  type ChainShape,
  createChainBuilder,
  growChain,
} from '../mina/chain.ts';
import { FIELD_BYTES } from '../mina/field.ts';
import { type EraName, ERAS } from '../mina/eras.ts';
import { createStateHasher, type StateHasher } from '../mina/state-hasher.ts';
import { parseSubmission, tokenBytes } from '../mina/submission.ts';
import { loadMinaWasm } from '../paths.ts';
import { EXIT, UserError } from '../user-error.ts';
import { type ChainOrigin, placedAt, settled } from './chain-origin.ts';
import { planSubmissions, type TipTime } from './corpus-plan.ts';
import { hardForkAt } from './fork-times.ts';
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
  /** A hard fork on the way; `origin` is then that of the era before. */
  hardFork?: ChainFork | null | undefined;
};

export type ChainFork = {
  from: EraName;
  to: EraName;
  /** Of the main chain's blocks those before it, above 0 and below 1. */
  share: number;
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
  const { blocks, fork } = layOut(sources, request);
  const grown = makeBlocks(sources, blocks, fork, request);
  const read = keepLast(blockOf);

  return blocks.flatMap(({ source: { payload, header }, hasTransactions, uses }, i) => {
    const { bytes, height, slot } = grown[i];
    const headerBytes = bytes.subarray(0, bytes.length - EMPTY_BODY.length);
    return uses.map((use): SubmissionTemplate => ({
      ...use,
      name: `block ${height} (slot ${slot}) from ${payload.name}`,
      async load() {
        const { bytes, whole } = await read(payload);
        const body = hasTransactions
          ? whole.subarray(header.offsets.body)
          : Uint8Array.from(EMPTY_BODY);
        const block = Buffer.concat([headerBytes, body]);
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
  /** Else its body is empty. */
  hasTransactions: boolean;
  uses: { weight: number; hasSnarkWork: boolean; tip: TipTime }[];
};

/** Slots of a hard fork in a chain, counted from the first block in slots of the old era. */
type ForkSlots = { transactionsEnd: number; genesis: number; oldLength: number; newLength: number };

const shapeOf = (
  { seed }: ChainRequest,
  { length, firstSlot, purpose = 'chain' }: { length: number; firstSlot: number; purpose?: string },
): ChainShape => ({
  length,
  firstSlot,
  random: new RandomStream(seed, purpose),
  emptySlots: EMPTY_SLOTS,
  forks: FORKS,
});
/** The blocks after a hard fork are drawn on their own. */
const NEW_ERA = 'chain of the new era';

/** The slots in which blocks stand, by the seed alone. */
function slotsOf(shape: ChainShape): number[] {
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
    timeOf: () => 0,
  };
  return [...growChain(bare, shape)].map(({ slot }) => slot);
}

/** @param lastSlot of the old chain, its first block standing in slot 0 */
function forkSlots({ length, hardFork }: ChainRequest, lastSlot: number): ForkSlots {
  const { slotTimeMs } = ERAS[hardFork!.from];
  const { oldLength, newLength } = forkLengths(length, hardFork!);
  // The stops stand in proportion to the whole time before the fork, which they end.
  let genesis = lastSlot + 2;
  const at = (slot: number) => hardForkAt(hardFork!.from, slot * slotTimeMs);
  while (at(genesis).chainEndMs <= lastSlot * slotTimeMs) genesis++;
  return {
    transactionsEnd: at(genesis).transactionsEndMs / slotTimeMs,
    genesis,
    oldLength,
    newLength,
  };
}

/** Blocks of the main chain before the fork, and after the genesis. */
function forkLengths(length: number, { share }: ChainFork) {
  const oldLength = Math.min(length - 1, Math.max(2, Math.round(length * share)));
  return { oldLength, newLength: Math.max(1, length - oldLength - 1) };
}

/** The blocks in order of slots, counted from 0: all that follows from the seed alone, without their bytes. */
function layOut(
  sources: readonly Source[],
  request: ChainRequest,
): { blocks: PlannedBlock[]; fork: ForkSlots | null } {
  const { length, hardFork = null } = request;
  const oldSlots = slotsOf(
    shapeOf(request, {
      length: hardFork ? forkLengths(length, hardFork).oldLength : length,
      firstSlot: 0,
    }),
  );
  const fork = hardFork && forkSlots(request, oldSlots.at(-1)!);
  const slots = [...oldSlots];
  if (fork !== null && hardFork !== null) {
    const ratio = ERAS[hardFork.to].slotTimeMs / ERAS[hardFork.from].slotTimeMs;
    const after = slotsOf(
      shapeOf(request, { length: fork.newLength, firstSlot: 1, purpose: NEW_ERA }),
    );
    for (const slot of [0, ...after]) slots.push(fork.genesis + ratio * slot);
  }
  const filled = [...new Set(slots)];
  const nextSlot = new Map(filled.map((slot, i) => [slot, filled[i + 1] ?? slot + 1]));
  const random = new RandomStream(request.seed, 'chain source');
  const blocks = slots.map((fromSlot): PlannedBlock => {
    const source = sources[random.below(sources.length)];
    const hasTransactions =
      fork === null || fromSlot < fork.transactionsEnd || fromSlot > fork.genesis;
    const use = (by: TipTime['by'], hasSnarkWork: boolean) => ({
      weight: 1,
      hasSnarkWork,
      tip: { fromSlot, toSlot: nextSlot.get(fromSlot)!, by },
    });
    const uses =
      source.payload.snarkWork === undefined || !hasTransactions
        ? [use('all', false)]
        : [use('maker', false), use('others', true)];
    return { source, hasTransactions, uses };
  });
  if (fork !== null)
    blocks[oldSlots.lastIndexOf(oldSlots.at(-1)!)].uses.push({
      weight: 1,
      hasSnarkWork: false,
      tip: { fromSlot: fork.genesis, toSlot: filled.at(-1)! + 1, by: 'stayed' },
    });
  return { blocks, fork };
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

/** What makes blocks from each source: in one chain, with one genesis. */
export type SourceBuilders = { any: ChainBuilder; of: (source: Source) => ChainBuilder };

/** @param origin where the chain belongs; null: where the blocks belong */
export function buildersOf(
  sources: readonly Source[],
  origin: ChainOrigin | null,
  hasher: StateHasher,
): SourceBuilders {
  const genesis = origin && settled(sources[0].header, origin, hasher);
  const builders = new Map(
    sources.map((source) => [
      source,
      createChainBuilder(genesis === null ? source.header : placedAt(source.header, genesis), {
        hash: hasher.cached(),
        epochFields: true,
      }),
    ]),
  );
  return { any: builders.get(sources[0])!, of: (source) => builders.get(source)! };
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
    hasher,
  }: {
    slots: number;
    endMs: number;
    what: string;
    origin?: ChainOrigin | null | undefined;
    hasher: StateHasher;
  },
): SourceBuilders & { firstSlot: number; root: ChainLink } {
  const builders = buildersOf(sources, origin, hasher);
  const { any } = builders;
  const [{ header: first }] = sources;
  const lastSlot = any.slotAt(endMs);
  const firstSlot = lastSlot - slots + 1;
  const genesisMs =
    origin?.genesisMs ?? Number(first.protocol_state.body.constants.genesis_state_timestamp);
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
  return { ...builders, firstSlot, root: moved };
}

/**
 * The new era of a hard fork: its genesis on the last block with transactions, and what makes the blocks that follow.
 * @param genesisMs its slot 0 @param globalSlot of that slot
 */
export function beginEra(
  sources: readonly Source[],
  {
    era,
    genesisMs,
    globalSlot,
    fork,
    hasher,
  }: {
    era: EraName;
    genesisMs: number;
    globalSlot: number;
    fork: ChainLink;
    hasher: StateHasher;
  },
): SourceBuilders & { genesis: ChainBlock } {
  const origin = { era, genesisMs, globalSlot, height: fork.height + 1 };
  // A genesis names its parent as genesis, and the blocks after it name it (MinaProtocol/mina, src/lib/mina_state/genesis_protocol_state.ml).
  const before = buildersOf(sources, { ...origin, stateHash: fork.state_hash }, hasher);
  const genesis = before.any.append(
    { ...fork, slot: globalSlot - 1 },
    { slot: globalSlot, height: origin.height, bodyReference: EMPTY_BODY_REFERENCE },
  );
  return { ...buildersOf(sources, { ...origin, stateHash: genesis.state_hash }, hasher), genesis };
}

/** The blocks with a body that is cut off. */
function makeBlocks(
  sources: readonly Source[],
  planned: readonly PlannedBlock[],
  fork: ForkSlots | null,
  request: ChainRequest,
): ChainBlock[] {
  const { hardFork = null, endMs } = request;
  const hasher = createStateHasher(loadMinaWasm());
  const oldBlocks = planned.filter(({ uses: [{ tip }] }) => fork === null || tip.fromSlot < fork.genesis); // prettier-ignore
  const lastOld = oldBlocks.at(-1)!.uses[0].tip.fromSlot;
  const slots = lastOld + 1;
  // What lies behind the old chain, in its slots.
  const afterwards = planned.at(-1)!.uses[0].tip.fromSlot - lastOld;
  const chain = beginChain(sources, {
    slots,
    endMs: hardFork === null ? endMs : endMs - afterwards * ERAS[hardFork.from].slotTimeMs,
    what: `--chain ${request.length}`,
    origin: request.origin,
    hasher,
  });
  const creators = creatorsOf(planned, request);
  let made = 0;
  const growing = ({ any, of }: SourceBuilders, root: ChainLink): ChainBuilder => ({
    ...any,
    root,
    append(parent, next) {
      const creator = creators[made];
      const { source, hasTransactions } = planned[made++];
      return of(source).append(parent, {
        ...next,
        ...(creator && { creator }),
        ...(!hasTransactions && { bodyReference: EMPTY_BODY_REFERENCE }),
      });
    },
  });
  const { firstSlot } = chain;
  const old = [
    ...growChain(
      growing(chain, chain.root),
      shapeOf(request, { length: fork?.oldLength ?? request.length, firstSlot }),
    ),
  ];
  if (fork === null || hardFork === null) return old;
  const globalSlot = firstSlot + fork.genesis;
  const { genesis, ...builders } = beginEra(sources, {
    era: hardFork.to,
    genesisMs: chain.any.timeOf(globalSlot),
    globalSlot,
    fork: old.findLast(({ kind, slot }) => kind === 'main' && slot < firstSlot + fork.transactionsEnd)!, // prettier-ignore
    hasher,
  });
  made++;
  const after = growChain(
    growing(builders, genesis),
    shapeOf(request, { length: fork.newLength, firstSlot: globalSlot + 1, purpose: NEW_ERA }),
  );
  return [...old, genesis, ...after];
}
