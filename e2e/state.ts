/**
 * The state of a run, in a file: what it is made of, which steps were done, what was made and must go. Every step reads it, changes it and writes it, so
 * that the next one may run in another process or on another day. Written as a whole, beside and renamed; only the holder of the lock writes.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod';
import type { ProcessIdentity } from '../system/process-identity.ts';
import { EXIT, UserError } from '../user-error.ts';
import { writeWholeSync } from '../whole-file.ts';
import type { Counts } from './conditions.ts';
import { markFolder } from './own.ts';
import type { Disturbance } from './staging/disturbance.ts';
import { stagingOf } from './staging/index.ts';
import type { Topology } from './topology.ts';

export const STEP_NAMES = [
  'setup',
  'start',
  'wait',
  'stop',
  'dump-logs',
  'assert',
  'teardown',
] as const;
export type StepName = (typeof STEP_NAMES)[number];

export type StepRecord = {
  status: 'running' | 'done' | 'failed';
  by: ProcessIdentity;
  beganMs: number;
  endedMs?: number;
  /** The last counts that it saw. */
  progress?: Counts;
  /** Of one that failed. */
  error?: { message: string; hint: string; exitCode: number };
};

/** What this run made, written down before it is made: nothing else is ever removed. */
export type Owned =
  | { kind: 'folder'; path: string }
  | { kind: 'process'; name: string; process: ProcessIdentity }
  /** Of stacks.ts: what it holds stands in its own state. */
  | { kind: 'stack'; part: 'services' | 'program' | 'scoring' | 'double' }
  | { kind: 'database'; url: string; name: string }
  | { kind: 'objects'; url: string }
  | { kind: 'minimina'; command: string; network: string; home: string | null };

/** Options as somebody would type them: a list for one that may be given several times, true for a flag. */
export type Chosen = Record<string, string | string[] | true>;

export type RunState = {
  format: 1;
  /** Of all marks of this run. */
  owner: string;
  createdMs: number;
  /** Where results go: dump, logs, report. */
  results: string;
  topology: Topology;
  /** What was chosen for it, to run it again; absent: an older toolkit set it up. */
  chosen?: Chosen;
  /** When the first batch begins and the network sends: seconds since 1970; null: not started. */
  startSeconds: number | null;
  steps: Partial<Record<StepName, StepRecord>>;
  owned: Owned[];
  /** What disturbs the run on purpose, and the names of those that were begun. */
  disturbances: Disturbance[];
  disturbed: string[];
};

const NAME = 'state.json';
/** What a harness that was killed in its first moments may have left. */
const OURS = /^(lock|state\.json|\.delegation-e2e)/;
const Head = z.object({
  format: z.literal(1),
  owner: z.string().min(8),
  topology: z.looseObject({ name: z.string() }),
  steps: z.record(z.string(), z.unknown()),
  owned: z.array(z.looseObject({ kind: z.string() })),
});

/** The folder of a run's state below that of all runs. */
export const stateFolderOf = (runs: string, name: string): string => join(runs, name, 'state');

/** One for each time that it is run, so that an earlier result stays. */
export const resultsFolderOf = (runs: string, name: string, nowMs: number): string =>
  join(runs, name, new Date(nowMs).toISOString().slice(0, 19).replaceAll(':', '-'));

export const hasState = (folder: string): boolean => existsSync(join(folder, NAME));

/** @throws UserError where there is none, or one that cannot be read */
export function readState(folder: string): RunState {
  const path = join(folder, NAME);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UserError(`there is no run in ${folder}`, {
      hint: 'npm run e2e -- setup makes one; --name and --folder say which is meant',
      exitCode: EXIT.usage,
      cause,
    });
  }
  try {
    const value: unknown = JSON.parse(text);
    Head.parse(value);
    return value as RunState;
  } catch (cause) {
    throw new UserError(`${path} is no state of this toolkit's harness (format 1)`, {
      hint: 'was it written by another version? npm run e2e -- teardown of that version removes what it made',
      exitCode: EXIT.noData,
      cause,
    });
  }
}

export function writeState(folder: string, state: RunState): void {
  writeWholeSync(join(folder, NAME), `${JSON.stringify(state, null, 2)}\n`);
}

export function newState(
  topology: Topology,
  results: string,
  nowMs: number,
  chosen?: Chosen,
): RunState {
  return {
    format: 1,
    owner: randomUUID(),
    createdMs: nowMs,
    results,
    topology,
    ...(chosen && { chosen }),
    startSeconds: null,
    steps: {},
    owned: [],
    disturbances: [...(stagingOf(topology).disturbances?.(topology) ?? [])],
    disturbed: [],
  };
}

/** A state and the file that it is in: each change is written before what it announces is done. */
export type OpenState = {
  readonly folder: string;
  readonly state: RunState;
  change(how: (state: RunState) => void): void;
  /** Before it is made. Again: nothing. */
  own(one: Owned): void;
  /** After it is gone. */
  disown(one: Owned): void;
};

export function openState(folder: string, state: RunState = readState(folder)): OpenState {
  const change: OpenState['change'] = (how) => {
    how(state);
    writeState(folder, state);
  };
  const same = (one: Owned) => (other: Owned) => JSON.stringify(one) === JSON.stringify(other);
  return {
    folder,
    state,
    change,
    own(one) {
      if (!state.owned.some(same(one))) change(({ owned }) => void owned.push(one));
    },
    disown(one) {
      change((changed) => (changed.owned = changed.owned.filter((other) => !same(one)(other))));
    },
  };
}

const strangersIn = (folder: string): string[] =>
  readdirSync(folder).filter((name) => !OURS.test(name));

export const isEmptyState = (folder: string): boolean =>
  existsSync(folder) && !hasState(folder) && strangersIn(folder).length === 0;

/** What a harness left that was killed before it wrote a state: a folder with nothing but its mark and its lock. @returns whether there was one */
export function removeEmptyState(folder: string): boolean {
  if (!isEmptyState(folder)) return false;
  rmSync(folder, { recursive: true, force: true });
  return true;
}

/**
 * Makes the folder with its mark, and the state in it.
 * @throws UserError (exit 2) for a folder that holds something else
 */
export function createState(folder: string, state: RunState): OpenState {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const [stranger] = strangersIn(folder);
  if (stranger !== undefined)
    throw new UserError(`${folder} is no state of a run: it holds ${stranger}`, {
      hint: 'give this run another --name or --folder',
      exitCode: EXIT.usage,
    });
  markFolder(folder, state.owner);
  writeState(folder, state);
  return openState(folder, state);
}
