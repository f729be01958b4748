/** Assertions about points, scores and their history. Pure. */
import { microsecondsOf, timeOfUs } from '../dump/times.ts';
import type { Evidence } from '../dump/evidence.ts';
import type { TableRow } from '../dump/types.ts';
import { type Assertion, cannotJudge, Faults, found } from './assertion.ts';
import { byBatch, lateBatches, nameOf, ofBatch, recomputeAll } from './batches.ts';
import { type Facts, SECOND_US } from './facts.ts';
import { type Score, type ScoredBatch, scoresAt } from './recompute.ts';

/** What the original's maintenance writes as file_name of a point that it credits. */
const CREDIT = 'score-correction:';

const keysOf = ({ tables }: Evidence): Map<number, string> =>
  new Map((tables.nodes ?? []).map(({ id, block_producer_key: key }) => [id, key ?? '']));

const pointsRight: Assertion = {
  name: 'points-right',
  title:
    'the points of each batch are the rows of shortlisted states of an independent computation, one each',
  needs: ['stored rows', 'batches', 'table points', 'table nodes', 'table statehash'],
  check(evidence, facts) {
    const { head, tables } = evidence;
    const faults = new Faults();
    const keys = keysOf(evidence);
    const values = new Map((tables.statehash ?? []).map(({ id, value }) => [id, value]));
    const points = byBatch(tables.points ?? []);
    const late = lateBatches(tables.points ?? []);
    const credited = new Set(
      (tables.score_corrections ?? [])
        .filter(({ action }) => action === 'credit_point')
        .map(({ point_id: id }) => id),
    );
    const { submissionOf } = facts.matched(head.verifiedIn);
    let wantedPoints = 0;
    for (const { batch, counting, recomputed } of recomputeAll(
      facts,
      head.coordinator.keepsPrevious,
    )) {
      /** Rows that count by producer and moment, of which there is one. */
      const rows = new Map(counting.map((one) => [`${one.row.submitter!} ${one.us}`, one]));
      const missing = new Set(
        [...rows].filter(([, { row }]) => recomputed.shortlist.has(row.state_hash ?? '')).map(([key]) => key), // prettier-ignore
      );
      wantedPoints += missing.size;
      for (const point of points.get(batch.botLogId) ?? []) {
        const fault = (what: string): void =>
          faults.add(() => ({
            what: `point ${point.id} (${point.file_name ?? ''}) ${what}`,
            submitter: keys.get(point.node_id ?? -1) ?? '',
            ...ofBatch(batch),
          }));
        if (point.file_name?.startsWith(CREDIT)) {
          if (!credited.has(point.id)) fault('is a credit that no correction names');
          continue;
        }
        const us = point.file_timestamps === null ? NaN : microsecondsOf(point.file_timestamps);
        const key = `${keys.get(point.node_id ?? -1) ?? ''} ${us}`;
        const one = rows.get(key);
        if (one === undefined) fault('is of no row that counts');
        else if (
          !missing.delete(key) &&
          !(late.has(batch.botLogId) && !recomputed.shortlist.has(one.row.state_hash ?? ''))
        )
          fault(
            recomputed.shortlist.has(one.row.state_hash ?? '')
              ? 'is the second of its row'
              : 'is of a state that is not shortlisted',
          );
        else {
          const state = point.statehash_id === null ? null : values.get(point.statehash_id);
          const createdAtMs = Math.floor(microsecondsOf(one.row.created_at!) / 1000);
          if (state !== one.row.state_hash) fault(`has the state ${state ?? 'NULL'}`);
          else if (point.amount !== 1) fault(`has the amount ${String(point.amount)}`);
          else if (point.blockchain_height !== (one.row.height ?? null))
            fault(`has the height ${String(point.blockchain_height)}`);
          else if (point.blockchain_epoch !== createdAtMs)
            fault(`has the time ${String(point.blockchain_epoch)}, not ${createdAtMs}`);
        }
      }
      for (const key of missing) {
        const { row } = rows.get(key)!;
        const submission = submissionOf.get(row);
        faults.add(() => ({
          what: `${row.where} has no point in the batch ${nameOf(batch)}`,
          submitter: row.submitter!,
          ...ofBatch(batch),
          ...(submission !== undefined && { submission: submission.id }),
        }));
      }
    }
    return found(faults, { points: (tables.points ?? []).length, 'points due': wantedPoints });
  },
};

