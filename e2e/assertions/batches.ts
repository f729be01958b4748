/** Assertions about the coordinator's batches: their time, their rows, what they selected. Pure. */
import { timeOfUs } from '../dump/times.ts';
import type { TableRow } from '../dump/types.ts';
import { type Assertion, cannotJudge, type Example, Faults, found } from './assertion.ts';
import { type Batch, type CountedBatch, type Facts, SECOND_US, type VerifiedRow } from './facts.ts';
import { type CountingRow, recomputeBatch, type Recomputed } from './recompute.ts';

const secondsText = (at: number): string => timeOfUs(at * SECOND_US);
export const nameOf = (batch: Pick<Batch, 'startSeconds' | 'endSeconds'>): string =>
  `${secondsText(batch.startSeconds)} to ${secondsText(batch.endSeconds)}`;
export const ofBatch = ({ startSeconds, endSeconds }: Batch): Pick<Example, 'batch'> => ({
  batch: { startSeconds, endSeconds },
});

const batchesCoverTime: Assertion = {
  name: 'batches-cover-time',
  title:
    'batches follow one another without gap or overlap, each of one survey interval, and every stored row is in one',
  needs: ['stored rows', 'table bot_logs'],
  check({ head, tables }, facts) {
    const faults = new Faults();
    const windows = facts.windows.map(({ batch }) => batch);
    const { intervalSeconds } = head.coordinator;
    windows.forEach((window, i) => {
      const length = window.endSeconds - window.startSeconds;
      if (length !== intervalSeconds)
        faults.add(() => ({
          what: `the batch ${nameOf(window)} has ${length} s, not ${intervalSeconds}`,
          ...ofBatch(window),
        }));
      const before = windows[i - 1];
      if (before === undefined || before.endSeconds === window.startSeconds) return;
      const gap = window.startSeconds - before.endSeconds;
      faults.add(() => ({
        what:
          gap > 0
            ? `no batch from ${secondsText(before.endSeconds)} to ${secondsText(window.startSeconds)}`
            : `the batches ${nameOf(before)} and ${nameOf(window)} share ${-gap} s`,
        ...ofBatch(window),
      }));
    });
    const initial = (tables.bot_logs ?? []).find(
      ({ batch_start_epoch, batch_end_epoch }) => batch_end_epoch === batch_start_epoch,
    );
    if (
      initial !== undefined &&
      windows.length > 0 &&
      initial.batch_end_epoch !== windows[0].startSeconds
    )
      faults.add(() => ({
        what: `the first batch begins at ${secondsText(windows[0].startSeconds)}, not where the initial row says, ${secondsText(initial.batch_end_epoch)}`,
      }));
    let uncovered = 0;
    let next = 0;
    for (const { row, us } of facts.rows) {
      while (next < windows.length && windows[next].endSeconds * SECOND_US <= us) next++;
      if (next < windows.length && windows[next].startSeconds * SECOND_US <= us) continue;
      uncovered++;
      faults.add(() => ({
        what: `${row.where}, submitted at ${row.submitted_at!}, is in no batch`,
        submitter: row.submitter!,
        ...idOf(facts.matched(head.verifiedIn).submissionOf.get(row)),
      }));
    }
    return found(faults, { batches: windows.length, 'rows in no batch': uncovered });
  },
};

const idOf = (submission: { id: number } | undefined): Pick<Example, 'submission'> =>
  submission === undefined ? {} : { submission: submission.id };

const oneCoordinator: Assertion = {
  name: 'one-coordinator',
  title: 'each window is counted once, as by one coordinator',
  needs: ['batches'],
  check(_, facts) {
    const faults = new Faults();
    facts.batches.forEach((batch, i) => {
      const before = facts.batches[i - 1];
      if (before?.startSeconds !== batch.startSeconds || before.endSeconds !== batch.endSeconds)
        return;
      faults.add(() => ({
        what: `the batch ${nameOf(batch)} is counted by bot_logs ${before.botLogId} and ${batch.botLogId}`,
        ...ofBatch(batch),
      }));
    });
    return found(faults, { batches: facts.batches.length });
  },
};

