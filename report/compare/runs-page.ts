/** Single runs beside a base: a table to look at. One run each is no comparison that could fail anything. Pure. */
import type { Interval } from '../../judge/compare/within.ts';
import type { ReadFigure } from '../../judge/compare/figures.ts';
import { countOf, formatNumber } from '../../results/units.ts';
import { type Block, NO_DATA, type Page, paragraph, table } from '../page.ts';
import { formatRatio, percentOf } from './page.ts';

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

/** What the fewest rounds that prove something would have shown of a figure that gates. */
export type WouldShow = {
  name: string;
  /** The smallest change, as a share; null: none that a figure is needed for; undefined: the noise of this figure was never measured. */
  effect: number | null | undefined;
};

function wouldShowSentence(rounds: number, figures: readonly WouldShow[]): string {
  const measured = figures.filter(({ effect }) => effect !== undefined);
  const missing = figures.filter(({ effect }) => effect === undefined).map(({ name }) => name);
  const calibrate = 'npm run compare -- --calibrate SESSION measures the noise of this fingerprint';
  if (measured.length === 0)
    return `Which change ${countOf(rounds, 'round')} would show is not known: ${calibrate}.`;
  const shown = measured.map(({ name, effect }) =>
    effect === null || effect === undefined
      ? `no change up to a factor of 2.7 in ${name}`
      : `${percentOf(effect)} or more in ${name}`,
  );
  const rest = missing.length === 0 ? '' : `; in ${missing.join(' and ')} it is not known: ${calibrate}`; // prettier-ignore
  return `${countOf(rounds, 'round')} would show, with 80 %, ${shown.join(' and ')} (A/A noise of this fingerprint)${rest}.`;
}

export type RunsPageInput = {
  figures: readonly ReadFigure[];
  base: Pick<ComparedRun, 'id' | 'values'>;
  runs: readonly ComparedRun[];
  /** Of that many rounds. */
  wouldShow: { rounds: number; figures: readonly WouldShow[] };
};

/** @param picture its file (PNG, an SVG of the same name beside it) and what it shows; null: there is none */
export function pageOfRuns(
  { figures, base, runs, wouldShow }: RunsPageInput,
  picture: { file: string; description: string; caption: string | null } | null = null,
): Page {
  const notes = runs.flatMap(({ id, differences }) =>
    differences.map((difference) => `${id} is not like the base: ${difference}`),
  );
  const pictures: Block[] =
    picture === null
      ? []
      : [
          {
            kind: 'picture',
            title: picture.description,
            file: picture.file,
            link: picture.file.replace(/\.png$/, '.svg'),
            ...(picture.caption !== null && { caption: picture.caption }),
          },
        ];
  return {
    title: `Compared with ${base.id}`,
    sections: [
      {
        id: 'figures',
        title: null,
        blocks: [
          ...(notes.length === 0 ? [] : [{ kind: 'notes', items: notes } as const]),
          ...pictures,
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
          paragraph(wouldShowSentence(wouldShow.rounds, wouldShow.figures)),
        ],
      },
    ],
  };
}
