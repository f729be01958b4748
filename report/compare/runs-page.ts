/** Single runs beside a base: a table to look at. One run each is no comparison that could fail anything. Pure. */
import type { Interval } from '../../judge/compare/within.ts';
import type { ReadFigure } from '../../judge/compare/figures.ts';
import { formatNumber } from '../../results/units.ts';
import { NO_DATA, type Page, paragraph, table } from '../page.ts';
import { formatRatio } from './page.ts';

export type ComparedRun = {
  id: string;
  /** By figure name; null: the run had none. */
  values: Record<string, number | null>;
  /** Of now / base, from the noise within the two runs; null: not known. */
  within: Record<string, Interval | null>;
  /** Why this run may not be compared with the base; empty: alike. */
  differences: string[];
};

function cell(base: number | null, now: number | null, within: Interval | null): string {
  if (now === null) return NO_DATA;
  if (base === null || base <= 0) return formatNumber(now);
  const interval =
    within === null ? '' : `, ${formatRatio(within.low)} to ${formatRatio(within.high)}`;
  return `${formatNumber(now)} (${formatRatio(now / base)}${interval})`;
}

export function pageOfRuns(
  figures: readonly ReadFigure[],
  base: Pick<ComparedRun, 'id' | 'values'>,
  runs: readonly ComparedRun[],
): Page {
  const notes = runs.flatMap(({ id, differences }) =>
    differences.map((difference) => `${id} is not like the base: ${difference}`),
  );
  return {
    title: `Compared with ${base.id}`,
    sections: [
      {
        id: 'figures',
        title: null,
        blocks: [
          ...(notes.length === 0 ? [] : [{ kind: 'notes', items: notes } as const]),
          table(
            ['Figure', base.id, ...runs.map(({ id }) => id)],
            figures.map(({ name, what }) => [
              what,
              base.values[name] === null ? NO_DATA : formatNumber(base.values[name]),
              ...runs.map(({ values, within }) =>
                cell(base.values[name], values[name], within[name] ?? null),
              ),
            ]),
          ),
          paragraph(
            'In brackets: now / base, and the range (90 %) that the noise within the two runs allows. Two runs of one and the same thing differ by more than that: only rounds show a change (npm run load -- --ab).',
          ),
        ],
      },
    ],
  };
}
