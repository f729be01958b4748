/** What the scenarios of a night say together. Pure. */
import type { HistoryEntry } from '../../results/history.ts';
import { EXIT } from '../../user-error.ts';

/** How a scenario of a night ended. */
export type ScenarioEnd = {
  name: string;
  /** Of the run alone; null: there was none. */
  entry: HistoryEntry | null;
  /** The code that it adds to the night. */
  exitCode: number;
  /** Why there is no run, or why it does not count; null: it does. */
  fault: string | null;
};

/** A confirmed regression fails; what the second stage could not decide proves nothing. */
export function exitCodeOfEntry({ exitCode, suspicions }: HistoryEntry): number {
  if (suspicions.some(({ outcome }) => outcome === 'confirmed')) return EXIT.gateFailed;
  if (exitCode !== EXIT.passed) return exitCode;
  return suspicions.some(({ outcome }) => outcome === 'open') ? EXIT.noData : EXIT.passed;
}

/**
 * From the one that decides first on. Scenarios stand for themselves: a gate that failed in one is a fact, whatever broke in another; after it
 * comes what somebody must mend.
 */
const DECIDES_FIRST: readonly number[] = [
  EXIT.interrupted,
  EXIT.gateFailed,
  EXIT.usage,
  EXIT.broken,
  EXIT.generatorLimited,
  EXIT.noData,
];

export const exitCodeOfNight = (ends: readonly Pick<ScenarioEnd, 'exitCode'>[]): number =>
  ends.length === 0
    ? EXIT.noData
    : (DECIDES_FIRST.find((code) => ends.some(({ exitCode }) => exitCode === code)) ?? EXIT.passed);

/** Ends after which a run's figures say nothing about the target; a gate that failed is about it. */
export const isAboutTarget = (exitCode: number): boolean =>
  exitCode === EXIT.passed || exitCode === EXIT.gateFailed;
