/** What a night is asked to do, and what follows from what it did: pure parts of `npm run nightly`. */
import type { ReadFigure } from '../judge/compare/figures.ts';
import { FEWEST_ROUNDS } from '../judge/compare/rounds.ts';
import { isAboutTarget } from '../judge/compare/night-verdict.ts';
import type { LoadJob } from '../load/job.ts';
import type { HistoryEntry } from '../results/history.ts';

/** The last good version, to be measured beside the one of now. */
export type GoodVersion = {
  url: string;
  /** Program and arguments that start it; null: it runs already. */
  command: readonly string[] | null;
  /** Where it answers 200 once it serves. */
  ready: string | null;
};

export type NightScenario = {
  /** Of the series; any name, a scenario may stand there several times with other options. */
  name: string;
  job: LoadJob;
  /** Of a round of the second stage beside a good version: as `job`, but for what the configuration says. */
  roundJob: LoadJob;
  /** In the order of the report. */
  figures: readonly ReadFigure[];
  rounds: number;
  good: GoodVersion | null;
};

export type NightPlan = {
  /** Where runs, history and report lie. */
  folder: string;
  /** Runs of each series that stay. */
  keep: number;
  /** null: as long as it takes. */
  withinMs: number | null;
  scenarios: readonly NightScenario[];
};

/** Of a run that nobody has seen yet, beside its load: signing, starting, waiting for the storage, pictures. */
const BESIDE_MS = 60_000;

/** How long the scenario will take: as long as last time. @param loadMs its load alone */
export function expectedMs(
  entries: readonly HistoryEntry[],
  scenario: string,
  loadMs: number,
): number {
  const last = entries.findLast(
    (entry) => entry.scenario === scenario && isAboutTarget(entry.exitCode),
  );
  return last === undefined ? loadMs + BESIDE_MS : Math.max(last.tookMs, loadMs);
}

/** @param roundMs of both sides; `leftMs` null: there is no limit */
export const roundsWithin = (roundMs: number, leftMs: number | null): number =>
  leftMs === null ? Infinity : Math.floor(leftMs / roundMs);

/**
 * Rounds for which there is time; fewer than asked for are better than none, as long as they can prove something.
 * @returns null: not even the fewest fit
 */
export function roundsThatFit(
  asked: number,
  roundMs: number,
  leftMs: number | null,
): number | null {
  if (leftMs === null) return asked;
  const rounds = Math.min(asked, roundsWithin(roundMs, leftMs));
  return rounds >= FEWEST_ROUNDS ? rounds : null;
}

/**
 * Folders that are no longer needed: of each series (scenario and fingerprint) all but the last `keep` runs, and the rounds of the nights whose
 * run goes. Only what the history names is ever among them.
 */
export function foldersToRemove(entries: readonly HistoryEntry[], keep: number): string[] {
  const bySeries = new Map<string, HistoryEntry[]>();
  for (const entry of entries) {
    if (entry.run === null && entry.suspicions.every(({ session }) => session === null)) continue;
    const key = JSON.stringify([entry.scenario, entry.fingerprint]);
    bySeries.set(key, [...(bySeries.get(key) ?? []), entry]);
  }
  return [...bySeries.values()].flatMap((series) =>
    series
      .slice(0, Math.max(0, series.length - keep))
      .flatMap(({ run, suspicions }) =>
        [run, ...suspicions.map(({ session }) => session)].filter((folder) => folder !== null),
      ),
  );
}
