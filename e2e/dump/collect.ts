/** Collects what a run left behind into a dump: storages, blocks, the coordinator's tables, the leaderboard's answers, logs. All of it is only read. */
import { setMaxListeners } from 'node:events';
import { createReadStream } from 'node:fs';
import pLimit from 'p-limit';
import type { ClientBase } from 'pg';
import { LineCutter } from '../../system/lines.ts';
import type {
  StorageReader,
  StoredRange,
  StoredSubmission,
  UnreadableSubmission,
} from '../../stack/storage/storage.ts';
import { UserError } from '../../user-error.ts';
import { readTables } from './tables-reader.ts';
import type {
  DumpHead,
  EventRow,
  LeaderboardRow,
  SentRow,
  StorageName,
  StoredRow,
  TableRow,
} from './types.ts';
import { type DumpWriter, openDump } from './write.ts';

export type DumpSources = {
  head: DumpHead;
  sent: AsyncIterable<SentRow> | Iterable<SentRow>;
  /** In any order; each is read once, over all of `range`. */
  storages: readonly { name: StorageName; reader: StorageReader }[];
  /** Seconds since 1970 of submitted_at. */
  range: StoredRange;
  /** null: there is no coordinator. */
  tables: Pick<ClientBase, 'query'> | null;
  /** Its address without path; every node of the tables is asked for, then all. null: there is none. */
  leaderboard: string | null;
  /** A file that is not there is an empty log. */
  logs: readonly { component: string; path: string }[];
  events: AsyncIterable<EventRow> | Iterable<EventRow>;
  /** Of the run, for the time of the leaderboard's answers; ms since 1970. */
  now: () => number;
};

const READS_AT_ONCE = 8;
const ANSWER_MS = 30_000;

/**
 * @param folder empty or not there; it is there whole afterwards, or not at all
 * @throws UserError where something cannot be read or written
 */
export async function collectDump(
  sources: DumpSources,
  folder: string,
  signal?: AbortSignal,
): Promise<void> {
  // A reader may listen to it for each of many requests at once.
  if (signal !== undefined) setMaxListeners(0, signal);
  const dump = openDump(folder);
  try {
    const hashes = await addSent(dump, sources.sent);
    for (const one of sources.storages) await addStorage(dump, one, sources.range, hashes, signal);
    const keys: string[] = [];
    if (sources.tables !== null)
      await readTables(sources.tables, {
        table: (name) => dump.addTable(name),
        row: async (name, row) => {
          const key = (row as Partial<TableRow<'nodes'>>).block_producer_key;
          if (name === 'nodes' && key) keys.push(key);
          await dump.addTableRow(name, row);
        },
      });
    if (sources.leaderboard !== null)
      await addAnswers(dump, sources.leaderboard, keys, sources.now, signal);
    for (const { component, path } of sources.logs) await addLog(dump, component, path);
    const events: EventRow[] = [];
    for await (const event of sources.events) events.push(event);
    events.sort((a, b) => a.at_ms - b.at_ms);
    for (const event of events) await dump.addEvent(event);
    await dump.end(sources.head);
  } catch (error) {
    await dump.abandon();
    throw error;
  }
}

/** @returns hashes of the blocks that were sent */
async function addSent(dump: DumpWriter, sent: DumpSources['sent']): Promise<Set<string>> {
  const rows: SentRow[] = [];
  for await (const row of sent) rows.push(row);
  rows.sort((a, b) => a.id - b.id || a.attempt - b.attempt);
  const hashes = new Set<string>();
  for (const row of rows) {
    hashes.add(row.block_hash);
    await dump.addSent(row);
  }
  return hashes;
}

