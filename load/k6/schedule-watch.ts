/**
 * How well an open model kept its schedule, from the reports of its starts. Pure.
 *
 * k6 takes its starts strictly one after another: each gives an iteration to a free VU or, with none free, is dropped. A
 * dropped one takes no index, so submission i is start i + (starts dropped before it). It is late by the time
 * between that start's intended moment and its report "begun".
 */
import { LatencyHistogram } from '../../results/histogram.ts';
import { QueueMeter } from '../../results/queue-meter.ts';
import type { LatencyFigures, ScheduleFigures } from '../../results/types.ts';
import type { Schedule } from '../schedule.ts';

/** k6 gives the beginning in whole milliseconds, rounded down. */
const START_ROUNDING_MS = 1;
/** With at least this share of the VUs idle a dropped start is no matter of the target: nobody took it in time. */
const FREE_SHARE = 0.1;

export class ScheduleWatch {
  readonly #schedule: Schedule;
  readonly #vus: number;
  /** The scenario's beginning as k6 reports it with submission 0, which others may overtake. */
  #toldMs = -Infinity;
  /** The earliest moment from which all starts up to now could have been on time. */
  #earliestMs = Infinity;
  #started = 0;
  #late = 0;
  #lateWhileBusy = 0;
  /** When {@link ScheduleWatch.#isFull} was true last, ms since 1970; Infinity: it is. */
  #lastFullMs = -Infinity;
  #dropped = 0;
  #droppedWhileFree = 0;
  /** Expected answers that came in the second half of the load's time. */
  #answeredInSecondHalf = 0;
  /** Of submissions under way: when they were due, in milliseconds from the beginning. */
  readonly #due = new Map<number, number>();
  readonly #lateness = new LatencyHistogram();
  readonly #sinceIntended = new LatencyHistogram();
  /** Of a constant rate. */
  readonly #queue: QueueMeter | null;

  /** @param vus VUs that stand ready */
  constructor(schedule: Schedule, vus: number) {
    this.#schedule = schedule;
    this.#vus = vus;
    this.#queue = schedule.kind === 'constant' ? new QueueMeter(schedule.durationMs) : null;
  }

  /** @param ms the scenario's beginning, since 1970 */
  begins(ms: number): void {
    this.#toldMs = ms;
  }

  /** All or nearly all VUs are at work. */
  get #isFull(): boolean {
    return this.#due.size > this.#vus * (1 - FREE_SHARE);
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
    const { beganMs } = this.#schedule;
    if (beganMs !== undefined) return beganMs() ?? this.#toldMs;
    const latest =
      this.#isTold && this.#schedule.kind !== 'ramping'
        ? this.#toldMs + START_ROUNDING_MS
        : Infinity;
    return Math.max(this.#toldMs, Math.min(this.#earliestMs, latest));
  }

  /** @returns whether this submission began late */
  begun(index: number, timeMs: number): boolean {
    // Where each start has its own time, submission i is start i: none is dropped before the end.
    const isTimed = this.#schedule.kind === 'timed' || this.#schedule.kind === 'steered';
    const dueMs = this.#schedule.intendedMs(isTimed ? index : index + this.#dropped);
    this.#started++;
    if (!Number.isFinite(dueMs)) return false;
    if (this.#dropped === 0) this.#earliestMs = Math.min(this.#earliestMs, timeMs - dueMs);
    this.#due.set(index, dueMs);
    this.#queue?.begun(timeMs - this.#beginMs());
    const latenessMs = Math.max(0, timeMs - this.#beginMs() - dueMs);
    this.#lateness.record(latenessMs * 1000);
    const isLate = latenessMs > this.#schedule.toleranceMs;
    if (isLate) this.#late++;
    if (isLate && isTimed && this.#lastFullMs >= this.#beginMs() + dueMs) this.#lateWhileBusy++;
    if (this.#isFull) this.#lastFullMs = Infinity;
    return isLate;
  }

  /** @param starts that never came, all for the same reason */
  dropped(starts = 1): void {
    // Each of them waits outside for the rest of the load.
    for (let i = 0; i < starts && this.#queue !== null; i++) {
      const dueMs = this.#schedule.intendedMs(this.#started + this.#dropped + i);
      this.#queue.begun(dueMs);
    }
    this.#dropped += starts;
    if (!this.#isFull) this.#droppedWhileFree += starts;
  }

  /**
   * A submission was answered, or thrown away.
   * @param counts whether its time says something about the target
   * @param isExpected whether the answer is the one that it should get, in the warm-up too
   */
  ended(index: number, timeMs: number, counts: boolean, isExpected = counts): void {
    const dueMs = this.#due.get(index);
    if (dueMs === undefined) return;
    this.#due.delete(index);
    if (this.#lastFullMs === Infinity && !this.#isFull) this.#lastFullMs = timeMs;
    const sinceBeginMs = timeMs - this.#beginMs();
    const { durationMs } = this.#schedule;
    this.#queue?.ended(sinceBeginMs, isExpected);
    if (counts && sinceBeginMs > durationMs / 2 && sinceBeginMs <= durationMs)
      this.#answeredInSecondHalf++;
    if (counts) this.#sinceIntended.record(Math.max(0, timeMs - this.#beginMs() - dueMs) * 1000);
  }

  /**
   * Expected answers in the second half of the load's time over the starts due in it: a target below its capacity answers as many as
   * are begun, however long each takes; one above it answers what it can, and the rest queues. Of a constant rate, or one that is constant
   * between two changes; else null.
   */
  get keepingUpShare(): number | null {
    const schedule = this.#schedule;
    const { kind, durationMs } = schedule;
    if (kind !== 'constant' && kind !== 'steered') return null;
    const due = schedule.dueBefore(durationMs) - schedule.dueBefore(durationMs / 2);
    // A queue of the first half that is worked off in the second one is no more than keeping up.
    return due === 0 ? null : Math.min(1, this.#answeredInSecondHalf / due);
  }

  get lateness(): LatencyFigures | null {
    return this.#lateness.figures();
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
    const missed = this.#schedule.missed?.();
    const dropped = missed?.starts ?? this.#dropped;
    const planned = Math.max(due, this.#started + dropped);
    return {
      planned,
      started: this.#started,
      late: this.#late,
      dropped,
      droppedWhileFree: missed?.whileFree ?? this.#droppedWhileFree,
      ...(this.#lateWhileBusy > 0 && { lateWhileBusy: this.#lateWhileBusy }),
      onTimeShare: planned === 0 ? null : (this.#started - this.#late) / planned,
      // A load that was cut has no second half.
      ...(untilMs === null &&
        this.keepingUpShare !== null && { keepingUpShare: this.keepingUpShare }),
      ...(untilMs === null && this.#queue !== null && { queue: this.#queue.figures() }),
      latenessP99Ms: this.#lateness.count === 0 ? null : this.#lateness.percentileMs(99),
      toleranceMs: this.#schedule.toleranceMs,
    };
  }
}
