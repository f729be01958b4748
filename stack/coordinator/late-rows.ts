/**
 * Rows that were stored or verified after their batch had been counted. The original never counts them; here the next batch's transaction does, as if
 * they had been there in time: their batch is scored again with all its rows, points that are missing are added, and none is taken away.
 */
import { createRowWriter } from './row-writer.ts';
import { COUNTS, microsecondsOf, readBatchRows, UNVERIFIED } from './rows.ts';
import { scoreBatch } from './scoring.ts';
import { addBatchStates, addPoints, type Client, previousStates } from './tables.ts';
import { type Part, timestampText, type Window } from './window.ts';

/** What came late for one batch. */
export type LateRows = {
  botLogId: number;
  window: Window;
  /** Rows more than were counted. */
  rows: number;
  points: number;
  /** Nodes that had no point in that batch. */
  newNodes: number[];
};

/** A batch of the last ones, as it was counted and as its rows are now. */
export type Earlier = {
  botLogId: number;
  window: Window;
  counted: number;
  counting: number;
  unverified: number;
};

/** The last batches that end at or before a moment, newest first; excluded ones (files_processed -1) are left alone. */
export async function earlierBatches(
  client: Client,
  endSeconds: number,
  count: number,
): Promise<Earlier[]> {
  if (count === 0) return [];
  const batches = await client.query<[number, number, number, number]>({
    text: `SELECT id, batch_start_epoch::float8, batch_end_epoch::float8, files_processed FROM bot_logs
           WHERE batch_end_epoch <= $1 AND files_processed > -1 ORDER BY batch_end_epoch DESC LIMIT $2`,
    values: [endSeconds, count],
    rowMode: 'array',
  });
  if (batches.rows.length === 0) return [];
  const windows = batches.rows.map(([, startSeconds, end]) => ({ startSeconds, endSeconds: end }));
  const text = (seconds: number): string => timestampText(seconds * 1e6);
  // One pass over the range, whether there is an index or not.
  const { rows } = await client.query<[number, number, number]>({
    text: `SELECT w.id, count(*) FILTER (WHERE ${COUNTS})::int, count(*) FILTER (WHERE ${UNVERIFIED})::int
           FROM submissions s JOIN unnest($3::int[], $4::timestamp[], $5::timestamp[]) AS w (id, low, high)
             ON s.submitted_at >= w.low AND s.submitted_at < w.high
           WHERE s.submitted_at >= $1::timestamp AND s.submitted_at < $2::timestamp GROUP BY 1`,
    values: [
      text(Math.min(...windows.map(({ startSeconds }) => startSeconds))),
      text(Math.max(...windows.map((window) => window.endSeconds))),
      batches.rows.map(([id]) => id),
      windows.map(({ startSeconds }) => text(startSeconds)),
      windows.map((window) => text(window.endSeconds)),
    ],
    rowMode: 'array',
  });
  const now = new Map(rows.map(([id, counting, unverified]) => [id, { counting, unverified }]));
  return batches.rows.map(([botLogId, , , counted], i) => ({
    botLogId,
    window: windows[i],
    counted,
    ...(now.get(botLogId) ?? { counting: 0, unverified: 0 }),
  }));
}

/** Ranges of them in which rows are not verified yet. */
export const unverifiedParts = (batches: readonly Earlier[]): Part[] =>
  batches
    .filter(({ unverified }) => unverified > 0)
    .map(({ window }) => ({
      startMs: window.startSeconds * 1000,
      endMs: window.endSeconds * 1000,
    }));

