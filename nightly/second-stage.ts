/**
 * The second stage of a night: what is suspected is measured again at once. Beside the last good version in interleaved rounds where there is
 * one; else now alone, against the level of its own last nights.
 */
import { basename } from 'node:path';
import { AB_SETTLE_MS, spareOf } from '../load/ab/plan.ts';
import { runSession } from '../load/ab/run.ts';
import type { ReadFigure } from '../judge/compare/figures.ts';
import type { Comparison } from '../judge/compare/comparison.ts';
import { isBeyondLevel, nightsOfLevel, type Suspicion } from '../judge/compare/nights.ts';
import type { SeriesNight } from '../judge/compare/series.ts';
import type { Surroundings } from '../load/job.ts';
import { comparisonSentence, formatRatio } from '../report/compare/page.ts';
import { calibrationPathOf } from '../report/compare/calibration.ts';
import { judgeSession } from '../report/compare/session.ts';
import type { RecordedSuspicion } from '../results/history.ts';
import { countOf, formatDuration, formatNumber } from '../results/units.ts';
import { UserError } from '../user-error.ts';
import { runAgain } from './again.ts';
import { withGoodVersion } from './good-version.ts';
import { type NightScenario, roundsThatFit, roundsWithin } from './plan.ts';

/** Runs of now against its own nights: the fewest that the rule takes, since all of them together are one more night. */
const RUNS_AGAIN = 3;

export type Suspected = {
  figure: ReadFigure;
  suspicion: Suspicion;
  /** From the oldest night on, this one included. */
  nights: readonly SeriesNight[];
};

/** What the second stage says of each figure. */
type Found = Pick<RecordedSuspicion, 'outcome' | 'against' | 'words' | 'session'>;

export type SecondStage = {
  scenario: NightScenario;
  /** Of this night's run. */
  fingerprint: string;
  suspected: readonly Suspected[];
  /** One load with all that belongs to it, as it was measured just now. */
  loadMs: number;
  /** Until the night must end; null: there is no limit. */
  leftMs: number | null;
};

export type NightSurroundings = Surroundings & { output: NodeJS.WritableStream };

const open = (words: string): Found => ({ outcome: 'open', against: null, words, session: null });

/** Whatever goes wrong here leaves the suspicion open; it takes nothing from the night. */
export async function secondStage(
  stage: SecondStage,
  surroundings: NightSurroundings,
): Promise<RecordedSuspicion[]> {
  const find = async (): Promise<(one: Suspected) => Found> => {
    try {
      return stage.scenario.good === null
        ? await againstOwnNights(stage, surroundings)
        : await againstGood(stage, surroundings);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return () => open(error.message);
    }
  };
  const found = await find();
  return stage.suspected.map((one) => ({
    figure: one.figure.name,
    kind: one.suspicion.kind,
    since: one.nights[one.suspicion.at].night,
    ratio: one.suspicion.ratio,
    ...found(one),
  }));
}

const noTime = (needMs: number, leftMs: number): string =>
  `there is no time to measure again: ${formatDuration(needMs)} are needed, ${formatDuration(Math.max(leftMs, 0))} are left`;

async function againstGood(
  { scenario, suspected, loadMs, leftMs }: SecondStage,
  surroundings: NightSurroundings,
): Promise<(one: Suspected) => Found> {
  const { good, job, roundJob } = scenario;
  // A round's load may be shorter than the night's.
  const sideMs = loadMs - job.request.durationMs + roundJob.request.durationMs + AB_SETTLE_MS;
  const roundMs = 2 * Math.max(sideMs, roundJob.request.durationMs);
  const rounds = roundsThatFit(scenario.rounds, roundMs, leftMs);
  if (rounds === null) {
    const words = noTime(6 * roundMs, leftMs!);
    return () => open(words);
  }
  const plan = {
    base: { url: good!.url, weight: 1 },
    now: roundJob.targets[0],
    rounds,
    spare: Math.min(spareOf(rounds), roundsWithin(roundMs, leftMs) - rounds),
    settleMs: AB_SETTLE_MS,
    gates: suspected.map(({ figure }) => figure.name),
  };
  const { env, cwd, interrupts } = surroundings;
  const { folder, interrupted } = await withGoodVersion(
    good!,
    { env, cwd, logFolder: roundJob.resultsFolder, signal: interrupts.first },
    () => runSession({ ...roundJob, ab: plan }, plan, surroundings),
  );
  if (folder === null) return () => open('the rounds were cut off before the first had ended');
  const session = basename(folder);
  let comparison: Comparison;
  try {
    ({ comparison } = await judgeSession(folder, {
      unlike: false,
      calibrationPath: calibrationPathOf(folder),
      pictures: roundJob.pictures,
    }));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return () => ({ ...open(error.message), session });
  }
  const cutOff = interrupted ? 'the rounds were cut off; ' : '';
  return ({ figure }) => {
    const one = comparison.figures.find(({ figure: { name } }) => name === figure.name)!;
    if (comparison.state === 'unlike' || one.state === 'no data' || one.ratio === null)
      return { ...open(`${cutOff}${comparisonSentence(comparison)}`), session };
    const { low, high, estimate } = one.ratio;
    const range = `${low === null ? '?' : formatRatio(low)} to ${high === null ? '?' : formatRatio(high)}`;
    return {
      outcome: one.state === 'worse' ? 'confirmed' : 'cleared',
      against: 'good version',
      words: `${formatRatio(estimate)} (${range}) beside the good version in ${countOf(one.rounds, 'round')}`,
      session,
    };
  };
}

async function againstOwnNights(
  { scenario, fingerprint, loadMs, leftMs }: SecondStage,
  surroundings: NightSurroundings,
): Promise<(one: Suspected) => Found> {
  const needMs = RUNS_AGAIN * loadMs;
  if (leftMs !== null && leftMs < needMs) {
    const words = noTime(needMs, leftMs);
    return () => open(words);
  }
  const again = await runAgain(scenario.job, RUNS_AGAIN, surroundings);
  const session = again.folder === null ? null : basename(again.folder);
  const alike = again.runs.filter((run) => run.fingerprint === fingerprint);
  return ({ figure, nights, suspicion }) => {
    const level = nightsOfLevel(nights, suspicion);
    const values = alike.flatMap(({ figures }) => {
      const value = figure.read(figures);
      return value !== null && value > 0 ? [value] : [];
    });
    const isBeyond = isBeyondLevel(figure, level, values);
    if (isBeyond === null)
      return { ...open(`${countOf(values.length, 'sound run')} again and ${countOf(level.length, 'night')} before say nothing: at least ${RUNS_AGAIN} of each are needed`), session }; // prettier-ignore
    return {
      outcome: isBeyond ? 'confirmed' : 'cleared',
      against: 'own nights',
      words: `${values.map(formatNumber).join(', ')} in ${countOf(values.length, 'run')} again, against ${countOf(level.length, 'night')} from ${formatNumber(Math.min(...level))} to ${formatNumber(Math.max(...level))}`,
      session,
    };
  };
}
