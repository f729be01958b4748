/** What a run left, as a dump (dump/): its settings and expectations, what was sent, storages, tables, answers of the leaderboard, logs, events. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from 'pg';
import { KNOWN_ERROR_CLASSES } from '../stack/coordinator/error-class.ts';
import { readS3Url } from '../stack/components/addresses.ts';
import { openStorageReader } from '../stack/storage/storage-url.ts';
import type { StorageReader, StoredRange } from '../stack/storage/storage.ts';
import type { PostgresConfig } from '../system/postgres.ts';
import { UserError } from '../user-error.ts';
import { batchEvents, verifierEvents } from './component-events.ts';
import { runDatabase, withDatabase } from './database.ts';
import { collectDump } from './dump/collect.ts';
import type { DumpHead, EventRow, SentRow, StorageName } from './dump/types.ts';
import { EVENTS_FILE } from './events.ts';
import { readPrepared } from './network/prepared.ts';
import { linesOf } from './ndjson.ts';
import { SENT_FILE } from './network/status.ts';
import { graceMsOf, hasOriginalBackend } from './originals.ts';
import { placesOf } from './places.ts';
import { blocksFolder, componentLogs, programAddresses, serviceAddresses } from './stacks.ts';
import type { OpenState } from './state.ts';
import { stagingOf } from './staging/index.ts';
import { cassandraUrl, postgresUrl, s3Url } from './storage-urls.ts';
import { LOAD_NETWORK } from './network/kinds.ts';
import { cycleMs, networkNameOf, type Topology } from './topology.ts';

/** PostgreSQL is asked whether it is ready before it is, and before its first database is made. */
const OF_A_START = ['the database system is starting up', 'database "coordinator" does not exist'];
/** The original backend inserts also what is there, so PostgreSQL logs each pair of one second; whether that is all that it lost, `same-second-pairs` says. */
const OF_A_PAIR = 'duplicate key value violates unique constraint "uq_submissions_submitter_date"';

/** What no component may log unless it is known. */
export const allowedLogWords = ({
  database,
  images,
}: Pick<Topology, 'database' | 'images'>): string[] => [
  ...(database === null ? OF_A_START : []),
  ...(hasOriginalBackend(images) ? [OF_A_PAIR] : []),
];

/** Submissions before the first batch, of another clock than ours by so much, are looked at too. */
const SPARE_SECONDS = 3600;

/** @throws UserError where a storage cannot be read, or the folder cannot be written */
export async function collectRun(
  open: OpenState,
  env: NodeJS.ProcessEnv,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const places = placesOf(open);
  const config = await runDatabase(open, env);
  const { leaderboard } = await programAddresses(open, env);
  const logs = logsOf(open.folder, places.logs);
  const storages = await openStorages(open, config, env);
  try {
    await withDatabase(config, signal, async (client) =>
      collectDump(
        {
          head: await headOf(open, client, storages),
          sent: linesOf<SentRow>(join(places.network, SENT_FILE)),
          storages,
          range: rangeOf(open),
          tables: client,
          leaderboard: leaderboard?.url ?? null,
          logs,
          events: await eventsOfRun(open, client, logs),
          now: Date.now,
        },
        folder,
        signal,
      ),
    );
  } finally {
    for (const { reader } of storages) await reader.close();
  }
}

/** Of all times in which a submission of the run can lie. */
export const rangeOf = ({ state }: Pick<OpenState, 'state'>): StoredRange => ({
  from: (state.startSeconds ?? Math.floor(state.createdMs / 1000)) - SPARE_SECONDS,
  to: Math.ceil(Date.now() / 1000) + SPARE_SECONDS + spanSeconds(state.topology),
});

const spanSeconds = ({ batches, intervalSeconds }: Topology): number => batches * intervalSeconds;

/** @throws UserError where it does not run */
export async function openCassandra(
  open: OpenState,
  env: NodeJS.ProcessEnv,
): Promise<StorageReader> {
  const { cassandra } = await serviceAddresses(open, env);
  if (cassandra === undefined)
    throw new UserError('the Cassandra of this run does not run', { hint: 'npm run e2e -- setup' });
  return openStorageReader(cassandraUrl(cassandra), {
    ...env,
    CASSANDRA_PASSWORD: cassandra.credentials?.password,
  });
}

/** The harness's own, and those that the components' logs tell. */
async function eventsOfRun(
  open: OpenState,
  client: Pick<Client, 'query'>,
  logs: readonly { component: string; path: string }[],
): Promise<EventRow[]> {
  const events: EventRow[] = [];
  for await (const event of linesOf<EventRow>(join(open.folder, EVENTS_FILE))) events.push(event);
  const { rows } = await client.query<Record<'id' | 'started' | 'ended', string>>(
    'SELECT id, batch_start_epoch AS started, batch_end_epoch AS ended FROM bot_logs WHERE files_processed > -1',
  );
  const counted = rows.map(({ id, started, ended }) => ({
    id: Number(id),
    startSeconds: Number(started),
    endSeconds: Number(ended),
  }));
  const linesIn = (component: string): string[] => {
    const path = logs.find((log) => log.component === component)?.path;
    return path !== undefined && existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  };
  return [
    ...events,
    ...verifierEvents(linesIn('verifier'), 'embedded'),
    ...batchEvents(linesIn('coordinator'), counted),
    ...stagedEvents(open),
  ];
}

function stagedEvents(open: OpenState): EventRow[] {
  const { topology, startSeconds } = open.state;
  const { events } = stagingOf(topology);
  if (events === undefined || startSeconds === null) return [];
  return events(readPrepared(placesOf(open).network), topology, startSeconds * 1000);
}

type OpenedStorage = { name: StorageName; reader: StorageReader };

