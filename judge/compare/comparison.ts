/** A comparison as data: whether both sides had the same load, which figures differ, what could have been seen, and what follows. Pure. */
import type { Plan, Summary } from '../../results/types.ts';
import { formatBytes } from '../../results/units.ts';
import { EXIT } from '../../user-error.ts';
import { deviationOf, smallestEffect } from './detectable.ts';
import { COMPARED_FIGURES, pairsOf, type ReadFigure } from './figures.ts';
import { differencesOf, fingerprintId, fingerprintOf } from './fingerprint.ts';
import {
  compareRounds,
  comparisonState,
  type ComparisonState,
  FEWEST_ROUNDS,
  type FigureComparison,
} from './rounds.ts';

export type RoundRun = { plan: Plan; summary: Summary };
export type Round = { base: RoundRun; now: RoundRun };

/** Rates that an open model was to send differ by no more than what rounding makes. */
const SAME_RATE = 0.02;

/** Starts: at the end of a load, k6 makes one more or one less of the same rate. */
const SAME_STARTS = 1;

/** Logarithm of the mean sizes: chance makes a third of it with 60 bodies of two blocks. */
const SAME_BODY = 0.4;

/** Of figures whose noise is known from rounds in which nothing changed: standard deviation of a round's log ratio. */
export type Calibration = { rounds: number; deviations: Readonly<Record<string, number>> };

export type Comparison = {
  /** `unlike`: the runs may not be compared, or did not have the same load. */
  state: ComparisonState | 'unlike';
  /** Sentences: why the state is not a plain answer. */
  reasons: string[];
  fingerprint: string;
  rounds: number;
  figures: (FigureComparison & {
    /** Smallest change that four of five such comparisons find, as a share; null: none, or too few rounds. */
    detectable: number | null;
    /** Whether its noise comes from an A/A calibration or from the scatter of these rounds; null: it is not known. */
    noiseFrom: 'calibration' | 'these rounds' | null;
    /** now / base of each round in their order; null: the round does not count, or one side has no such figure. */
    changes: (number | null)[];
  })[];
  /** How many of all rounds had the same load on both sides. */
  sameLoad: { rounds: number; of: number };
};

/** Ends after which a run says nothing about the target. */
const PROVES_NOTHING: readonly number[] = [
  EXIT.noData,
  EXIT.generatorLimited,
  EXIT.broken,
  EXIT.interrupted,
];

const isOpen = ({ load }: Plan): boolean => load.rate !== undefined || load.timed !== undefined;

const startsOf = ({ figures: { started, sent } }: Summary): number => started ?? sent;

/** Why a round does not count; null: it does. */
export function faultOfRound({ base, now }: Round): string | null {
  for (const [side, { summary }] of [
    ['base', base],
    ['now', now],
  ] as const)
    if (PROVES_NOTHING.includes(summary.verdict.exitCode))
      return `${side} run ${summary.id} proves nothing: ${summary.verdict.sentence}`;
  return otherLoadIn({ base, now });
}

/** Why both sides did not have the same load; null: they had. */
function otherLoadIn({ base, now }: Round): string | null {
  const [ours, theirs] = [base, now].map(({ plan }) => plan.corpus.meanBodyBytes);
  if (Math.abs(Math.log(ours / theirs)) > SAME_BODY)
    return `not the same load: bodies of ${formatBytes(ours)} in ${base.summary.id}, of ${formatBytes(theirs)} in ${now.summary.id}`;
  if (!isOpen(base.plan)) return null;
  const [a, b] = [base, now].map(({ summary }) => summary.figures.submissionsPerSecond);
  if (a === null || b === null || a <= 0 || b <= 0)
    return `run ${base.summary.id} or ${now.summary.id} sent nothing`;
  const [before, after] = [base, now].map(({ summary }) => startsOf(summary));
  return Math.abs(Math.log(b / a)) <= SAME_RATE || Math.abs(after - before) <= SAME_STARTS
    ? null
    : `not the same load: ${a.toFixed(1)}/s in ${base.summary.id}, ${b.toFixed(1)}/s in ${now.summary.id}`;
}

