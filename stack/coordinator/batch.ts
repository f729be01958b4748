/**
 * One batch as one transaction: rows that came late for earlier batches, then this batch's rows, points, scores and history. It is whole or absent.
 * It writes what the original writes wherever the original writes something; where the original would lose the batch or stop, it goes on
 * and says so.
 */
import { countErrors, type ErrorCount } from './error-class.ts';
import { addLateRows, type Earlier, type LateRows } from './late-rows.ts';
import type { Log } from './log.ts';
import { createRowWriter } from './row-writer.ts';
import { type CountingRow, readBatchRows } from './rows.ts';
import { carryOn, type Counts, writeScores } from './scoreboard.ts';
import { type BatchScore, type PreviousState, scoreBatch } from './scoring.ts';
import { addBatchStates, addBotLog, addPoints, type Client, previousStates } from './tables.ts';
import { utcSeconds, type Window } from './window.ts';

export type BatchSettings = {
  uptimeDays: number;
  /** Each batch builds on what the one before shortlisted; else it stands alone, as all of the original's but the first after a start. */
  keepsPrevious: boolean;
  /** Earlier batches that are looked at for rows that came late. */
  lateBatches: number;
  /** The fork, by the server's clock; null: none. */
  cutoverMs: number | null;
};

/** What became of a batch. */
export type BatchReport = {
  window: Window;
  botLogId: number;
  /** All rows of the window. */
  rows: number;
  counting: number;
  unverified: number;
  producers: number;
  /** `points` rows, and block producers that have one. */
  points: number;
  scored: number;
  errors: ErrorCount[];
  /** Of earlier batches. */
  late: LateRows[];
};

export type BatchPlan = {
  window: Window;
  /** The batch before, for its states. */
  previousBotLogId: number;
  verificationSeconds: number;
  counts: Counts | null;
  nowMs: number;
  /** The batches before, as they are now. */
  earlier: readonly Earlier[];
};

/** @returns the counts to carry on from, only to be used once this has returned. @throws what PostgreSQL says; the batch is absent then, or the connection is lost */
export async function processBatch(
  client: Client,
  { window, previousBotLogId, verificationSeconds, counts, nowMs, earlier }: BatchPlan,
  settings: BatchSettings,
  log: Log,
): Promise<{ report: BatchReport; counts: Counts }> {
  await client.query('BEGIN');
  try {
    const late = await addLateRows(client, earlier, settings, nowMs);
    const rows = await readBatchRows(client, window);
    const previous =
      settings.keepsPrevious && rows.counting.length > 0
        ? await previousStates(client, previousBotLogId)
        : [];
    const written = await writeBatch(client, {
      window,
      rows: rows.counting,
      previous,
      verificationSeconds,
      nowMs,
    });
    const { endSeconds } = window;
    const lateNodes = late.flatMap(({ newNodes }) => newNodes);
    const carried = await carryOn(client, counts, {
      endSeconds,
      days: settings.uptimeDays,
      late: lateNodes,
    });
    await writeScores(client, carried, endSeconds);
    await client.query('COMMIT');
    const errors = countErrors(rows.refused, settings.cutoverMs);
    const report: BatchReport = {
      window,
      botLogId: written.botLogId,
      rows: rows.counting.length + rows.refused.length + rows.unverified,
      counting: rows.counting.length,
      unverified: rows.unverified,
      producers: written.score.producers,
      points: written.score.points.length,
      scored: written.scoredNodes.size,
      errors,
      late,
    };
    for (const text of written.differences) log({ level: 'note', text, differs: true });
    if (previous.length > 0) log(keptPrevious(previous.length, rows.counting, written.score));
    return { report, counts: carried };
  } catch (error) {
    // On a lost connection there is nothing to roll back, and what failed first is what counts.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

type Written = {
  botLogId: number;
  score: BatchScore;
  scoredNodes: Set<number>;
  differences: string[];
};

const NO_ROWS: BatchScore = { producers: 0, states: [], points: [], nothingSelected: false };

async function writeBatch(
  client: Client,
  {
    window,
    rows,
    previous,
    verificationSeconds,
    nowMs,
  }: {
    window: Window;
    rows: readonly CountingRow[];
    previous: readonly PreviousState[];
    verificationSeconds: number;
    nowMs: number;
  },
): Promise<Written> {
  const differences: string[] = [];
  const name = `batch ${utcSeconds(window.startSeconds)}`;
  const score = rows.length === 0 ? NO_ROWS : scoreBatch(rows, previous);
  if (score.nothingSelected)
    differences.push(
      `${name}: no state has 5 % of ${score.producers} block producers, so nobody scores; the original ends here`,
    );
  const writer = await createRowWriter(client, rows, nowMs);
  if (writer.doubled.length > 0)
    differences.push(
      `${name}: nodes has several rows for ${writer.doubled.join(', ')}; the oldest gets the points, the original loses the batch`,
    );
  for (const [column, count] of [
    ['state_hash', rows.filter(({ stateHash }) => stateHash === null).length],
    ['created_at', rows.filter(({ createdAtMs }) => createdAtMs === null).length],
    ['height', rows.filter(({ height }) => height === null).length],
  ] as const)
    if (count > 0)
      differences.push(
        `${name}: ${count} verified rows have no ${column}; ${column === 'state_hash' ? 'they score nothing' : 'their points have none'}, the original ${column === 'height' ? 'loses the batch' : 'ends here'}`,
      );
  const botLogId = await addBotLog(client, {
    filesProcessed: rows.length,
    fileTimestampUs: score.points.length > 0 ? rows.at(-1)!.submittedAtUs : window.endSeconds * 1e6,
    ...window,
    processingSeconds: verificationSeconds,
  });
  await addBatchStates(
    client,
    botLogId,
    score.states.filter(({ shortlisted }) => shortlisted),
    writer.stateIds,
  );
  const points = writer.points(score.points);
  await addPoints(client, botLogId, points, nowMs);
  return { botLogId, score, scoredNodes: new Set(points.map(({ nodeId }) => nodeId)), differences };
}

/** The switch: what the previous selection changed. */
function keptPrevious(
  count: number,
  rows: readonly CountingRow[],
  { points }: BatchScore,
): Parameters<Log>[0] {
  const alone = scoreBatch(rows);
  const more = points.length - alone.points.length;
  return {
    level: 'note',
    text: `${count} states of the batch before were kept: ${points.length} points, ${alone.points.length} without them`,
    ...(more === 0 ? {} : { differs: true as const }),
  };
}