async function openStorages(
  open: OpenState,
  config: PostgresConfig,
  env: NodeJS.ProcessEnv,
): Promise<OpenedStorage[]> {
  const { topology } = open.state;
  const { s3 } = await serviceAddresses(open, env);
  const opened: OpenedStorage[] = [];
  const add = async (name: StorageName, url: string, secrets: NodeJS.ProcessEnv): Promise<void> => {
    opened.push({ name, reader: await openStorageReader(url, { ...env, ...secrets }) });
  };
  try {
    if (topology.storage === 'postgres')
      await add('postgres', postgresUrl(config), { PGPASSWORD: config.password });
    else opened.push({ name: 'cassandra', reader: await openCassandra(open, env) });
    const given = topology.blocks.startsWith('s3:') ? readS3Url(topology.blocks, env) : null;
    const address = s3 ?? (given !== null && 'address' in given ? given.address : null);
    if (address === null) await add('filesystem', blocksFolder(open.folder), {});
    else
      await add('s3', s3Url(address, networkNameOf(topology)), {
        ...(address.credentials !== null && {
          AWS_ACCESS_KEY_ID: address.credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: address.credentials.secretAccessKey,
        }),
      });
  } catch (error) {
    for (const { reader } of opened) await reader.close();
    throw error;
  }
  return opened;
}

/** The settings, and what is expected. Rows after the last counted batch are not judged. */
async function headOf(
  open: OpenState,
  client: Pick<Client, 'query'>,
  storages: readonly OpenedStorage[],
): Promise<DumpHead> {
  const { state } = open;
  const { topology } = state;
  const { network } = topology;
  const { rows } = await client.query<{ ended: string | null }>(
    'SELECT max(batch_end_epoch) AS ended FROM bot_logs WHERE files_processed > -1',
  );
  const startedMs = (state.startSeconds ?? Math.floor(state.createdMs / 1000)) * 1000;
  const head: DumpHead = {
    format: 1,
    network: networkNameOf(topology),
    seed: topology.seed,
    startedMs,
    endedMs: Date.now(),
    untilMs: rows[0].ended === null ? startedMs : Number(rows[0].ended) * 1000,
    eras: [{ name: network.era, fromMs: null, untilMs: null }],
    cutoverMs: null,
    storages: storages.map(({ name, reader }) => ({ name, keeps: reader.keeps })),
    verifiedIn: topology.storage,
    blockStorage: topology.blocks === 'filesystem' ? 'filesystem' : 's3',
    coordinator: {
      intervalSeconds: topology.intervalSeconds,
      miniBatches: topology.miniBatches,
      uptimeDays: topology.uptimeDays,
      retries: topology.retries,
      noChecks: topology.noChecks,
      faithful: topology.faithful || topology.images.coordinator !== undefined,
      graceSeconds: graceMsOf(topology) / 1000,
      sokWaiver: false,
      keepsPrevious: false,
    },
    expected: {
      submitters: submittersOf(open),
      // Of a load nobody is due at any time.
      periodMs: network.kind === LOAD_NETWORK ? Number.MAX_SAFE_INTEGER : cycleMs(topology),
      exceptions:
        network.kind === 'recorded'
          ? [
              {
                submitter: '*',
                fromMs: 0,
                untilMs: Date.now(),
                why: 'sent as they were recorded, at whatever times',
              },
            ]
          : network.kind === 'minimina'
            ? [
                {
                  submitter: '*',
                  fromMs: 0,
                  untilMs: Number.MAX_SAFE_INTEGER,
                  why: 'a node submits when it has caught up',
                },
              ]
            : afterTheEnd(topology, startedMs),
    },
    allowed: {
      // Recorded submissions may be of any network: which of them are refused is the verifier's to say.
      errorClasses:
        network.kind === 'fleet' || network.kind === LOAD_NETWORK ? [] : [...KNOWN_ERROR_CLASSES],
      logWords: allowedLogWords(topology),
      sameSecondLoss:
        topology.faithful || hasOriginalBackend(topology.images) || network.sameSecondShare > 0,
      serverErrors: 0,
    },
    hourlyLimit: topology.hourlyLimit,
  };
  const prepared = network.kind === 'minimina' ? null : readPrepared(placesOf(open).network);
  return stagingOf(topology).head?.(head, prepared, topology) ?? head;
}

/** A batch that was counted after the network had sent all. */
const afterTheEnd = (
  { batches, intervalSeconds, network }: Topology,
  startedMs: number,
): DumpHead['expected']['exceptions'] =>
  network.kind === LOAD_NETWORK
    ? []
    : [
        {
          submitter: '*',
          fromMs: startedMs + batches * intervalSeconds * 1000,
          untilMs: Number.MAX_SAFE_INTEGER,
          why: 'the network had sent all',
        },
      ];

function submittersOf(open: OpenState): string[] {
  const { network, whitelist } = placesOf(open);
  // Keys of a network whose topology was given are not known.
  if (open.state.topology.network.kind === 'minimina')
    return existsSync(whitelist) ? readFileSync(whitelist, 'utf8').split('\n').filter(Boolean) : [];
  return [...new Set(readPrepared(network).nodes.map(({ submitter }) => submitter))];
}

/** Of the network and of all components. */
function logsOf(folder: string, own: string): { component: string; path: string }[] {
  const ofNetwork = (existsSync(own) ? readdirSync(own) : [])
    .filter((name) => name.endsWith('.log'))
    .map((name) => ({ component: name.slice(0, -'.log'.length), path: join(own, name) }));
  return [...ofNetwork, ...componentLogs(folder)].sort((a, b) =>
    a.component < b.component ? -1 : 1,
  );
}
