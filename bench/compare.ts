/**
 * How often a comparison and a nightly job cry wolf, and how often they miss a real change: the very rules of `judge/compare/`, played on made-up
 * histories whose truth is known, beside the rules that others use. No machine is measured.
 * Peers: of a comparison one run each, "more than 10 % above"; of a night "more than 10 % above the night before"; benchmark-action/github-action-benchmark as it comes (alert-threshold 200 % of the
 * night before, README @v1); Bencher as its documentation proposes (Student's t, the last 64 values, upper boundary 0.99).
 */
import {
  compareRounds,
  comparisonState,
  type ComparedFigure,
  type PairedFigure,
} from '../judge/compare/rounds.ts';
import { smallestEffect } from '../judge/compare/detectable.ts';
import { suspicionOf, type Night } from '../judge/compare/nights.ts';
import type { BenchLine } from './measure.ts';
import { normalOf, randomOf } from '../judge/random.ts';

const FIGURE: ComparedFigure = {
  name: 'p95',
  what: '95th percentile of the latency, ms',
  worse: 'higher',
  minimumEffect: 0.05,
  gates: true,
};
const LEVEL_MS = 100;
const NIGHTS = 60;
const CHANGE_AT = 30;
const FOUND_WITHIN = 4;
const NOISES = [0.03, 0.04, 0.08];

type Simulation = {
  /** Standard deviation of a run's logarithm. */
  noise: number;
  /** now / base from night {@link CHANGE_AT} on; 1: nothing changes. */
  change: number;
  histories: number;
  roundsOfANight: number;
};

type Draw = { normal: () => number; random: () => number };

const runOf = (level: number, noise: number, { normal }: Draw): number =>
  level * Math.exp(noise * normal());

/** Rounds of the base against now, each with the noise of a run of its own. */
const roundsOf = (rounds: number, now: number, noise: number, draw: Draw) =>
  Array.from({ length: rounds }, () => ({
    base: runOf(LEVEL_MS, noise, draw),
    now: runOf(now, noise, draw),
  })) satisfies PairedFigure[];

const isWorse = (pairs: readonly PairedFigure[]): boolean =>
  comparisonState(compareRounds([FIGURE], { [FIGURE.name]: pairs })) === 'worse';

const SIMPLE_SHARE = 0.1;

/** Stage two: rounds of the last good version against now. */
const confirms = (now: number, { noise, roundsOfANight }: Simulation, draw: Draw): boolean =>
  isWorse(roundsOf(roundsOfANight, now, noise, draw));

/** A night is failed, or not; `nights` holds the values from the oldest to this one. */
type Rule = (nights: Night[], level: number) => boolean;

function ourRule(simulation: Simulation, draw: Draw, count: { suspicions: number }): Rule {
  return (nights, level) => {
    const suspicion = suspicionOf(FIGURE, nights, draw.random);
    if (suspicion === null) return false;
    count.suspicions++;
    const failed = confirms(level, simulation, draw);
    if (failed) nights[suspicion.at].opensLevel = true;
    else nights.at(-1)!.cleared = true;
    return failed;
  };
}

const abovePrevious =
  (share: number): Rule =>
  (nights) =>
    nights.length > 1 && nights.at(-1)!.value > (1 + share) * nights.at(-2)!.value;

/** 99th percentile of Student's t by the expansion of Cornish and Fisher (Abramowitz and Stegun 26.7.5), from 3 degrees of freedom on. */
function student99(degrees: number): number {
  const z = 2.3263;
  const g1 = (z ** 3 + z) / 4;
  const g2 = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  return z + g1 / degrees + g2 / degrees ** 2;
}

const BENCHER_SAMPLE = 64;
const studentBoundary: Rule = (nights) => {
  const before = nights.slice(-1 - BENCHER_SAMPLE, -1).map(({ value }) => value);
  if (before.length < 4) return false;
  const mean = before.reduce((sum, one) => sum + one, 0) / before.length;
  const deviation = Math.sqrt(
    before.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (before.length - 1),
  );
  return nights.at(-1)!.value > mean + student99(before.length - 1) * deviation;
};

type Outcome = { falseNights: number; judged: number; found: number; suspicions: number };

function play(simulation: Simulation, ruleOf: (count: Outcome) => Rule, draw: Draw): Outcome {
  const outcome: Outcome = { falseNights: 0, judged: 0, found: 0, suspicions: 0 };
  for (let history = 0; history < simulation.histories; history++) {
    const nights: Night[] = [];
    const rule = ruleOf(outcome);
    let found = false;
    for (let night = 0; night < NIGHTS; night++) {
      const isChanged = simulation.change !== 1 && night >= CHANGE_AT;
      if (isChanged && (found || night >= CHANGE_AT + FOUND_WITHIN)) break;
      const level = isChanged ? simulation.change * LEVEL_MS : LEVEL_MS;
      nights.push({ value: runOf(level, simulation.noise, draw) });
      const failed = rule(nights, level);
      if (isChanged) found = failed;
      else {
        outcome.judged++;
        if (failed) outcome.falseNights++;
      }
    }
    if (found) outcome.found++;
  }
  return outcome;
}

