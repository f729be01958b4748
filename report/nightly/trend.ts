/** A series of nights as its picture draws it. Pure. */
import { levelsOf } from '../../judge/compare/series.ts';
import type { Trend, TrendMark } from '../../plots/trend.ts';
import type { NightSeries } from './night.ts';

const MARKS: readonly TrendMark[] = ['open', 'cleared', 'confirmed'];

/** @param series of at least one night */
export const trendOf = ({ scenario, figure, nights }: NightSeries): Trend => ({
  title: `${scenario}: ${figure.what}`,
  subtitle: `${nights[0].t.slice(0, 10)} to ${nights.at(-1)!.t.slice(0, 10)}`,
  axis: `${figure.name} (${figure.unit})`,
  nights: nights.map(({ t, value, suspicion }) => ({
    t,
    value,
    mark: MARKS.find((mark) => mark === suspicion?.outcome) ?? null,
  })),
  levels: levelsOf(nights),
});
