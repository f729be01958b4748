/**
 * One submission's way: sent, answered, stored in each storage, picked in a mini-batch, verified by which program and rule, its state selected, its
 * point, its block producer's score, and when the leaderboard showed it. One object a submission, in the order of their ids. Pure.
 */
import { recomputeAll } from '../assertions/batches.ts';
import { type Batch, type Facts, isCounting } from '../assertions/facts.ts';
import type { Evidence } from '../dump/evidence.ts';
import { microsecondsOf, millisecondsOf } from '../dump/times.ts';
import type { MiniBatchFields, StorageName, StoredRow } from '../dump/types.ts';

/** The last stage that a submission reached. */
export const STAGES = [
  'sent',
  'answered',
  'stored',
  'verified',
  'counted',
  'shortlisted',
  'point',
] as const;
export type Stage = (typeof STAGES)[number];

/** Times are milliseconds since 1970; what did not happen is absent. */
export type TraceLine = {
  id: number;
  submitter: string;
  node: string;
  era: string;
  block_hash: string;
  created_at: string;
  reached: Stage;
  sent_ms: number;
  /** Of the attempt that was accepted, else of the last one. */
  answered_ms?: number;
  status: number;
  attempts: number;
  /** The storage's stamp: whole seconds, that of the server's clock. */
  stored?: Partial<Record<StorageName, { submitted_ms: number; where: string }>>;
  /** Storages that hold another submission of that submitter and second instead. */
  displaced_in?: StorageName[];
  mini_batch?: { from_ms: number; until_ms: number };
  verified_ms?: number;
  binary?: string;
  rule?: string;
  verdict?: 'verified' | 'refused' | 'not verified';
  error?: string;
  state_hash?: string;
  batch?: { bot_log_id: number; start_seconds: number; end_seconds: number };
  counted_ms?: number;
  /** By an independent computation; absent: not shortlisted. */
  weight?: number;
  point_id?: number;
  /** Of its block producer after that batch. */
  score?: { score: number | null; percent: string | null };
  /** The first answer for its block producer after the batch was counted. */
  shown_ms?: number;
  /** Times of stages that it reached and that nobody wrote down: calls of the original verifier, the commit of a batch without points. */
  not_known?: ('verified_ms' | 'counted_ms')[];
};

export function* traceOf(evidence: Evidence, facts: Facts): Generator<TraceLine> {
  const { head } = evidence;
  const find = {
    calls: callFinder(evidence),
    batches: batchFinder(evidence, facts),
    points: pointFinder(evidence),
    shown: shownFinder(evidence),
  };
  for (const submission of facts.submissions.values()) {
    const { id, sent, attempts } = submission;
    const answer = attempts.find(({ status }) => status === 200) ?? attempts.at(-1)!;
    const line: TraceLine = {
      id,
      submitter: sent.submitter,
      node: sent.node,
      era: sent.era,
      block_hash: sent.block_hash,
      created_at: sent.created_at,
      reached: 'sent',
      sent_ms: sent.sent_ms,
      ...(answer.answered_ms !== undefined && { answered_ms: answer.answered_ms }),
      status: answer.status ?? 0,
      attempts: attempts.length,
    };
    if (line.status !== 0) line.reached = 'answered';
    let verified: StoredRow | undefined;
    for (const { name } of head.storages) {
      const matched = facts.matched(name);
      const [row] = matched.rows.get(id) ?? [];
      if (row !== undefined) {
        (line.stored ??= {})[name] = {
          submitted_ms: millisecondsOf(row.submitted_at!),
          where: row.where,
        };
        line.reached = 'stored';
        if (name === head.verifiedIn) verified = row;
      } else if (matched.displaced.has(id)) (line.displaced_in ??= []).push(name);
    }
    if (verified !== undefined) follow(line, verified, find);
    yield line;
  }
}

type Find = {
  calls: ReturnType<typeof callFinder>;
  batches: ReturnType<typeof batchFinder>;
  points: ReturnType<typeof pointFinder>;
  shown: ReturnType<typeof shownFinder>;
};

