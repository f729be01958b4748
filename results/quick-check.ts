/**
 * The shapes of the two long files of a run (schema.ts), checked by hand: a week has millions of lines, for which a general check takes
 * longer than all else. What these let pass, the schemas let pass too (a test holds that); what they do not, the schemas decide. Pure.
 */

type Fields = Record<string, unknown>;

const isNumber = (value: unknown): boolean => Number.isFinite(value);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isTime = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= 0;
const orAbsent = (value: unknown, is: (value: unknown) => boolean): boolean =>
  value === undefined || is(value);

function areCounts(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  for (const name in value) if (!isCount((value as Fields)[name])) return false;
  return true;
}

function isLatency(value: unknown): boolean {
  if (value === null) return true;
  if (typeof value !== 'object') return false;
  const { count, p50, p90, p95, p99, max, hdr } = value as Fields;
  return (
    isCount(count) &&
    isNumber(p50) &&
    isNumber(p90) &&
    isNumber(p95) &&
    isNumber(p99) &&
    isNumber(max) &&
    typeof hdr === 'string'
  );
}

/** A line of samples.ndjson. */
export function looksLikeSample(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const line = value as Fields;
  return (
    isTime(line.t) &&
    isCount(line.elapsedS) &&
    (line.vus === null || isTime(line.vus)) &&
    isCount(line.sent) &&
    orAbsent(line.started, isCount) &&
    areCounts(line.answers) &&
    orAbsent(line.accepted, isCount) &&
    orAbsent(line.expected, isCount) &&
    orAbsent(line.failedIterations, isCount) &&
    orAbsent(line.late, isCount) &&
    orAbsent(line.dropped, isCount) &&
    orAbsent(line.retries, isCount) &&
    isNumber(line.bytesSent) &&
    isNumber(line.bytesReceived) &&
    isLatency(line.latency) &&
    isLatency(line.felt)
  );
}

/** Fields of readings that are no figures. */
const WORDS = new Set(['kind', 'name']);

/** A line of resources.ndjson: of a process or the machine; others are few. */
export function looksLikeReading(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const line = value as Fields;
  if (!isTime(line.t)) return false;
  if (line.kind === 'process' ? typeof line.name !== 'string' : line.kind !== 'host') return false;
  if (line.kind === 'host' && !isNumber(line.cores)) return false;
  for (const field in line) if (!WORDS.has(field) && !isNumber(line[field])) return false;
  return true;
}
