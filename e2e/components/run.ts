/** Starting and stopping the components of a run by name; each is a process of its own that lives on when the harness ends. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { startDetached, stopDetached, untilDetachedReady } from '../detached.ts';
import { placesOf } from '../places.ts';
import { isAlive } from '../process-identity.ts';
import type { OpenState, Owned } from '../state.ts';
import { type ComponentJob, type ComponentReady, jobFile, readyFile } from './job.ts';

const READY_MS = 60_000;
const STOP_MS = 20_000;

export function readReady(folder: string, name: string): ComponentReady | null {
  try {
    return JSON.parse(readFileSync(join(folder, readyFile(name)), 'utf8')) as ComponentReady;
  } catch {
    return null;
  }
}

type OwnedProcess = Extract<Owned, { kind: 'process' }>;

export const processesOf = ({ state }: Pick<OpenState, 'state'>): OwnedProcess[] =>
  state.owned.filter((one) => one.kind === 'process');

export const runningProcess = (open: OpenState, name: string): OwnedProcess | undefined =>
  processesOf(open).find((one) => one.name === name && isAlive(one.process));

/**
 * One that runs already stays.
 * @param env beside PATH, HOME and the like: secrets
 * @throws UserError if it does not become ready
 */
export async function startComponent(
  open: OpenState,
  call: { name: string; job: ComponentJob; env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<ComponentReady> {
  const { name, job, env, signal } = call;
  const { components, logs } = placesOf(open);
  const isReady = () => readReady(components, name) !== null;
  const logFile = join(logs, `${name}.log`);
  let identity = runningProcess(open, name)?.process;
  if (identity === undefined) {
    rmSync(join(components, readyFile(name)), { force: true });
    await writeFileAtomic(join(components, jobFile(name)), JSON.stringify(job, null, 2));
    identity = await startDetached(
      { name, program: 'e2e-component.js', args: [components, name], env, logFile },
      (process) => open.own({ kind: 'process', name, process }),
    );
  }
  await untilDetachedReady({ name, logFile }, identity, isReady, READY_MS, signal);
  return readReady(components, name)!;
}

/** @returns those that ran */
export async function stopProcesses(
  open: OpenState,
  isMeant: (name: string) => boolean,
  withinMs = STOP_MS,
): Promise<string[]> {
  const stopped: string[] = [];
  // The last one that was started goes first.
  for (const one of processesOf(open).reverse()) {
    if (!isMeant(one.name)) continue;
    if (await stopDetached(one.process, withinMs)) stopped.push(one.name);
    open.disown(one);
  }
  return stopped;
}
