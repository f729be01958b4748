/** Logs of the components of a run: those that were kept, or those that they write now. As text, their ends, and nothing outside the run's own folders. */
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { placesOf } from '../../e2e/places.ts';
import { componentLogs } from '../../e2e/stacks.ts';
import type { E2ePlace } from './e2e-folders.ts';
import { NAME } from './run-list.ts';

export type E2eLog = {
  /** `backend`, or `backend.log.1`. */
  name: string;
  bytes: number;
  /** Its component writes it now. */
  isLive: boolean;
};

const MOST_LOGS = 200;
/** Of one answer. */
export const USUAL_BYTES = 64 * 1024;
export const MOST_BYTES = 1024 * 1024;

type Found = E2eLog & { path: string };

/** @param inside a folder that is real @returns null: it is no file in there */
function fileIn(path: string, inside: string, name: string, isLive: boolean): Found | null {
  try {
    if (!NAME.test(name) || realpathSync(path) !== path || !path.startsWith(`${inside}${sep}`)) return null; // prettier-ignore
    const found = statSync(path);
    return found.isFile() ? { name, path, bytes: found.size, isLive } : null;
  } catch {
    return null;
  }
}

const filesIn = (folder: string): string[] => {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
};

const withoutEnding = (name: string): string => name.replace(/\.log$/, '');

function found({ state, results }: E2ePlace): Found[] {
  const all = new Map<string, Found>();
  const add = (one: Found | null) => {
    if (one !== null && all.size < MOST_LOGS && !all.has(one.name)) all.set(one.name, one);
  };
  // What was kept is whole; before that, what there is so far.
  if (results !== null)
    for (const folder of [join(results, 'logs'), join(results, 'dump', 'logs')])
      for (const file of filesIn(folder)) add(fileIn(join(folder, file), results, withoutEnding(file), false)); // prettier-ignore
  if (state !== null) {
    const { logs } = placesOf({ folder: state });
    for (const file of filesIn(logs)) add(fileIn(join(logs, file), state, withoutEnding(file), true)); // prettier-ignore
    for (const { component, path } of componentLogs(state)) add(fileIn(path, state, component, true)); // prettier-ignore
  }
  return [...all.values()];
}

export const logsOf = (place: E2ePlace): E2eLog[] =>
  found(place).map(({ name, bytes, isLive }) => ({ name, bytes, isLive }));

const NEWLINE = 0x0a;

/**
 * The end of a log, whole lines.
 * @param bytes at most @returns null: there is none of this name
 */
export async function logEnd(
  place: E2ePlace,
  name: string,
  bytes: number,
): Promise<{ text: string; isCut: boolean } | null> {
  const log = found(place).find((one) => one.name === name);
  if (log === undefined) return null;
  const file = await open(log.path, 'r');
  try {
    const { size } = await file.stat();
    const length = Math.min(size, bytes);
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await file.read(buffer, 0, length, size - length);
    const isCut = length < size;
    const start = isCut ? buffer.indexOf(NEWLINE) + 1 : 0;
    return { text: buffer.toString('utf8', start, bytesRead), isCut };
  } finally {
    await file.close();
  }
}
