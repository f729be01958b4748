/** Where offline rows come from: a recorded run, a dump, a database. */
import { open, stat } from 'node:fs/promises';
import { withoutMark } from '../../../system/pem.ts';
import { EXIT, UserError } from '../../../user-error.ts';
import type { Window } from '../window.ts';
import type { OfflineWindow } from './replay.ts';
import type { RowStore } from './row-store.ts';

export type OfflineSource = {
  name: string;
  store: RowStore;
  /** Of `bot_logs`, in the order of time; empty: there are none, so {@link windowsOver} makes them. */
  windows: OfflineWindow[];
  /** Scores as the tables have them, by key; empty: there are none. */
  recorded: Map<string, { points: number; percent: string }>;
  uptimeDays: number | null;
};

/** Windows of one length over all rows, from `start` on. */
export function windowsOver(
  store: RowStore,
  intervalSeconds: number,
  startSeconds: number | null,
): OfflineWindow[] {
  const range = store.range();
  if (range === null) return [];
  const first = startSeconds ?? Math.floor(range.fromUs / 1e6 / intervalSeconds) * intervalSeconds;
  const windows: OfflineWindow[] = [];
  for (let start = first; start * 1e6 <= range.toUs; start += intervalSeconds)
    windows.push({ startSeconds: start, endSeconds: start + intervalSeconds, excluded: false });
  return windows;
}

/** Those that lie inside [from, to]; null: without a bound. */
export const windowsWithin = <T extends Window>(
  windows: readonly T[],
  fromSeconds: number | null,
  toSeconds: number | null,
): T[] =>
  windows.filter(
    ({ startSeconds, endSeconds }) =>
      startSeconds >= (fromSeconds ?? -Infinity) && endSeconds <= (toSeconds ?? Infinity),
  );

const HEAD_BYTES = 4096;

export type FileKind = 'recorded run' | 'dump' | 'compressed';

/** By its first bytes. @throws UserError where it cannot be read, or is of no kind that is known */
export async function kindOfFile(path: string): Promise<FileKind> {
  const problem = (why: string, hint: string, cause?: unknown) =>
    new UserError(`${path} ${why}`, { hint, exitCode: EXIT.usage, cause });
  const kinds =
    'give a recorded run (JSON), a plain dump of pg_dump, or postgres://USER@HOST/DATABASE';
  const head = Buffer.alloc(HEAD_BYTES);
  let bytes: number;
  try {
    if (!(await stat(path)).isFile()) throw new Error('it is no file');
    const file = await open(path);
    try {
      ({ bytesRead: bytes } = await file.read(head, 0, HEAD_BYTES, 0));
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw problem(`cannot be read: ${(cause as Error).message}`, kinds, cause);
  }
  if (head[0] === 0x1f && head[1] === 0x8b) return 'compressed';
  const text = withoutMark(head.toString('utf8', 0, bytes));
  if (text.startsWith('PGDMP'))
    throw problem(
      'is a dump in PostgreSQL’s own format',
      `make it a plain one: pg_restore -f plain.sql ${path}`,
    );
  if (/^\s*[{[]/.test(text)) return 'recorded run';
  if (/PostgreSQL database dump|^COPY |^SET |^--/m.test(text)) return 'dump';
  throw problem('is neither a recorded run nor a dump', kinds);
}
