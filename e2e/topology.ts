/**
 * What a run is made of: who sends, how fast, where it is stored, what verifies and scores it. A plain object, decided once by the step `setup` and kept
 * in the state file; all later steps read it there. Pure.
 */
import { ERAS, type EraName, submissionPeriodMs } from '../mina/eras.ts';
import { HOURLY_LIMIT } from '../mina/limits.ts';
import { LOAD_NETWORK, type NETWORK_CHOICES } from './network/kinds.ts';
import { type Images, originalsProblems } from './originals.ts';

export const STORAGE_CHOICES = ['postgres', 'cassandra'] as const;
export const TOPOLOGY_ERAS = ['mesa', 'berkeley'] as const;
export const S3_CHOICES = ['filesystem', 'versitygw'] as const;

export type Topology = {
  name: string;
  seed: string;
  network: {
    kind: (typeof NETWORK_CHOICES)[number];
    era: EraName;
    producers: number;
    nodesPerProducer: number;
    sameSecondShare: number;
    forkShare: number;
    lateShare: number;
    laggingShare: number;
    /** By what the network's time is divided; 1 is real time. */
    speedup: number;
    /** Of recorded submissions; of a fleet the blocks that new ones are made from, null: those that are shipped. */
    payloads: string | null;
    /** The program of a private network, or its path. */
    minimina: string;
    /** Of a private network: null, written by the harness. */
    topologyFile: string | null;
    genesisFile: string | null;
  };
  /** The coordinator's. */
  batches: number;
  intervalSeconds: number;
  miniBatches: number;
  uptimeDays: number;
  retries: number;
  storage: (typeof STORAGE_CHOICES)[number];
  /** Where blocks lie: the filesystem, a versitygw of our own, or `s3://ACCOUNT-SUFFIX?endpoint=…`. */
  blocks: string;
  /** null: a PostgreSQL of our own; else postgres://USER@HOST/DATABASE, in whose server a database is made. */
  database: string | null;
  noChecks: boolean;
  faithful: boolean;
  hourlyLimit: number;
  images: Images;
  /** A hard fork that is rehearsed (fork/): real milliseconds after the beginning, shares of nodes and producers. */
  fork?: { atMs: number; stayedShare: number; awayShare: number };
  /** What goes wrong in it on purpose (staging/); absent: nothing. */
  staged?: { incident: string | null; disturbances: readonly string[] };
};

/** What was asked for, before it is decided. */
export type TopologyAsk = {
  name: string;
  seed: string;
  network: Topology['network']['kind'];
  era: (typeof TOPOLOGY_ERAS)[number];
  producers: number;
  nodesPerProducer: number;
  sameSecondShare: number;
  /** null: as the network needs it. */
  speedup: number | null;
  payloads: string | null;
  minimina: string;
  topologyFile: string | null;
  genesisFile: string | null;
  /** Listeners on every address of this machine are allowed. */
  allowsRemote: boolean;
  batches: number;
  /** null: 20 minutes of the network's time. */
  intervalMs: number | null;
  miniBatches: number;
  storage: Topology['storage'];
  blocks: string;
  database: string | null;
  /** null: as the network needs it. */
  noChecks: boolean | null;
  faithful: boolean;
  images: Images;
};

export const LEAST_PRODUCERS = 3;
export const MOST_PRODUCERS = 1000;
/** coordinator.md, section 2: one supporter selects a state up to here, so every submission scores. */
export const EVERYONE_SCORES = 20;
/** SURVEY_INTERVAL_MINUTES of the original. */
const SURVEY_INTERVAL_S = 1200;
/** Batches of 10 s, cycles of 3.75 s (Mesa). */
const FLEET_SPEEDUP = 120;
/** Backend, verifier, coordinator and all who look on share this machine: so many submissions a second leave it room on two cores. */
const MOST_PER_SECOND = 100;
/** A batch must hold a cycle of every node, and a second is the least that the tables know. */
const LEAST_INTERVAL_S = 2;
/** A backend keeps one submission of a submitter and second: two of one node stay a little more than that apart. */
export const LEAST_GAP_MS = 1100;
/** Nodes that see other blocks than most, so that the selection of states has something to decide. */
const SHARES = { forkShare: 0.05, lateShare: 0.02, laggingShare: 0.04 } as const;
const NAME = /^[a-z][a-z0-9-]{0,39}$/;
/** Prefix of keys, database, tables and network are made of the name: none that could be somebody's. */
const REFUSED = /main-?net|dev-?net|test-?net|berkeley|mesa|prod|live|public|postgres|template/;

