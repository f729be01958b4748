/**
 * Which process a number stands for: ids are given again, on another day even after a restart of the machine. An identity is the id with
 * the moment at which its process began, so that what is ended later is what was started.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { processExists } from './process-exists.ts';

export type ProcessIdentity = {
  pid: number;
  /** Linux: of which boot, and clock ticks since then; elsewhere what ps says. '': not to be had (Windows). */
  startedAt: string;
};

/** @returns null where no such process runs; one that has ended and waits for its parent does not */
export function identityOf(pid: number): ProcessIdentity | null {
  if (process.platform === 'linux') {
    const fields = statOf(pid);
    if (fields === null || fields.state === 'Z') return null;
    return { pid, startedAt: `${bootId()}/${fields.startTicks}` };
  }
  if (!processExists(pid)) return null;
  return { pid, startedAt: process.platform === 'win32' ? '' : startOf(pid) };
}

/** Whether it still runs. */
export const isRunning = ({ pid, startedAt }: ProcessIdentity): boolean =>
  identityOf(pid)?.startedAt === startedAt;

/** Source: proc_pid_stat(5); the name in brackets may hold anything. */
function statOf(pid: number): { state: string; startTicks: string } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0], startTicks: fields[19] };
  } catch {
    return null;
  }
}

let boot: string | undefined;
function bootId(): string {
  if (boot === undefined)
    try {
      boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    } catch {
      boot = '';
    }
  return boot;
}

function startOf(pid: number): string {
  try {
    const args = ['-o', 'lstart=', '-p', String(pid)];
    return execFileSync('ps', args, { encoding: 'utf8', env: { LC_ALL: 'C', PATH: '/bin:/usr/bin' } }).trim(); // prettier-ignore
  } catch {
    return '';
  }
}

/**
 * Processes whose environment, as they were started with it, has all these variables; Linux only, elsewhere none are found. Those of other users
 * cannot be looked at, unless by root.
 */
export function processesWith(marks: Readonly<Record<string, string>>): number[] {
  const wanted = Object.entries(marks).map(([name, value]) => `${name}=${value}`);
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const variables = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
        return wanted.every((one) => variables.includes(one));
      } catch {
        return false;
      }
    });
}