async function addStorage(
  dump: DumpWriter,
  { name, reader }: DumpSources['storages'][number],
  range: StoredRange,
  sent: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const rows: StoredRow[] = [];
  const hashes = new Set(sent);
  const beside = new Set<string>();
  for await (const batch of reader.submissions(range, signal))
    for (const one of batch) {
      rows.push(rowOf(one));
      if ('fault' in one) continue;
      hashes.add(one.blockHash);
      if (!one.rawBlock || beside.has(one.blockHash)) continue;
      beside.add(one.blockHash);
      await dump.addBlock(name, one.blockHash, one.rawBlock);
    }
  const numberOf = ({ where }: StoredRow): number => Number(/\d+$/.exec(where)?.[0] ?? 0);
  rows.sort(
    (a, b) =>
      compare(a.submitted_at ?? '', b.submitted_at ?? '') ||
      (name === 'postgres' ? numberOf(a) - numberOf(b) : compare(a.where, b.where)),
  );
  for (const row of rows) await dump.addStored(name, row);
  if (reader.block === undefined) return;
  for await (const some of reader.blockHashes?.(signal) ?? [])
    for (const hash of some) hashes.add(hash);
  const read = reader.block.bind(reader);
  // Blocks may be of megabytes: those under way are few.
  await pLimit(READS_AT_ONCE).map(hashes, async (hash) => {
    const bytes = await read(hash);
    if (bytes !== null) await dump.addBlock(name, hash, bytes);
  });
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function rowOf(stored: StoredSubmission | UnreadableSubmission): StoredRow {
  const { where } = stored;
  if ('fault' in stored) return { where, fault: stored.fault };
  const { verification, remoteAddr } = stored;
  return {
    where,
    submitted_at: stored.submittedAt,
    submitter: stored.submitter,
    created_at: stored.createdAt,
    block_hash: stored.blockHash,
    ...(remoteAddr !== undefined && { remote_addr: remoteAddr }),
    peer_id: stored.peerId,
    graphql_control_port: stored.graphqlControlPort,
    built_with_commit_sha: stored.builtWithCommitSha,
    snark_work: stored.snarkWork !== null,
    ...(verification !== undefined && {
      state_hash: verification.stateHash,
      parent: verification.block?.parent ?? null,
      height: verification.block?.height ?? null,
      slot: verification.block?.slot ?? null,
      validation_error: verification.error ?? '',
      verified: verification.isVerified,
    }),
  };
}

async function addAnswers(
  dump: DumpWriter,
  url: string,
  keys: readonly string[],
  now: () => number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const paths = ['/health', '/health/ready', '/uptimescore/', ...keys.map((key) => `/uptimescore/${key}`)]; // prettier-ignore
  const answers = await pLimit(READS_AT_ONCE).map(paths, (path) => ask(url, path, now, signal));
  for (const answer of answers) await dump.addAnswer(answer);
}

/** No answer is one too: status 0, and why. */
async function ask(
  url: string,
  path: string,
  now: () => number,
  signal: AbortSignal | undefined,
): Promise<LeaderboardRow> {
  const limits = [AbortSignal.timeout(ANSWER_MS), ...(signal === undefined ? [] : [signal])];
  try {
    const response = await fetch(new URL(path, url), {
      redirect: 'manual',
      signal: AbortSignal.any(limits),
    });
    const text = await response.text();
    return { at_ms: now(), path, status: response.status, body: jsonOf(text) };
  } catch (error) {
    signal?.throwIfAborted();
    const { cause, message } = error as Error;
    return {
      at_ms: now(),
      path,
      status: 0,
      body: cause instanceof Error ? cause.message : message,
    };
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

async function addLog(dump: DumpWriter, component: string, path: string): Promise<void> {
  dump.addLogFile(component);
  const cutter = new LineCutter();
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>)
      for (const line of cutter.push(chunk)) await dump.addLog(component, line);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new UserError(
      `the log ${path} of ${component} cannot be read: ${(cause as Error).message}`,
      { hint: 'may this user read it?', cause },
    );
  }
  const last = cutter.end();
  if (last !== null) await dump.addLog(component, last);
}
