/** Processes of a run beside its stacks: the network. Each bears the run's mark in its environment, so that none is lost. */
import { isRunning, processesWith, type ProcessIdentity } from '../system/process-identity.ts';
import { signalTo, untilGone } from '../stack/drivers/process.ts';
import type { OpenState, Owned } from './state.ts';

type OwnedProcess = Extract<Owned, { kind: 'process' }>;

/** Name of the marks: nothing else has it. */
export const markOf = (owner: string): string => `e2e-${owner}`;

export const ownedProcesses = ({ state }: Pick<OpenState, 'state'>): OwnedProcess[] =>
  state.owned.filter((one) => one.kind === 'process');

export const runningProcess = (open: OpenState, name: string): OwnedProcess | undefined =>
  ownedProcesses(open).find((one) => one.name === name && isRunning(one.process));

/** Asked, then by force. @returns whether it ran */
export async function stopProcess(
  open: OpenState,
  name: string,
  withinMs: number,
): Promise<boolean> {
  let ran = false;
  for (const one of ownedProcesses(open).filter((other) => other.name === name)) {
    ran = (await endProcess(one.process, withinMs)) || ran;
    open.disown(one);
  }
  return ran;
}

async function endProcess(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  if (!isRunning(identity)) return false;
  signalTo(identity, 'SIGTERM');
  const timer = setTimeout(() => signalTo(identity, 'SIGKILL', true), withinMs);
  try {
    await untilGone(identity);
  } finally {
    clearTimeout(timer);
  }
  return true;
}

/** Those that were begun and not written down, because the harness was killed. @returns how many */
export function killLost(owner: string): number {
  const lost = processesWith({ DELEGATION_TOOLKIT_STACK: markOf(owner) });
  for (const pid of lost)
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  return lost.length;
}
