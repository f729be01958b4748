/** What a component of the program is to `stack up`: a definition, and what becomes of it in a plan. Pure data. */
import type { ReadyQuestion } from '../drivers/ready.ts';
import type { PostgresVersion } from '../services/postgres-versions.ts';
import type {
  AddressOrProblem,
  CassandraAddress,
  HttpAddress,
  PostgresAddress,
  S3Address,
} from './addresses.ts';

/** In the order in which they may need each other. */
export const COMPONENT_NAMES = [
  'postgres',
  's3',
  'cassandra',
  'backend',
  'verifier',
  'coordinator',
  'leaderboard',
] as const;
export type ComponentName = (typeof COMPONENT_NAMES)[number];

/** How it is had: by this toolkit, as a program, as a container, or as something that is there already. */
export type Use =
  /** @property version one of the definition's; absent: the first of them */
  | { kind: 'embedded'; version?: string }
  /** A file and its first arguments, with spaces between. */
  | { kind: 'command'; command: string }
  | { kind: 'image'; image: string }
  | { kind: 'url'; url: string };

/** Of all components. */
export type StackSettings = {
  /** CONFIG_NETWORK_NAME, NETWORK_NAME. */
  network: string;
  /** A file of public keys, or a URL of one; null: everyone may submit. */
  whitelist: string | null;
  hourlyLimit: number;
  /** The backend checks signatures. */
  checksSignatures: boolean;
  /** Embedded components do as the originals, losses included. */
  faithful: boolean;
  /** The verifier checks proofs. */
  checksProofs: boolean;
  /** SURVEY_INTERVAL_MINUTES of the original, in whole seconds. */
  intervalSeconds: number;
  /** Pause between the end of a batch and its count; null: the coordinator's own. */
  graceMs: number | null;
  miniBatches: number;
  /** Where the first batch begins, seconds since 1970. */
  startSeconds: number;
};

/** What components know of each other, as the one that asks reaches them. */
export type Addresses = {
  postgres?: PostgresAddress;
  s3?: S3Address;
  cassandra?: CassandraAddress;
  backend?: HttpAddress;
  verifier?: HttpAddress | CalledVerifier;
  leaderboard?: HttpAddress;
};

/** A verifier that is no service: a program that the coordinator calls for each mini-batch, as the original does. */
export type CalledVerifier = {
  kind: 'called';
  /** What stands before START and END. */
  words: string[];
  variables: Record<string, string>;
};

/** What is run. `dist`: of this toolkit. The services' programs are fetched first, where they are not there yet. */
export type Program =
  | { kind: 'dist'; file: string; args: readonly string[] }
  /** The same program of this toolkit for all versions. */
  | { kind: 'postgres'; version: PostgresVersion }
  | { kind: 'file'; file: string; args: readonly string[] }
  | { kind: 'versitygw'; args: readonly string[] }
  | { kind: 'cassandra'; folder: string; port: number; storagePort: number };

export type ContainerPlan = {
  image: string;
  args: readonly string[];
  /** `host`, or the stack's own; null: the engine's usual one. */
  network: 'host' | 'stack' | null;
  ports: readonly { host: number; container: number }[];
  volumes: readonly { from: string; to: string; isWritable?: boolean }[];
};

/** What is made once a component is ready, for a service that is the stack's own. */
export type Preparation =
  | { kind: 'tables'; postgres: PostgresAddress; startSeconds: number }
  | { kind: 'bucket'; s3: S3Address }
  | { kind: 'keyspace'; cassandra: CassandraAddress };

export type PlannedComponent = {
  name: ComponentName;
  /** In words, for the table: `embedded`, `image postgres:16-alpine`. */
  how: string;
  /** Where people reach it, without a password; null: it listens nowhere. */
  url: string | null;
  needs: readonly ComponentName[];
} & (
  | {
      kind: 'process';
      program: Program;
      /** Beside the environment of who starts it, where `inherits`. */
      variables: Record<string, string>;
      /** A given program gets the user's own environment, too. */
      inherits: boolean;
      ready: ReadyQuestion;
      /** Made before it starts. */
      folders: readonly string[];
      preparations: readonly Preparation[];
    }
  | {
      kind: 'container';
      container: ContainerPlan;
      variables: Record<string, string>;
      ready: ReadyQuestion;
      preparations: readonly Preparation[];
    }
  /** It is there already, or is called by another. */
  | { kind: 'nothing' }
);

export type StackSecrets = { postgres: string; s3Access: string; s3Secret: string };

export type PlanContext = {
  use: Use;
  settings: StackSettings;
  /** What it needs, as it reaches it. */
  addresses: Addresses;
  /** Where it is to listen, on 127.0.0.1. */
  port: number;
  /** A second one, for what needs it (Cassandra). */
  otherPort: number;
  /** Its own, for what it stores; not there yet. */
  folder: string;
  /** Of the backend, where it keeps blocks if there is no S3. */
  blocksFolder: string;
  secrets: StackSecrets;
  stack: string;
  /** `docker` or `podman`; null: there is none, or none is needed. */
  engine: string | null;
  /** Of a container: how it reaches what it needs. */
  network: 'host' | 'stack';
  /** How the verifier is had: an original coordinator starts it itself. */
  verifier: Use | null;
  /** Of the user, for what an embedded component reads of it. */
  env: Readonly<Record<string, string | undefined>>;
};

/** What it becomes; what the plan knows of it anyway is left out. */
export type PlanParts =
  | Omit<Extract<PlannedComponent, { kind: 'process' }>, 'name' | 'how' | 'url' | 'needs'>
  | Omit<Extract<PlannedComponent, { kind: 'container' }>, 'name' | 'how' | 'url' | 'needs'>
  | { kind: 'nothing' };

export type Definition = {
  name: ComponentName;
  /** What it is, for the help. */
  summary: string;
  /** Must be in the set, or given. */
  needs: readonly ComponentName[];
  /** Used where they are in the set. */
  takes: readonly ComponentName[];
  kinds: readonly Use['kind'][];
  /** Of what is embedded, where there are several; the first is taken unless another is asked for. */
  versions?: readonly string[];
  /** The port that is taken where it is free; null: it listens nowhere. */
  port: number | null;
  /** Of what cannot be told another one. */
  fixedPort?: (use: Use, network: 'host' | 'stack') => number | null;
  /** Inside a container. */
  containerPort?: number;
  /** @param at host and port as whoever asks reaches it */
  address: (
    context: PlanContext,
    at: { host: string; port: number },
  ) => Addresses[keyof Addresses] | null;
  /** Of {@link Use} `url`. */
  read?: (
    text: string,
    env: PlanContext['env'],
  ) => AddressOrProblem<NonNullable<Addresses[keyof Addresses]>>;
  plan: (context: PlanContext) => PlanParts;
  /** What of the settings it cannot do. */
  problems?: (context: PlanContext) => string[];
};
