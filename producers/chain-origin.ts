/**
 * Where a new chain belongs: its era and its genesis. Blocks are made from recorded ones, which may be of another era and network; they are
 * moved there, as far as their bodies allow it.
 */
import { blockInEra, encodeBlock, type ParsedBlock, parseBlock } from '../mina/block.ts';
import { decode } from '../mina/base58check.ts';
import { type EraName, ERAS, type PublicNetwork } from '../mina/eras.ts';
import type { Network } from '../mina/network.ts';
import { type StateHash, stateHashText } from '../mina/state-hash.ts';
import { EXIT, UserError } from '../user-error.ts';

/** The genesis of a chain: slot 0 of its era. */
export type ChainOrigin = {
  era: EraName;
  /** Time of slot 0, ms since 1970. */
  genesisMs: number;
  /** Global slot of slot 0. */
  globalSlot: number;
  /** Of the genesis block. */
  height: number;
  /** `3N…`, of the genesis block; null: not known, that of a made one stands in. */
  stateHash: string | null;
};

/** `auto`: that of the recorded blocks, with their own genesis. */
export const ERA_CHOICES = ['mesa', 'berkeley', 'auto'] as const;
export type EraChoice = (typeof ERA_CHOICES)[number];

/** Whose genesis a chain has: testnet is the signature domain of devnet and of every private network. */
const publicNetworkOf = (network: Network): PublicNetwork =>
  network === 'mainnet' ? 'mainnet' : 'devnet';

/** Of an era whose fork height is not known (Berkeley on devnet): any height is as good. */
const SOME_HEIGHT = 100_000;

/** @throws RangeError for an era that never was on that network */
export function originOf(era: EraName, network: Network): ChainOrigin {
  const genesis = ERAS[era].networks[publicNetworkOf(network)];
  if (genesis === undefined) throw new RangeError(`${era} has no genesis in the table of eras`);
  const { genesisMs, globalSlot, fork, stateHash } = genesis;
  return { era, genesisMs, globalSlot, height: (fork.height ?? SOME_HEIGHT) + 1, stateHash };
}

/** A genesis whose block is known. */
export type SettledOrigin = ChainOrigin & { stateHash: string };

/**
 * All blocks of a chain name one genesis: where that of the network is not published, `block` makes one.
 * @throws RangeError for a block whose body may not stand in that era
 */
export function settled(
  block: ParsedBlock,
  origin: ChainOrigin,
  hash: Pick<StateHash, 'stateHash'>,
): SettledOrigin {
  const { stateHash, era } = origin;
  if (stateHash !== null) return { ...origin, stateHash };
  const own = stateHashText(block.protocol_state.body.genesis_state_hash);
  const { protocol_state } = placedAt(block, { ...origin, stateHash: own });
  return { ...origin, stateHash: stateHashText(hash.stateHash(protocol_state, era)) };
}

/**
 * A block as the genesis of a chain: of its era, with its constants, in its slot 0. Proof and body stay, so the proof fits no more.
 * @throws RangeError for a block whose body may not stand in that era
 */
export function placedAt(block: ParsedBlock, origin: SettledOrigin): ParsedBlock {
  const { era, genesisMs, globalSlot, height, stateHash } = origin;
  const moved = blockInEra(block, era);
  const { body } = moved.protocol_state;
  const { consensus_state: consensus, constants } = body;
  const { slotsPerEpoch } = ERAS[era];
  return parseBlock(
    encodeBlock({
      ...moved,
      protocol_state: {
        ...moved.protocol_state,
        body: {
          ...body,
          genesis_state_hash: decode('stateHash', stateHash),
          blockchain_state: { ...body.blockchain_state, timestamp: BigInt(genesisMs) },
          constants: {
            ...constants,
            slots_per_epoch: slotsPerEpoch,
            genesis_state_timestamp: BigInt(genesisMs),
          },
          consensus_state: {
            ...consensus,
            blockchain_length: height,
            epoch_count: 0,
            curr_global_slot_since_hard_fork: { slot_number: 0, slots_per_epoch: slotsPerEpoch },
            global_slot_since_genesis: globalSlot,
          },
        },
      },
    }),
  );
}

/** What decides the era of new blocks. */
export type EraAsk = {
  era: EraChoice;
  /** Somebody asked for it: then it is an error that it does not fit. */
  isChosen: boolean;
  network: Network;
  /** The first block is no older, ms since 1970. */
  fromMs: number;
};

/** A recorded block, as far as its era is concerned. */
export type EraSource = {
  payload: { path: string };
  header: Pick<ParsedBlock, 'era'>;
  bodyBytes: number;
  isBodyEmpty: boolean;
};

export type ChosenEra = { era: EraName; origin: ChainOrigin | null; note: string | null };

/**
 * The era of new blocks that are made from `sources`. Where nobody asked for one it is the newest that fits their bodies and the clock.
 * @param sources at least one
 * @throws UserError if the era that was asked for does not fit the sources
 */
export function chooseEra(sources: readonly EraSource[], ask: EraAsk): ChosenEra {
  const own: ChosenEra = { era: sources[0].header.era, origin: null, note: null };
  if (ask.era === 'auto') return own;
  const misfits = misfitsOf(sources, ask.era);
  if (ask.isChosen && misfits.length > 0)
    throw new UserError(misfits.join('\n'), {
      hint: '--era auto makes the chain of the era of the recorded blocks',
      exitCode: EXIT.usage,
    });
  const origin = originOf(ask.era, ask.network);
  if (ask.isChosen || (misfits.length === 0 && origin.genesisMs < ask.fromMs))
    return { era: ask.era, origin, note: null };
  if (misfits.length > 0)
    return {
      ...own,
      note: `new blocks are of the era of the recorded ones, ${ERAS[own.era].label}, because ${misfits[0]}`,
    };
  const since = new Date(origin.genesisMs).toISOString().replace('.000Z', 'Z');
  const older = misfitsOf(sources, 'berkeley').length === 0 ? originOf('berkeley', ask.network) : null; // prettier-ignore
  return {
    era: older?.era ?? own.era,
    origin: older,
    note: `new blocks are of ${ERAS[older?.era ?? own.era].label}: by the clock of this machine they begin before ${ERAS[ask.era].label} did (${since})`,
  };
}

/** Why blocks cannot stand in an era, one sentence each. */
const misfitsOf = (sources: readonly EraSource[], era: EraName): string[] =>
  sources
    .filter(({ header, isBodyEmpty }) => header.era !== era && !isBodyEmpty)
    .map(
      ({ payload, header, bodyBytes }) =>
        `${payload.path}: its block is of ${ERAS[header.era].label} and has a body of ${bodyBytes} bytes, which ${ERAS[era].label} does not read`,
    );
