/** Times of a dump: UTC, RFC 3339 with Z, whole seconds or with a fraction of up to six digits. Pure. */

/** Of a second there are many rows. */
const known = new Map<string, number>();
const MOST_KNOWN = 100_000;

/** Microseconds since 1970. */
export function microsecondsOf(time: string): number {
  const whole = time.slice(0, 19);
  let us = known.get(whole);
  if (us === undefined) {
    us = Date.parse(`${whole}Z`) * 1000;
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(whole, us);
  }
  // `2026-01-02T03:04:05Z` has 20 characters.
  return time.length === 20 ? us : us + Number(time.slice(20, -1).padEnd(6, '0'));
}

export const millisecondsOf = (time: string): number => microsecondsOf(time) / 1000;

/** Without the fraction where there is none. */
export function timeOfUs(us: number): string {
  const seconds = Math.floor(us / 1e6);
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  const rest = us - seconds * 1e6;
  return rest === 0 ? `${text}Z` : `${text}.${String(rest).padStart(6, '0')}Z`;
}

export const timeOfMs = (ms: number): string => timeOfUs(Math.round(ms * 1000));

/** `2026-01-02T03:04:05Z` of a time with whatever fraction: what a storage keeps of it. */
export const wholeSeconds = (time: string): string =>
  time.length === 20 ? time : `${time.slice(0, 19)}Z`;
