/**
 * How well an open model kept its schedule, from the reports of its starts. Pure.
 *
 * k6 takes its starts strictly one after another: each gives an iteration to a free VU or, with none free, is dropped. A
 * dropped one takes no index, so submission i is start i + (starts dropped before it). It is late by the time
 * between that start's intended moment and its report "begun".
 */
import { LatencyHistogram } from '../results/histogram.ts';
import type { LatencyFigures, ScheduleFigures } from '../results/types.ts';
import type { Schedule } from './schedule.ts';

/** k6 gives the beginning in whole milliseconds, rounded down. */
const START_ROUNDING_MS = 1;
/** With at least this share of the VUs idle a dropped start is no matter of the target: nobody took it in time. */
const FREE_SHARE = 0.1;

export class ScheduleWatch {
  readonly #schedule: Schedule;
  readonly #vus: number;
  /** The scenario's beginning as k6 tells it with submission 0, which others may overtake. */
  #toldMs = -Infinity;
  /** The earliest moment from which all starts up to now could have been on time. */
  #earliestMs = Infinity;
  #started = 0;
  #late = 0;
  #dropped = 0;
  #droppedWhileFree = 0;
  /** Of submissions under way: when they were due, in milliseconds from the beginning. */
  readonly #due = new Map<number, number>();
  readonly #lateness = new LatencyHistogram();
  readonly #sinceIntended = new LatencyHistogram();

  /** @param vus VUs that stand ready */
  constructor(schedule: Schedule, vus: number) {
    this.#schedule = schedule;
    this.#vus = vus;
  }

  /** @param ms the scenario's beginning, since 1970 */
  begins(ms: number): void {
    this.#toldMs = ms;
  }

  get #isTold(): boolean {
    return this.#toldMs > -Infinity;
  }

  /**
   * From when intended times count, in ms since 1970. k6's ramping executor sets out a little after it has begun: once
   * its VUs are at work, which it does not tell. No start comes early, so the beginning is no later than any start less its due
   * time. Starts after a dropped one do not say: their place may be wrong by one.
   */
  #beginMs(): number {
    const latest =
      this.#isTold && this.#schedule.kind === 'constant'
        ? this.#toldMs + START_ROUNDING_MS
        : Infinity;
    return Math.max(this.#toldMs, Math.min(this.#earliestMs, latest));
  }

  /** @returns whether this submission began late */
  begun(index: number, timeMs: number): boolean {
    const dueMs = this.#schedule.intendedMs(index + this.#dropped);
    this.#started++;
    if (!Number.isFinite(dueMs)) return false;
    if (this.#dropped === 0) this.#earliestMs = Math.min(this.#earliestMs, timeMs - dueMs);
    this.#due.set(index, dueMs);
    const latenessMs = Math.max(0, timeMs - this.#beginMs() - dueMs);
    this.#lateness.record(latenessMs * 1000);
    const isLate = latenessMs > this.#schedule.toleranceMs;
    if (isLate) this.#late++;
    return isLate;
  }

  dropped(): void {
    this.#dropped++;
    if (this.#due.size <= this.#vus * (1 - FREE_SHARE)) this.#droppedWhileFree++;
  }

  /** A submission was answered, or thrown away. @param counts whether its time says something about the target */
  ended(index: number, timeMs: number, counts: boolean): void {
    const dueMs = this.#due.get(index);
    if (dueMs === undefined) return;
    this.#due.delete(index);
    if (counts) this.#sinceIntended.record(Math.max(0, timeMs - this.#beginMs() - dueMs) * 1000);
  }

  get sinceIntended(): LatencyFigures | null {
    return this.#sinceIntended.figures();
  }

  /** @param untilMs when the run was cut, since 1970; null: the load ran to its end */
  figures(untilMs: number | null): ScheduleFigures {
    const beginMs = this.#beginMs();
    // What is due after the end is not planned, also where k6 set out late.
    const isKnown = this.#isTold && this.#earliestMs < Infinity;
    const shiftMs = isKnown ? Math.max(0, beginMs - this.#toldMs) : 0;
    const due =
      untilMs === null
        ? this.#schedule.plannedIf(shiftMs)
        : Math.min(this.#schedule.planned, this.#schedule.dueBefore(untilMs - beginMs));
    const planned = Math.max(due, this.#started + this.#dropped);
    return {
      planned,
      started: this.#started,
      late: this.#late,
      dropped: this.#dropped,
      droppedWhileFree: this.#droppedWhileFree,
      onTimeShare: planned === 0 ? null : (this.#started - this.#late) / planned,
      latenessP99Ms: this.#lateness.count === 0 ? null : this.#lateness.percentileMs(99),
      toleranceMs: this.#schedule.toleranceMs,
    };
  }
}
