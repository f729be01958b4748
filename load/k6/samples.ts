/**
 * k6's sample stream (CSV on standard output) in, figures out: one line per second, totals, histograms, and
 * what became of each submission. Pure: no I/O, no clock; everything follows from the bytes.
 *
 * k6 writes about once a second, the samples of one request side by side, those of several requests nearly in order. A line is
 * read in sample-line.ts, its second counted in seconds.ts.
 */
import { CODE, CODES, GROUP_TAG, LATE_SLEEP_MS } from '../../scenarios/lib/reports.ts';
import { decodeBuckets, LatencyHistogram } from '../../results/histogram.ts';
import type { AnswerClass, SampleLine } from '../../results/types.ts';
import { AnswerTable } from '../../reconcile/answer-table.ts';
import type { SendTimes } from '../../reconcile/send-times.ts';
import type { Schedule } from '../schedule.ts';
import { acceptedOf, byClass, countOne, expectedOf, sentOf } from './answer-counts.ts';
import { LineSplitter } from './line-splitter.ts';
import { emptySample, hasStatus, HEADER, METRIC, readSample, tagOf } from './sample-line.ts';
import { ScheduleWatch } from './schedule-watch.ts';
import { type Second, Seconds } from './seconds.ts';
import { StandstillWatch } from './standstill.ts';

export type AggregatorOptions = {
  /** Submissions per lease, and records of the corpus (Infinity: nothing is ever sent again). */
  lease: number;
  count: number;
  expectedStatus: number;
  /** Size of submission i's body, in bytes; without it the bytes sent are those that k6 counts, headers and all. */
  bodyBytesOf?: (index: number) => number;
  /** Of an open model, with the VUs that stand ready. */
  schedule?: { schedule: Schedule; vus: number } | null;
  /** Requests that ended within it have no say in `latency`, `felt` and the time since the intended start. */
  warmUpMs?: number;
  /** Answers with this status are a feeder's (load/feeder/feeder.ts), of so many bytes each: they count nowhere. */
  feeder?: { status: number; answerBytes: number } | null;
  /** File for the answers of long ago: reconcile/answer-table.ts. */
  answersPath?: string;
  /** Gets begin and end of each submission. */
  times?: Pick<SendTimes, 'begun' | 'ended'>;
  /** Of a load on several targets: how many there are, and the place of submission i's among them. */
  targets?: { count: number; of: (index: number) => number };
  /** Of a load whose figures are kept apart (load/parts.ts): k6 tags its requests with the group's place. */
  groups?: { expectedStatus: readonly number[]; of: (index: number) => number };
};

/** What came of one group; figures of latency are over its expected answers. */
export type GroupTotals = {
  sent: number;
  accepted: number;
  expected: number;
  answers: Record<AnswerClass, number>;
  bytesSent: number;
  latency: LatencyHistogram;
};

export type Totals = {
  /** Requests whose end was reported; those sent again after a failure are in `retries`. */
  sent: number;
  /** Requests that failed and were sent again, by their answers. */
  retries: Record<AnswerClass, number>;
  /** Taken by the target: status 200 and the backend's body. */
  accepted: number;
  /** Answered as expected; other than `accepted` only where some bodies expect another answer. */
  expected: number;
  answers: Record<AnswerClass, number>;
  /** Answers with the expected status and another body. */
  otherBody: number;
  failedIterations: number;
  /** Submissions with an index beyond the corpus. */
  resent: number;
  /** Iterations that k6 began beyond the plan's submissions: they sent nothing. */
  beyondPlan: number;
  bytesSent: number;
  bytesReceived: number;
  /** Highest number of VUs at work that k6 reported; null if it did not. */
  vusMax: number | null;
  /** Requests that k6 itself counted (`http_reqs`): a stop between the two makes it larger than `sent`. */
  httpRequests: number;
  /** First and last end of a request, ms since 1970; null before there is one. */
  firstEndMs: number | null;
  lastEndMs: number | null;
  /** Lines that were no sample: 1 after a k6 that was killed, else 0. */
  faultyLines: number;
  /** How long k6 stood still as a whole, ms: {@link StandstillWatch}. */
  standstillMs: number;
};

/** Answers with the same words (scenarios/lib/reasons.ts): `reason` is their number, `code` what came, as in reports.ts. */
export type ReasonCount = { reason: number; code: number; count: number };

