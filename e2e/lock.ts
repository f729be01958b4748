/** One harness at a time on a state: a file with the process that holds it. That of a process that is gone is taken over. */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, UserError } from '../user-error.ts';
import { identityOf, isRunning, type ProcessIdentity } from '../system/process-identity.ts';

export type Lock = { release(): void };

const NAME = 'lock.json';

/** @returns whoever holds it; null: nobody, or who is gone */
export function holderOf(folder: string): ProcessIdentity | null {
  const holder = read(join(folder, NAME));
  return holder !== null && isRunning(holder) ? holder : null;
}

/** @param folder is there. @throws UserError (exit 2) where another harness works on it */
export function takeLock(folder: string): Lock {
  const path = join(folder, NAME);
  const own = join(folder, `lock-${randomUUID()}.json`);
  writeFileSync(own, JSON.stringify(identityOf(process.pid)));
  try {
    for (;;) {
      try {
        // A link is there whole or not at all, and fails where there is one.
        linkSync(own, path);
        return { release: () => rmSync(path, { force: true }) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = holderOf(folder);
      if (holder !== null)
        throw new UserError(`another harness (process ${holder.pid}) works on ${folder}`, {
          hint: 'wait for its end, or give this run another --name',
          exitCode: EXIT.usage,
        });
      putAside(path);
    }
  } finally {
    rmSync(own, { force: true });
  }
}

/** Of two that find the same dead holder one moves the file; what it moved may be the other's new one, which goes back. */
function putAside(path: string): void {
  const aside = `${path}-${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = read(aside);
  try {
    if (moved !== null && isRunning(moved)) linkSync(aside, path);
  } finally {
    rmSync(aside, { force: true });
  }
}

function read(path: string): ProcessIdentity | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch {
    return null;
  }
}
