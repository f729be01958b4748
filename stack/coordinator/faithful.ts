/**
 * One batch as the original processes it, quirks included: an SQL error of an insert is logged and passed over, so that the commit is a rollback and the
 * batch is lost; other faults end the attempt; the scoreboard is a transaction of its own and runs whatever became of the batch.
 * Source: uptime-service-validation at 4a46a1e, coordinator.py (process, process_statehash_df) and helper.py (DB).
 */
import type { BatchPlan, BatchReport, BatchSettings } from './batch.ts';
import { batchRowsOf, copyRowsFaithfully, type SourceRow } from './cassandra-source.ts';
import { countErrors } from './error-class.ts';
import type { Log } from './log.ts';
import { createRowWriter, type RowWriter } from './row-writer.ts';
import { type BatchRows, type CountingRow, readBatchRows } from './rows.ts';
import { countAll, writeScores } from './scoreboard.ts';
import { scoreBatch } from './scoring.ts';
import { addBatchStates, addBotLog, addPoints, type Client, previousStates } from './tables.ts';
import { failureOf } from '../../system/postgres.ts';

export type FaithfulOutcome =
  | { report: BatchReport; nextPreviousId: number }
  /** The attempt was rolled back; the same batch comes again. */
  | { failure: string };

/** What create_bot_log returns where its insert failed. */
const FAILED = -1;

/**
 * @param readElsewhere where submissions do not lie in the database (CASSANDRA): its rows of the window
 * @throws what PostgreSQL says where the connection is lost: it ends the program
 */
export async function processFaithfully(
  client: Client,
  { window, previousBotLogId, verificationSeconds, nowMs }: BatchPlan,
  settings: BatchSettings,
  log: Log,
  readElsewhere: (() => Promise<SourceRow[]>) | null = null,
): Promise<FaithfulOutcome> {
  const { endSeconds } = window;
  /** As the original's database functions: an error is logged, and -1 returned. */
  const logged = async <T>(statement: () => Promise<T>): Promise<T | typeof FAILED> => {
    try {
      return await statement();
    } catch (error) {
      if (failureOf(error) === 'unknown') throw error;
      log({ level: 'error', text: `Error: ${(error as Error).message}` });
      return FAILED;
    }
  };
  const none: BatchRows = { counting: [], refused: [], unverified: 0 };
  // A failed read of Cassandra is an empty batch like any other: it is no statement of the transaction.
  const elsewhere =
    readElsewhere === null
      ? null
      : await readElsewhere().catch((error: unknown): SourceRow[] => {
          log({ level: 'error', text: `Error: ${(error as Error).message}` });
          return [];
        });
  await client.query('BEGIN');
  const read =
    elsewhere === null ? await logged(() => readBatchRows(client, window)) : batchRowsOf(elsewhere);
  const rows = read === FAILED ? none : read;
  const all = rows.counting.length + rows.refused.length + rows.unverified;
  if (rows.counting.length < all)
    log({
      level: 'warning',
      text: 'some submissions were not processed, because they were not verified or had validation errors',
    });
  const addLog = (fileTimestampUs: number) =>
    logged(() =>
      addBotLog(client, {
        filesProcessed: rows.counting.length,
        fileTimestampUs,
        ...window,
        processingSeconds: verificationSeconds,
      }),
    );
  let botLogId: number;
  let [producers, points, scored] = [0, 0, 0];
  if (rows.counting.length === 0) botLogId = await addLog(endSeconds * 1e6);
  else
    try {
      refuseNull(rows.counting, 'createdAtMs', "'NoneType' object has no attribute 'timestamp'");
      const writer = await createRowWriter(client, rows.counting, nowMs);
      const previous = await previousStates(client, previousBotLogId);
      refuseNull(rows.counting, 'stateHash', 'None cannot be a node');
      const score = scoreBatch(rows.counting, previous, 'as the original');
      if (score.nothingSelected) throw new Fault('list index out of range');
      const shortlist = score.states.filter(({ shortlisted }) => shortlisted);
      botLogId = await addLog(
        score.points.length > 0 ? rows.counting.at(-1)!.submittedAtUs : endSeconds * 1e6,
      );
      await logged(() => addBatchStates(client, botLogId, shortlist, writer.stateIds));
      const wanted = writer.points(score.points);
      await logged(() => failAsTheOriginal(client, rows.counting, score.points, writer));
      await logged(() => addPoints(client, botLogId, wanted, nowMs));
      producers = score.producers;
      points = wanted.length;
      scored = new Set(wanted.map(({ nodeId }) => nodeId)).size;
    } catch (error) {
      if (!(error instanceof Fault) && failureOf(error) === 'unknown') throw error;
      await client.query('ROLLBACK');
      return { failure: (error as Error).message };
    }
  // After a failed statement this is a rollback, and no error.
  await client.query('COMMIT');
  await client.query('BEGIN');
  await logged(async () => {
    const counts = await countAll(client, endSeconds, settings.uptimeDays);
    await writeScores(client, counts, endSeconds);
    // One that is there already takes the scoreboard of this batch with it.
    if (elsewhere !== null) await copyRowsFaithfully(client, elsewhere);
  });
  await client.query('COMMIT');
  return {
    // Batch.next negates it, so the next batch finds no states; of a failed insert it becomes 1.
    nextPreviousId: -botLogId,
    report: {
      window,
      botLogId,
      rows: all,
      counting: rows.counting.length,
      unverified: rows.unverified,
      producers,
      points,
      scored,
      errors: countErrors(rows.refused, settings.cutoverMs),
      late: [],
    },
  };
}

/** An exception of Python, not of PostgreSQL. */
class Fault extends Error {}

function refuseNull(
  rows: readonly CountingRow[],
  column: 'createdAtMs' | 'stateHash',
  message: string,
): void {
  if (rows.some((row) => row[column] === null)) throw new Fault(message);
}

/** Statements that fail where the original's insert of points does, with the same errors. */
async function failAsTheOriginal(
  client: Client,
  rows: readonly CountingRow[],
  places: readonly number[],
  { doubled }: RowWriter,
): Promise<void> {
  const twice = places.map((place) => rows[place].submitter).find((key) => doubled.includes(key));
  if (twice !== undefined)
    await client.query('SELECT (SELECT id FROM nodes WHERE block_producer_key = $1)', [twice]);
  // pandas makes NaN of a missing height, unless all are missing.
  const isMissing = places.some((place) => rows[place].height === null);
  if (isMissing && rows.some(({ height }) => height !== null))
    await client.query(`SELECT 'NaN'::float8::bigint`);
}