type Group = {
  expectedStatus: string;
  counts: Map<number, number>;
  bytesSent: number;
  latency: LatencyHistogram;
};

export class SampleAggregator {
  readonly latency = new LatencyHistogram();
  readonly felt = new LatencyHistogram();
  readonly table: AnswerTable;
  /** null in a closed model. */
  readonly schedule: ScheduleWatch | null;

  readonly #options: AggregatorOptions;
  readonly #expectedStatus: string;
  readonly #feederStatus: string | null;
  /** Bytes of a feeder's answers that k6 has not yet counted as received. */
  #feederBytes = 0;
  readonly #answers = new Map<number, number>();
  readonly #retries = new Map<number, number>();
  /** The same by target, where there are several. */
  readonly #answersOf: readonly Map<number, number>[];
  readonly #groups: readonly Group[];
  #sent = 0;
  #failedIterations = 0;
  #resent = 0;
  #beyondPlan = 0;
  #bytesSent = 0;
  #bytesReceived = 0;
  #vusMax: number | null = null;
  #httpRequests = 0;
  #firstEndMs: number | null = null;
  #lastEndMs: number | null = null;
  #faultyLines = 0;
  #lastRetryMs = 0;
  #warmUpAnswers = 0;
  /** When the load began, ms since 1970: as k6 reports it, else the first sample. */
  #startMs: number | null = null;

  readonly #seconds = new Seconds();
  readonly #standstill = new StandstillWatch();
  /** Packed reason and code -> how many. */
  readonly #reasons = new Map<number, number>();
  /** By how much think times took too long, in microseconds; of those that were late at all. */
  readonly #overruns = new LatencyHistogram();

  #headerSeen = false;
  readonly #lines = new LineSplitter((bytes, from, to) => this.#line(bytes, from, to));
  readonly #sample = emptySample();

  // The request whose samples are being read: they stand side by side.
  #duration = -1;
  #around = 0;
  #expected = false;
  /** Its group, if that expects the answer which came; else undefined. */
  #group: Group | undefined;

