/**
 * Which process a number means: numbers are used again, after days by other programs. A process is known by its number and the moment
 * at which it began, as the system has it, and on Linux by the boot that it belongs to.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { processExists } from '../system/process-exists.ts';

export type ProcessIdentity = {
  pid: number;
  /** As the system has it, to be compared only; null: it could not be read. */
  began: string | null;
};

const PS_MS = 5000;

/** @returns null for a process that is not there */
export function identityOf(pid: number): ProcessIdentity | null {
  if (!processExists(pid)) return null;
  return { pid, began: process.platform === 'linux' ? beganOnLinux(pid) : beganByPs(pid) };
}

export const ownIdentity = (): ProcessIdentity => identityOf(process.pid)!;

/** Whether this very process still runs; one that waits to be reaped does not. */
export function isAlive({ pid, began }: ProcessIdentity): boolean {
  if (isZombie(pid)) return false;
  const now = identityOf(pid);
  return now !== null && (began === null || now.began === null || now.began === began);
}

/** proc(5): the fields behind the name, which is in parentheses and may hold anything; state is the first of them, starttime the 20th. */
function statFields(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

function isZombie(pid: number): boolean {
  return process.platform === 'linux' && ['Z', 'X'].includes(statFields(pid)?.[0] ?? '');
}

function beganOnLinux(pid: number): string | null {
  const ticks = statFields(pid)?.[19];
  if (ticks === undefined) return null;
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()} ${ticks}`;
  } catch {
    return ticks;
  }
}

function beganByPs(pid: number): string | null {
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: PS_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return text.trim() || null;
  } catch {
    return null;
  }
}