export type NightFigures = {
  /** Failed nights without a change, of 100. */
  falseNights: number;
  /** Share of changes found within four nights. */
  found: number;
  /** Nights without a change on which the job measured again, of 100; of rules with one stage 0. */
  suspicions: number;
};

/** @param rule `ours`, or the name of a peer @param change now / base of the change that must be found */
export function nightsOf(
  rule: 'ours' | 'previous + 10 %' | 'benchmark-action' | 'Bencher',
  { noise, change, histories, roundsOfANight, seed = 1 }: Simulation & { seed?: number },
): NightFigures {
  const random = randomOf(seed);
  const draw: Draw = { random, normal: normalOf(random) };
  const run = (changeOf: number): Outcome => {
    const simulation = { noise, change: changeOf, histories, roundsOfANight };
    return play(
      simulation,
      (count) =>
        rule === 'ours'
          ? ourRule(simulation, draw, count)
          : rule === 'Bencher'
            ? studentBoundary
            : abovePrevious(rule === 'benchmark-action' ? 1 : SIMPLE_SHARE),
      draw,
    );
  };
  const still = run(1);
  const changed = run(change);
  return {
    falseNights: (100 * still.falseNights) / still.judged,
    suspicions: (100 * still.suspicions) / still.judged,
    found: changed.found / histories,
  };
}

/**
 * Shares of comparisons that say "worse": by all rounds, and by who runs each side once and takes 10 % for a change (the first round of the
 * same draws). @param change now / base
 */
export function alarmsOf(
  rounds: number,
  noise: number,
  change: number,
  comparisons: number,
  seed = 1,
): { ours: number; oneRunEach: number } {
  const random = randomOf(seed);
  const draw: Draw = { random, normal: normalOf(random) };
  const alarms = { ours: 0, oneRunEach: 0 };
  for (let i = 0; i < comparisons; i++) {
    const pairs = roundsOf(rounds, change * LEVEL_MS, noise, draw);
    if (isWorse(pairs)) alarms.ours++;
    if (pairs[0].now > (1 + SIMPLE_SHARE) * pairs[0].base) alarms.oneRunEach++;
  }
  return { ours: alarms.ours / comparisons, oneRunEach: alarms.oneRunEach / comparisons };
}

/** The smallest effect that a comparison of so many rounds would have found; null: none. */
export const detectableOf = (rounds: number, noise: number, seed = 1): number | null =>
  smallestEffect({
    figure: FIGURE,
    rounds,
    figuresThatGate: 1,
    deviation: noise * Math.SQRT2,
    random: randomOf(seed),
  });

const COMPARISONS = 2000;
const HISTORIES = 200;
const ROUNDS = [6, 8, 12];
const NIGHT_ROUNDS = 10;
const CHANGE = 1.2;

export function bench(report: (line: BenchLine) => void): Promise<void> {
  const line = (
    what: string,
    value: number,
    unit: string,
    peer: { name: string; value: number } | null = null,
  ): void =>
    report({
      bench: 'compare',
      case: what,
      value: Number(value.toFixed(2)),
      unit,
      peer: peer?.name ?? null,
      peer_value: peer === null ? null : Number(peer.value.toFixed(2)),
      ratio: null,
    });
  for (const noise of NOISES) {
    const percent = `noise of ${100 * noise} %`;
    for (const rounds of ROUNDS) {
      const name = `${rounds} rounds, ${percent}`;
      const of = `% of ${COMPARISONS} comparisons`;
      for (const [what, change] of [
        ['nothing changed', 1],
        ['+20 %', CHANGE],
      ] as const) {
        const { ours, oneRunEach } = alarmsOf(rounds, noise, change, COMPARISONS);
        const peer = { name: 'one run each, +10 %', value: 100 * oneRunEach };
        line(`${name}: ${what}, called worse`, 100 * ours, of, peer);
      }
      const least = detectableOf(rounds, noise);
      if (least !== null)
        line(`${name}: the change found in four of five`, 100 * least, '% of the latency');
    }
    const simulation = {
      noise,
      change: CHANGE,
      histories: HISTORIES,
      roundsOfANight: NIGHT_ROUNDS,
    };
    const ours = nightsOf('ours', simulation);
    for (const rule of ['previous + 10 %', 'benchmark-action', 'Bencher'] as const) {
      const peer = nightsOf(rule, simulation);
      line(
        `nightly, ${percent}: failed without a change`,
        ours.falseNights,
        `of 100 nights, ${HISTORIES} histories of ${NIGHTS} nights`,
        { name: rule, value: peer.falseNights },
      );
      line(
        `nightly, ${percent}: +20 % found within ${FOUND_WITHIN} nights`,
        100 * ours.found,
        `% of ${HISTORIES} histories`,
        { name: rule, value: 100 * peer.found },
      );
    }
    line(
      `nightly, ${percent}: measured again without a change`,
      ours.suspicions,
      `of 100 nights, ${NIGHT_ROUNDS} rounds each`,
    );
  }
  return Promise.resolve();
}
