/** The times of batches: windows, mini-batches, and times as the tables and the original's file names have them. Pure. */

/** [start, end) in seconds since 1970, as `bot_logs` keeps it. */
export type Window = { startSeconds: number; endSeconds: number };

/** A mini-batch, [start, end) in milliseconds. */
export type Part = { startMs: number; endMs: number };

/** Equal parts without gap or overlap. @param count at least 1 */
export function miniBatchesOf({ startSeconds, endSeconds }: Window, count: number): Part[] {
  const edge = (i: number): number =>
    Math.round(startSeconds * 1000 + ((endSeconds - startSeconds) * 1000 * i) / count);
  return Array.from({ length: count }, (_, i) => ({ startMs: edge(i), endMs: edge(i + 1) }));
}

/** Which mini-batch a moment belongs to, from 0; null: none. */
export function miniBatchOf(window: Window, count: number, ms: number): number | null {
  const at = miniBatchesOf(window, count).findIndex(
    (part) => part.startMs <= ms && ms < part.endMs,
  );
  return at === -1 ? null : at;
}

/** `2024-06-05T00:20:00Z`; with a fraction where there is one. */
export const utcSeconds = (seconds: number): string =>
  new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');

/** Of a batch many rows are of one second. */
let lastSecond = { seconds: NaN, text: '' };

/** For `timestamp` columns and parameters: UTC, six digits, whatever the session's zone. @param us microseconds since 1970 */
export function timestampText(us: number): string {
  const seconds = Math.floor(us / SECOND_US);
  if (seconds !== lastSecond.seconds)
    lastSecond = {
      seconds,
      text: new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' '),
    };
  return `${lastSecond.text}.${String(us - seconds * SECOND_US).padStart(6, '0')}`;
}

const DAY_US = 86_400_000_000;
const SECOND_US = 1_000_000;
const MILLISECOND_US = 1000;

/**
 * Times as pandas prints a whole column: the date alone where all are at midnight, no decimals where all are whole seconds; else three everywhere where
 * all are whole milliseconds, and six where one is not (seen with pandas 2.3.2 and 3.1.1).
 * @param column microseconds since 1970
 */
export function pandasTimes(column: readonly number[]): string[] {
  const all = (unit: number) => column.every((us) => us % unit === 0);
  const characters = all(DAY_US) ? 10 : all(SECOND_US) ? 19 : all(MILLISECOND_US) ? 23 : 26;
  return column.map((us) => timestampText(us).slice(0, characters));
}
