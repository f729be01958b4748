/** The options of `npm run e2e` that say what a run is made of, and the topology that they make. */
import { resolve } from 'node:path';
import { NETWORK_CHOICES } from '../e2e/network/kinds.ts';
import {
  LEAST_PRODUCERS,
  MOST_PRODUCERS,
  S3_CHOICES,
  STORAGE_CHOICES,
  TOPOLOGY_ERAS,
  type TopologyAsk,
} from '../e2e/topology.ts';
import type { OptionSpec, OptionValues } from '../system/option.ts';
import { readS3Url } from '../stack/components/addresses.ts';
import { databaseUrlProblem, MINI_BATCHES } from './database-options.ts';

const problemOfS3 = (text: string): string | null => {
  const read = readS3Url(text, {});
  return 'problem' in read ? read.problem : null;
};

/** Also in capitals, as today's variable has them. */
const STORAGES = [...STORAGE_CHOICES, ...STORAGE_CHOICES.map((name) => name.toUpperCase())];

export const TOPOLOGY_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'network',
    type: 'choice',
    argument: 'KIND',
    choices: NETWORK_CHOICES,
    default: NETWORK_CHOICES[0],
    help: 'who sends: a fleet of simulated block producers, the recorded submissions of --payloads, a private Mina network that minimina runs, or load: nobody, until npm run load -- --e2e does',
  },
  {
    name: 'producers',
    type: 'integer',
    argument: 'N',
    default: '24',
    env: 'E2E_PRODUCERS',
    min: LEAST_PRODUCERS,
    max: MOST_PRODUCERS,
    help: 'block producers; with 20 or fewer every submission scores, and the scoring is not tested',
  },
  {
    name: 'nodes-per-producer',
    type: 'number',
    argument: 'N',
    default: '1',
    min: 1,
    max: 20,
    help: 'nodes that submit with one key; 2.07 = two, and three for 7 % of the producers',
  },
  {
    name: 'same-second-share',
    type: 'number',
    argument: 'SHARE',
    default: '0',
    min: 0,
    max: 1,
    help: 'share of nodes that submit in the same second as another one of their key, 0 to 1',
  },
  {
    name: 'era',
    type: 'choice',
    choices: TOPOLOGY_ERAS,
    default: 'mesa',
    help: 'era of the blocks of a fleet: their bytes, slots and cycles',
  },
  {
    name: 'speedup',
    type: 'number',
    argument: 'N',
    min: 1,
    max: 10_000,
    help: "by what the network's time is divided; 1 is real time (default: 120, less for more than some hundred nodes; 1 for minimina and for recorded submissions)",
  },
  {
    name: 'payloads',
    type: 'path',
    argument: 'DIR',
    help: 'recorded submissions: what --network recorded sends, or what the blocks of a fleet are made from (default: two that are shipped)',
  },
  {
    name: 'seed',
    type: 'text',
    argument: 'TEXT',
    default: 'mina-e2e',
    help: 'keys, blocks and times of a fleet follow from it',
  },
  {
    name: 'batches',
    type: 'integer',
    argument: 'N',
    default: '3',
    min: 1,
    max: 6480,
    help: 'batches that the coordinator is to count',
  },
  {
    name: 'interval',
    type: 'duration',
    min: 2000,
    help: "length of a batch, in whole seconds (default: 20 minutes of the network's time, that is 10 s)",
  },
  { ...MINI_BATCHES, max: 100 },
  {
    name: 'storage',
    type: 'choice',
    choices: STORAGES,
    default: 'postgres',
    env: 'SUBMISSION_STORAGE',
    help: 'where submissions are stored, verified and read',
  },
  {
    name: 's3',
    type: 'text',
    argument: 'WHERE',
    default: 'filesystem',
    examples: S3_CHOICES,
    check: (text) =>
      (S3_CHOICES as readonly string[]).includes(text)
        ? null
        : /^s3:/.test(text)
          ? problemOfS3(text)
          : `must be ${S3_CHOICES.join(', ')} or s3://ACCOUNT-SUFFIX, but is "${text}"`,
    help: 'where blocks lie: filesystem, versitygw (an S3 server of this run), or s3://ACCOUNT-SUFFIX[?endpoint=URL], keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  },
  {
    name: 'database',
    type: 'text',
    argument: 'URL',
    check: databaseUrlProblem,
    help: 'a PostgreSQL server in which this run makes a database of its own: postgres://USER@HOST[:PORT]/DATABASE, password in PGPASSWORD (default: one from npm, for this run alone)',
  },
  {
    name: 'no-checks',
    type: 'choice',
    choices: ['0', '1'],
    env: 'NO_CHECKS',
    help: 'whether the verifier leaves the proofs unchecked (default: 1, for no block of a made network has a proof of its own; 0 for recorded submissions)',
  },
  {
    name: 'faithful',
    type: 'flag',
    help: 'backend, coordinator and leaderboard do as the originals do: what is lost without an error is lost here, too',
  },
  {
    name: 'backend',
    type: 'text',
    argument: 'PROGRAM',
    env: 'E2E_BACKEND',
    help: 'the real backend: a file and its first arguments (default: the embedded one); the original listens on port 8080 of every address of this machine',
  },
  {
    name: 'backend-image',
    type: 'text',
    argument: 'IMAGE',
    env: 'UPTIME_SERVICE_IMAGE',
    help: 'the real backend as a container (default: the embedded one)',
  },
  {
    name: 'verifier-image',
    type: 'text',
    argument: 'IMAGE',
    env: 'STATELESS_VERIFIER_IMAGE',
    help: 'the real verifier as a container (default: the embedded one)',
  },
  {
    name: 'coordinator',
    type: 'text',
    argument: 'PROGRAM',
    env: 'E2E_COORDINATOR',
    help: 'the real coordinator: a file and its first arguments, or image:IMAGE (default: the embedded one); it counts in whole minutes, and starts --verifier-image itself',
  },
  {
    name: 'leaderboard',
    type: 'text',
    argument: 'PROGRAM',
    env: 'E2E_LEADERBOARD',
    help: "the real leaderboard's API: a file and its first arguments, or image:IMAGE (default: the embedded one)",
  },
  {
    name: 'daemon-image',
    type: 'text',
    argument: 'IMAGE',
    env: 'MINA_DAEMON_IMAGE',
    help: 'of --network minimina: the nodes',
  },
  {
    name: 'minimina',
    type: 'text',
    argument: 'PROGRAM',
    default: 'minimina',
    env: 'MINIMINA_BIN',
    help: 'of --network minimina: the program, or its path',
  },
  {
    name: 'allow-remote',
    type: 'flag',
    help: 'with --network minimina: the backend may listen on every address of this machine',
  },
  {
    name: 'topology-file',
    type: 'path',
    argument: 'FILE',
    help: "of --network minimina: a topology of minimina's own form (default: written by the harness)",
  },
  {
    name: 'genesis-file',
    type: 'path',
    argument: 'FILE',
    help: 'of --network minimina: the genesis ledger (default: written by the harness)',
  },
];

