/** Batches and scores computed from rows alone, as they were and as they would have been. Pure. */
import { countErrors, type ErrorCount } from '../error-class.ts';
import { scoreBatch, type PreviousState } from '../scoring.ts';
import type { Window } from '../window.ts';
import { counts, type OfflineRow, type RowStore } from './row-store.ts';
import { isCredited, isExcluded, Waiver, type WhatIf } from './what-if.ts';

/** A batch's window; `excluded`: files_processed -1, so it is no survey. */
export type OfflineWindow = Window & { excluded: boolean };

export type ReplayedBatch = {
  window: Window;
  excluded: boolean;
  rows: number;
  counting: number;
  producers: number;
  states: number;
  selected: number;
  shortlisted: number;
  points: number;
  /** Block producers with a point. */
  scored: ReadonlySet<string>;
};

/** In how many of the window's surveys a block producer had a point. */
export type Score = { points: number; percent: string };

export type Replay = {
  batches: ReplayedBatch[];
  surveys: number;
  /** Every block producer that sent something, also one that never scored. */
  scores: Map<string, Score>;
  errors: ErrorCount[];
  /** What the changes did; 0 without them. */
  changes: { waived: number; unwaived: number; credited: number; excluded: number };
};

export type ReplaySettings = {
  uptimeDays: number;
  keepsPrevious: boolean;
  cutoverMs: number | null;
};

/** As the tables have it: cut after two digits. */
export function percentOf(points: number, surveys: number): string {
  const hundredths = Math.floor((points * 10_000) / surveys);
  return `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, '0')}`;
}

/** @param windows in the order of time, without overlap */
export function replay(
  store: RowStore,
  windows: readonly OfflineWindow[],
  settings: ReplaySettings,
  whatIf: WhatIf = {},
): Replay {
  const waiver = new Waiver();
  const batches: (ReplayedBatch & { creditable: Set<string> })[] = [];
  const refused: { submitter: string; submittedAtMs: number; error: string }[] = [];
  const producers = new Set<string>();
  const changes = { waived: 0, unwaived: 0, credited: 0, excluded: 0 };
  let previous: PreviousState[] = [];
  let place = 0;
  for (const { window, rows } of store.batches(windows)) {
    const creditable = new Set<string>();
    let used: readonly OfflineRow[] = rows;
    for (const row of rows) {
      producers.add(row.submitter);
      if (!row.error) continue;
      refused.push({ ...row, submittedAtMs: row.submittedAtUs / 1000, error: row.error });
      if (whatIf.credit !== undefined && isCredited(row.error, whatIf.credit))
        creditable.add(row.submitter);
    }
    if (whatIf.sokWaiver === true) {
      const waived = waiver.apply(rows);
      used = waived.rows;
      changes.waived += waived.waived;
      changes.unwaived += waived.unknown;
    }
    const counting = used.filter(counts);
    const score = scoreBatch(counting, settings.keepsPrevious ? previous : []);
    const shortlist = score.states.filter(({ shortlisted }) => shortlisted);
    previous = shortlist.flatMap(({ stateHash, parent, weight }) =>
      parent === null ? [] : [{ stateHash, parent, weight }],
    );
    const wasExcluded = windows[place++].excluded;
    const excluded = wasExcluded || isExcluded(window, whatIf);
    if (excluded && !wasExcluded) changes.excluded++;
    batches.push({
      window,
      excluded,
      rows: rows.length,
      counting: counting.length,
      producers: score.producers,
      states: score.states.length,
      selected: score.states.filter(({ selected }) => selected).length,
      shortlisted: shortlist.length,
      points: excluded ? 0 : score.points.length,
      scored: excluded ? new Set() : new Set(score.points.map((row) => counting[row].submitter)),
      creditable,
    });
  }
  const all =
    whatIf.credit === undefined ? batches : credit(batches, whatIf.credit.withinHours, changes);
  const last = all.at(-1)?.window.endSeconds ?? 0;
  const inWindow = all.filter(
    ({ window }) => window.startSeconds >= last - settings.uptimeDays * 86_400,
  );
  const surveys = inWindow.filter(({ excluded }) => !excluded).length;
  const points = new Map([...producers].sort().map((key) => [key, 0]));
  for (const { scored } of inWindow)
    for (const key of scored) points.set(key, (points.get(key) ?? 0) + 1);
  return {
    batches: all,
    surveys,
    scores: new Map(
      [...points].map(([key, sum]) => [
        key,
        { points: sum, percent: surveys === 0 ? '0.00' : percentOf(sum, surveys) },
      ]),
    ),
    errors: countErrors(refused, settings.cutoverMs),
    changes,
  };
}

/**
 * As the program's correction: a block producer with a refused row of this kind and no point gets one, if it has a real point in a batch
 * that ends within so many hours.
 */
function credit<Batch extends ReplayedBatch & { creditable: Set<string> }>(
  batches: readonly Batch[],
  withinHours: number | null,
  changes: Replay['changes'],
): Batch[] {
  const pointsOf = new Map<string, number[]>();
  for (const { scored, window } of batches)
    for (const key of scored) {
      const ends = pointsOf.get(key);
      if (ends === undefined) pointsOf.set(key, [window.endSeconds]);
      else ends.push(window.endSeconds);
    }
  const isNear = (key: string, endSeconds: number): boolean => {
    if (withinHours === null) return true;
    const ends = pointsOf.get(key) ?? [];
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle] < endSeconds - withinHours * 3600) low = middle + 1;
      else high = middle;
    }
    return low < ends.length && ends[low] <= endSeconds + withinHours * 3600;
  };
  return batches.map((batch) => {
    if (batch.excluded) return batch;
    const credited = [...batch.creditable].filter(
      (key) => !batch.scored.has(key) && isNear(key, batch.window.endSeconds),
    );
    if (credited.length === 0) return batch;
    changes.credited += credited.length;
    return {
      ...batch,
      points: batch.points + credited.length,
      scored: new Set([...batch.scored, ...credited]),
    };
  });
}

/** The program's thresholds of a score. */
export const THRESHOLDS = [99, 95, 90] as const;

/** How many block producers reach each threshold. */
export const reaching = ({ scores }: Replay): number[] =>
  THRESHOLDS.map(
    (threshold) =>
      [...scores.values()].filter(({ percent }) => Number(percent) >= threshold).length,
  );
