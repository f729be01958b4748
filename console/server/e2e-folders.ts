/**
 * The end-to-end runs of a folder: their names as a browser asks for them, and what the list shows of each. A run is `NAME~TIME`: its results lie in
 * NAME/TIME, its state in NAME/state until teardown. Nothing outside is reached, whatever a link or a state says.
 */
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf, type Judged, readJudged } from '../../e2e/judged.ts';
import { holderOf } from '../../e2e/lock.ts';
import { readRunFile } from '../../e2e/report/run-file.ts';
import { hasState, readState, type RunState } from '../../e2e/state.ts';
import { conditionsOf } from '../../e2e/steps/wait.ts';
import { topologyLines } from '../../e2e/topology.ts';
import { type E2eFiles, e2eSentenceOf, e2eStateOf } from '../live/e2e-view.ts';
import type { E2eState } from '../live/e2e-message.ts';
import { isOwnFile, NAME, SEPARATOR } from './run-list.ts';

const STATE = 'state';
/** Files that show that a folder is the results of a run. */
const RESULTS = ['run.json', 'assertions.json', 'report.md', 'events.ndjson', 'dump.json'];

export type E2eRow = {
  id: string;
  /** RFC 3339; null: not known. */
  startedAt: string | null;
  state: E2eState | 'unreadable';
  sentence: string | null;
  /** Who sends what, in a line; null: not known. */
  network: string | null;
  /** That is under way; null: none. */
  step: string | null;
  held: number | null;
  failed: number | null;
  durationMs: number | null;
};

/** Where a run lies; null: that part is not there. */
export type E2ePlace = { id: string; results: string | null; state: string | null };

const isFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** Real, and itself: no link leads elsewhere. */
const isItself = (path: string): boolean => {
  try {
    return realpathSync(path) === path && isFolder(path);
  } catch {
    return false;
  }
};

const looksLikeResults = (folder: string): boolean => {
  try {
    const names = readdirSync(folder);
    return RESULTS.some((name) => names.includes(name));
  } catch {
    return false;
  }
};

const foldersIn = (folder: string): string[] => {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && NAME.test(entry.name))
      .map(({ name }) => name);
  } catch {
    return [];
  }
};

export class E2eFolders {
  readonly #given: string;
  /** Only this one: a folder of results, or a dump, was given. */
  readonly #only: string | null;
  readonly #rows = new Map<string, { mark: string; row: E2eRow }>();

  /** @param folder that of all runs, which may come later; of one name; of one run's results; or a dump */
  constructor(folder: string) {
    const path = isFolder(folder) ? realpathSync(folder) : resolve(folder);
    // `dump` beside assertions and logs belongs to them.
    const isDump = basename(path) === 'dump' && looksLikeResults(dirname(path));
    const own = isDump ? dirname(path) : path;
    const isOne = looksLikeResults(own);
    const isName = !isOne && foldersIn(own).some((name) => name === STATE || looksLikeResults(join(own, name))); // prettier-ignore
    this.#given = isOne ? dirname(dirname(own)) : isName ? dirname(own) : own;
    this.#only = isOne ? [basename(dirname(own)), basename(own)].join(SEPARATOR) : isName ? basename(own) : null; // prettier-ignore
  }

  /** Real where it is there. */
  get root(): string {
    return isFolder(this.#given) ? realpathSync(this.#given) : this.#given;
  }

  #isShown(id: string): boolean {
    return this.#only === null || id === this.#only || id.startsWith(`${this.#only}${SEPARATOR}`);
  }

  /** @returns null: there is no run of this id */
  placeOf(id: string): E2ePlace | null {
    const names = id.split(SEPARATOR);
    if (names.length !== 2 || !names.every((name) => NAME.test(name)) || names[1] === STATE || !this.#isShown(id)) return null; // prettier-ignore
    const [name, time] = names;
    const folder = join(this.root, name);
    if (!isItself(folder)) return null;
    const results = join(folder, time);
    const state = join(folder, STATE);
    const isOfState = isItself(state) && timeOfState(state) === time;
    const place = {
      id,
      results: isItself(results) && looksLikeResults(results) ? results : null,
      state: isOfState ? state : null,
    };
    return place.results === null && place.state === null ? null : place;
  }

  /** Newest first. */
  ids(): string[] {
    return foldersIn(this.root)
      .flatMap((name) => {
        const folder = join(this.root, name);
        const times = foldersIn(folder).filter((time) => time !== STATE && looksLikeResults(join(folder, time))); // prettier-ignore
        const current = timeOfState(join(folder, STATE));
        return [...new Set([...times, ...(current === null ? [] : [current])])].map((time) => ({ name, time })); // prettier-ignore
      })
      .sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : a.name < b.name ? -1 : 1))
      .map(({ name, time }) => [name, time].join(SEPARATOR))
      .filter((id) => this.#isShown(id));
  }

