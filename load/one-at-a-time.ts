/**
 * One load at a time in a results folder: a file in it says who runs one, for other terminals and for the console. What measures
 * another thing at the same time has a results folder of its own. A holder that is gone holds nothing, however it went.
 */
import {
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join, relative, sep } from 'node:path';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { processExists } from '../system/process-exists.ts';
import { UserError } from '../user-error.ts';
import { writeWholeSync } from '../whole-file.ts';

const LOCK_FILE = '.running.json';
/** A holder on another machine, or in another container, cannot be asked: it touches the file each so often, and is gone after so long. */
const TOUCH_MS = 10_000;
const GONE_MS = 60_000;

const shape = z.object({
  format: z.literal(1),
  /** Of this holder alone. */
  key: z.string(),
  pid: z.int().positive(),
  /** When the process began, in the system's own words; with the pid it names a process for good. null: not known here. */
  processStart: z.string().nullable(),
  host: z.string(),
  /** RFC 3339. */
  since: z.string(),
  /** The folder of the run, or of the part that runs now, below the results; null: there is none yet. */
  run: z.string().nullable(),
  /** `nightly`: one load after another; `e2e`: an end-to-end run that a console started, `run` is then none of these results. */
  what: z.enum(['load', 'nightly', 'e2e']).default('load'),
  /** Where a browser watches it; null: whoever holds it was not started by a console. */
  console: z.string().nullable(),
});
export type RunningLoad = z.infer<typeof shape>;

export type LoadLock = {
  /** The folder in which the load writes now. */
  setRun(folder: string): void;
  release(): void;
};

/**
 * Fields 22 of /proc/PID/stat: ticks from the boot of the machine to the start of the process (proc_pid_stat(5)).
 * @returns null where there is no /proc, or no such process
 */
function processStartOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(') ') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function isThere({ host, pid, processStart }: RunningLoad, path: string): boolean {
  if (host !== hostname()) {
    const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return Date.now() - touched < GONE_MS;
  }
  if (!processExists(pid)) return false;
  return processStart === null || processStart === processStartOf(pid);
}

function readLock(path: string): { text: string; load: RunningLoad | null } | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return null;
  }
  try {
    return { text, load: shape.parse(JSON.parse(text)) };
  } catch {
    // Written by nobody of ours, or cut off: it holds nobody back.
    return { text, load: null };
  }
}

/** The load that runs in this results folder; null: none. */
export function runningLoad(resultsFolder: string): RunningLoad | null {
  const path = join(resultsFolder, LOCK_FILE);
  const load = readLock(path)?.load ?? null;
  return load !== null && isThere(load, path) ? load : null;
}

/** Whether the process of this load can be sent a signal from here. */
export const isOnThisMachine = ({ host, processStart, pid }: RunningLoad): boolean =>
  host === hostname() && (processStart === null || processStart === processStartOf(pid));

/** Takes away what a holder left that is gone; what somebody else put there meanwhile is put back. */
function removeStale(path: string, text: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    if (readFileSync(aside, 'utf8') !== text) linkSync(aside, path);
  } catch {
    // Another one did it.
  }
  rmSync(aside, { force: true });
}

const put = (path: string, load: RunningLoad): void => writeWholeSync(path, JSON.stringify(load));

const TRIES = 20;

/**
 * @param resultsFolder is there and can be written
 * @param consoleUrl where a browser watches the load; null: nowhere
 * @param what holds it
 * @throws UserError (exit 5) while another load, or a nightly job, runs there
 */
export function takeLoadLock(
  resultsFolder: string,
  consoleUrl: string | null,
  what: RunningLoad['what'] = 'load',
): LoadLock {
  const path = join(resultsFolder, LOCK_FILE);
  const mine: RunningLoad = {
    format: 1,
    key: randomUUID(),
    pid: process.pid,
    processStart: processStartOf(process.pid),
    host: hostname(),
    since: new Date().toISOString(),
    run: null,
    what,
    console: consoleUrl,
  };
  // Whole or not at all: linked to its name when it is written.
  const part = `${path}.${mine.key}`;
  try {
    for (let i = 0; ; i++) {
      const found = readLock(path);
      if (found?.load && isThere(found.load, path)) throw refusal(found.load);
      if (i === TRIES) throw new UserError(`${path} cannot be taken`, { hint: 'delete that file' });
      if (found !== null) removeStale(path, found.text);
      try {
        writeFileSync(part, JSON.stringify(mine));
      } catch {
        // A full disk: what the load then does without results, it says itself.
        return { setRun: () => undefined, release: () => undefined };
      }
      try {
        linkSync(part, path);
        break;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EEXIST') continue;
        // A file system without links: whoever is first is first by a moment.
        put(path, mine);
        break;
      }
    }
  } finally {
    rmSync(part, { force: true });
  }
  const isMine = () => readLock(path)?.load?.key === mine.key;
  const touch = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date());
    } catch {
      // Somebody deleted it: then nothing holds.
    }
  }, TOUCH_MS).unref();
  const release = () => {
    clearInterval(touch);
    process.off('exit', release);
    if (isMine()) rmSync(path, { force: true });
  };
  process.on('exit', release);
  return {
    setRun(folder) {
      mine.run = relative(resultsFolder, folder).split(sep).join('/');
      try {
        if (isMine()) put(path, mine);
      } catch {
        // A full disk: the load is not to end by it.
      }
    },
    release,
  };
}

function refusal({ since, pid, host, run, what, console: url }: RunningLoad): UserError {
  const where = host === hostname() ? `process ${pid}` : `process ${pid} on ${host}`;
  const name = run === null ? '' : `, ${run}`;
  return new UserError(
    `${inWords(what)} is running since ${since.slice(0, 19).replace('T', ' ')} UTC (${where}${name})`,
    {
      hint: `watch it ${url === null ? 'with npm run console' : `at ${url}`}, wait for its end, or give a load beside it another folder for its results (--results, of a night --folder)`,
    },
  );
}

const WORDS = { load: 'a load', nightly: 'a nightly job', e2e: 'an end-to-end run' } as const;
export const inWords = (what: RunningLoad['what']): string => WORDS[what];
