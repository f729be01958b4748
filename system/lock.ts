/**
 * One process at a time for a folder's work: a file with who holds it. A holder that is gone holds nobody back: its process is no more on this
 * machine, or it has not shown itself for minutes (another machine, or a container whose process ids begin anew).
 */
import { linkSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { processExists } from './process-exists.ts';

const SHOWN_EVERY_MS = 20_000;
/** A holder that has not shown itself for so long is gone; a machine may sleep a little. */
const GONE_AFTER_MS = 300_000;

export type Lock = { release(): void };
export type Holder = { pid: number; host: string; since: string };

const holderOf = (path: string): Holder | null => {
  try {
    const { pid, host, since } = JSON.parse(readFileSync(path, 'utf8')) as Holder;
    return typeof pid === 'number' && typeof host === 'string' ? { pid, host, since } : null;
  } catch {
    return null;
  }
};

function isGone(path: string, holder: Holder | null, nowMs: number): boolean {
  const shownMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (shownMs === undefined) return true;
  if (nowMs - shownMs > GONE_AFTER_MS) return true;
  return holder !== null && holder.host === hostname() && !processExists(holder.pid);
}

/** Removes the lock of `gone`; one that somebody else has taken meanwhile is put back. */
function putAside(path: string, gone: Holder | null): void {
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const { pid, since } = holderOf(aside) ?? {};
  if (gone !== null && (pid !== gone.pid || since !== gone.since))
    try {
      linkSync(aside, path);
    } catch {
      // A third one has it.
    }
  rmSync(aside, { force: true });
}

/**
 * @param path of the lock's file, in a folder that is there
 * @returns the lock, or who holds it
 * @throws Error of the file system
 */
export function takeLock(
  path: string,
  now: () => number = Date.now,
): { lock: Lock } | { holder: Holder | null } {
  const own = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  const holder: Holder = { pid: process.pid, host: hostname(), since: new Date(now()).toISOString() }; // prettier-ignore
  writeFileSync(own, `${JSON.stringify(holder)}\n`, { flag: 'wx' });
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        // A link to a file that is whole: whoever reads the lock never reads half of it.
        linkSync(own, path);
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const other = holderOf(path);
      if (attempt > 2 || !isGone(path, other, now())) return { holder: other };
      putAside(path, other);
    }
  } finally {
    unlinkSync(own);
  }
  const show = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date());
    } catch {
      // Its folder is gone: there is nothing left to hold.
    }
  }, SHOWN_EVERY_MS);
  show.unref();
  const release = (): void => {
    clearInterval(show);
    process.off('exit', release);
    const { pid, since } = holderOf(path) ?? {};
    if (pid === process.pid && since === holder.since) rmSync(path, { force: true });
  };
  process.once('exit', release);
  return { lock: { release } };
}