  row(id: string): E2eRow {
    const place = this.placeOf(id);
    if (place === null) return { ...NOTHING, id };
    const isHeld = place.state !== null && holderOf(place.state) !== null;
    const mark = [isHeld, ...marksOf(place)].join();
    const known = this.#rows.get(id);
    if (known?.mark === mark) return known.row;
    const row = rowOf(id, filesOf(place));
    this.#rows.set(id, { mark, row });
    return row;
  }
}

const NOTHING: Omit<E2eRow, 'id'> = {
  startedAt: null,
  state: 'unreadable',
  sentence: null,
  network: null,
  step: null,
  held: null,
  failed: null,
  durationMs: null,
};

/** The name of its results; null: there is no state of a run. */
function timeOfState(folder: string): string | null {
  const state = stateIn(folder);
  const time = state === null || typeof state.results !== 'string' ? '' : basename(state.results);
  return NAME.test(time) && time !== STATE ? time : null;
}

/** Steps that are none of ours are left out: who reads a state checks no more of it than what all versions have. */
function stateIn(folder: string): RunState | null {
  try {
    if (!hasState(folder)) return null;
    const state = readState(folder);
    const steps = Object.entries(state.steps).filter(([, step]) => typeof step?.status === 'string' && typeof step.beganMs === 'number'); // prettier-ignore
    return { ...state, steps: Object.fromEntries(steps) };
  } catch {
    return null;
  }
}

/** Times and sizes of what a run is known by. */
export const marksOf = ({ state, results }: E2ePlace): string[] =>
  [
    ...(state === null ? [] : [join(state, 'state.json')]),
    ...(results === null ? [] : ['run.json', 'assertions.json'].map((name) => join(results, name))),
  ].map((path) => {
    const { mtimeMs = 0, size = 0 } = statSync(path, { throwIfNoEntry: false }) ?? {};
    return `${mtimeMs} ${size}`;
  });

/** What a file of another shape than ours says is nothing. */
function orElse<T>(read: () => T, nothing: T): T {
  try {
    return read();
  } catch {
    return nothing;
  }
}

/** @param judged of a dump that nobody has judged yet */
export function filesOf(
  { state: folder, results }: E2ePlace,
  judged?: readonly Judged[],
): E2eFiles {
  const state = folder === null ? null : stateIn(folder);
  const known = judged ?? (results === null || !isOwnFile(join(results, 'assertions.json')) ? [] : orElse(() => readJudged(results), [])); // prettier-ignore
  const isList = Array.isArray(known) && known.length > 0;
  return {
    state,
    isHeld: folder !== null && holderOf(folder) !== null,
    topology: state === null ? [] : orElse(() => topologyLines(state.topology), []),
    conditions: state === null ? [] : orElse(() => conditionsOf(state.topology).map(({ words }) => words), []), // prettier-ignore
    run: results === null || !isOwnFile(join(results, 'run.json')) ? null : readRunFile(results),
    judged: isList ? known : null,
    judgedCode: orElse(() => codeOf(known), 3),
  };
}

function rowOf(id: string, files: E2eFiles): E2eRow {
  const { state, run, judged, topology, isHeld } = files;
  const startedMs = run?.startedMs ?? state?.createdMs ?? startOf(id);
  const lines = run?.topology ?? topology;
  const of = (wanted: Judged['outcome']) => judged === null ? null : judged.filter(({ outcome }) => outcome === wanted).length; // prettier-ignore
  return orElse<E2eRow>(
    () => ({
      id,
      startedAt: startedMs === null ? null : new Date(startedMs).toISOString(),
      state: e2eStateOf(files),
      sentence: e2eSentenceOf(files),
      network: lines[0]?.replace(/^network\s+/, '') ?? null,
      step: isHeld ? (Object.entries(state?.steps ?? {}).find(([, step]) => step?.status === 'running')?.[0] ?? null) : null, // prettier-ignore
      held: of('held'),
      failed: of('failed'),
      durationMs: run === null || isHeld ? null : run.endedMs - run.startedMs,
    }),
    { ...NOTHING, id },
  );
}

/** `e2e~2026-01-02T03-04-05` -> ms since 1970. */
function startOf(id: string): number | null {
  const match = /~(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d)$/.exec(id);
  return match === null ? null : Date.parse(`${match[1]}${match.slice(2, 5).join(':')}Z`);
}