/** From the row that the verifier works on to the leaderboard. */
function follow(line: TraceLine, row: StoredRow, find: Find): void {
  const us = microsecondsOf(row.submitted_at!);
  const found = find.batches(us);
  const call = find.calls(us / 1000);
  if (call !== null) {
    line.mini_batch = { from_ms: call.fields.fromMs, until_ms: call.fields.untilMs };
    if (row.verified === true || row.validation_error) line.verified_ms = call.endedMs;
    if (call.fields.binary !== undefined) line.binary = call.fields.binary;
    if (call.fields.rule !== undefined) line.rule = call.fields.rule;
  }
  line.verdict = row.validation_error
    ? 'refused'
    : row.verified === true
      ? 'verified'
      : 'not verified';
  if (row.validation_error) line.error = row.validation_error;
  if (row.state_hash) line.state_hash = row.state_hash;
  if (line.verdict !== 'not verified') {
    line.reached = 'verified';
    if (line.verified_ms === undefined) line.not_known = ['verified_ms'];
  }
  if (found === null) return;
  const { batch, weights, countedMs, scores } = found;
  line.batch = {
    bot_log_id: batch.botLogId,
    start_seconds: batch.startSeconds,
    end_seconds: batch.endSeconds,
  };
  if (!isCounting(row)) return;
  line.reached = 'counted';
  if (countedMs !== null) line.counted_ms = countedMs;
  else (line.not_known ??= []).push('counted_ms');
  const weight = weights.get(row.state_hash ?? '')?.weight;
  if (weight === undefined) return;
  line.weight = weight;
  line.reached = 'shortlisted';
  const point = find.points(batch.botLogId, line.submitter, us);
  if (point === null) return;
  line.point_id = point;
  line.reached = 'point';
  const score = scores.get(line.submitter);
  if (score !== undefined) line.score = score;
  if (countedMs === null) return;
  const shown = find.shown(line.submitter, countedMs);
  if (shown !== null) line.shown_ms = shown;
}

/** The place of the last element that begins at or before `at`; -1: there is none. */
function lastAtOrBefore<T>(list: readonly T[], begin: (one: T) => number, at: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (begin(list[middle]) <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The last call that verified a moment. */
function callFinder({ events }: Evidence) {
  const calls = events
    .filter(({ kind }) => kind === 'mini-batch')
    .map(({ at_ms: endedMs, fields }) => ({ endedMs, fields: fields as MiniBatchFields }))
    .filter(({ fields }) => fields.failure === undefined)
    .sort((a, b) => a.fields.fromMs - b.fields.fromMs || a.endedMs - b.endedMs);
  return (ms: number) => {
    const at = lastAtOrBefore(calls, ({ fields }) => fields.fromMs, ms);
    return at !== -1 && ms < calls[at].fields.untilMs ? calls[at] : null;
  };
}

function batchFinder(evidence: Evidence, facts: Facts) {
  const { head, tables } = evidence;
  const keys = new Map((tables.nodes ?? []).map(({ id, block_producer_key: key }) => [id, key]));
  const history = new Map<number, Map<string, { score: number | null; percent: string | null }>>();
  for (const row of tables.score_history ?? []) {
    const key = keys.get(row.node_id ?? -1);
    if (!key || row.score_at === null) continue;
    const at = microsecondsOf(row.score_at) / 1e6;
    const of =
      history.get(at) ?? new Map<string, { score: number | null; percent: string | null }>();
    history.set(at, of.set(key, { score: row.score, percent: row.score_percent }));
  }
  const batches = recomputeAll(facts, head.coordinator.keepsPrevious).map(
    ({ batch, recomputed }) => ({
      batch,
      weights: recomputed.shortlist,
      countedMs: facts.commits.get(batch.botLogId) ?? null,
      scores:
        history.get(batch.endSeconds) ??
        new Map<string, { score: number | null; percent: string | null }>(),
    }),
  );
  const begin = ({ batch }: { batch: Batch }): number => batch.startSeconds * 1e6;
  return (us: number) => {
    const at = lastAtOrBefore(batches, begin, us);
    return at !== -1 && us < batches[at].batch.endSeconds * 1e6 ? batches[at] : null;
  };
}

function pointFinder({ tables }: Evidence) {
  const keys = new Map((tables.nodes ?? []).map(({ id, block_producer_key: key }) => [id, key]));
  const points = new Map<string, number>();
  for (const { id, bot_log_id: batch, node_id: node, file_timestamps: at } of tables.points ?? [])
    if (at !== null)
      points.set(`${batch ?? -1} ${keys.get(node ?? -1) ?? ''} ${microsecondsOf(at)}`, id);
  return (batch: number, submitter: string, us: number): number | null =>
    points.get(`${batch} ${submitter} ${us}`) ?? null;
}

function shownFinder({ leaderboard }: Evidence) {
  const answers = new Map<string, number[]>();
  for (const { at_ms: at, path, status } of leaderboard) {
    if (status !== 200 || !path.startsWith('/uptimescore/B62')) continue;
    const key = path.slice('/uptimescore/'.length).replace(/\/.*$/, '');
    const of = answers.get(key);
    if (of === undefined) answers.set(key, [at]);
    else of.push(at);
  }
  for (const of of answers.values()) of.sort((a, b) => a - b);
  return (submitter: string, ms: number): number | null =>
    answers.get(submitter)?.find((at) => at >= ms) ?? null;
}
