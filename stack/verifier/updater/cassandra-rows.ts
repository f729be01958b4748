/**
 * Rows of Cassandra or Keyspaces, for the updater: their blocks stand beside them unless they are larger than 1,000,000 bytes.
 * Source: o1-labs/submission-updater at 00cc565; MinaProtocol/mina, src/app/delegation_verify/output.ml: what is written, and that raw_block and snark_work
 * are emptied.
 */
import type cassandra from 'cassandra-driver';
import {
  type CassandraConfig,
  cassandraName,
  openClient,
  type SettingWords,
  statementProblem,
} from '../../../system/cassandra.ts';
import { utcText } from '../../../mina/created-at.ts';
import { COLUMNS, partitionsOf, tableOf, TRIES } from '../../storage/cassandra.ts';
import { retrying } from '../../storage/retrying.ts';
import type { ReadRows, Row, RowResult, RowStorage } from './row.ts';

const PAGE_ROWS = 100;

/** @throws UserError if the cluster cannot be reached */
export async function openCassandraRows(
  config: CassandraConfig,
  words: SettingWords,
): Promise<RowStorage> {
  const client = await openClient(config, words);
  return {
    name: cassandraName(config),
    read: (startMs, endMs, signal) => readRows(client, config, startMs, endMs, signal),
    write: (row, result) => writeRow(client, config, row, result),
    close: () => client.shutdown(),
  };
}

async function readRows(
  client: cassandra.Client,
  config: CassandraConfig,
  startMs: number,
  endMs: number,
  signal?: AbortSignal,
): Promise<ReadRows> {
  const query =
    `SELECT ${COLUMNS.join(', ')} FROM ${tableOf(config.keyspace)} ` +
    'WHERE submitted_at_date = ? AND shard = ? AND submitted_at >= ? AND submitted_at < ?';
  const read: ReadRows = { rows: [], unscannable: [] };
  try {
    for await (const { date, shard } of partitionsOf(
      client,
      config,
      startMs / 1000,
      endMs / 1000,
    )) {
      let pageState: string | undefined;
      do {
        signal?.throwIfAborted();
        const options = { fetchSize: PAGE_ROWS, ...(pageState ? { pageState } : {}) };
        const values = [date, shard, new Date(startMs), new Date(endMs)];
        const page = await retrying(() => client.execute(query, values, options), TRIES);
        for (const row of page.rows) addRow(row, read);
        pageState = page.pageState;
      } while (pageState);
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw statementProblem(error, config, 'did not give its rows');
  }
  return read;
}

const bytesOf = (blob: unknown): Buffer | null => (Buffer.isBuffer(blob) ? blob : null);

/** Milliseconds where there are some. */
function timeText(time: Date): string {
  const ms = time.getTime();
  const fraction = (((ms % 1000) + 1000) % 1000).toString().padStart(3, '0').replace(/0+$/, '');
  return `${utcText(ms / 1000).slice(0, -1)}${fraction === '' ? '' : `.${fraction}`}Z`;
}

function addRow(row: cassandra.types.Row, read: ReadRows): void {
  const submittedAt = row.submitted_at as Date;
  const createdAt = row.created_at as Date | null;
  const where = `submissions ('${row.submitted_at_date}', ${row.shard}, ${submittedAt.getTime()}, '${row.submitter}')`;
  // A date beyond all that a submission could have.
  const times = { submitted_at: submittedAt, created_at: createdAt };
  const wrong = Object.entries(times).find(
    ([, time]) => time !== null && Number.isNaN(time.getTime()),
  );
  if (wrong !== undefined || createdAt === null || row.block_hash === null) {
    const why =
      wrong === undefined
        ? createdAt === null
          ? 'created_at is NULL'
          : 'block_hash is NULL'
        : `${wrong[0]} is no possible time`;
    read.unscannable.push(`${where}: ${why}`);
    return;
  }
  read.rows.push({
    fields: {
      id: '',
      submitted_at_date: row.submitted_at_date as string,
      shard: row.shard as number,
      submitted_at: timeText(submittedAt),
      submitter: row.submitter as string,
      created_at: timeText(createdAt),
      block_hash: row.block_hash as string,
      remote_addr: (row.remote_addr as string | null) ?? '',
      peer_id: (row.peer_id as string | null) ?? '',
      snark_work: bytesOf(row.snark_work)?.toString('base64') ?? null,
      graphql_control_port: (row.graphql_control_port as number | null) ?? 0,
      built_with_commit_sha: (row.built_with_commit_sha as string | null) ?? '',
    },
    rawBlock: bytesOf(row.raw_block),
  });
}

async function writeRow(
  client: cassandra.Client,
  config: CassandraConfig,
  { fields }: Row,
  { stateHash, parent, height, slot, validationError, verified }: RowResult,
): Promise<void> {
  const query =
    `UPDATE ${tableOf(config.keyspace)} SET raw_block = null, snark_work = null, state_hash = ?, parent = ?, height = ?, slot = ?, ` +
    'validation_error = ?, verified = ? WHERE submitted_at_date = ? AND shard = ? AND submitted_at = ? AND submitter = ?';
  const values = [
    ...[stateHash, parent, height, slot, validationError ?? '', verified],
    ...[fields.submitted_at_date, fields.shard, new Date(fields.submitted_at), fields.submitter],
  ];
  await retrying(() => client.execute(query, values), TRIES);
}