const filesProcessed: Assertion = {
  name: 'files-processed',
  title:
    'each batch counted as many rows as are verified in its time without an error, and all together as many as there are',
  needs: ['stored rows', 'batches'],
  check({ head, tables }, facts) {
    const faults = new Faults();
    const excluded = new Map(
      (tables.score_corrections ?? [])
        .filter(({ action, reverted_at }) => action === 'exclude_batch' && reverted_at === null)
        .map(({ bot_log_id, old_files_processed }) => [bot_log_id, old_files_processed]),
    );
    let [counted, counting] = [0, 0];
    for (const { batch, rows } of facts.windows) {
      const now = rows.filter(({ row }) => row.verified === true && !row.validation_error);
      const files = batch.isSurvey ? batch.filesProcessed : (excluded.get(batch.botLogId) ?? null);
      if (files === null) {
        faults.add(() => ({
          what: `the batch ${nameOf(batch)} is excluded, and no correction says so`,
          ...ofBatch(batch),
        }));
        continue;
      }
      counted += files;
      counting += now.length;
      if (files === now.length) continue;
      const last = now.at(-1);
      faults.add(() => ({
        what: `the batch ${nameOf(batch)} counted ${files} rows, and ${now.length} count`,
        ...ofBatch(batch),
        ...idOf(last && facts.matched(head.verifiedIn).submissionOf.get(last.row)),
      }));
    }
    return found(faults, { 'files processed': counted, 'rows that count': counting });
  },
};

/** Each expected submitter is due once in a cycle; so much more is given for snark work and jitter. */
const CYCLES = 1.2;

const producersCounted: Assertion = {
  name: 'producers-counted',
  title: 'every expected block producer has a row that counts in each batch',
  needs: ['expected submitters', 'stored rows', 'batches'],
  check({ head }, facts) {
    const faults = new Faults();
    const { submitters, periodMs } = head.expected;
    let due = 0;
    for (const { batch, counting } of facts.countedBatches) {
      const fromMs = Math.max(batch.startSeconds * 1000, head.startedMs);
      const untilMs = Math.min(batch.endSeconds * 1000, head.endedMs);
      if (untilMs - fromMs < CYCLES * periodMs) continue;
      const there = new Set(counting.map(({ row }) => row.submitter!));
      for (const submitter of submitters) {
        if (!facts.isExpected(submitter, fromMs, untilMs)) continue;
        due++;
        if (!there.has(submitter))
          faults.add(() => ({
            what: `no row of it counts in the batch ${nameOf(batch)}`,
            submitter,
            ...ofBatch(batch),
          }));
      }
    }
    return due === 0
      ? cannotJudge('a batch as long as a cycle of the nodes, and of which something is expected')
      : found(faults, { due, missing: faults.count });
  },
};

const rowOf = ({ row }: VerifiedRow): CountingRow => ({
  submitter: row.submitter!,
  stateHash: row.state_hash ?? null,
  parent: row.parent ?? null,
});

const NOTHING: Recomputed['shortlist'] = new Map();

/**
 * All counted batches recomputed, each on the one before where the coordinator keeps what was selected; the original does so after a start.
 */
export function recomputeAll(
  facts: Facts,
  keepsPrevious: boolean,
): (CountedBatch & { recomputed: Recomputed })[] {
  const afterStart = facts.batchesAfterStart;
  let before: Recomputed['shortlist'] = new Map();
  return facts.countedBatches.map((one) => {
    const builds = keepsPrevious || afterStart.has(one.batch.botLogId);
    const recomputed = recomputeBatch(one.counting.map(rowOf), builds ? before : NOTHING);
    before = recomputed.shortlist;
    return { ...one, recomputed };
  });
}

const statesSelected: Assertion = {
  name: 'states-selected',
  title: 'in each batch with rows some state has the support of 5 % of the block producers',
  needs: ['stored rows', 'batches'],
  check({ head }, facts) {
    const faults = new Faults();
    let states = 0;
    for (const { batch, counting, recomputed } of recomputeAll(
      facts,
      head.coordinator.keepsPrevious,
    )) {
      states += recomputed.selected;
      if (counting.length > 0 && recomputed.selected === 0)
        faults.add(() => ({
          what: `of ${recomputed.states} states of ${recomputed.producers} block producers none is selected in the batch ${nameOf(batch)}`,
          ...ofBatch(batch),
        }));
    }
    return found(faults, { batches: facts.countedBatches.length, selected: states });
  },
};

