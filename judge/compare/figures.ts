/** The figures that two runs are compared by, and how they are read from a summary. Percentiles are never averaged. Pure. */
import type { Summary } from '../../results/types.ts';
import type { ComparedFigure } from './rounds.ts';

export type ReadFigure = ComparedFigure & {
  unit: string;
  read: (figures: Summary['figures']) => number | null;
};

const LATENCY_EFFECT = 0.05;
const THROUGHPUT_EFFECT = 0.03;

const latency = (
  name: string,
  what: string,
  gates: boolean,
  field: 'p50Ms' | 'p95Ms' | 'p99Ms',
): ReadFigure => ({
  name,
  what: `${what} of expected answers, ms`,
  unit: 'ms',
  worse: 'higher',
  minimumEffect: LATENCY_EFFECT,
  gates,
  read: ({ latency: figures, accepted, expected = accepted }) =>
    expected === 0 ? null : (figures?.[field] ?? null),
});

const perSubmission = (cores: number | null | undefined, rate: number | null): number | null =>
  cores === null || cores === undefined || rate === null || rate <= 0
    ? null
    : (1000 * cores) / rate;

/**
 * Of the target, in the order in which they are shown. Two of them gate unless the caller says otherwise: what a producer waits, and what
 * the target takes.
 */
export const COMPARED_FIGURES: readonly ReadFigure[] = [
  latency('p50', 'median latency', false, 'p50Ms'),
  latency('p95', '95th percentile of the latency', true, 'p95Ms'),
  latency('p99', '99th percentile of the latency', false, 'p99Ms'),
  {
    name: 'throughput',
    what: 'submissions accepted per second',
    unit: 'submissions/s',
    worse: 'lower',
    minimumEffect: THROUGHPUT_EFFECT,
    gates: true,
    read: ({ acceptedPerSecond }) => acceptedPerSecond ?? null,
  },
  {
    name: 'cpu-per-submission',
    what: "the backend's CPU per accepted submission, ms",
    unit: 'ms',
    worse: 'higher',
    minimumEffect: LATENCY_EFFECT,
    gates: false,
    read: ({ processes, acceptedPerSecond }) =>
      perSubmission(processes.backend?.cpuCoresMean, acceptedPerSecond ?? null),
  },
];

/** Which of them gate, and from which change on each counts. Absent: as it usually is. */
export const figuresWith = ({
  gates,
  effects = {},
}: {
  gates?: readonly string[] | undefined;
  /** Shares by name: 0.1 for 10 %. */
  effects?: Readonly<Record<string, number>> | undefined;
}): ReadFigure[] =>
  COMPARED_FIGURES.map((figure) => ({
    ...figure,
    gates: gates === undefined ? figure.gates : gates.includes(figure.name),
    minimumEffect: effects[figure.name] ?? figure.minimumEffect,
  }));

/** The same figures of both sides, one entry a round, as `compareRounds` takes them. */
export function pairsOf(
  figures: readonly ReadFigure[],
  rounds: readonly { base: Summary['figures']; now: Summary['figures'] }[],
): Record<string, { base: number | null; now: number | null }[]> {
  return Object.fromEntries(
    figures.map(({ name, read }) => [
      name,
      rounds.map(({ base, now }) => ({ base: read(base), now: read(now) })),
    ]),
  );
}