const summaryRight: Assertion = {
  name: 'points-summary-right',
  title: 'points_summary has each block producer with a point in a batch once',
  needs: ['table points', 'table points_summary', 'table nodes'],
  check(evidence) {
    const faults = new Faults();
    const keys = keysOf(evidence);
    const wanted = new Map<string, { botLogId: number; nodeId: number }>();
    for (const { bot_log_id: botLogId, node_id: nodeId } of evidence.tables.points ?? [])
      if (botLogId !== null && nodeId !== null)
        wanted.set(`${botLogId} ${nodeId}`, { botLogId, nodeId });
    const seen = new Set<string>();
    for (const { bot_log_id: botLogId, node_id: nodeId } of evidence.tables.points_summary ?? []) {
      const key = `${botLogId} ${nodeId}`;
      if (seen.has(key) || !wanted.has(key))
        faults.add(() => ({
          what: `bot_log ${botLogId} ${seen.has(key) ? 'has it twice' : 'has it without a point'}`,
          submitter: keys.get(nodeId) ?? '',
        }));
      seen.add(key);
    }
    for (const [key, { botLogId, nodeId }] of wanted)
      if (!seen.has(key))
        faults.add(() => ({
          what: `a point in bot_log ${botLogId}, and not in its summary`,
          submitter: keys.get(nodeId) ?? '',
        }));
    return found(faults, { summaries: seen.size, 'with a point': wanted.size });
  },
};

/** Batches with who has a point in them; `inTime`: without points that were added after the batch had been counted. */
function scoredBatches({ tables }: Evidence, facts: Facts, inTime: boolean): ScoredBatch[] {
  const summaries = byBatch(tables.points_summary ?? []);
  const first = new Map<number, string>();
  const since = new Map<string, string>();
  for (const { bot_log_id: id, node_id: node, created_at: at } of tables.points ?? []) {
    if (id === null || node === null || at === null) continue;
    const key = `${id} ${node}`;
    if (at < (first.get(id) ?? '~')) first.set(id, at);
    if (at < (since.get(key) ?? '~')) since.set(key, at);
  }
  return facts.batches
    .map(({ botLogId, startSeconds, endSeconds, isSurvey }) => ({
      startSeconds,
      endSeconds,
      isSurvey,
      nodes: (summaries.get(botLogId) ?? [])
        .map(({ node_id: node }) => node)
        .filter((node) => !inTime || since.get(`${botLogId} ${node}`) === first.get(botLogId)),
    }))
    .sort((a, b) => a.endSeconds - b.endSeconds || a.startSeconds - b.startSeconds);
}

const EXCLUDED_NOTE =
  'a correction changed what counts: history before it is not judged, it is not rewritten';

/** When the last correction was applied or taken back, in seconds; -Infinity: there is none. */
const correctedAt = ({ tables }: Evidence): number =>
  (tables.score_corrections ?? []).reduce(
    (last, { applied_at: applied, reverted_at: reverted }) =>
      [applied, reverted].reduce(
        (latest, at) => (at === null ? latest : Math.max(latest, microsecondsOf(at) / SECOND_US)),
        last,
      ),
    -Infinity,
  );

/** A score as it was written: between what counted in time and what counts now. */
function isBetween(
  has: { score: number | null; percent: string | null },
  [least, most]: (Score | undefined)[],
): boolean {
  if (least?.score === most?.score && least?.percent === most?.percent)
    return has.score === most?.score && has.percent === most.percent;
  return has.score !== null && has.score >= (least?.score ?? 0) && has.score <= (most?.score ?? 0);
}

