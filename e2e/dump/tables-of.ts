/**
 * The coordinator's tables as they follow from verified rows: what a coordinator that loses nothing writes, batch after batch. For dumps that are made
 * (golden.ts) and for what an incident leaves in them; assertions have a recomputation of their own. Pure.
 */
import { scoreBatch } from '../../stack/coordinator/scoring.ts';
import { pandasTimes } from '../../stack/coordinator/window.ts';
import type { Tables } from './evidence.ts';
import type { StoredRow, TableRow } from './types.ts';
import { percentOf } from '../../stack/coordinator/offline/replay.ts';
import { microsecondsOf, timeOfUs } from './times.ts';

export type BatchTimes = { startSeconds: number; endSeconds: number };

export type TablesSettings = {
  batches: readonly BatchTimes[];
  uptimeDays: number;
  /** Between a batch's end and its commit. */
  graceSeconds: number;
};

const DAY_SECONDS = 86_400;
/** A verifier's time for a batch, as bot_logs has it: any will do. */
const PROCESSING_SECONDS = 1.5;

/** @param rows of the storage that the coordinator reads, in the order in which they were stored */
export function tablesOf(
  rows: readonly StoredRow[],
  { batches, uptimeDays, graceSeconds }: TablesSettings,
): Required<Tables> {
  const [{ startSeconds: beginning }] = batches;
  const tables: Required<Tables> = {
    bot_logs: [
      {
        id: 1,
        processing_time: 0,
        files_processed: -1,
        file_timestamps: timeOfUs(beginning * 1e6),
        batch_start_epoch: beginning,
        batch_end_epoch: beginning,
      },
    ],
    statehash: [],
    bot_logs_statehash: [],
    nodes: [],
    points: [],
    points_summary: [],
    score_history: [],
    score_corrections: [],
    indexes: [
      {
        table: 'submissions',
        name: 'idx_submissions_submitted_at',
        columns: 'submitted_at',
        valid: true,
      },
      {
        table: 'submissions',
        name: 'uq_submissions_submitter_date',
        columns: 'submitter, submitted_at',
        valid: true,
      },
    ],
  };
  const stateIds = new Map<string | null, number>();
  const nodes = new Map<string, TableRow<'nodes'>>();
  const stateId = (value: string | null): number => {
    let id = stateIds.get(value);
    if (id === undefined) {
      id = stateIds.size + 1;
      stateIds.set(value, id);
      tables.statehash.push({ id, value });
    }
    return id;
  };
  const counting = rows
    .map((row, place) => ({ row, place, us: microsecondsOf(row.submitted_at!) }))
    .filter(({ row }) => row.verified === true && !row.validation_error)
    .sort((a, b) => b.us - a.us || b.place - a.place);
  for (const { startSeconds, endSeconds } of batches) {
    const ofBatch = counting.filter(({ us }) => us >= startSeconds * 1e6 && us < endSeconds * 1e6);
    const committed = timeOfUs((endSeconds + graceSeconds) * 1e6);
    const scored = scoreBatch(
      ofBatch.map(({ row }) => ({
        submitter: row.submitter!,
        stateHash: row.state_hash ?? null,
        parent: row.parent ?? null,
      })),
    );
    for (const { row } of ofBatch) stateId(row.state_hash!);
    for (const { row } of ofBatch) stateId(row.parent ?? null);
    for (const { row } of ofBatch)
      if (!nodes.has(row.submitter!))
        nodes.set(row.submitter!, {
          id: nodes.size + 1,
          block_producer_key: row.submitter!,
          updated_at: committed,
          score: null,
          score_percent: null,
          discord_id: null,
          email_id: null,
          application_status: null,
        });
    const botLogId = tables.bot_logs.length + 1;
    tables.bot_logs.push({
      id: botLogId,
      processing_time: PROCESSING_SECONDS,
      files_processed: ofBatch.length,
      file_timestamps: timeOfUs(scored.points.length > 0 ? ofBatch.at(-1)!.us : endSeconds * 1e6),
      batch_start_epoch: startSeconds,
      batch_end_epoch: endSeconds,
    });
    for (const state of scored.states.filter(({ shortlisted }) => shortlisted))
      tables.bot_logs_statehash.push({
        id: tables.bot_logs_statehash.length + 1,
        parent_statehash_id: stateId(state.parent),
        statehash_id: stateId(state.stateHash),
        weight: state.weight,
        bot_log_id: botLogId,
      });
    const names = pandasTimes(ofBatch.map(({ us }) => us));
    for (const place of scored.points) {
      const { row, us } = ofBatch[place];
      tables.points.push({
        id: tables.points.length + 1,
        file_name: `${names[place]}-${row.submitter!}`,
        file_timestamps: timeOfUs(us),
        blockchain_epoch: Math.floor(microsecondsOf(row.created_at!) / 1000),
        blockchain_height: row.height ?? null,
        amount: 1,
        created_at: committed,
        node_id: nodes.get(row.submitter!)!.id,
        bot_log_id: botLogId,
        statehash_id: stateId(row.state_hash!),
      });
    }
    addSummary(tables, botLogId);
    addScores(tables, [...nodes.values()], endSeconds, uptimeDays);
  }
  tables.nodes = [...nodes.values()];
  return tables;
}

function addSummary(tables: Required<Tables>, botLogId: number): void {
  const nodes = new Set(
    tables.points.filter((point) => point.bot_log_id === botLogId).map(({ node_id }) => node_id!),
  );
  for (const node of [...nodes].sort((a, b) => a - b))
    tables.points_summary.push({ bot_log_id: botLogId, node_id: node });
}

function addScores(
  tables: Required<Tables>,
  nodes: readonly TableRow<'nodes'>[],
  endSeconds: number,
  uptimeDays: number,
): void {
  const from = endSeconds - uptimeDays * DAY_SECONDS;
  const surveys = new Set(
    tables.bot_logs
      .filter((log) => log.files_processed! > -1 && log.batch_start_epoch >= from)
      .map(({ id }) => id),
  );
  const scores = new Map<number, number>();
  for (const { bot_log_id, node_id } of tables.points_summary)
    if (surveys.has(bot_log_id)) scores.set(node_id, (scores.get(node_id) ?? 0) + 1);
  for (const node of nodes) {
    const score = scores.get(node.id);
    if (score !== undefined) {
      node.score = score;
      node.score_percent = percentOf(score, surveys.size);
    }
    if (node.score === null) continue;
    tables.score_history.push({
      id: tables.score_history.length + 1,
      node_id: node.id,
      score_at: timeOfUs(endSeconds * 1e6),
      score: node.score,
      score_percent: node.score_percent,
    });
  }
}
