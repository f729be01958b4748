/**
 * What faults did to a load, from the lines of marks.ndjson and the seconds of samples.ndjson: when each was on, what the load saw before, within
 * and after it, and how long it took to recover. Pure.
 */
import { LatencyCounts } from './latency-counts.ts';
import { marksOf } from './marks.ts';
import { takenIn } from './rates.ts';
import type { FaultFigures, FaultWindow, MarkLine, PlannedFault, SampleLine } from './types.ts';

/** Of the mark of a turn, its place in `plan.faults`. */
export const faultId = (turn: number): string => `fault-${turn}`;

/** How far before and after a fault is looked. */
const BESIDE_MS = 30_000;
/** A single good second may be chance. */
const GOOD_SECONDS = 3;
/** The highest p95 of a second before is not the highest that there may be. */
const NOISE = 1.25;
/** Histograms older than this are summed up or let go: a fault's end is known by then. */
const KEPT_SECONDS = 120;

type Second = { t: number; sent: number; accepted: number; errors: number; p95Ms: number | null; latency: SampleLine['latency'] }; // prettier-ignore

const overlaps = ({ t }: { t: number }, fromT: number, untilT: number): boolean =>
  t < untilT && t + 1000 > fromT;

type Beside = {
  /** Seconds in which nothing was on but what was on all the time. */
  quiet: readonly Second[];
  /** Marks of what was not on all the time. */
  passing: readonly MarkLine[];
  /** When the load had recovered from the faults before. */
  clearT: number;
  beganMs: number;
};

/** Gets marks and seconds as they come, each in its order; bounded by a few numbers a second. */
export class FaultMeter {
  readonly #planned: readonly PlannedFault[];
  #marks: MarkLine[] = [];
  readonly #seconds: Second[] = [];
  /** Of seconds whose histograms are gone: by the marks that they lie in. */
  readonly #within = new Map<string, LatencyCounts>();

  /** @param planned as the plan has them */
  constructor(planned: readonly PlannedFault[]) {
    this.#planned = planned;
  }

  mark(line: MarkLine): void {
    this.#marks = marksOf([...this.#marks, line]);
  }

  second(line: SampleLine): void {
    const { accepted, expected } = takenIn(line);
    const { t, sent, latency } = line;
    this.#seconds.push({ t, sent, accepted, errors: sent - expected, p95Ms: latency?.p95 ?? null, latency }); // prettier-ignore
    const old = this.#seconds.at(-KEPT_SECONDS);
    if (old !== undefined) this.#letGo(old);
  }

