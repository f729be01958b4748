/** Removes runs that are no longer kept: only folders that the history names, and only if they still are what a night wrote. */
import { lstatSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { HistoryEntry } from '../results/history.ts';
import { SESSION_FILE } from '../results/session.ts';
import { FILES } from '../results/writer.ts';
import { foldersToRemove } from './plan.ts';

/** @returns names of the folders that were removed */
export async function removeOldRuns(
  folder: string,
  entries: readonly HistoryEntry[],
  keep: number,
): Promise<string[]> {
  const removed: string[] = [];
  for (const name of foldersToRemove(entries, keep)) {
    const path = join(folder, name);
    if (!(await isOurs(path, name))) continue;
    await rm(path, { recursive: true, force: true });
    removed.push(name);
  }
  return removed;
}

/** A folder, no link, whose own file says that it is the run or the session of this name. */
async function isOurs(path: string, name: string): Promise<boolean> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return false;
  for (const file of [FILES.plan, SESSION_FILE])
    try {
      const { id } = JSON.parse(await readFile(join(path, file), 'utf8')) as { id?: unknown };
      if (id === name) return true;
    } catch {
      // Not there, or not whole: then it is not what a night left there.
    }
  return false;
}
