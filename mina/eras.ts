/**
 * The eras of the network as data, and the clock of each: what tells one era from another stands here, and whatever knows of time asks here.
 *
 *     slot_number = floor((t - genesisMs) / slotTimeMs)      counts from 0 in each era
 *     global slot = globalSlot + slot_number                 goes on over a hard fork
 *     timestamp   = genesisMs + slot_number * slotTimeMs     of the block of a slot
 *     epoch       = floor(slot_number / slotsPerEpoch)       counts from 0 in each era
 *
 * So a global slot is no clock by itself: what time it means depends on the era that it belongs to ({@link timeOfGlobalSlot}).
 * Sources: MinaProtocol/mina, src/config/profiled/mainnet.ml and devnet.ml at bebcc4a (constants), genesis_ledgers/*.json (fork records),
 * src/lib/uptime_service/uptime_service.ml (period); MIP-6 (slots of 90 s). Fork schedule: o1-labs/docs2, fork-schedule.mdx at 2b5cd55.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */

/**
 * `rampup`: testnet rampup8 (constants without grace_period_slots); `rc1`: release candidate 1 of Berkeley (with it, but left out of the
 * state hash); `berkeley`: mainnet and devnet since 2024; `mesa`: since 2026. In the order in which they came.
 */
export const ERA_NAMES = ['rampup', 'rc1', 'berkeley', 'mesa'] as const;
export type EraName = (typeof ERA_NAMES)[number];

/** Networks with a genesis in the table; all others have their own. */
export type PublicNetwork = 'mainnet' | 'devnet';

/** How an era began on a network. `null`: not published as text, so not known here. */
export type EraGenesis = {
  /** genesis_state_timestamp: the time of slot 0, ms since 1970. */
  readonly genesisMs: number;
  /** Global slot of slot 0: proof.fork.global_slot_since_genesis of the configuration. */
  readonly globalSlot: number;
  /** The last block of the era before, on which the genesis stands: proof.fork of the configuration. */
  readonly fork: { readonly height: number | null; readonly stateHash: string | null };
  /** Of the genesis block, whose height is the fork's + 1. */
  readonly stateHash: string | null;
};

export type Era = {
  readonly name: EraName;
  /** For sentences. */
  readonly label: string;
  /** current_protocol_version of its blocks; `transaction` tells eras apart. */
  readonly protocolVersion: {
    readonly transaction: number;
    readonly network: number;
    readonly patch: number;
  };
  readonly slotTimeMs: number;
  readonly slotsPerEpoch: number;
  /** The state hash rule: whether grace_period_slots is hashed. All else is equal in all eras. */
  readonly hashesGracePeriod: boolean;
  /** grace_period_slots of a block that is moved into this era; null: its constants have none. */
  readonly gracePeriodSlots: number | null;
  /** From one cycle of a node's uptime service to the next, in slots. */
  readonly submissionSlots: number;
  /** What checking the proof of a block needs; where it cannot be checked yet, why. A proof that cannot be checked is not invalid. */
  readonly proof:
    | { readonly state: 'checkable'; readonly needs: string }
    | { readonly state: 'not checkable yet'; readonly why: string };
  readonly networks: Partial<Record<PublicNetwork, EraGenesis>>;
};

const SECOND_MS = 1000;
/** 14.875 days in slots of 180 s, 7.4375 in those of 90 s. */
const SLOTS_PER_EPOCH = 7140;
/** uptime_service.ml, `make_slots_span 5.0`, of the slot of the running configuration. */
const SUBMISSION_SLOTS = 5;
const OF_ITS_NETWORK = 'the verification key of its network (it depends on the fork constants)';

