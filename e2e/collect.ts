/** What a run left, as a dump (dump/): its settings and expectations, what was sent, storages, tables, answers of the leaderboard, logs, events. */
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Client } from 'pg';
import { KNOWN_ERROR_CLASSES } from '../stack/coordinator/error-class.ts';
import { openStorageReader } from '../stack/storage/storage-url.ts';
import type { StorageReader } from '../stack/storage/storage.ts';
import type { PostgresConfig } from '../system/postgres.ts';
import { readReady } from './components/run.ts';
import { runDatabase, withDatabase } from './database.ts';
import { collectDump } from './dump/collect.ts';
import type { DumpHead, EventRow, SentRow, StorageName } from './dump/types.ts';
import { EVENTS_FILE } from './events.ts';
import { readPrepared } from './network/prepared.ts';
import { SENT_FILE } from './network/status.ts';
import { placesOf } from './places.ts';
import type { OpenState } from './state.ts';
import { cycleMs, networkNameOf } from './topology.ts';

/** Submissions before the first batch, of another clock than ours by so much, are looked at too. */
const SPARE_SECONDS = 3600;

/** @throws UserError where a storage cannot be read, or the folder cannot be written */
export async function collectRun(
  open: OpenState,
  env: NodeJS.ProcessEnv,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const { state } = open;
  const places = placesOf(open);
  const config = runDatabase(open, env);
  const storages = await openStorages(open, config, env);
  try {
    await withDatabase(config, signal, async (client) =>
      collectDump(
        {
          head: await headOf(open, client, storages),
          sent: linesOf<SentRow>(join(places.network, SENT_FILE)),
          storages,
          range: {
            from: (state.startSeconds ?? Math.floor(state.createdMs / 1000)) - SPARE_SECONDS,
            to: Math.ceil(Date.now() / 1000) + SPARE_SECONDS,
          },
          tables: client,
          leaderboard: readReady(places.components, 'leaderboard')?.url ?? null,
          logs: logsOf(places.logs),
          events: linesOf<EventRow>(join(open.folder, EVENTS_FILE)),
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

type OpenedStorage = { name: StorageName; reader: StorageReader };

async function openStorages(
  open: OpenState,
  config: PostgresConfig,
  env: NodeJS.ProcessEnv,
): Promise<OpenedStorage[]> {
  const host = config.host.includes(':') ? `[${config.host}]` : encodeURIComponent(config.host);
  const url = `postgres://${encodeURIComponent(config.user)}@${host}:${config.port}/${config.database}?sslmode=${config.sslmode}`;
  const postgres = await openStorageReader(url, { ...env, PGPASSWORD: config.password });
  const filesystem = await openStorageReader(placesOf(open).storage, env);
  return [
    { name: 'postgres', reader: postgres },
    { name: 'filesystem', reader: filesystem },
  ];
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
  return {
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
      faithful: topology.faithful,
      sokWaiver: false,
      keepsPrevious: false,
    },
    expected: {
      submitters: submittersOf(open),
      periodMs: cycleMs(topology),
      exceptions: [],
    },
    allowed: {
      // Recorded submissions may be of any network: which of them are refused is the verifier's to say.
      errorClasses: network.kind === 'fleet' ? [] : [...KNOWN_ERROR_CLASSES],
      logWords: [],
      sameSecondLoss: topology.faithful || network.sameSecondShare > 0,
      serverErrors: 0,
    },
    hourlyLimit: topology.hourlyLimit,
  };
}

function submittersOf(open: OpenState): string[] {
  const { network } = placesOf(open);
  if (open.state.topology.network.kind === 'minimina') return [];
  return [...new Set(readPrepared(network).nodes.map(({ submitter }) => submitter))];
}

function logsOf(folder: string): { component: string; path: string }[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .sort()
    .map((name) => ({ component: name.slice(0, -'.log'.length), path: join(folder, name) }));
}

/** A file that is not there has no lines; a last line that was cut off counts as not there. */
async function* linesOf<T>(path: string): AsyncGenerator<T> {
  if (!existsSync(path)) return;
  for await (const line of createInterface({
    input: createReadStream(path),
    crlfDelay: Infinity,
  })) {
    let value: T;
    try {
      value = JSON.parse(line) as T;
    } catch {
      continue;
    }
    yield value;
  }
}
