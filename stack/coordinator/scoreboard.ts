/**
 * Scores: in how many of the window's batches a block producer had a point. The original counts the whole of `points_summary` after each batch:
 * 13 million rows for 2,000 producers and 90 days. Here the count is carried on: batches that left the window are subtracted, new ones added.
 * It is counted anew at the start, once a day, and whenever something says that the tables were changed by somebody else (a correction,
 * a clean-up, an excluded batch).
 * Source of the rules: uptime-service-validation at 4a46a1e, helper.py, update_scoreboard.
 */
import type { Client } from './tables.ts';

const DAY_SECONDS = 86_400;

/** `isSurvey`: files_processed > -1. */
type CountedBatch = { isSurvey: boolean; startSeconds: number };

export type Counts = {
  /** Batches of the window by id. */
  batches: Map<number, CountedBatch>;
  /** Node -> batches of the window in which it has a point; never 0. */
  points: Map<number, number>;
  /** Of what others may change. */
  mark: string;
  /** Batches since all was counted. */
  age: number;
};

/** Batches a day, at 20 minutes each. */
const MOST_AGE = 72;

/** Time to count everything again, and to compare. */
export const isOld = ({ age }: Counts): boolean => age >= MOST_AGE;

type Range = { fromSeconds: number; endSeconds: number };

/** Both ends belong to it. */
const rangeOf = (endSeconds: number, days: number): Range => ({
  fromSeconds: endSeconds - days * DAY_SECONDS,
  endSeconds,
});

const IN_WINDOW = 'batch_start_epoch >= $1 AND batch_end_epoch <= $2';

async function batchesOf(
  client: Client,
  { fromSeconds, endSeconds }: Range,
): Promise<Map<number, CountedBatch>> {
  const { rows } = await client.query<[number, boolean, number]>({
    name: 'coordinator-window',
    text: `SELECT id, files_processed > -1, batch_start_epoch::float8 FROM bot_logs WHERE ${IN_WINDOW}`,
    values: [fromSeconds, endSeconds],
    rowMode: 'array',
  });
  return new Map(
    rows.map(([id, isSurvey, startSeconds]) => [id, { isSurvey, startSeconds }] as const),
  );
}

/** Deletes and updates of the summary (ours are inserts only), and corrections. */
async function markOf(client: Client): Promise<string> {
  const { rows } = await client.query<[string, boolean]>({
    name: 'coordinator-mark',
    text: `SELECT pg_stat_get_tuples_deleted(t) + pg_stat_get_tuples_updated(t), to_regclass('score_corrections') IS NOT NULL
           FROM (SELECT 'points_summary'::regclass) AS summary (t)`,
    rowMode: 'array',
  });
  const [[changes, hasCorrections]] = rows;
  if (!hasCorrections) return changes;
  const corrections = await client.query<[string]>({
    name: 'coordinator-corrections',
    text: `SELECT count(*) || ' ' || count(reverted_at) FROM score_corrections`,
    rowMode: 'array',
  });
  return `${changes} ${corrections.rows[0][0]}`;
}

/** Everything counted from the tables: seconds, where there are millions of rows. */
export async function countAll(client: Client, endSeconds: number, days: number): Promise<Counts> {
  const range = rangeOf(endSeconds, days);
  // Before the rows: what changes in between is seen the next time.
  const mark = await markOf(client);
  const batches = await batchesOf(client, range);
  const { rows } = await client.query<[number, string]>({
    text: `SELECT p.node_id, count(*) FROM points_summary p JOIN bot_logs b ON b.id = p.bot_log_id
           WHERE ${IN_WINDOW.replaceAll('batch_', 'b.batch_')} GROUP BY 1`,
    values: [range.fromSeconds, range.endSeconds],
    rowMode: 'array',
  });
  return {
    batches,
    points: new Map(rows.map(([node, points]) => [node, Number(points)])),
    mark,
    age: 0,
  };
}

/**
 * The counts at the end of a batch that was just written. `counts` is left as it was: the transaction may be rolled back.
 * @param counts null: count everything
 * @param late nodes that have a point now in a batch that had been counted without them, one entry a batch and node
 */
export async function carryOn(
  client: Client,
  counts: Counts | null,
  { endSeconds, days, late }: { endSeconds: number; days: number; late: readonly number[] },
): Promise<Counts> {
  if (counts === null) return countAll(client, endSeconds, days);
  const range = rangeOf(endSeconds, days);
  const mark = await markOf(client);
  const batches = await batchesOf(client, range);
  const isOther =
    [...batches].some(
      ([id, { isSurvey }]) => (counts.batches.get(id)?.isSurvey ?? isSurvey) !== isSurvey,
    ) ||
    // Gone, and not because the window moved on.
    [...counts.batches].some(
      ([id, { startSeconds }]) => startSeconds >= range.fromSeconds && !batches.has(id),
    );
  if (mark !== counts.mark || isOther) return countAll(client, endSeconds, days);
  const left = [...counts.batches.keys()].filter((id) => !batches.has(id));
  const came = [...batches.keys()].filter((id) => !counts.batches.has(id));
  const points = new Map(counts.points);
  const add = (node: number, batchesMore: number): void => {
    const sum = (points.get(node) ?? 0) + batchesMore;
    if (sum === 0) points.delete(node);
    else points.set(node, sum);
  };
  const { rows } = await client.query<[number, boolean]>({
    name: 'coordinator-summary',
    text: 'SELECT node_id, bot_log_id = ANY ($2::int[]) FROM points_summary WHERE bot_log_id = ANY ($1::int[])',
    values: [[...left, ...came], came],
    rowMode: 'array',
  });
  for (const [node, isNew] of rows) add(node, isNew ? 1 : -1);
  for (const node of late) add(node, 1);
  return { batches, points, mark, age: counts.age + 1 };
}

/**
 * Writes scores into `nodes`, and of every node that has a score ever a row into `score_history`. A node without a point in the window keeps the
 * score that it had.
 * @returns how many nodes have a score in this window
 */
export async function writeScores(
  client: Client,
  { batches, points }: Counts,
  endSeconds: number,
): Promise<number> {
  const surveys = [...batches.values()].filter(({ isSurvey }) => isSurvey).length;
  await client.query({
    name: 'coordinator-scores',
    text: `UPDATE nodes n SET score = given.points, score_percent = trunc(given.points::numeric * 100 / $3, 2)
           FROM unnest($1::int[], $2::int[]) AS given (id, points) WHERE n.id = given.id`,
    values: [[...points.keys()], [...points.values()], surveys],
  });
  await client.query({
    name: 'coordinator-history',
    text: `INSERT INTO score_history (node_id, score_at, score, score_percent)
           SELECT id, to_timestamp($1::float8) AT TIME ZONE 'UTC', score, score_percent FROM nodes WHERE score IS NOT NULL`,
    values: [endSeconds],
  });
  return points.size;
}

/** Nodes whose counts differ. */
export const differences = (a: Counts, b: Counts): number =>
  [...new Set([...a.points.keys(), ...b.points.keys()])].filter(
    (node) => a.points.get(node) !== b.points.get(node),
  ).length;