/** By batch: rows of a table that has its number. */
export function byBatch<T extends { bot_log_id: number | null }>(
  rows: readonly T[],
): Map<number, T[]> {
  const by = new Map<number, T[]>();
  for (const row of rows) {
    const of = by.get(row.bot_log_id ?? -1);
    if (of === undefined) by.set(row.bot_log_id ?? -1, [row]);
    else of.push(row);
  }
  return by;
}

/** Batches to which points were added after they had been counted: rows came late, or a correction was made. */
export function lateBatches(points: readonly TableRow<'points'>[]): Set<number> {
  const first = new Map<number, string>();
  const late = new Set<number>();
  for (const { bot_log_id: id, created_at: at } of points) {
    if (id === null || at === null) continue;
    const known = first.get(id);
    if (known === undefined) first.set(id, at);
    else if (known !== at) late.add(id);
  }
  return late;
}

const shortlistRight: Assertion = {
  name: 'shortlist-right',
  title:
    'the states that each batch shortlisted, their weights and parents are those of an independent computation',
  needs: ['stored rows', 'batches', 'table bot_logs_statehash', 'table statehash'],
  check({ head, tables }, facts) {
    const faults = new Faults();
    const values = new Map((tables.statehash ?? []).map(({ id, value }) => [id, value]));
    const rows = byBatch(tables.bot_logs_statehash ?? []);
    const late = lateBatches(tables.points ?? []);
    let states = 0;
    for (const { batch, recomputed } of recomputeAll(facts, head.coordinator.keepsPrevious)) {
      const { shortlist } = recomputed;
      states += shortlist.size;
      const seen = new Set<string>();
      // What was shortlisted stays so, whatever came later.
      const isLate = late.has(batch.botLogId);
      const fault = (what: string): void =>
        faults.add(() => ({ what: `${what} in the batch ${nameOf(batch)}`, ...ofBatch(batch) }));
      for (const { statehash_id, parent_statehash_id, weight } of rows.get(batch.botLogId) ?? []) {
        const state = statehash_id === null ? null : (values.get(statehash_id) ?? null);
        if (state === null) {
          fault(`a state without a value is shortlisted`);
          continue;
        }
        if (seen.has(state)) fault(`${state} is shortlisted twice`);
        seen.add(state);
        const wanted = shortlist.get(state);
        const parent =
          parent_statehash_id === null ? null : (values.get(parent_statehash_id) ?? null);
        if (wanted === undefined) {
          if (!isLate) fault(`${state} is shortlisted, and should not be`);
        } else if (wanted.weight !== weight && !isLate)
          fault(`${state} has the weight ${weight}, not ${wanted.weight}`);
        else if (!wanted.parents.has(parent))
          fault(`${state} has the parent ${parent ?? 'NULL'}, which no row says`);
      }
      for (const state of shortlist.keys())
        if (!seen.has(state)) fault(`${state} is not shortlisted, and should be`);
    }
    return found(faults, { batches: facts.countedBatches.length, shortlisted: states });
  },
};

const keepsUp: Assertion = {
  name: 'coordinator-keeps-up',
  title:
    'no batch is counted more than a survey interval, or the pause that the coordinator makes first, later after its end than the promptest one',
  needs: ['batches', 'times of batches'],
  check({ head }, facts) {
    const faults = new Faults();
    const lags = facts.batches.flatMap((batch) => {
      const at = facts.commits.get(batch.botLogId);
      return at === undefined ? [] : [{ batch, seconds: at / 1000 - batch.endSeconds }];
    });
    const least = lags.reduce((min, { seconds }) => Math.min(min, seconds), Infinity);
    const most = lags.reduce((max, { seconds }) => Math.max(max, seconds), -Infinity);
    // After its pause it counts all that is over by then, and makes none between.
    const { intervalSeconds, graceSeconds = 0 } = head.coordinator;
    const allowed = Math.max(intervalSeconds, graceSeconds);
    for (const { batch, seconds } of lags)
      if (seconds > least + allowed)
        faults.add(() => ({
          what: `the batch ${nameOf(batch)} was counted ${Math.round(seconds)} s after its end, another one ${Math.round(least)} s`,
          ...ofBatch(batch),
        }));
    return found(faults, {
      batches: lags.length,
      'least seconds after the end': Math.round(least),
      'most seconds after the end': Math.round(most),
    });
  },
};

export const BATCH_ASSERTIONS: readonly Assertion[] = [
  batchesCoverTime,
  oneCoordinator,
  keepsUp,
  filesProcessed,
  producersCounted,
  statesSelected,
  shortlistRight,
];
