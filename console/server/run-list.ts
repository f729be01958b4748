/** The runs in a results folder: their names as a browser asks for them, and what the list shows of each. Nothing outside is reached. */
import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { runningLoad } from '../../load/one-at-a-time.ts';
import { isSession } from '../../results/session.ts';
import { FILES } from '../../results/writer.ts';
import type { Plan, Summary } from '../../results/types.ts';
import { stateOf } from '../live/run-view.ts';
import type { RunState } from '../live/message.ts';

/** Of a run inside a session or a search: its folders, one after another. No name of a folder holds it. */
export const SEPARATOR = '~';
/** No folder of ours begins with a full stop; neither do `.` and `..`. */
export const NAME = /^[^./\\~\p{Cc}][^/\\~\p{Cc}]{0,200}$/u;
const PARTS = ['runs', 'trials'];

export type RunRow = {
  id: string;
  scenario: string;
  /** RFC 3339; null: not known. */
  startedAt: string | null;
  state: RunState | 'session' | 'unreadable';
  sentence: string | null;
  target: string | null;
  embedded: boolean;
  seed: string | null;
  commit: string | null;
  sent: number | null;
  accepted: number | null;
  submissionsPerSecond: number | null;
  p95Ms: number | null;
  errorRate: number | null;
  durationMs: number | null;
};

export class RunFolders {
  /** Real, absolute. */
  readonly root: string;
  /** The results folder is the folder of one run: only that one is shown. */
  readonly #only: string | null;
  readonly #rows = new Map<string, { mark: string; row: RunRow }>();

  constructor(folder: string) {
    const path = realpathSync(resolve(folder));
    const isRun = [FILES.plan, FILES.summary, FILES.samples].some((name) =>
      isFile(join(path, name)),
    );
    this.root = isRun ? dirname(path) : path;
    this.#only = isRun ? basename(path) : null;
  }

  /** @returns the folder of a run or a session, real and inside the results; null: there is none of this name */
  folderOf(id: string): string | null {
    const names = id.split(SEPARATOR);
    const isPart = names.length === 3 && PARTS.includes(names[1]);
    if ((names.length !== 1 && !isPart) || !names.every((name) => NAME.test(name))) return null;
    if (this.#only !== null && names[0] !== this.#only) return null;
    const path = join(this.root, ...names);
    try {
      // A link inside the results may lead anywhere.
      if (realpathSync(path) !== path || !statSync(path).isDirectory()) return null;
    } catch {
      return null;
    }
    return path;
  }

  /** @returns a file of a run, real and inside its folder; null: there is none of this name */
  fileOf(id: string, name: string): string | null {
    const folder = this.folderOf(id);
    if (folder === null || !NAME.test(name)) return null;
    const path = join(folder, name);
    try {
      return realpathSync(path) === path && isFile(path) ? path : null;
    } catch {
      return null;
    }
  }

  /** Newest first. */
  ids(): string[] {
    if (this.#only !== null) return [this.#only];
    return readdirSync(this.root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && NAME.test(entry.name))
      .map(({ name }) => name)
      .filter((name) => isResult(join(this.root, name)))
      .sort()
      .reverse();
  }

  /** The loads of a session, or the trials of a search. */
  partsOf(id: string): string[] {
    const folder = this.folderOf(id);
    if (folder === null || id.includes(SEPARATOR)) return [];
    return PARTS.flatMap((part) => {
      try {
        return readdirSync(join(folder, part))
          .map((name) => [id, part, name].join(SEPARATOR))
          .filter((one) => this.folderOf(one) !== null)
          .sort();
      } catch {
        return [];
      }
    });
  }

  /** The run that a load in these results writes now; null: none, or it has no folder yet. */
  runningId(): string | null {
    const load = runningLoad(this.root);
    return load === null || load.what === 'e2e' ? null : (load.run?.split('/').join(SEPARATOR) ?? null); // prettier-ignore
  }

  row(id: string): RunRow {
    const folder = this.folderOf(id);
    const running = this.runningId();
    const isRunning = running !== null && (running === id || running.startsWith(`${id}${SEPARATOR}`)); // prettier-ignore
    if (folder === null) return unreadable(id);
    const mark = [FILES.plan, FILES.summary, 'session.json']
      .map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0)
      .join();
    const known = this.#rows.get(id);
    const row = known?.mark === mark ? known.row : rowOf(id, folder);
    this.#rows.set(id, { mark, row });
    const isOver = row.state !== 'unfinished' && running === id;
    return isRunning && !isOver
      ? { ...row, state: isFile(join(folder, FILES.plan)) ? 'running' : 'preparing' }
      : row;
  }
}

const isFile = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** A file, and no link to one: a link in the results of others may lead anywhere. */
export const isOwnFile = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** The name of a file of a run that is a link; null: there is none, as in all that we write. */
export const linkIn = (folder: string): string | null =>
  Object.values<string>(FILES).find((name) => lstatSync(join(folder, name), { throwIfNoEntry: false })?.isSymbolicLink()) ?? null; // prettier-ignore

const isResult = (folder: string): boolean =>
  isSession(folder) || [FILES.plan, FILES.samples, FILES.summary].some((name) => isFile(join(folder, name))); // prettier-ignore

const unreadable = (id: string): RunRow => ({
  id,
  scenario: '',
  startedAt: null,
  state: 'unreadable',
  sentence: null,
  target: null,
  embedded: false,
  seed: null,
  commit: null,
  sent: null,
  accepted: null,
  submissionsPerSecond: null,
  p95Ms: null,
  errorRate: null,
  durationMs: null,
});

function read<T>(folder: string, name: string): T | null {
  if (!isOwnFile(join(folder, name))) return null;
  try {
    return JSON.parse(readFileSync(join(folder, name), 'utf8')) as T;
  } catch {
    return null;
  }
}

function rowOf(id: string, folder: string): RunRow {
  try {
    const plan = read<Plan>(folder, FILES.plan);
    const summary = read<Summary>(folder, FILES.summary);
    const figures = summary?.figures ?? null;
    return {
      ...unreadable(id),
      scenario: plan?.scenario ?? summary?.scenario ?? (isSession(folder) ? 'ab' : ''),
      startedAt: summary?.startedAt ?? plan?.plannedAt ?? startOf(id),
      state: summary ? stateOf(summary) : isSession(folder) ? 'session' : 'unfinished',
      sentence: summary?.verdict.sentence ?? null,
      target: plan?.target.url ?? null,
      embedded: plan?.target.embedded ?? false,
      seed: plan?.seed ?? null,
      commit: plan?.ci?.commit ?? null,
      sent: figures?.sent ?? null,
      accepted: figures?.accepted ?? null,
      submissionsPerSecond: figures?.submissionsPerSecond ?? null,
      p95Ms: figures?.latency?.p95Ms ?? null,
      errorRate: figures?.errorRate ?? null,
      durationMs: summary?.loadMs ?? plan?.load.durationMs ?? null,
    };
  } catch {
    // A file of another shape than ours.
    return unreadable(id);
  }
}

/** `2026-01-02T03-04-05Z-load` -> RFC 3339. */
function startOf(id: string): string | null {
  const match = /^(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d)Z/.exec(id);
  return match === null ? null : `${match[1]}${match.slice(2, 5).join(':')}Z`;
}

/** Whether a row holds all of these words. */
export function matches(row: RunRow, search: string): boolean {
  const text = Object.values(row).filter((value) => typeof value === 'string').join(' ').toLowerCase(); // prettier-ignore
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word)); // prettier-ignore
}
