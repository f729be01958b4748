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
import { CODE, CODES, REPORT_METRIC, START_METRIC } from '../scenarios/lib/reports.ts';
import type { AnswerClass, SampleLine, Summary } from '../results/types.ts';
import { AnswerTable, classOfCode } from './answer-table.ts';
import type { Schedule } from './schedule.ts';
import { ScheduleWatch } from './schedule-watch.ts';
import { LatencyHistogram } from '../results/histogram.ts';

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
  /** Of a load on several targets: how many there are, and the place of submission i's among them. */
  targets?: { count: number; of: (index: number) => number };
};

export type Totals = {
  /** Requests whose end was reported. */
  sent: number;
  /** Answered as expected: status and body. */
  accepted: number;
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
  bytesSent = 0;
  bytesReceived = 0;
  readonly answers = new Map<number, number>();
  readonly latency = new LatencyHistogram();
  readonly felt = new LatencyHistogram();

  reset(): void {
    this.vus = null;
    this.sent = this.failedIterations = this.bytesSent = this.bytesReceived = 0;
    this.late = this.dropped = 0;
    this.answers.clear();
    if (this.latency.count > 0) this.latency.reset();
    if (this.felt.count > 0) this.felt.reset();
  }
}

export class SampleAggregator {
  readonly latency = new LatencyHistogram();
  readonly felt = new LatencyHistogram();
  readonly table = new AnswerTable();
  /** null in a closed model. */
  readonly schedule: ScheduleWatch | null;

  readonly #options: AggregatorOptions;
  readonly #expectedStatus: string;
  readonly #answers = new Map<number, number>();
  /** The same by target, where there are several. */
  readonly #answersOf: readonly Map<number, number>[];
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

  constructor(options: AggregatorOptions) {
    this.#options = options;
    this.#expectedStatus = String(options.expectedStatus);
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
      answers: byClass(this.#answers),
      otherBody,
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
        this.schedule.dropped();
        this.#secondOf(timeMs).dropped++;
        break;
      case REPORT:
        this.#report(this.#secondOf(timeMs), timeMs, value);
        break;
      case HTTP_REQS:
        this.#httpRequests++;
        this.#secondOf(timeMs);
        break;
      case DURATION:
        this.#duration = value * 1000;
        this.#around = 0;
        this.#expected = this.#hasExpectedStatus(bytes, valueEnd + 1, to);
        break;
      case BLOCKED:
      case CONNECTING:
        this.#around += value * 1000;
        break;
      case TLS:
        // The last one needed of a request; a request without its first ones was cut off.
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
      case DATA_RECEIVED:
        this.#secondOf(timeMs).bytesReceived += value;
        this.#bytesReceived += value;
        break;
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
      if (this.schedule?.begun(index, timeMs)) second.late++;
      return;
    }
    if (code === CODE.leaseEnded) return;
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
    if (index >= this.#options.count) this.#resent++;
    if (this.#options.bodyBytesOf !== undefined) {
      const bytes = this.#options.bodyBytesOf(index);
      second.bytesSent += bytes;
      this.#bytesSent += bytes;
    }
    if (this.#firstEndMs === null || timeMs < this.#firstEndMs) this.#firstEndMs = timeMs;
    if (this.#lastEndMs === null || timeMs > this.#lastEndMs) this.#lastEndMs = timeMs;
  }

  #isWarmUp(endMs: number): boolean {
    const { warmUpMs = 0 } = this.#options;
    return warmUpMs > 0 && endMs < this.#startMs! + warmUpMs;
  }

  #hasExpectedStatus(bytes: Buffer, from: number, to: number): boolean {
    const text = this.#expectedStatus;
    if (from + text.length >= to || bytes[from + text.length] !== COMMA) return false;
    for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text.charCodeAt(i)) return false;
    return true;
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
    this.#finished.push({
      t: this.#base * 1000,
      elapsedS: this.#base - this.#firstSecond!,
      vus: second.vus,
      sent: second.sent,
      answers: byClass(second.answers),
      ...(second.failedIterations > 0 && { failedIterations: second.failedIterations }),
      ...(second.late > 0 && { late: second.late }),
      ...(second.dropped > 0 && { dropped: second.dropped }),
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
  const { sent, accepted, answers, bytesSent, bytesReceived, failedIterations, ...times } =
    aggregator.totals;
  const spanMs = (times.lastEndMs ?? 0) - (times.firstEndMs ?? 0);
  return {
    sent,
    accepted,
    answers,
    errorRate: sent === 0 ? null : (sent - accepted) / sent,
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
    }),
    ...(warmUpAnswers > 0 && { warmUpAnswers }),
  };
}

const countOne = (counts: Map<number, number>, code: number): void =>
  void counts.set(code, (counts.get(code) ?? 0) + 1);

function acceptedOf(counts: ReadonlyMap<number, number>): number {
  let accepted = 0;
  for (const [code, count] of counts) if (code & CODE.expected) accepted += count;
  return accepted;
}

/** Counts by packed code to counts by class, in the order of the classes. */
function byClass(counts: ReadonlyMap<number, number>): Record<AnswerClass, number> {
  const sums: Record<AnswerClass, number> = {};
  const sorted = [...counts].map(([code, count]) => [code & ~CODE.expected, count] as const);
  for (const [code, count] of sorted.sort(([a], [b]) => a - b))
    sums[classOfCode(code)] = (sums[classOfCode(code)] ?? 0) + count;
  return sums;
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

const METRICS: Record<string, number> = {
  [REPORT_METRIC]: REPORT,
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