export type ComparisonOptions = {
  figures?: readonly ReadFigure[];
  /** Compare runs that differ in what should be alike; the differences are then notes. */
  unlike?: boolean;
  calibration?: Calibration | null;
  /** Uniform from 0 to 1, seeded by the caller. */
  random: () => number;
};

/** @param rounds in their order; at least one */
export function compare(
  rounds: readonly Round[],
  { figures = COMPARED_FIGURES, unlike = false, calibration = null, random }: ComparisonOptions,
): Comparison {
  const first = fingerprintOf(rounds[0].base.plan);
  const differences = [
    ...new Set(
      rounds
        .flatMap(({ base, now }) => [base.plan, now.plan])
        .flatMap((plan) => differencesOf(first, fingerprintOf(plan))),
    ),
  ];
  const faults = rounds.map(faultOfRound);
  const sound = rounds.filter((_, i) => faults[i] === null);
  const compared = compareRounds(
    figures,
    pairsOf(
      figures,
      sound.map(({ base, now }) => ({ base: base.summary.figures, now: now.summary.figures })),
    ),
  );
  const changesOf = ({ read }: ReadFigure): (number | null)[] =>
    rounds.map(({ base, now }, i) => {
      const [a, b] = [base, now].map(({ summary }) => read(summary.figures) ?? 0);
      return faults[i] === null && a > 0 && b > 0 ? b / a : null;
    });
  const figuresThatGate = figures.filter(({ gates }) => gates).length;
  const withNoise = compared.map((one, i): Comparison['figures'][number] => {
    const known = calibration?.deviations[one.figure.name];
    const deviation =
      known ?? (one.logRatios.length < FEWEST_ROUNDS ? null : deviationOf(one.logRatios));
    return {
      ...one,
      noiseFrom: known !== undefined ? 'calibration' : deviation === null ? null : 'these rounds',
      changes: changesOf(figures[i]),
      detectable:
        deviation === null
          ? null
          : smallestEffect({
              figure: one.figure,
              rounds: one.rounds,
              figuresThatGate: one.figure.gates ? figuresThatGate : 1,
              deviation,
              random,
            }),
    };
  });
  const reasons = [
    ...(differences.length === 0 ? [] : [`these runs are not alike: ${differences.join('; ')}`]),
    ...faults.flatMap((fault, i) =>
      fault === null ? [] : [`round ${i + 1} does not count: ${fault}`],
    ),
    ...(sound.length < FEWEST_ROUNDS
      ? [
          `${sound.length} sound ${sound.length === 1 ? 'round proves' : 'rounds prove'} nothing: at least ${FEWEST_ROUNDS} are needed`,
        ]
      : []),
  ];
  return {
    state: differences.length > 0 && !unlike ? 'unlike' : comparisonState(withNoise),
    reasons,
    fingerprint: fingerprintId(first),
    rounds: sound.length,
    figures: withNoise,
    sameLoad: {
      rounds: rounds.filter((round) => otherLoadIn(round) === null).length,
      of: rounds.length,
    },
  };
}

/** From rounds of one thing against itself. @returns the noise of each figure that has at least six rounds */
export function calibrationOf({ rounds, figures }: Comparison): Calibration {
  return {
    rounds,
    deviations: Object.fromEntries(
      figures.flatMap(({ figure, logRatios }) =>
        logRatios.length < FEWEST_ROUNDS ? [] : [[figure.name, deviationOf(logRatios)]],
      ),
    ),
  };
}

export const exitCodeOf = ({ state }: Pick<Comparison, 'state'>): number =>
  ({
    worse: EXIT.gateFailed,
    'not worse': EXIT.passed,
    'no data': EXIT.noData,
    unlike: EXIT.usage,
  })[state];