/** @returns what is wrong with a run's name, to stand after the option; null: nothing */
export function nameProblem(name: string): string | null {
  if (!NAME.test(name))
    return `must be of small letters, digits and -, begin with a letter and have 40 characters at most, but is "${name}"`;
  const like = REFUSED.exec(name)?.[0];
  return like === undefined
    ? null
    : `must not look like something that is not the harness's own ("${like}"), but is "${name}"`;
}

/** The name of the network that backend and verifier get: prefix of all keys in a bucket. */
export const networkNameOf = ({ name }: Pick<Topology, 'name'>): string =>
  name.startsWith('e2e') ? name : `e2e-${name}`;

/** Names of a database: no dashes, so that nobody must quote it. */
export const databaseNameOf = (topology: Pick<Topology, 'name'>, owner: string): string =>
  `${networkNameOf(topology).replaceAll('-', '_')}_${owner.slice(0, 8)}`;

function fleetSpeedup({ era, producers, nodesPerProducer }: TopologyAsk): number {
  const perSecond = (1000 * producers * nodesPerProducer) / submissionPeriodMs(era);
  return Math.max(1, Math.min(FLEET_SPEEDUP, Math.floor(MOST_PER_SECOND / perSecond)));
}

/** @returns the topology and notes, or all that is wrong with it */
export function topologyOf(
  ask: TopologyAsk,
): { topology: Topology; notes: string[] } | { problems: string[] } {
  const { network, era, producers, nodesPerProducer, sameSecondShare, batches } = ask;
  const isMade = network === 'fleet' || network === LOAD_NETWORK;
  const usual = network === 'fleet' ? fleetSpeedup(ask) : isMade ? FLEET_SPEEDUP : 1;
  const speedup = ask.speedup ?? usual;
  const problems: string[] = [];
  const notes: string[] = [];
  const name = nameProblem(ask.name);
  if (name !== null) problems.push(`--name ${name}`);
  const intervalMs = ask.intervalMs ?? Math.round(SURVEY_INTERVAL_S / speedup) * 1000;
  if (intervalMs % 1000 !== 0)
    problems.push(`--interval must be whole seconds, but is ${intervalMs} ms`);
  if (intervalMs < LEAST_INTERVAL_S * 1000)
    problems.push(
      ask.intervalMs === null
        ? `--speedup must be at most ${SURVEY_INTERVAL_S / LEAST_INTERVAL_S}, but is ${speedup}: a batch would last less than ${LEAST_INTERVAL_S} s`
        : `--interval must be at least ${LEAST_INTERVAL_S} s, but is ${intervalMs / 1000} s`,
    );
  const least = Math.ceil(nodesPerProducer) + 1;
  const fastest = Math.floor(submissionPeriodMs(era) / (least * LEAST_GAP_MS));
  if (network === 'fleet' && speedup > fastest)
    problems.push(
      `--speedup must be at most ${fastest}, but is ${speedup}: a producer would submit up to ${least} times in ${(submissionPeriodMs(era) / speedup / 1000).toFixed(2)} s, ` +
        'and a backend keeps one submission of a producer and second',
    );
  if (sameSecondShare > 0 && nodesPerProducer < 2)
    problems.push(
      `--same-second-share ${sameSecondShare} needs --nodes-per-producer 2 at least, but it is ${nodesPerProducer}`,
    );
  if (network === 'recorded' && ask.payloads === null)
    problems.push('--network recorded needs --payloads DIR');
  if (network === 'minimina' && speedup !== 1)
    problems.push(`--network minimina runs in real time: --speedup must be 1, but is ${speedup}`);
  if (network === 'minimina' && ask.images.daemon === undefined && ask.topologyFile === null)
    problems.push(
      '--network minimina needs --daemon-image (MINA_DAEMON_IMAGE), or --topology-file with images of its own',
    );
  if (network === 'minimina' && !ask.allowsRemote)
    problems.push(
      '--network minimina needs --allow-remote: its containers reach the backend through an address of this machine, so the backend listens on all of them',
    );
  if (network !== 'minimina')
    for (const option of ['topologyFile', 'genesisFile'] as const)
      if (ask[option] !== null)
        problems.push(
          `--${option === 'topologyFile' ? 'topology-file' : 'genesis-file'} is for --network minimina only`,
        );
  if (isMade && ask.noChecks === false)
    problems.push(
      `--no-checks 0 does not fit --network ${network}: its blocks are new ones with the proofs of others, so every proof is refused`,
    );
  problems.push(...originalsProblems(ask, intervalMs));
  if (problems.length > 0) return { problems };
  if (producers <= EVERYONE_SCORES && network === 'fleet')
    notes.push(
      `with ${producers} producers every verified submission scores: from ${EVERYONE_SCORES + 1} on the selection of states is tested`,
    );
  if (network === 'fleet' && ask.speedup === null && usual < FLEET_SPEEDUP)
    notes.push(
      `so many nodes run ${usual} times as fast as the network, not ${FLEET_SPEEDUP} times: ${MOST_PER_SECOND} submissions a second are what a laptop follows to the end of the chain`,
    );
  const noChecks = ask.noChecks ?? network !== 'recorded';
  if (ask.noChecks === null && noChecks)
    notes.push(
      'proofs are not checked (NO_CHECKS=1): no block of this network has a proof of its own',
    );
  return {
    notes,
    topology: {
      name: ask.name,
      seed: ask.seed,
      network: {
        kind: network,
        era,
        producers,
        nodesPerProducer,
        sameSecondShare,
        ...SHARES,
        speedup,
        payloads: ask.payloads,
        minimina: ask.minimina,
        topologyFile: ask.topologyFile,
        genesisFile: ask.genesisFile,
      },
      batches,
      intervalSeconds: intervalMs / 1000,
      miniBatches: ask.miniBatches,
      uptimeDays: 90,
      retries: 3,
      storage: ask.storage,
      blocks: ask.blocks,
      database: ask.database,
      noChecks,
      faithful: ask.faithful,
      hourlyLimit: Math.ceil(HOURLY_LIMIT * Math.max(1, speedup)),
      images: ask.images,
    },
  };
}

