/**
 * k6's sample stream (CSV on standard output) in, figures out: one line per second, totals, histograms, and
 * what became of each submission. Pure: no I/O, no clock; everything follows from the bytes.
 *
 * The stream, with `systemTags: ['status']` and times in microseconds (grafana/k6, internal/output/csv/output.go):
 *
 *     metric_name,timestamp,metric_value,status,extra_tags,metadata
 *     http_req_duration,1767323045123456,12.345678,200,,
 *
 * Times are those of a request's end. k6 writes about once a second, the samples of one request side by
 * side, those of several requests nearly in order.
 *
 * A second is finished when a sample is seen whose time is two seconds or more after the second's start: one
 * whole second of grace. What comes later still is counted in the oldest second that is not finished, so
 * the sum over all lines is the total, exactly, whatever the clock does.
 */
import {
  CODE,
  CODES,
  REPORT_METRIC,
  RETRY_METRIC,
  START_METRIC,
} from '../../scenarios/lib/reports.ts';
import { ACCEPTED } from '../../results/answers.ts';
import type { AnswerClass, SampleLine, Summary } from '../../results/types.ts';
import { AnswerTable, classOfCode, isAccepted } from '../../reconcile/answer-table.ts';
import type { SendTimes } from '../../reconcile/send-times.ts';
import type { Schedule } from '../schedule.ts';
import { ScheduleWatch } from './schedule-watch.ts';
import { LatencyHistogram } from '../../results/histogram.ts';

const HEADER = 'metric_name,timestamp,metric_value,status,extra_tags,metadata';

/** A clock that jumps ahead leaves at most this many empty seconds behind. */
const MOST_EMPTY_SECONDS = 3600;

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
  /** File for the answers of long ago: load/answer-table.ts. */
  answersPath?: string;
  /** Gets begin and end of each submission. */
  times?: Pick<SendTimes, 'begun' | 'ended'>;
  /** Of a load on several targets: how many there are, and the place of submission i's among them. */
  targets?: { count: number; of: (index: number) => number };
  /** Of a load whose figures are kept apart (load/mix.ts): k6 tags its requests with the group's place. */
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
};

/** One second that is still being counted. */
class Second {
  vus: number | null = null;
  sent = 0;
  failedIterations = 0;
  late = 0;
  dropped = 0;
  retries = 0;
  bytesSent = 0;
  bytesReceived = 0;
  readonly answers = new Map<number, number>();
  readonly latency = new LatencyHistogram();
  readonly felt = new LatencyHistogram();