export const ERAS: Readonly<Record<EraName, Era>> = {
  rampup: {
    name: 'rampup',
    label: 'rampup',
    protocolVersion: { transaction: 3, network: 1, patch: 0 },
    slotTimeMs: 60 * SECOND_MS,
    slotsPerEpoch: SLOTS_PER_EPOCH,
    hashesGracePeriod: false,
    gracePeriodSlots: null,
    submissionSlots: SUBMISSION_SLOTS,
    proof: { state: 'checkable', needs: OF_ITS_NETWORK },
    networks: {},
  },
  rc1: {
    name: 'rc1',
    label: 'release candidate 1',
    protocolVersion: { transaction: 2, network: 0, patch: 0 },
    slotTimeMs: 180 * SECOND_MS,
    slotsPerEpoch: SLOTS_PER_EPOCH,
    hashesGracePeriod: false,
    gracePeriodSlots: 2160,
    submissionSlots: SUBMISSION_SLOTS,
    proof: { state: 'checkable', needs: OF_ITS_NETWORK },
    networks: {},
  },
  berkeley: {
    name: 'berkeley',
    label: 'Berkeley',
    protocolVersion: { transaction: 3, network: 0, patch: 0 },
    slotTimeMs: 180 * SECOND_MS,
    slotsPerEpoch: SLOTS_PER_EPOCH,
    hashesGracePeriod: true,
    gracePeriodSlots: 2160,
    submissionSlots: SUBMISSION_SLOTS,
    proof: { state: 'checkable', needs: OF_ITS_NETWORK },
    networks: {
      mainnet: {
        genesisMs: Date.UTC(2024, 5, 5),
        globalSlot: 564_480,
        fork: {
          height: 359_604,
          stateHash: '3NLRTfY4kZyJtvaP4dFenDcxfoMfT3uEpkWS913KkeXLtziyVd15',
        },
        stateHash: '3NK4BpDSekaqsG6tx8Nse2zJchRft2JpnbvMiog55WCr5xJZaKeP',
      },
      devnet: {
        genesisMs: Date.UTC(2024, 3, 9, 21),
        globalSlot: 445_860,
        fork: { height: null, stateHash: null },
        stateHash: null,
      },
    },
  },
  mesa: {
    name: 'mesa',
    label: 'Mesa',
    protocolVersion: { transaction: 4, network: 0, patch: 0 },
    slotTimeMs: 90 * SECOND_MS,
    slotsPerEpoch: SLOTS_PER_EPOCH,
    hashesGracePeriod: true,
    gracePeriodSlots: 2160,
    submissionSlots: SUBMISSION_SLOTS,
    // Measured: o1js 2.15.0 gives false for a real proof with its network's key; the internals of Pickles changed.
    proof: { state: 'not checkable yet', why: 'no published o1js has the circuits of Mesa' },
    networks: {
      mainnet: {
        genesisMs: Date.UTC(2026, 8, 3, 18),
        globalSlot: 958_440,
        fork: { height: 548_146, stateHash: null },
        stateHash: null,
      },
      devnet: {
        genesisMs: Date.UTC(2026, 7, 19, 18),
        globalSlot: 859_560,
        fork: {
          height: 545_433,
          stateHash: '3NLYmfj4U9Fbbvruz3QJj2j8WJyjhGtq4LgYvo7oW1WZm16uEKib',
        },
        stateHash: '3NLT7n4LiVo6U4LXr9BjCEp9712fP61uXkRC6hnRnB682A8f4HrJ',
      },
    },
  },
};

/**
 * How the old chain of mainnet stopped before Mesa, in its slots before the genesis of the new one: from `transactionsEnd` on blocks had no
 * transactions, from `chainEnd` on there were no blocks (MinaProtocol/mina, PR #19211: 393800, 393900, genesis at 393960).
 */
export const FORK_STOPS = { transactionsEnd: 160, chainEnd: 60 } as const;

/** Versions that are known and are of no network that is read here. */
const REFUSED_VERSIONS: Readonly<Record<number, string>> = {
  5: 'the version of the archived preflight network alone',
};

/** Which `transaction` versions are read, for sentences; rampup is told by its layout. */
const KNOWN_VERSIONS = (['rc1', 'berkeley', 'mesa'] as const).map((name) => ERAS[name]);

/**
 * The era of blocks with this `transaction` version whose layout is not rampup's.
 * @returns the name, or why there is none, to stand after the number
 */
export function eraOfVersion(transaction: number): { era: EraName } | { problem: string } {
  const found = KNOWN_VERSIONS.find(({ protocolVersion }) => protocolVersion.transaction === transaction); // prettier-ignore
  if (found !== undefined) return { era: found.name };
  const known = KNOWN_VERSIONS.map(
    ({ protocolVersion, label }) => `${protocolVersion.transaction}: ${label}`,
  ).join(', ');
  return {
    problem: `is ${REFUSED_VERSIONS[transaction] ?? 'no known version'} (${known})`,
  };
}