/** How long the network sends, in real time: whole batches, but for a little at the end, so that the last answers belong to them. */
export const sendingMs = ({ batches, intervalSeconds }: Topology): number =>
  batches * intervalSeconds * 1000 - Math.min(1000, intervalSeconds * 100);

/** A cycle of a node in real time. */
export const cycleMs = ({ network }: Topology): number =>
  submissionPeriodMs(network.era) / network.speedup;

/** For the first lines of a run. */
export function topologyLines(topology: Topology): string[] {
  const { network, batches, intervalSeconds, storage, blocks, database, staged } = topology;
  const who =
    network.kind === 'fleet'
      ? `${network.producers} producers, ${network.nodesPerProducer} ${network.nodesPerProducer === 1 ? 'node' : 'nodes'} each, ${topology.fork === undefined ? ERAS[network.era].label : `${ERAS.berkeley.label}, then ${ERAS.mesa.label}`}, ` +
        (network.speedup === 1 ? 'in real time' : `${network.speedup} times as fast as the network`)
      : network.kind === 'recorded'
        ? `recorded submissions of ${network.payloads}`
        : network.kind === LOAD_NETWORK
          ? `${network.producers} producers, of which nobody sends before a load does`
          : `a private network of minimina with ${network.producers} producers`;
  return [
    `network   ${who}`,
    `batches   ${network.kind === LOAD_NETWORK ? 'one after another,' : batches} of ${intervalSeconds} s in ${topology.miniBatches} mini-batches`,
    `storage   ${storage === 'postgres' ? 'PostgreSQL' : 'Cassandra'}${database === null ? ' of this run' : ''}, blocks in ${blocks === 'filesystem' ? 'the filesystem' : blocks}`,
    ...(topology.fork === undefined
      ? []
      : [`hard fork from Berkeley to Mesa after ${topology.fork.atMs / 1000} s`]),
    ...(staged?.incident ? [`incident  ${staged.incident}`] : []),
    ...(staged !== undefined && staged.disturbances.length > 0
      ? [`disturbed ${staged.disturbances.join(', ')}`]
      : []),
  ];
}
