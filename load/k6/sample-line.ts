/**
 * One line of k6's sample stream (CSV on standard output) as figures. Pure.
 *
 * The stream, with `systemTags: ['status']` and times in microseconds (grafana/k6, internal/output/csv/output.go):
 *
 *     metric_name,timestamp,metric_value,status,extra_tags,metadata
 *     http_req_duration,1767323045123456,12.345678,200,,
 */
import {
  BEYOND_METRIC,
  OVERRUN_METRIC,
  REASON_METRIC,
  REPORT_METRIC,
  RETRY_METRIC,
  START_METRIC,
} from '../../scenarios/lib/reports.ts';

/** The columns that the scenarios ask k6 for; the first line of the stream. */
export const HEADER = 'metric_name,timestamp,metric_value,status,extra_tags,metadata';

/** Which of k6's metrics a sample is of; the order is that of {@link METRIC_NAMES}. */
export const METRIC = {
  other: 0,
  report: 1,
  retry: 2,
  httpReqs: 3,
  duration: 4,
  blocked: 5,
  connecting: 6,
  tls: 7,
  vus: 8,
  dataSent: 9,
  dataReceived: 10,
  start: 11,
  dropped: 12,
  reason: 13,
  overrun: 14,
  beyond: 15,
} as const;
type Metric = (typeof METRIC)[keyof typeof METRIC];

const METRIC_NAMES: readonly string[] = [
  '',
  REPORT_METRIC,
  RETRY_METRIC,
  'http_reqs',
  'http_req_duration',
  'http_req_blocked',
  'http_req_connecting',
  'http_req_tls_handshaking',
  'vus',
  'data_sent',
  'data_received',
  START_METRIC,
  'dropped_iterations',
  REASON_METRIC,
  OVERRUN_METRIC,
  BEYOND_METRIC,
];

/** One sample. The object is used again for each line: a hundred thousand come in a second. */
export type Sample = {
  metric: Metric;
  /** ms since 1970, to the microsecond: of a request its end. */
  timeMs: number;
  /** In the metric's own unit (times: ms). */
  value: number;
  /** Where the columns status, extra_tags and metadata begin in the line's bytes: `200,part=3,`. */
  rest: number;
};

export const emptySample = (): Sample => ({ metric: METRIC.other, timeMs: 0, value: 0, rest: 0 });

/**
 * Reads one line without its end, `bytes[from]` to `bytes[to - 1]`, into `sample`.
 * @returns false if it is no sample; a sample of a metric that nobody asked for has {@link METRIC}.other and nothing else
 */
export function readSample(bytes: Buffer, from: number, to: number, sample: Sample): boolean {
  const nameEnd = commaAfter(bytes, from, to);
  const timeEnd = nameEnd === -1 ? -1 : commaAfter(bytes, nameEnd + 1, to);
  const valueEnd = timeEnd === -1 ? -1 : commaAfter(bytes, timeEnd + 1, to);
  if (valueEnd === -1) return false;
  sample.metric = metricOf(bytes, from, nameEnd);
  if (sample.metric === METRIC.other) return true;
  sample.timeMs = parseDecimal(bytes, nameEnd + 1, timeEnd) / 1000;
  sample.value = parseDecimal(bytes, timeEnd + 1, valueEnd);
  sample.rest = valueEnd + 1;
  return !Number.isNaN(sample.timeMs) && !Number.isNaN(sample.value);
}

/** Whether the column that begins at `from` is `status`. */
export function hasStatus(status: string, bytes: Buffer, from: number, to: number): boolean {
  if (from + status.length >= to || bytes[from + status.length] !== COMMA) return false;
  for (let i = 0; i < status.length; i++)
    if (bytes[from + i] !== status.charCodeAt(i)) return false;
  return true;
}

/** @returns the tag `name` in the columns from `rest` on (`200,part=3,`); '' if there is none */
export function tagOf(name: string, bytes: Buffer, rest: number, to: number): string {
  const [, , tags = ''] = /^(\d*),([^,]*)/.exec(bytes.toString('latin1', rest, to)) ?? [];
  for (const tag of tags.split('&'))
    if (tag.startsWith(`${name}=`)) return tag.slice(name.length + 1);
  return '';
}

const COMMA = 0x2c;

function commaAfter(bytes: Buffer, from: number, to: number): number {
  for (let i = from; i < to; i++) if (bytes[i] === COMMA) return i;
  return -1;
}

/** Length and first byte tell these names apart; other metrics may share both, so the whole name is compared. */
const BY_SHAPE: { name: Buffer; metric: Metric }[] = [];
const shapeOf = (length: number, byte: number): number => (length << 8) | byte;
for (const metric of Object.values(METRIC)) {
  const name = Buffer.from(METRIC_NAMES[metric]);
  if (name.length === 0) continue;
  const shape = shapeOf(name.length, name[0]);
  if (BY_SHAPE[shape] !== undefined)
    throw new Error(`${String(name)} has the shape of another metric`);
  BY_SHAPE[shape] = { name, metric };
}

function metricOf(bytes: Buffer, from: number, to: number): Metric {
  const candidate = BY_SHAPE[shapeOf(to - from, bytes[from])];
  if (candidate === undefined) return METRIC.other;
  const { name, metric } = candidate;
  for (let i = 0; i < name.length; i++) if (bytes[from + i] !== name[i]) return METRIC.other;
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
