/** Times as logs write them. Pure. */

const ISO_TIME =
  /\b(\d{4})[-/](\d\d)[-/](\d\d)[T _](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s?(Z|UTC|GMT|[+-]\d\d:?\d\d)?/;

/** RFC 3339 and what looks like it; without a zone it is taken as UTC. Ms since 1970. */
export function parseTime(text: string): number | null {
  const match = ISO_TIME.exec(text);
  if (!match) return null;
  const [, year, month, day, time, fraction = '0', zone = 'Z'] = match;
  const offset = /^[+-]/.test(zone) ? zone.replace(/^(...):?(..)$/, '$1:$2') : 'Z';
  const ms = fraction.slice(0, 3).padEnd(3, '0');
  const t = Date.parse(`${year}-${month}-${day}T${time}.${ms}${offset}`);
  return Number.isNaN(t) ? null : t;
}

/** Seconds, milliseconds, microseconds or nanoseconds since 1970, known by their size; else null. */
function parseEpoch(value: number): number | null {
  const toMs = [
    [1e8, 1e11, 1000],
    [1e11, 1e14, 1],
    [1e14, 1e17, 1e-3],
    [1e17, 1e20, 1e-6],
  ].find(([from, below]) => value >= from && value < below);
  return toMs === undefined ? null : Math.floor(value * toMs[2]);
}

/** Of a field of a JSON or logfmt line. */
export function timeOf(value: unknown): number | null {
  if (typeof value === 'number') return parseEpoch(value);
  if (typeof value !== 'string') return null;
  return /^\d+(\.\d+)?$/.test(value) ? parseEpoch(Number(value)) : parseTime(value);
}
