/**
 * The time of a submission, `created_at`, as the uptime backend's Go reads and writes it.
 * Sources: Go 1.26, src/time/format.go and format_rfc3339.go (strict parsing is switched off there); observed on the running
 * backend: test/vectors/backend-answers.json.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */

/** An instant with the precision and the zone in which it was written. */
export type CreatedAt = {
  /** Whole seconds since 1970, rounded down; negative before. */
  seconds: number;
  nanoseconds: number;
  /** UTC, whole seconds, as it is signed: `2026-01-02T03:04:05Z`. */
  utc: string;
  /** Whole seconds in the request's own zone, as the backend stores it: `2026-01-02T04:34:05+01:30`. */
  stored: string;
  /** Written with Z, not with a numeric zone. */
  zulu: boolean;
};

const TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

/**
 * Reads a time as Go's time.Time does from JSON: RFC 3339, but one digit is enough for the hour, a comma may stand for the
 * point, and a zone goes up to 24:60.
 * @returns null for anything else
 */
export function parseCreatedAt(text: string): CreatedAt | null {
  const match = TIME.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const sign = match[8];
  const zoneHours = Number(match[9] ?? 0);
  const zoneMinutes = Number(match[10] ?? 0);
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return null;
  if (zoneHours > 24 || zoneMinutes > 60) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // A day that the month does not have moves the date on.
  if (date.getUTCDate() !== day || date.getUTCMonth() !== month - 1) return null;
  const offset = (sign === '-' ? -60 : 60) * (zoneHours * 60 + zoneMinutes);
  const local = date.getTime() / 1000 + hour * 3600 + minute * 60 + second;
  return {
    seconds: local - offset,
    nanoseconds: Number((match[7] ?? '').slice(0, 9).padEnd(9, '0')),
    utc: `${secondsText(local - offset)}Z`,
    stored: `${secondsText(local)}${zoneText(offset)}`,
    zulu: sign === undefined,
  };
}

/** Seconds of 0001-01-01T00:00:00Z, Go's zero time. */
const GO_ZERO = -62_135_596_800;

/** Go compares with its zero time, which only a text with Z gives: the same instant with a zone is another value. */
export const isGoZeroTime = (time: CreatedAt): boolean =>
  time.zulu && time.seconds === GO_ZERO && time.nanoseconds === 0;

function zoneText(offsetSeconds: number): string {
  if (offsetSeconds === 0) return 'Z';
  const minutes = Math.abs(offsetSeconds) / 60;
  return `${offsetSeconds < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}

/** Seconds since 1970 as RFC 3339 in UTC: `2026-01-02T03:04:05Z`; a fraction is cut off. */
export const utcText = (seconds: number): string => `${secondsText(Math.floor(seconds))}Z`;

/** RFC 3339 without the zone. Moving to UTC can give a year before 0 or after 9999; Go writes both. */
function secondsText(seconds: number): string {
  const date = new Date(seconds * 1000);
  const year = date.getUTCFullYear();
  const yearText = `${year < 0 ? '-' : ''}${pad(Math.abs(year), 4)}`;
  const day = `${yearText}-${pad(date.getUTCMonth() + 1)}-${pad(date.getUTCDate())}`;
  return `${day}T${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}:${pad(date.getUTCSeconds())}`;
}
