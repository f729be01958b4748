/**
 * Folders outside the results for what only this user may read, for as long as a program needs to read it. Each has the id
 * of the process that made it in its name: what a process left behind that was killed (kill -9 waits for nothing) is
 * removed at the next start.
 */
import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'mina-load';

/** A container has process ids of its own, and may share its folder of temporary files: they must not be compared. */
function pidSpace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0'; // not Linux
  }
}

/**
 * Makes a folder of mode 0700; it goes at the end of this process at the latest.
 * @returns its path; `remove` may be called again
 * @throws errors of node:fs
 */
export function makeSecretFolder(base: string = tmpdir()): { path: string; remove(): void } {
  // mkdtemp makes it with mode 0700.
  const path = mkdtempSync(join(base, `${PREFIX}-${pidSpace()}-${process.pid}-`));
  let isThere = true;
  const remove = () => {
    if (!isThere) return;
    isThere = false;
    process.off('exit', remove);
    rmSync(path, { recursive: true, force: true });
  };
  process.on('exit', remove);
  return { path, remove };
}

/** Removes such folders of this user whose process has ended. What cannot be looked at or removed stays. */
export function sweepSecretFolders(base: string = tmpdir()): void {
  const pattern = new RegExp(`^${PREFIX}-${pidSpace()}-(\\d+)-\\w{6}$`);
  let names: string[];
  try {
    names = readdirSync(base);
  } catch {
    return;
  }
  for (const name of names) {
    const pid = Number(pattern.exec(name)?.[1] ?? NaN);
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    const path = join(base, name);
    try {
      const { uid } = lstatSync(path);
      if (process.getuid === undefined || uid === process.getuid())
        rmSync(path, { recursive: true, force: true });
    } catch {
      // It has just gone.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
