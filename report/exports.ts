/**
 * Figures for other programs that watch series: github-action-benchmark, Bencher, Otava (once Hunter), and the latencies of a run as
 * HdrHistogram prints them. Pure.
 */
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { COMPARED_FIGURES, type ReadFigure } from '../judge/compare/figures.ts';
import { figuresOf, type RunView } from '../results/sums.ts';
import { idOf, startOf } from './sections/head.ts';

/** The figures of one run of a scenario, or of one night of a series. */
export type Measured = {
  /** Of the series. */
  name: string;
  /** Of the run or the night. */
  id: string;
  /** RFC 3339. */
  t: string;
  commit: string | undefined;
  /** By name of figure; what there is not is absent. */
  values: Readonly<Record<string, number>>;
};

export function measuredOf(run: RunView): Measured {
  const { plan, summary } = run;
  const figures = figuresOf(run);
  const values = COMPARED_FIGURES.flatMap(({ name, read }) => {
    const value = read(figures);
    return value === null ? [] : [[name, value] as const];
  });
  return {
    name: plan?.scenario ?? summary?.scenario ?? 'load',
    id: idOf(run),
    t: startOf(run) ?? new Date(0).toISOString(),
    commit: plan?.ci?.commit,
    values: Object.fromEntries(values),
  };
}

const json = (content: unknown): string => `${JSON.stringify(content, null, 2)}\n`;

/**
 * A list of `{ name, unit, value, extra }`, as the tools customSmallerIsBetter and customBiggerIsBetter of github-action-benchmark take it (its
 * README). A file has one direction.
 */
export const benchmarkAction = (
  measured: readonly Measured[],
  better: 'smaller' | 'bigger',
): string =>
  json(
    measured.flatMap(({ name, id, values }) =>
      COMPARED_FIGURES.filter(
        (figure) => (figure.worse === 'higher') === (better === 'smaller') && figure.name in values,
      ).map((figure) => ({
        name: `${name}: ${figure.name}`,
        unit: figure.unit,
        value: values[figure.name],
        extra: `${figure.what}\n${id}`,
      })),
    ),
  );

/** A measure of Bencher has one unit; its own "latency" is nanoseconds, its "throughput" operations per second. */
const measureOf = ({ name, unit }: ReadFigure): string =>
  unit === 'ms' ? `${name}-ms` : name === 'throughput' ? name : `${name}-${unit}`;

/** Bencher Metric Format: benchmark -> measure -> value (bencher.dev, reference, "Bencher Metric Format"). */
export const bencher = (measured: readonly Measured[]): string =>
  json(
    Object.fromEntries(
      measured.map(({ name, values }) => [
        name,
        Object.fromEntries(
          COMPARED_FIGURES.filter((figure) => figure.name in values).map((figure) => [
            measureOf(figure),
            { value: values[figure.name] },
          ]),
        ),
      ]),
    ),
  );

/** What could break a row stays out of it: names are ours, a commit is hexadecimal. */
const cell = (text: string): string => text.replaceAll(/[",\r\n]/g, '_');

/**
 * A row a night, for a test of type csv of Otava: `time_column: time`, `attributes: [commit, run]`, `metrics` by the names of figures. Otava
 * takes no empty cell, so a night that lacks one of the figures is left out.
 * @param figures names of those that are wanted; of them only those that at least one night has
 */
export function otava(measured: readonly Measured[], figures: readonly string[]): string {
  const columns = figures.filter((name) => measured.some(({ values }) => name in values));
  const rows = measured.filter(({ values }) => columns.every((name) => name in values));
  return [
    ['time', 'commit', 'run', ...columns],
    ...rows.map(({ t, commit, id, values }) => [
      `${t.slice(0, 19).replace('T', ' ')} +0000`,
      commit ?? '',
      id,
      ...columns.map((name) => String(values[name])),
    ]),
  ]
    .map((row) => `${row.map(cell).join(',')}\n`)
    .join('');
}

/** Of expected answers, in milliseconds; as HdrHistogram's plotter and its readers take it. '' for a run without one. */
export function hgrm(run: RunView): string {
  const { latency } = figuresOf(run);
  if (latency === null) return '';
  const US_PER_MS = 1000;
  const histogram = decodeFromCompressedBase64(latency.hdr);
  return histogram.outputPercentileDistribution(undefined, US_PER_MS);
}