  /** Of its histogram: what lies in a fault is summed up, what lies beside one is kept, and the rest is asked for by nobody. */
  #letGo(old: Second): void {
    if (old.latency === null) return;
    const around = this.#marks.filter(({ fromMs, toMs }) =>
      overlaps(old, fromMs, toMs ?? Infinity),
    );
    for (const { id } of around) {
      const counts = this.#within.get(id) ?? new LatencyCounts();
      counts.addEncoded(old.latency.hdr, old.latency.max);
      this.#within.set(id, counts);
    }
    const isBeside = this.#marks.some(({ fromMs, toMs }) =>
      overlaps(old, fromMs - BESIDE_MS, fromMs) || (toMs !== undefined && overlaps(old, toMs, toMs + 3 * BESIDE_MS))); // prettier-ignore
    if (around.length > 0 || !isBeside) old.latency = null;
  }

  /** @param beganMs of the load, ms since 1970 @returns of each turn of the plan, in its order */
  figures(beganMs: number): FaultFigures[] {
    const found = new Map<string, FaultFigures>();
    let clearT = beganMs;
    // What is on all the time is what the others are compared in.
    const lastT = this.#seconds.at(-1)?.t ?? beganMs;
    const passing = this.#marks.filter(({ fromMs, toMs = Infinity }) => fromMs > beganMs || toMs < lastT); // prettier-ignore
    const quiet = this.#seconds.filter((second) =>
      passing.every(({ fromMs, toMs }) => !overlaps(second, fromMs, toMs ?? Infinity)),
    );
    for (const mark of this.#marks) {
      const of = this.#figuresOf(mark, { quiet, passing, clearT, beganMs });
      found.set(mark.id, of);
      if (passing.includes(mark))
        clearT = Math.max(clearT, (mark.toMs ?? mark.fromMs) + (of.recoveryMs ?? 0));
    }
    return this.#planned.map(({ fault }, turn) => found.get(faultId(turn)) ?? neverOn(fault));
  }

  /** Errors that came while a fault was on, or before the load had recovered from it. */
  errorsIn(figures: readonly FaultFigures[], beganMs: number): { errors: number; of: number } {
    const times = figures.flatMap(({ fromMs, untilMs, recoveryMs, unrecovered }) => {
      if (fromMs === null) return [];
      const end = untilMs === null || unrecovered === 'not seen' ? Infinity : untilMs + (recoveryMs ?? 0); // prettier-ignore
      return [{ fromT: beganMs + fromMs, untilT: beganMs + end }];
    });
    let [errors, of] = [0, 0];
    for (const second of this.#seconds) {
      of += second.errors;
      if (times.some(({ fromT, untilT }) => overlaps(second, fromT, untilT)))
        errors += second.errors;
    }
    return { errors, of };
  }

  #figuresOf(mark: MarkLine, { quiet, passing, clearT, beganMs }: Beside): FaultFigures {
    const { id, label, fromMs: fromT, toMs, problem, struck } = mark;
    const untilT = toMs ?? Infinity;
    const sinceT = Math.max(fromT - BESIDE_MS, clearT);
    const before = quiet.filter(({ t }) => t + 1000 <= fromT && t >= sinceT);
    const within = this.#seconds.filter((second) => overlaps(second, fromT, untilT));
    const nextT = Math.min(Infinity, ...passing.filter((one) => one.fromMs >= untilT && one !== mark).map((one) => one.fromMs)); // prettier-ignore
    const behind = quiet.filter(({ t }) => t >= untilT && t + 1000 <= nextT);
    const back = recovered(before, behind);
    const afterT = back?.t ?? untilT;
    const after = behind.filter(({ t }) => t >= afterT && t < afterT + BESIDE_MS);
    return {
      fault: label,
      state: problem === undefined && toMs !== undefined ? 'done' : 'failed',
      fromMs: fromT - beganMs,
      untilMs: toMs === undefined ? null : toMs - beganMs,
      ...(struck !== undefined && { struck }),
      ...(problem !== undefined && { problem }),
      before: windowOf(before),
      within: windowOf(within, this.#within.get(id)),
      after: windowOf(after),
      recoveryMs: back === null ? null : back.t - untilT,
      ...(back === null && {
        unrecovered: before.length === 0 ? 'no seconds before' : 'not seen',
      }),
    };
  }
}

const neverOn = (fault: string): FaultFigures => ({
  fault,
  state: 'skipped',
  fromMs: null,
  untilMs: null,
  before: null,
  within: null,
  after: null,
  recoveryMs: null,
  unrecovered: 'never on',
});

/** @returns the first of some good seconds in a row; null: there are none, or nothing to compare with */
function recovered(before: readonly Second[], behind: readonly Second[]): Second | null {
  const known = before.filter(({ sent }) => sent > 0);
  if (known.length === 0) return null;
  const most = (of: (second: Second) => number): number =>
    known.reduce((highest, second) => Math.max(highest, of(second)), 0);
  const errors = most((second) => second.errors / second.sent);
  const p95Ms = most((second) => second.p95Ms ?? 0) * NOISE;
  const isGood = (second: Second | undefined): boolean =>
    second !== undefined &&
    second.sent > 0 &&
    second.errors / second.sent <= errors &&
    second.p95Ms !== null &&
    second.p95Ms <= p95Ms;
  const at = behind.findIndex((_, i) =>
    Array.from({ length: GOOD_SECONDS }, (__, more) => behind[i + more]).every(isGood),
  );
  return at === -1 ? null : behind[at];
}

function windowOf(seconds: readonly Second[], summed?: LatencyCounts): FaultWindow | null {
  if (seconds.length === 0) return null;
  const counts = new LatencyCounts();
  if (summed !== undefined) counts.addCounts(summed);
  for (const { latency } of seconds) if (latency !== null) counts.addEncoded(latency.hdr, latency.max); // prettier-ignore
  const sum = (of: (second: Second) => number): number =>
    seconds.reduce((total, second) => total + of(second), 0);
  const [p50Ms, p95Ms] = counts.count === 0 ? [null, null] : counts.percentilesMs([50, 95]);
  return {
    seconds: seconds.length,
    sent: sum(({ sent }) => sent),
    accepted: sum(({ accepted }) => accepted),
    errors: sum(({ errors }) => errors),
    p50Ms,
    p95Ms,
  };
}