  constructor(options: AggregatorOptions) {
    this.#options = options;
    this.#groups = (options.groups?.expectedStatus ?? []).map((status) => ({
      expectedStatus: String(status),
      counts: new Map(),
      bytesSent: 0,
      latency: new LatencyHistogram(),
    }));
    this.#expectedStatus = String(options.expectedStatus);
    this.#feederStatus = options.feeder ? String(options.feeder.status) : null;
    this.table = new AnswerTable(options.answersPath ?? null);
    const { schedule } = options;
    this.schedule = schedule ? new ScheduleWatch(schedule.schedule, schedule.vus) : null;
    this.#answersOf = Array.from({ length: options.targets?.count ?? 0 }, () => new Map());
  }

  /** @throws Error if the stream has other columns than the scenarios ask for */
  push(chunk: Buffer): void {
    this.#lines.push(chunk);
  }

  /** After the last chunk: all seconds are finished; a line without an end is dropped. */
  end(): void {
    if (this.#lines.end() > 0) this.#faultyLines++;
    // No retry came for these: the failure is their answer.
    for (const [index, code] of this.table.takeWaiting())
      this.#report(this.#seconds.at(this.#lastRetryMs), this.#lastRetryMs, index * CODES + code);
    this.#seconds.finishAll();
  }

  /** @returns the seconds that have been finished since the last call, in order and without a gap */
  takeSeconds(): SampleLine[] {
    return this.#seconds.take();
  }

  /** Answers other than the expected one by their words, the most frequent first. */
  get reasons(): ReasonCount[] {
    return [...this.#reasons]
      .map(([packed, count]) => ({
        reason: Math.floor(packed / CODES),
        code: packed % CODES,
        count,
      }))
      .sort((a, b) => b.count - a.count || a.reason - b.reason || a.code - b.code);
  }

  /** Think times that took at least so much longer than they should have. @param ms {@link LATE_SLEEP_MS} or more */
  overrunsOver(ms: number): number {
    let count = 0;
    for (const bucket of decodeBuckets(this.#overruns.encode()))
      if (bucket.lowUs >= Math.max(ms, LATE_SLEEP_MS) * 1000) count += bucket.count;
    return count;
  }

  get totals(): Totals {
    let otherBody = 0;
    for (const [code, count] of this.#answers)
      if (code === this.#options.expectedStatus) otherBody += count;
    return {
      sent: this.#sent,
      accepted: acceptedOf(this.#answers),
      expected: expectedOf(this.#answers),
      answers: byClass(this.#answers),
      otherBody,
      retries: byClass(this.#retries),
      failedIterations: this.#failedIterations,
      resent: this.#resent,
      beyondPlan: this.#beyondPlan,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      vusMax: this.#vusMax,
      httpRequests: this.#httpRequests,
      firstEndMs: this.#firstEndMs,
      lastEndMs: this.#lastEndMs,
      faultyLines: this.#faultyLines,
      standstillMs: this.#standstill.totalMs,
    };
  }

  /** What became of the submissions for each of several targets, in their order; empty where there is one. */
  byTarget(): { sent: number; accepted: number; answers: Record<AnswerClass, number> }[] {
    return this.#answersOf.map((counts) => ({
      sent: sentOf(counts),
      accepted: acceptedOf(counts),
      answers: byClass(counts),
    }));
  }

  /** What became of each group, in their order; empty where there are none. */
  byGroup(): GroupTotals[] {
    return this.#groups.map(({ counts, bytesSent, latency }) => ({
      sent: sentOf(counts),
      accepted: acceptedOf(counts),
      expected: expectedOf(counts),
      answers: byClass(counts),
      bytesSent,
      latency,
    }));
  }

  /** Expected answers that the warm-up kept out of the latencies. */
  get warmUpAnswers(): number {
    return this.#warmUpAnswers;
  }

  /** When the load began, ms since 1970; null before the first sample. */
  get startMs(): number | null {
    return this.#startMs;
  }

  /** Submissions begun whose end was not reported, by index: {@link AnswerTable.inFlight}. */
  inFlight(): number[] {
    return [...this.table.inFlight(this.#options.lease)];
  }

  /** One line without its end, `bytes[from]` to `bytes[to - 1]`. */
  #line(bytes: Buffer, from: number, to: number): void {
    if (!this.#headerSeen) {
      const header = bytes.toString('latin1', from, to).trimEnd();
      if (header !== HEADER) throw new Error(`k6 writes other columns: "${header.slice(0, 200)}"`);
      this.#headerSeen = true;
      return;
    }
    const sample = this.#sample;
    if (!readSample(bytes, from, to, sample)) {
      this.#faultyLines++;
      return;
    }
    const { metric, timeMs, value, rest } = sample;
    if (metric === METRIC.other) return;
    this.#startMs ??= timeMs;
    switch (metric) {
      case METRIC.start:
        this.#startMs = value;
        this.schedule?.begins(value);
        this.#standstill.begins(value);
        break;
      case METRIC.dropped:
        // shared-iterations has such too, where its time runs out.
        if (this.schedule === null) break;
        // shared-iterations tells of all that never came at once, the others of one after the other.
        this.schedule.dropped(value);
        this.#seconds.at(timeMs).dropped += value;
        break;
      case METRIC.retry:
        this.#retry(timeMs, value);
        break;
      case METRIC.reason:
        countOne(this.#reasons, value);
        break;
      case METRIC.beyond:
        this.#beyondPlan++;
        break;
      case METRIC.overrun:
        this.#overruns.record(value * 1000);
        break;
      case METRIC.report:
        this.#report(this.#seconds.at(timeMs), timeMs, value);
        break;
      case METRIC.httpReqs:
        if (this.#feederStatus !== null && hasStatus(this.#feederStatus, bytes, rest, to)) {
          this.#feederBytes += this.#options.feeder!.answerBytes;
          break;
        }
        this.#httpRequests++;
        this.#seconds.at(timeMs);
        break;
      case METRIC.duration:
        this.#duration = value * 1000;
        this.#around = 0;
        this.#expected = hasStatus(this.#expectedStatus, bytes, rest, to);
        if (this.#groups.length > 0) this.#group = this.#groupOf(bytes, rest, to);
        break;
      case METRIC.blocked:
      case METRIC.connecting:
        this.#around += value * 1000;
        break;
      case METRIC.tls:
        // The last one needed of a request; a request without its first ones was cut off.
        if (this.#duration >= 0 && this.#group !== undefined && !this.#isWarmUp(timeMs))
          this.#group.latency.record(this.#duration);
        if (this.#duration >= 0 && this.#expected) {
          const second = this.#seconds.at(timeMs);
          const felt = this.#duration + this.#around + value * 1000;
          second.latency.record(this.#duration);
          second.felt.record(felt);
          if (this.#isWarmUp(timeMs)) this.#warmUpAnswers++;
          else {
            this.latency.record(this.#duration);
            this.felt.record(felt);
          }
        }
        this.#duration = -1;
        break;
      case METRIC.vus:
        this.#seconds.at(timeMs).vus = value;
        this.#standstill.alive(timeMs);
        if (this.#vusMax === null || value > this.#vusMax) this.#vusMax = value;
        break;
      case METRIC.dataSent:
        if (this.#options.bodyBytesOf === undefined) {
          this.#seconds.at(timeMs).bytesSent += value;
          this.#bytesSent += value;
        }
        break;
      case METRIC.dataReceived: {
        // k6 counts what comes over a VU's connections, of whom it does not say.
        const ofFeeder = Math.min(value, this.#feederBytes);
        this.#feederBytes -= ofFeeder;
        this.#seconds.at(timeMs).bytesReceived += value - ofFeeder;
        this.#bytesReceived += value - ofFeeder;
        break;
      }
    }
  }

  #report(second: Second, timeMs: number, value: number): void {
    const index = Math.floor(value / CODES);
    const code = value % CODES;
    if (!this.table.report(index, code)) {
      this.#faultyLines++;
      return;
    }
    if (code === CODE.begun) {
      this.#options.times?.begun(index, timeMs);
      if (this.#options.lease === 1) second.started = (second.started ?? 0) + 1;
      if (this.schedule?.begun(index, timeMs)) second.late++;
      return;
    }
    if (code === CODE.leaseEnded) return;
    this.#options.times?.ended(index, timeMs);
    const isExpected = (code & CODE.expected) !== 0;
    this.schedule?.ended(index, timeMs, isExpected && !this.#isWarmUp(timeMs), isExpected);
    if (code === CODE.threw) {
      second.failedIterations++;
      this.#failedIterations++;
      return;
    }
    second.sent++;
    this.#sent++;
    countOne(second.answers, code);
    countOne(this.#answers, code);
    if (this.#options.targets !== undefined)
      countOne(this.#answersOf[this.#options.targets.of(index)], code);
    const whole = this.#options.bodyBytesOf?.(index);
    // Who answers 413 does so before it reads the body, and closes.
    const bytes = whole !== undefined && (code & ~CODE.expected) === 413 ? 0 : whole;
    if (this.#options.groups !== undefined) {
      const group = this.#groups[this.#options.groups.of(index)];
      countOne(group.counts, code);
      group.bytesSent += bytes ?? 0;
    }
    if (index >= this.#options.count) this.#resent++;
    if (bytes !== undefined) {
      second.bytesSent += bytes;
      this.#bytesSent += bytes;
    }
    if (this.#firstEndMs === null || timeMs < this.#firstEndMs) this.#firstEndMs = timeMs;
    if (this.#lastEndMs === null || timeMs > this.#lastEndMs) this.#lastEndMs = timeMs;
  }

  #retry(timeMs: number, value: number): void {
    const index = Math.floor(value / CODES);
    this.#lastRetryMs = timeMs;
    const failure = this.table.retry(index, value % CODES);
    if (failure === null) return;
    const second = this.#seconds.at(timeMs);
    const bytes = this.#options.bodyBytesOf?.(index) ?? 0;
    second.retries++;
    second.bytesSent += bytes;
    this.#bytesSent += bytes;
    countOne(this.#retries, failure);
  }

  /** The group that a request's tag names, if it expects the answer that came. */
  #groupOf(bytes: Buffer, rest: number, to: number): Group | undefined {
    const place = tagOf(GROUP_TAG, bytes, rest, to);
    const group = place === '' ? undefined : this.#groups[Number(place)];
    return group !== undefined && hasStatus(group.expectedStatus, bytes, rest, to)
      ? group
      : undefined;
  }

  #isWarmUp(endMs: number): boolean {
    const { warmUpMs = 0 } = this.#options;
    return warmUpMs > 0 && endMs < this.#startMs! + warmUpMs;
  }
}