/** @param earlier the last batches as they are, one more than is looked at: what the oldest builds on */
export async function addLateRows(
  client: Client,
  earlier: readonly Earlier[],
  { lateBatches, keepsPrevious }: { lateBatches: number; keepsPrevious: boolean },
  nowMs: number,
): Promise<LateRows[]> {
  const late = earlier.slice(0, lateBatches).filter(({ counted, counting }) => counting > counted);
  if (late.length === 0) return [];
  const added: LateRows[] = [];
  const pointed = await pointsOf(client, earlier);
  // The oldest first: what it shortlists now is what the next one builds on.
  for (const batch of late.reverse()) {
    const before = earlier[earlier.indexOf(batch) + 1];
    const rows = (await readBatchRows(client, batch.window)).counting;
    const previous =
      keepsPrevious && before !== undefined ? await previousStates(client, before.botLogId) : [];
    const { states, points } = scoreBatch(rows, previous);
    const writer = await createRowWriter(client, rows, nowMs);
    const has = pointed.get(batch.botLogId) ?? new Set();
    const missing = writer
      .points(points)
      .filter(({ nodeId, submittedAtUs }) => !has.has(keyOf(nodeId, submittedAtUs)));
    await addNewStates(client, batch.botLogId, states, writer.stateIds);
    const summary = await client.query<[number]>({
      text: 'SELECT node_id FROM points_summary WHERE bot_log_id = $1',
      values: [batch.botLogId],
      rowMode: 'array',
    });
    const nodes = new Set(summary.rows.map(([node]) => node));
    await addPoints(client, batch.botLogId, missing, nowMs);
    await client.query({
      text: 'UPDATE bot_logs SET files_processed = $2 WHERE id = $1 AND files_processed > -1',
      values: [batch.botLogId, rows.length],
    });
    added.push({
      botLogId: batch.botLogId,
      window: batch.window,
      rows: rows.length - batch.counted,
      points: missing.length,
      newNodes: [...new Set(missing.map(({ nodeId }) => nodeId))].filter((id) => !nodes.has(id)),
    });
  }
  return added;
}

const keyOf = (nodeId: number, submittedAtUs: number): string => `${nodeId} ${submittedAtUs}`;

/** Points others may have added beside ours: corrections. */
const OTHER_POINTS = 10_000;

/** Which rows have a point. `points` has no index but its key, so the last ones are read backwards: as many as the batches can have. */
async function pointsOf(
  client: Client,
  batches: readonly Earlier[],
): Promise<Map<number, Set<string>>> {
  const rowsThen = batches.reduce((sum, { counted }) => sum + counted, 0);
  const later = await client.query<[number]>({
    text: 'SELECT coalesce(sum(files_processed), 0)::float8 FROM bot_logs WHERE id > $1 AND files_processed > -1',
    values: [Math.min(...batches.map(({ botLogId }) => botLogId))],
    rowMode: 'array',
  });
  const { rows } = await client.query<[number, number, number]>({
    text: `SELECT bot_log_id, node_id, ${microsecondsOf('file_timestamps')} FROM (SELECT * FROM points ORDER BY id DESC LIMIT $2) AS last
           WHERE bot_log_id = ANY ($1::int[])`,
    values: [
      batches.map(({ botLogId }) => botLogId),
      Math.max(rowsThen, later.rows[0][0]) + OTHER_POINTS,
    ],
    rowMode: 'array',
  });
  const points = new Map<number, Set<string>>();
  for (const [botLogId, nodeId, submittedAtUs] of rows) {
    const of = points.get(botLogId) ?? new Set();
    points.set(botLogId, of.add(keyOf(nodeId, submittedAtUs)));
  }
  return points;
}

/** States that are shortlisted only now. */
async function addNewStates(
  client: Client,
  botLogId: number,
  states: ReturnType<typeof scoreBatch>['states'],
  ids: ReadonlyMap<string, number>,
): Promise<void> {
  const { rows } = await client.query<[number]>({
    text: 'SELECT statehash_id FROM bot_logs_statehash WHERE bot_log_id = $1',
    values: [botLogId],
    rowMode: 'array',
  });
  const there = new Set(rows.map(([id]) => id));
  const fresh = states.filter(
    ({ shortlisted, stateHash }) => shortlisted && !there.has(ids.get(stateHash)!),
  );
  if (fresh.length > 0) await addBatchStates(client, botLogId, fresh, ids);
}