  reset(): void {
    this.vus = null;
    this.sent = this.failedIterations = this.bytesSent = this.bytesReceived = 0;
    this.late = this.dropped = this.retries = 0;
    this.answers.clear();
    if (this.latency.count > 0) this.latency.reset();
    if (this.felt.count > 0) this.felt.reset();
  }
}

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
  #bytesSent = 0;
  #bytesReceived = 0;
  #vusMax: number | null = null;
  #httpRequests = 0;
  #firstEndMs: number | null = null;
  #lastEndMs: number | null = null;
  #faultyLines = 0;
  #lastRetryMs = 0;
  #warmUpAnswers = 0;
  /** When the load began, ms since 1970: as k6 tells it, else the first sample. */
  #startMs: number | null = null;

  /** Seconds that are not finished, the first of which began at #base (seconds since 1970). */
  #open: Second[] = [];
  #base = 0;
  #firstSecond: number | null = null;
  #finished: SampleLine[] = [];
  /** Used again: a histogram is large. */
  #spare: Second[] = [];

  #headerSeen = false;
  /** The beginning of a line whose end has not come yet. */
  #carry: Buffer = Buffer.alloc(0);

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
    let from = 0;
    if (this.#carry.length > 0) {
      const end = chunk.indexOf(0x0a);
      if (end === -1) {
        this.#carry = Buffer.concat([this.#carry, chunk]);
        return;
      }
      const line = Buffer.concat([this.#carry, chunk.subarray(0, end)]);
      this.#carry = Buffer.alloc(0);
      this.#line(line, 0, line.length);
      from = end + 1;
    }
    for (;;) {
      const end = chunk.indexOf(0x0a, from);
      if (end === -1) break;
      this.#line(chunk, from, end);
      from = end + 1;
    }
    // A copy: the caller may use its chunk again.
    if (from < chunk.length) this.#carry = Buffer.from(chunk.subarray(from));
  }

  /** After the last chunk: all seconds are finished; a line without an end is dropped. */
  end(): void {
    if (this.#carry.length > 0) this.#faultyLines++;
    this.#carry = Buffer.alloc(0);
    // No retry came for these: the failure is their answer.
    for (const [index, code] of this.table.takeWaiting())
      this.#report(this.#secondOf(this.#lastRetryMs), this.#lastRetryMs, index * CODES + code);
    while (this.#open.length > 0) this.#finishOldest();
  }

  /** @returns the seconds that have been finished since the last call, in order and without a gap */
  takeSeconds(): SampleLine[] {
    const lines = this.#finished;
    this.#finished = [];
    return lines;
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
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      vusMax: this.#vusMax,
      httpRequests: this.#httpRequests,
      firstEndMs: this.#firstEndMs,
      lastEndMs: this.#lastEndMs,
      faultyLines: this.#faultyLines,
    };
  }

  /** What became of the submissions for each of several targets, in their order; empty where there is one. */
  byTarget(): { sent: number; accepted: number; answers: Record<AnswerClass, number> }[] {
    return this.#answersOf.map((counts) => ({
      sent: [...counts.values()].reduce((sum, count) => sum + count, 0),
      accepted: acceptedOf(counts),
      answers: byClass(counts),
    }));
  }

  /** What became of each group, in their order; empty where there are none. */
  byGroup(): GroupTotals[] {
    return this.#groups.map(({ counts, bytesSent, latency }) => ({
      sent: [...counts.values()].reduce((sum, count) => sum + count, 0),
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
    const nameEnd = bytes.indexOf(COMMA, from);
    const timeEnd = nameEnd === -1 ? -1 : bytes.indexOf(COMMA, nameEnd + 1);
    const valueEnd = timeEnd === -1 ? -1 : bytes.indexOf(COMMA, timeEnd + 1);
    if (valueEnd === -1 || valueEnd >= to) {
      this.#faultyLines++;
      return;
    }
    const metric = metricOf(bytes, from, nameEnd);
    if (metric === OTHER) return;
    const timeMs = parseDecimal(bytes, nameEnd + 1, timeEnd) / 1000;
    const value = parseDecimal(bytes, timeEnd + 1, valueEnd);
    if (Number.isNaN(timeMs) || Number.isNaN(value)) {
      this.#faultyLines++;
      return;
    }
    this.#startMs ??= timeMs;
    switch (metric) {
      case START:
        this.#startMs = value;
        this.schedule?.begins(value);
        break;
      case DROPPED:
        // shared-iterations has such too, where its time runs out.
        if (this.schedule === null) break;
        // shared-iterations tells of all that never came at once, the others of one after the other.
        this.schedule.dropped(value);
        this.#secondOf(timeMs).dropped += value;
        break;
      case RETRY:
        this.#retry(timeMs, value);
        break;
      case REPORT:
        this.#report(this.#secondOf(timeMs), timeMs, value);
        break;
      case HTTP_REQS:
        if (this.#feederStatus !== null && hasStatus(this.#feederStatus, bytes, valueEnd + 1, to)) {
          this.#feederBytes += this.#options.feeder!.answerBytes;
          break;
        }
        this.#httpRequests++;
        this.#secondOf(timeMs);
        break;
      case DURATION:
        this.#duration = value * 1000;
        this.#around = 0;
        this.#expected = hasStatus(this.#expectedStatus, bytes, valueEnd + 1, to);
        if (this.#groups.length > 0) this.#group = this.#groupOf(bytes, valueEnd + 1, to);
        break;
      case BLOCKED:
      case CONNECTING:
        this.#around += value * 1000;
        break;
      case TLS:
        // The last one needed of a request; a request without its first ones was cut off.
        if (this.#duration >= 0 && this.#group !== undefined && !this.#isWarmUp(timeMs))
          this.#group.latency.record(this.#duration);
        if (this.#duration >= 0 && this.#expected) {
          const second = this.#secondOf(timeMs);
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
      case VUS:
        this.#secondOf(timeMs).vus = value;
        if (this.#vusMax === null || value > this.#vusMax) this.#vusMax = value;
        break;
      case DATA_SENT:
        if (this.#options.bodyBytesOf === undefined) {
          this.#secondOf(timeMs).bytesSent += value;
          this.#bytesSent += value;
        }
        break;
      case DATA_RECEIVED: {
        // k6 counts what comes over a VU's connections, of whom it does not say.
        const ofFeeder = Math.min(value, this.#feederBytes);
        this.#feederBytes -= ofFeeder;
        this.#secondOf(timeMs).bytesReceived += value - ofFeeder;
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
      if (this.schedule?.begun(index, timeMs)) second.late++;
      return;
    }
    if (code === CODE.leaseEnded) return;
    this.#options.times?.ended(index, timeMs);
    this.schedule?.ended(index, timeMs, (code & CODE.expected) !== 0 && !this.#isWarmUp(timeMs));
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
    const second = this.#secondOf(timeMs);
    const bytes = this.#options.bodyBytesOf?.(index) ?? 0;
    second.retries++;
    second.bytesSent += bytes;
    this.#bytesSent += bytes;
    countOne(this.#retries, failure);
  }

  /** @param from where the columns status, extra_tags and metadata begin: `200,group=3,` */
  #groupOf(bytes: Buffer, from: number, to: number): Group | undefined {
    const [, status, place] = /^(\d*),(?:[^,]*&)?group=(\d+)(?:&|,|$)/.exec(
      bytes.toString('latin1', from, to),
    ) ?? ['', '', ''];
    const group = place === '' ? undefined : this.#groups[Number(place)];
    return group !== undefined && status === group.expectedStatus ? group : undefined;
  }

  #isWarmUp(endMs: number): boolean {
    const { warmUpMs = 0 } = this.#options;
    return warmUpMs > 0 && endMs < this.#startMs! + warmUpMs;
  }

  /** The second to count a sample of `timeMs` in; finishes those that are past their grace. */
  #secondOf(timeMs: number): Second {
    const second = Math.floor(timeMs / 1000);
    if (this.#open.length === 0) {
      // Only before the first sample: afterwards one second at least stays open.
      this.#base = second;
      this.#firstSecond = second;
      this.#open.push(this.#spare.pop() ?? new Second());
      return this.#open[0];
    }
    if (second <= this.#base) return this.#open[0];
    if (second - this.#base < this.#open.length) return this.#open[second - this.#base];
    if (second - this.#base > MOST_EMPTY_SECONDS) {
      while (this.#open.length > 1) this.#finishOldest();
      this.#finishOldest();
      this.#base = second;
      this.#open.push(this.#spare.pop() ?? new Second());
      return this.#open[0];
    }
    while (this.#base + this.#open.length <= second) {
      this.#open.push(this.#spare.pop() ?? new Second());
      if (this.#open.length > 2) this.#finishOldest();
    }
    return this.#open[second - this.#base];
  }

  #finishOldest(): void {
    const second = this.#open.shift()!;
    const answers = byClass(second.answers);
    const accepted = acceptedOf(second.answers);
    const expected = expectedOf(second.answers);
    this.#finished.push({
      t: this.#base * 1000,
      elapsedS: this.#base - this.#firstSecond!,
      vus: second.vus,
      sent: second.sent,
      answers,
      ...(accepted !== (answers[ACCEPTED] ?? 0) && { accepted }),
      ...(expected !== accepted && { expected }),
      ...(second.failedIterations > 0 && { failedIterations: second.failedIterations }),
      ...(second.late > 0 && { late: second.late }),
      ...(second.dropped > 0 && { dropped: second.dropped }),
      ...(second.retries > 0 && { retries: second.retries }),
      bytesSent: second.bytesSent,
      bytesReceived: second.bytesReceived,
      latency: second.latency.ofSecond(),
      felt: second.felt.ofSecond(),
    });
    this.#base++;
    second.reset();
    this.#spare.push(second);
  }
}

/**
 * What a summary takes from the samples.
 * @param cut the load did not run to its end: what was due after its last sample is not counted as missed
 */
export function figuresOf(
  aggregator: SampleAggregator,
  cut = false,
): Omit<Summary['figures'], 'processes'> {
  const { schedule, warmUpAnswers } = aggregator;
  const { totals } = aggregator;
  const { sent, accepted, expected, answers, bytesSent, bytesReceived } = totals;
  const { failedIterations, retries, ...times } = totals;
  const spanMs = (times.lastEndMs ?? 0) - (times.firstEndMs ?? 0);
  return {
    sent,
    accepted,
    answers,
    ...(expected !== accepted && { expected }),
    errorRate: sent === 0 ? null : (sent - expected) / sent,
    // Between n ends lie n - 1 intervals.
    submissionsPerSecond: spanMs > 0 ? ((sent - 1) * 1000) / spanMs : null,
    bytesSent,
    bytesReceived,
    latency: aggregator.latency.figures(),
    felt: aggregator.felt.figures(),
    failedIterations,
    ...(schedule !== null && {
      schedule: schedule.figures(cut ? (times.lastEndMs ?? 0) : null),
      sinceIntended: schedule.sinceIntended,
      lateness: schedule.lateness,
    }),
    ...(warmUpAnswers > 0 && { warmUpAnswers }),
    ...(Object.keys(retries).length > 0 && { retries }),
  };
}

const countOne = (counts: Map<number, number>, code: number): void =>
  void counts.set(code, (counts.get(code) ?? 0) + 1);

const sumOf = (counts: ReadonlyMap<number, number>, of: (code: number) => boolean): number => {
  let sum = 0;
  for (const [code, count] of counts) if (of(code)) sum += count;
  return sum;
};

const acceptedOf = (counts: ReadonlyMap<number, number>): number => sumOf(counts, isAccepted);

const expectedOf = (counts: ReadonlyMap<number, number>): number =>
  sumOf(counts, (code) => (code & CODE.expected) !== 0);

/** Counts by packed code to counts by class, in the order of the classes. */
function byClass(counts: ReadonlyMap<number, number>): Record<AnswerClass, number> {
  const sums: Record<AnswerClass, number> = {};
  const sorted = [...counts].map(([code, count]) => [code & ~CODE.expected, count] as const);
  for (const [code, count] of sorted.sort(([a], [b]) => a - b))
    sums[classOfCode(code)] = (sums[classOfCode(code)] ?? 0) + count;
  return sums;
}

/** Whether the column that begins at `from` is `status`. */
function hasStatus(status: string, bytes: Buffer, from: number, to: number): boolean {
  if (from + status.length >= to || bytes[from + status.length] !== COMMA) return false;
  for (let i = 0; i < status.length; i++)
    if (bytes[from + i] !== status.charCodeAt(i)) return false;
  return true;
}

const COMMA = 0x2c;

const OTHER = 0;
const REPORT = 1;
const HTTP_REQS = 2;
const DURATION = 3;
const BLOCKED = 4;
const CONNECTING = 5;
const TLS = 6;
const VUS = 7;
const DATA_SENT = 8;
const DATA_RECEIVED = 9;
const START = 10;
const DROPPED = 11;
const RETRY = 12;

const METRICS: Record<string, number> = {
  [REPORT_METRIC]: REPORT,
  [RETRY_METRIC]: RETRY,
  http_reqs: HTTP_REQS,
  http_req_duration: DURATION,
  http_req_blocked: BLOCKED,
  http_req_connecting: CONNECTING,
  http_req_tls_handshaking: TLS,
  vus: VUS,
  data_sent: DATA_SENT,
  data_received: DATA_RECEIVED,
  [START_METRIC]: START,
  dropped_iterations: DROPPED,
};

/** Length and first byte tell these names apart; other metrics may share both, so the whole name is compared. */
const BY_SHAPE: { name: Buffer; metric: number }[] = [];
const shapeOf = (length: number, byte: number): number => (length << 8) | byte;
for (const [name, metric] of Object.entries(METRICS))
  BY_SHAPE[shapeOf(name.length, name.charCodeAt(0))] = {
    name: Buffer.from(name),
    metric,
  };

function metricOf(bytes: Buffer, from: number, to: number): number {
  const candidate = BY_SHAPE[shapeOf(to - from, bytes[from])];
  if (candidate === undefined) return OTHER;
  const { name, metric } = candidate;
  for (let i = 0; i < name.length; i++) if (bytes[from + i] !== name[i]) return OTHER;
  return metric;
}

/** Decimal digits with at most one point, as Go's %f writes them. @returns NaN for anything else */
function parseDecimal(bytes: Buffer, from: number, to: number): number {
  let value = 0;
  let scale = 0;
  for (let i = from; i < to; i++) {
    const digit = bytes[i] - 0x30;
    if (digit >= 0 && digit <= 9) {
      // A report's value may have 16 digits before its point and only zeros behind it.
      if (scale > 0) {
        if (digit !== 0) value += digit * scale;
        scale /= 10;
      } else value = value * 10 + digit;
    } else if (digit === -2 && scale === 0) scale = 0.1;
    else return NaN;
  }
  return from < to ? value : NaN;
}