/** An empty text counts as absent: a workflow hands on inputs that nobody filled in. */
const given = (values: OptionValues, name: string): string | null =>
  (values[name] as string | undefined)?.trim() || null;

export function topologyAsk(values: OptionValues, name: string, cwd: string): TopologyAsk {
  const network = values.network as TopologyAsk['network'];
  const path = (option: string) => {
    const text = given(values, option);
    return text === null ? null : resolve(cwd, text);
  };
  const image = (option: string, key: keyof TopologyAsk['images']) => {
    const text = given(values, option);
    return text === null ? {} : { [key]: text };
  };
  return {
    name,
    seed: values.seed as string,
    network,
    era: values.era as TopologyAsk['era'],
    producers: values.producers as number,
    nodesPerProducer: values['nodes-per-producer'] as number,
    sameSecondShare: values['same-second-share'] as number,
    speedup: (values.speedup as number | undefined) ?? null,
    payloads: path('payloads'),
    minimina: values.minimina as string,
    topologyFile: path('topology-file'),
    genesisFile: path('genesis-file'),
    batches: values.batches as number,
    intervalMs: (values.interval as number | undefined) ?? null,
    miniBatches: values['mini-batches'] as number,
    storage: (values.storage as string).toLowerCase() as TopologyAsk['storage'],
    blocks: values.s3 as string,
    database: given(values, 'database'),
    noChecks: values['no-checks'] === undefined ? null : values['no-checks'] === '1',
    faithful: values.faithful === true,
    allowsRemote: values['allow-remote'] === true,
    images: {
      ...image('backend', 'backendProgram'),
      ...image('backend-image', 'backend'),
      ...image('verifier-image', 'verifier'),
      ...image('coordinator', 'coordinator'),
      ...image('leaderboard', 'leaderboard'),
      ...image('daemon-image', 'daemon'),
    },
  };
}
