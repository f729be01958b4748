/** Runs beside a base, from what was read of them. */
import type { Calibration } from '../../judge/compare/comparison.ts';
import { smallestEffect } from '../../judge/compare/detectable.ts';
import { COMPARED_FIGURES, type ReadFigure } from '../../judge/compare/figures.ts';
import { differencesOf, fingerprintId, fingerprintOf } from '../../judge/compare/fingerprint.ts';
import { FEWEST_ROUNDS } from '../../judge/compare/rounds.ts';
import { FIGURES_WITHIN, ratioWithin } from '../../judge/compare/within.ts';
import { randomOf } from '../../judge/random.ts';
import type { RunChange, RunsPicture } from '../../plots/runs.ts';
import { figuresOfSamples } from '../../results/figures.ts';
import type { Run } from '../../results/reader.ts';
import type { Summary } from '../../results/types.ts';
import type { Page } from '../page.ts';
import { type ComparedRun, pageOfRuns, type RunsPageInput, type WouldShow } from './runs-page.ts';

const figuresOf = (run: Run): Summary['figures'] =>
  run.summary?.figures ?? figuresOfSamples(run.samples, run.resources, run.plan?.load.warmUpMs);

const valuesOf = (run: Run): ComparedRun['values'] => {
  const figures = figuresOf(run);
  return Object.fromEntries(COMPARED_FIGURES.map(({ name, read }) => [name, read(figures)]));
};

const nameOf = ({ plan, summary, folder }: Run): string => plan?.id ?? summary?.id ?? folder;

function comparedRun(base: Run, run: Run): ComparedRun {
  const random = randomOf(`${nameOf(base)} ${nameOf(run)}`);
  return {
    id: nameOf(run),
    values: valuesOf(run),
    within: Object.fromEntries(
      FIGURES_WITHIN.map((name) => [name, ratioWithin(name, base.samples, run.samples, random)]),
    ),
    differences:
      base.plan === null || run.plan === null
        ? ['a plan is missing, so nobody knows what was run']
        : differencesOf(fingerprintOf(base.plan), fingerprintOf(run.plan)),
  };
}

/** Of the figures that gate, by the noise of rounds in which nothing changed. */
function wouldShowOf(
  base: Run,
  figures: readonly ReadFigure[],
  calibrations: Readonly<Record<string, Calibration>>,
): WouldShow[] {
  const calibration = base.plan && calibrations[fingerprintId(fingerprintOf(base.plan))];
  const gating = figures.filter(({ gates }) => gates);
  const random = randomOf(nameOf(base));
  return gating.map((figure) => {
    const deviation = calibration?.deviations[figure.name];
    const question = { figure, rounds: FEWEST_ROUNDS, figuresThatGate: gating.length, random };
    return {
      name: figure.name,
      effect: deviation === undefined ? undefined : smallestEffect({ ...question, deviation }),
    };
  });
}

function changeOf(base: ComparedRun['values'], run: ComparedRun, name: string): RunChange {
  const [before, now] = [base[name] ?? 0, run.values[name] ?? 0];
  if (before <= 0 || now <= 0) return null;
  const { low, high } = run.within[name] ?? { low: null, high: null };
  return { ratio: now / before, low, high };
}

const pictureOf = ({ base, runs, figures }: RunsPageInput): RunsPicture => ({
  base: base.id,
  runs: runs.map(({ id }) => id),
  figures: figures.map((figure) => ({
    ...figure,
    changes: runs.map((run) => changeOf(base.values, run, figure.name)),
  })),
});

export type SideBySide = {
  input: RunsPageInput;
  page: Page;
  picture: RunsPicture;
  /** Why runs may not be compared with the base, one sentence each; empty: all are alike. */
  unlike: string[];
};

/** @param calibrations by fingerprint; none are needed */
export function compareSideBySide(
  base: Run,
  others: readonly Run[],
  {
    figures = COMPARED_FIGURES,
    calibrations = {},
  }: {
    figures?: readonly ReadFigure[];
    calibrations?: Readonly<Record<string, Calibration>>;
  } = {},
): SideBySide {
  const runs = others.map((run) => comparedRun(base, run));
  const input = {
    figures,
    base: { id: nameOf(base), values: valuesOf(base) },
    runs,
    wouldShow: { rounds: FEWEST_ROUNDS, figures: wouldShowOf(base, figures, calibrations) },
  };
  return {
    input,
    page: pageOfRuns(input),
    picture: pictureOf(input),
    unlike: runs.flatMap(({ id, differences }) =>
      differences.map(
        (difference) => `${id} cannot be compared with ${nameOf(base)}: ${difference}`,
      ),
    ),
  };
}
