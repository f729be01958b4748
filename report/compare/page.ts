/** The page of a comparison: what follows first, then the figures, then what could have been seen, then why. Pure. */
import type { Comparison } from '../../judge/compare/comparison.ts';
import type { FigureComparison } from '../../judge/compare/rounds.ts';
import { countOf, formatNumber } from '../../results/units.ts';
import { type Block, NO_DATA, type Page, paragraph, table } from '../page.ts';

/** 1.043 -> `+4.3 %`, 0.9 -> `-10 %`, 1 -> `0.0 %`. */
export function formatRatio(ratio: number): string {
  const percent = 100 * (ratio - 1);
  const text = percent.toFixed(Math.abs(percent) < 9.95 ? 1 : 0);
  if (Number(text) === 0) return '0.0 %';
  return `${percent > 0 ? '+' : ''}${text} %`;
}

/** 0.043 -> `4.3 %`. */
export const percentOf = (share: number): string =>
  `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

function intervalWords({ ratio }: FigureComparison): string {
  if (ratio === null) return NO_DATA;
  const { low, high } = ratio;
  return `${low === null ? 'not known' : formatRatio(low)} to ${high === null ? 'not known' : formatRatio(high)}`;
}

/** The one sentence of a comparison. */
export function comparisonSentence({ state, rounds, figures, reasons }: Comparison): string {
  const named = figures.filter(({ figure, state: one }) => figure.gates && one === 'worse');
  switch (state) {
    case 'worse':
      return `WORSE: ${named
        .map(
          (one) => `${one.figure.name} ${formatRatio(one.ratio!.estimate)} (${intervalWords(one)})`,
        )
        .join(', ')}, in ${countOf(rounds, 'round')}.`;
    case 'not worse':
      return `NOT WORSE in ${countOf(rounds, 'round')}: ${figures
        .filter(({ figure }) => figure.gates)
        .map(
          (one) => `${one.figure.name} ${formatRatio(one.ratio!.estimate)} (${intervalWords(one)})`,
        )
        .join(', ')}.`;
    case 'no data':
      return `NO DATA: ${reasons.at(-1) ?? 'a figure that gates has no values'}.`;
    case 'unlike':
      return `NOT COMPARED: ${reasons[0]}.`;
  }
}

function figuresTable(figures: Comparison['figures']): Block {
  return table(
    [
      'Figure',
      'Rounds',
      'Now / base',
      'With 90 %',
      'Counts from',
      'Result',
      'Would have been seen',
    ],
    figures.map((one) => {
      const { figure, rounds, ratio, state, detectable } = one;
      return [
        figure.gates ? `${figure.what} (gate)` : figure.what,
        formatNumber(rounds),
        ratio === null ? NO_DATA : formatRatio(ratio.estimate),
        intervalWords(one),
        `${figure.worse === 'higher' ? '+' : '-'}${percentOf(figure.minimumEffect)}`,
        state,
        detectable === null ? 'not known' : `${percentOf(detectable)} or more`,
      ];
    }),
    ['left', 'right', 'right', 'right', 'right', 'left', 'right'],
  );
}

const NOISE_WORDS = {
  calibration: 'by the noise of rounds in which nothing changed',
  'these rounds': "by these rounds' own scatter; npm run compare -- --calibrate measures it better",
} as const;

/** What a change would have had to be; the figures that gate, in a sentence. */
function detectableSentence({ figures, rounds }: Comparison): string {
  const known = figures.filter(({ figure, detectable }) => figure.gates && detectable !== null);
  if (known.length === 0)
    return `Which change ${countOf(rounds, 'round')} would have shown is not known: too few rounds have figures.`;
  const parts = (['calibration', 'these rounds'] as const).flatMap((source) => {
    const measured = known.filter(({ noiseFrom }) => noiseFrom === source);
    const seen = measured.map(({ figure, detectable }) => `${percentOf(detectable!)} or more in ${figure.name}`); // prettier-ignore
    return measured.length === 0 ? [] : [`${seen.join(' and ')} (${NOISE_WORDS[source]})`];
  });
  return `${countOf(rounds, 'round')} show, with 80 %, a change of ${parts.join(' and ')}.`;
}

const sameLoadSentence = ({ sameLoad: { rounds, of } }: Comparison): string =>
  `${rounds} of ${countOf(of, 'round')} had the same load on both sides.`;

/** @param names of the two sides: URLs or versions @param picture its file (PNG, an SVG of the same name beside it) and what it shows; null: there is none */
export function pageOfComparison(
  comparison: Comparison,
  names: { base: string; now: string },
  picture: { file: string; description: string } | null,
): Page {
  return {
    title: 'Comparison',
    sections: [
      {
        id: 'verdict',
        title: null,
        blocks: [
          paragraph(['base: ', { code: names.base }, ' · now: ', { code: names.now }]),
          paragraph([{ strong: [comparisonSentence(comparison)] }]),
          ...(comparison.reasons.length === 0
            ? []
            : [{ kind: 'notes', items: comparison.reasons } as const]),
        ],
      },
      {
        id: 'figures',
        title: 'Figures',
        blocks: [
          ...(picture === null
            ? []
            : [
                {
                  kind: 'picture',
                  title: picture.description,
                  file: picture.file,
                  link: picture.file.replace(/\.png$/, '.svg'),
                } as const,
              ]),
          figuresTable(comparison.figures),
          paragraph(sameLoadSentence(comparison)),
          paragraph(detectableSentence(comparison)),
          paragraph(
            'Each round runs both sides, in turn first; a ratio is the median of the pairwise means of all rounds (Hodges and Lehmann), and a figure fails only if its bound passes the change that counts (exact signed-rank test, Holm over the figures that gate).',
          ),
        ],
      },
    ],
  };
}
