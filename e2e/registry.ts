/**
 * Where the states of this user's runs lie, so that what a killed harness left is found wherever it was: a file for each run beside the programs that the toolkit
 * keeps. It is made before the run makes anything, and goes when all of it is gone.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../system/cache-folder.ts';
import { hasState, readState, type RunState } from './state.ts';

const registryFolder = (env: NodeJS.ProcessEnv): string => join(cacheFolder(env), 'e2e-runs');

/** @param folder of its state */
export function register(env: NodeJS.ProcessEnv, owner: string, folder: string): void {
  mkdirSync(registryFolder(env), { recursive: true });
  writeFileSync(join(registryFolder(env), `${owner}.json`), JSON.stringify({ folder }));
}

/** A state that cannot be read may be that of this owner. */
function isOfAnother(folder: string, owner: string): boolean {
  try {
    return readState(folder).owner !== owner;
  } catch {
    return false;
  }
}

export const unregister = (env: NodeJS.ProcessEnv, owner: string): void =>
  rmSync(join(registryFolder(env), `${owner}.json`), { force: true });

/** Folders of states that are registered. What leads nowhere any more is forgotten. */
export function registered(env: NodeJS.ProcessEnv): string[] {
  let names: string[];
  try {
    names = readdirSync(registryFolder(env)).sort();
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const path = join(registryFolder(env), name);
    try {
      const { folder } = JSON.parse(readFileSync(path, 'utf8')) as { folder: string };
      if (hasState(folder) && !isOfAnother(folder, name.slice(0, -'.json'.length))) return [folder];
    } catch {
      // Half written: its run had made nothing.
    }
    rmSync(path, { force: true });
    return [];
  });
}

/** `state` null: there is none that this version reads; why. */
export type FoundRun = { folder: string } & ({ state: RunState } | { state: null; why: string });

/** Of the registry, and below the folder of runs. */
export function foundRuns(env: NodeJS.ProcessEnv, runs: string): FoundRun[] {
  const folders = new Set(registered(env));
  try {
    for (const name of readdirSync(runs)) folders.add(join(runs, name, 'state'));
  } catch {
    // There are none.
  }
  return [...folders]
    .filter((folder) => existsSync(folder))
    .map((folder): FoundRun => {
      try {
        return { folder, state: readState(folder) };
      } catch (error) {
        return { folder, state: null, why: (error as Error).message };
      }
    });
}