/** The clock of one era on one network, public or private. */
export type SlotClock = {
  /** Time of slot 0, ms since 1970. */
  readonly genesisMs: number;
  readonly slotTimeMs: number;
  /** Global slot of slot 0. */
  readonly globalSlot: number;
  readonly slotsPerEpoch: number;
};

/** @returns null: the era never was on that network */
export function clockOf(era: EraName, network: PublicNetwork): SlotClock | null {
  const { slotTimeMs, slotsPerEpoch, networks } = ERAS[era];
  const genesis = networks[network];
  if (genesis === undefined) return null;
  const { genesisMs, globalSlot } = genesis;
  return { genesisMs, slotTimeMs, globalSlot, slotsPerEpoch };
}

/** The slot in which `timeMs` (since 1970) lies, counted from the genesis of the era; negative before it. */
export const slotAt = (
  { genesisMs, slotTimeMs }: Pick<SlotClock, 'genesisMs' | 'slotTimeMs'>,
  timeMs: number,
): number => Math.floor((timeMs - genesisMs) / slotTimeMs);

/** When slot `slot` of the era begins, ms since 1970: the timestamp of its block. */
export const timeOfSlot = (
  { genesisMs, slotTimeMs }: Pick<SlotClock, 'genesisMs' | 'slotTimeMs'>,
  slot: number,
): number => genesisMs + slot * slotTimeMs;

export const globalSlotOf = ({ globalSlot }: Pick<SlotClock, 'globalSlot'>, slot: number): number =>
  globalSlot + slot;

/** Where slot `slot` of an era stands in its epoch. */
export const epochOf = (
  { slotsPerEpoch }: Pick<SlotClock, 'slotsPerEpoch'>,
  slot: number,
): { epoch: number; slotInEpoch: number } => ({
  epoch: Math.floor(slot / slotsPerEpoch),
  slotInEpoch: slot % slotsPerEpoch,
});

/** From one cycle of a node's uptime service to the next: 15 minutes in Berkeley, 7.5 in Mesa. */
export const submissionPeriodMs = (era: EraName): number =>
  ERAS[era].submissionSlots * ERAS[era].slotTimeMs;

/** The eras of a network, newest first, with their clocks. */
function erasOf(network: PublicNetwork): { era: EraName; clock: SlotClock }[] {
  return ERA_NAMES.flatMap((era) => {
    const clock = clockOf(era, network);
    return clock === null ? [] : [{ era, clock }];
  }).reverse();
}

/** The era in force on a network at `timeMs` (since 1970), with its clock; null: before all of the table. */
export const eraAt = (
  network: PublicNetwork,
  timeMs: number,
): { era: EraName; clock: SlotClock } | null =>
  erasOf(network).find(({ clock }) => clock.genesisMs <= timeMs) ?? null;

/**
 * What a global slot means on a network: the newest era that had begun by it.
 * @returns null for a slot before all eras of the table
 */
export function timeOfGlobalSlot(
  network: PublicNetwork,
  globalSlot: number,
): { era: EraName; slot: number; timeMs: number } | null {
  const found = erasOf(network).find(({ clock }) => clock.globalSlot <= globalSlot);
  if (found === undefined) return null;
  const slot = globalSlot - found.clock.globalSlot;
  return { era: found.era, slot, timeMs: timeOfSlot(found.clock, slot) };
}

/**
 * The era of a block of which only the protocol state is known: no version stands in it. Its genesis says it where it is one of the table,
 * else the length of its slots. Release candidate 1 has Berkeley's slots and is not told from it.
 * @returns null where neither says it: the genesis block of another network
 */
export function eraOfTimes(times: {
  genesisMs: number;
  slot: number;
  timestampMs: number;
}): EraName | null {
  const { genesisMs, slot, timestampMs } = times;
  for (const era of ERA_NAMES)
    for (const genesis of Object.values(ERAS[era].networks))
      if (genesis.genesisMs === genesisMs) return era;
  if (slot === 0) return null;
  const slotTimeMs = (timestampMs - genesisMs) / slot;
  return (
    (['mesa', 'berkeley', 'rampup'] as const).find((era) => ERAS[era].slotTimeMs === slotTimeMs) ??
    null
  );
}