const scoresRight: Assertion = {
  name: 'scores-right',
  title:
    'score and score_percent of every block producer are those of an independent computation over the window of days',
  needs: ['batches', 'table nodes', 'table points_summary'],
  check(evidence, facts) {
    const { head, tables } = evidence;
    const faults = new Faults();
    const moments = [...new Set(facts.batches.map(({ endSeconds }) => endSeconds))].sort(
      (a, b) => a - b,
    );
    const { uptimeDays } = head.coordinator;
    let [least, most]: ReadonlyMap<number, Score>[] = [new Map(), new Map()];
    for (const { scores } of scoresAt(scoredBatches(evidence, facts, true), moments, uptimeDays))
      least = scores;
    for (const { scores } of scoresAt(scoredBatches(evidence, facts, false), moments, uptimeDays))
      most = scores;
    const isCorrected = correctedAt(evidence) > moments.at(-1)!;
    for (const { id, block_producer_key: key, score, score_percent: percent } of tables.nodes ??
      []) {
      const wanted = [least.get(id), most.get(id)];
      const isRight =
        wanted[1] === undefined
          ? score === null && percent === null
          : isBetween({ score, percent }, isCorrected ? [undefined, wanted[1]] : wanted);
      if (!isRight)
        faults.add(() => ({
          what: `has ${textOf(score, percent)}, not ${textOf(wanted[1]?.score ?? null, wanted[1]?.percent ?? null)}`,
          submitter: key ?? '',
        }));
    }
    return found(faults, {
      'block producers': (tables.nodes ?? []).length,
      scored: most.size,
      batches: facts.countedBatches.length,
    });
  },
};

const textOf = (score: number | null, percent: string | null): string =>
  score === null ? 'no score' : `${score} (${percent ?? 'NULL'} %)`;

const historyRight: Assertion = {
  name: 'score-history-right',
  title:
    'score_history has of every batch each block producer that ever scored, with its score then',
  needs: ['batches', 'table score_history', 'table points_summary', 'table nodes'],
  check(evidence, facts) {
    const { head, tables } = evidence;
    const faults = new Faults();
    const keys = keysOf(evidence);
    const history = new Map<number, Map<number, TableRow<'score_history'>>>();
    for (const row of tables.score_history ?? []) {
      const at = row.score_at === null ? NaN : microsecondsOf(row.score_at) / SECOND_US;
      let of = history.get(at);
      if (of === undefined) history.set(at, (of = new Map<number, TableRow<'score_history'>>()));
      if (of.has(row.node_id ?? -1))
        faults.add(() => ({
          what: `two rows at ${row.score_at ?? 'NULL'}`,
          submitter: keys.get(row.node_id ?? -1) ?? '',
        }));
      of.set(row.node_id ?? -1, row);
    }
    // Also of a batch that was lost, which is no matter of the history.
    const moments = [
      ...new Set([...facts.batches.map(({ endSeconds }) => endSeconds), ...history.keys()]),
    ].sort((a, b) => a - b);
    const { uptimeDays } = head.coordinator;
    const inTime = scoresAt(scoredBatches(evidence, facts, true), moments, uptimeDays);
    const corrected = correctedAt(evidence);
    let judged = 0;
    for (const { atSeconds, scores: most } of scoresAt(
      scoredBatches(evidence, facts, false),
      moments,
      uptimeDays,
    )) {
      const least = (inTime.next().value as { scores: ReadonlyMap<number, Score> }).scores;
      if (atSeconds <= corrected) continue;
      judged++;
      const rows = history.get(atSeconds) ?? new Map<number, TableRow<'score_history'>>();
      const when = timeOfUs(atSeconds * SECOND_US);
      for (const [node, wanted] of most) {
        const row = rows.get(node);
        const mayBeMissing = least.get(node) === undefined;
        const isRight =
          row === undefined
            ? mayBeMissing
            : isBetween({ score: row.score, percent: row.score_percent }, [least.get(node), wanted]); // prettier-ignore
        if (!isRight)
          faults.add(() => ({
            what: `at ${when} it has ${row === undefined ? 'no row' : textOf(row.score, row.score_percent)}, not ${textOf(wanted.score, wanted.percent)}`,
            submitter: keys.get(node) ?? '',
          }));
      }
      for (const node of rows.keys())
        if (!most.has(node))
          faults.add(() => ({
            what: `at ${when} it has a row, and never scored`,
            submitter: keys.get(node) ?? '',
          }));
    }
    if (judged === 0) return cannotJudge('a batch after the last correction');
    return found(
      faults,
      { rows: (tables.score_history ?? []).length, moments: judged },
      corrected === -Infinity ? undefined : EXCLUDED_NOTE,
    );
  },
};

