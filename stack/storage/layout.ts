/**
 * Names of what the filesystem and S3 storages hold, below their root.
 * Source: uptime-service-backend, src/delegation_backend/submit.go (MakePathsImpl).
 */
import { parseCreatedAt } from '../../mina/created-at.ts';

export const SUBMISSIONS = 'submissions';

/** @param submittedAt UTC, RFC 3339 whole seconds with Z */
export const submissionPath = (submittedAt: string, submitter: string): string =>
  `${SUBMISSIONS}/${submittedAt.slice(0, 10)}/${submittedAt}-${submitter}.json`;

/** Windows has no colon in a name: it would write a hidden stream of a file with the first part of the name. */
export const HAS_COLONS = process.platform !== 'win32';

/**
 * The same as a file. Without colons the time is `2026-01-02T03-04-05Z`: on Windows, and below the results of a run, which a CI uploads as
 * an artifact (actions/upload-artifact refuses a colon). Everywhere else the original's layout stays as it is.
 */
export const submissionFile = (
  submittedAt: string,
  submitter: string,
  hasColons = HAS_COLONS,
): string => submissionPath(hasColons ? submittedAt : submittedAt.replaceAll(':', '-'), submitter);

export const BLOCKS = 'blocks';
const BLOCK_SUFFIX = '.dat';
export const blockPath = (hash: string): string => `${BLOCKS}/${hash}${BLOCK_SUFFIX}`;

/** Inverse of {@link blockPath} without the folder. @returns null if it is no block's name */
export function readBlockName(name: string): string | null {
  const hash = name.slice(0, -BLOCK_SUFFIX.length);
  return name.endsWith(BLOCK_SUFFIX) && isBlockHash(hash) ? hash : null;
}

/** A hash may come from a stored file, and becomes part of a path. */
export const isBlockHash = (hash: string): boolean => /^[1-9A-HJ-NP-Za-km-z]{1,128}$/.test(hash);

const DAY = /^\d{4}-\d\d-\d\d$/;
export const isDay = (name: string): boolean => DAY.test(name);

/** `2026-01-02` of seconds since 1970. */
export const dayOf = (seconds: number): string => secondsText(seconds).slice(0, 10);

/** `2026-01-02T03:04:05Z` of seconds since 1970; before and after the years of four digits, the first and the last of them. */
export const secondsText = (seconds: number): string =>
  `${new Date(Math.min(Math.max(seconds, -62_167_219_200), 253_402_300_799) * 1000).toISOString().slice(0, 19)}Z`;

const TIME_LENGTH = '2026-01-02T03:04:05Z'.length;
const HOURS_END = '2026-01-02T03'.length;
const SUFFIX = '.json';

export type SubmissionName = { submittedAt: string; submitter: string };

/** @param name a file's name without its folder. @returns null if it is no submission's */
export function readSubmissionName(name: string): SubmissionName | null {
  if (name.charCodeAt(TIME_LENGTH) !== 0x2d || !name.endsWith(SUFFIX)) return null;
  const written = name.slice(0, TIME_LENGTH);
  // Of a folder that was written without colons, wherever it lies now.
  const submittedAt =
    written.charCodeAt(HOURS_END) === 0x2d
      ? written.replace(/T(\d\d)-(\d\d)-/, 'T$1:$2:')
      : written;
  const submitter = name.slice(TIME_LENGTH + 1, -SUFFIX.length);
  return submitter !== '' && wholeSecondsUtc(submittedAt) === submittedAt
    ? { submittedAt, submitter }
    : null;
}

/** Times read lately: a thousand submissions share each of them. */
const times = new Map<string, string | null>();
const MOST_TIMES = 20_000;

/** A time as submissions hold it, in UTC, RFC 3339 whole seconds with Z; null if it is none. */
export function wholeSecondsUtc(text: string): string | null {
  const known = times.get(text);
  if (known !== undefined) return known;
  const utc = parseCreatedAt(text)?.utc ?? null;
  if (times.size >= MOST_TIMES) times.clear();
  times.set(text, utc);
  return utc;
}
