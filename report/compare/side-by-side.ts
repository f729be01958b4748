/** Runs beside a base, from what was read of them. */
import { COMPARED_FIGURES } from '../../judge/compare/figures.ts';
import { differencesOf, fingerprintOf } from '../../judge/compare/fingerprint.ts';
import { FIGURES_WITHIN, ratioWithin } from '../../judge/compare/within.ts';
import { randomOf } from '../../judge/random.ts';
import { figuresOfSamples } from '../../results/figures.ts';
import type { Run } from '../../results/reader.ts';
import type { Summary } from '../../results/types.ts';
import type { Page } from '../page.ts';
import { type ComparedRun, pageOfRuns } from './runs-page.ts';

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

/** @returns the page, and why runs may not be compared with the base, one sentence each; empty: all are alike */
export function compareSideBySide(
  base: Run,
  others: readonly Run[],
): { page: Page; unlike: string[] } {
  const runs = others.map((run) => comparedRun(base, run));
  return {
    page: pageOfRuns(COMPARED_FIGURES, { id: nameOf(base), values: valuesOf(base) }, runs),
    unlike: runs.flatMap(({ id, differences }) =>
      differences.map(
        (difference) => `${id} cannot be compared with ${nameOf(base)}: ${difference}`,
      ),
    ),
  };
}