const tablesWhole: Assertion = {
  name: 'tables-whole',
  title: 'what must be unique in the coordinator’s tables is, and every number leads to a row',
  needs: ['table bot_logs', 'table nodes', 'table statehash'],
  check({ tables }) {
    const faults = new Faults();
    const idsOf = (rows: readonly { id: number }[] | undefined): Set<number> =>
      new Set((rows ?? []).map(({ id }) => id));
    const ids = {
      bot_logs: idsOf(tables.bot_logs),
      nodes: idsOf(tables.nodes),
      statehash: idsOf(tables.statehash),
    };
    const unique = (table: string, values: Iterable<string | null>): void => {
      const seen = new Set<string>();
      for (const value of values) {
        if (value === null) continue;
        if (seen.has(value)) faults.add(() => ({ what: `${value} is twice in ${table}` }));
        seen.add(value);
      }
    };
    unique(
      'nodes',
      (tables.nodes ?? []).map(({ block_producer_key: key }) => key),
    );
    unique(
      'statehash',
      (tables.statehash ?? []).map(({ value }) => value),
    );
    const lead = (from: string, to: keyof typeof ids, numbers: Iterable<number | null>): void => {
      for (const number of numbers)
        if (number !== null && !ids[to].has(number))
          faults.add(() => ({ what: `${from} names ${to} ${number}, which is not there` }));
    };
    const points = tables.points ?? [];
    lead(
      'points',
      'nodes',
      points.map(({ node_id: id }) => id),
    );
    lead(
      'points',
      'bot_logs',
      points.map(({ bot_log_id: id }) => id),
    );
    lead(
      'points',
      'statehash',
      points.map(({ statehash_id: id }) => id),
    );
    const summary = tables.points_summary ?? [];
    lead(
      'points_summary',
      'nodes',
      summary.map(({ node_id: id }) => id),
    );
    lead(
      'points_summary',
      'bot_logs',
      summary.map(({ bot_log_id: id }) => id),
    );
    lead(
      'score_history',
      'nodes',
      (tables.score_history ?? []).map(({ node_id: id }) => id),
    );
    const states = tables.bot_logs_statehash ?? [];
    lead(
      'bot_logs_statehash',
      'bot_logs',
      states.map(({ bot_log_id: id }) => id),
    );
    lead('bot_logs_statehash', 'statehash', states.flatMap((row) => [row.statehash_id, row.parent_statehash_id])); // prettier-ignore
    return found(faults, {
      batches: ids.bot_logs.size,
      'block producers': ids.nodes.size,
      states: ids.statehash.size,
    });
  },
};

/** Production has it since 2026: without it each batch reads the whole table. */
const indexPresent: Assertion = {
  name: 'index-present',
  title: 'submissions has a valid index that begins with submitted_at',
  needs: ['table indexes'],
  check({ tables }) {
    const faults = new Faults();
    const indexes = (tables.indexes ?? []).filter(({ table }) => table === 'submissions');
    const onTime = indexes.filter(({ columns }) => columns.split(', ')[0] === 'submitted_at');
    if (!onTime.some(({ valid }) => valid))
      faults.add(() => ({
        what:
          onTime.length === 0
            ? 'no index of submissions begins with submitted_at'
            : `${onTime.map(({ name }) => name).join(', ')} was not built to its end`,
      }));
    return found(faults, { indexes: indexes.length });
  },
};

export const SCORE_ASSERTIONS: readonly Assertion[] = [
  pointsRight,
  summaryRight,
  scoresRight,
  historyRight,
  tablesWhole,
  indexPresent,
];
