/**
 * A program of dist/ that lives on when the harness ends: its own session, its output in a log file, its number in the state. It begins its work only
 * when the state has its number: a harness that is killed in between leaves a pipe that ends, and a program that goes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { distFile } from '../paths.ts';
import { UserError } from '../user-error.ts';
import { identityOf, isAlive, type ProcessIdentity } from './process-identity.ts';

export type DetachedProgram = {
  /** For people. */
  name: string;
  /** Its file in dist/. */
  program: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Lines are added. */
  logFile: string;
};

const GO = 'go';
const LAST_LINES = 6;
const LOOK_EVERY_MS = 50;

/**
 * @param record writes its number where a later step finds it
 * @throws UserError if it does not start
 */
export async function startDetached(
  { name, program, args, env, logFile }: DetachedProgram,
  record: (process: ProcessIdentity) => void,
): Promise<ProcessIdentity> {
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, ['--enable-source-maps', distFile(program), ...args], {
    env,
    detached: true,
    stdio: ['pipe', log, log],
  });
  closeSync(log);
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new UserError(`${name} did not start: ${(cause as Error).message}`, {
      hint: 'is there memory left, and may this user start programs?',
      cause,
    });
  }
  const identity = identityOf(child.pid!) ?? { pid: child.pid!, began: null };
  record(identity);
  // It may have ended already, which shows when somebody asks whether it is ready.
  child.stdin!.on('error', () => undefined);
  child.stdin!.end(`${GO}\n`);
  child.unref();
  return identity;
}

/** In the program: waits until it may begin; ends it where nobody will ever say so. */
export async function untilRecorded(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) if (line === GO) return;
  process.exit(0);
}

/** The last lines of its log, in one. */
export function lastLines(logFile: string): string {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LAST_LINES).join(' | ');
  } catch {
    return '';
  }
}

/**
 * Waits until `isReady`.
 * @throws UserError where the program ends first, or the time is over; the reason of `signal`
 */
export async function untilDetachedReady(
  { name, logFile }: Pick<DetachedProgram, 'name' | 'logFile'>,
  identity: ProcessIdentity,
  isReady: () => boolean,
  withinMs: number,
  signal: AbortSignal,
): Promise<void> {
  const limitMs = performance.now() + withinMs;
  const failure = (what: string): UserError => {
    const last = lastLines(logFile);
    return new UserError(`${name} ${what}${last === '' ? '' : `: ${last}`}`, {
      hint: last === '' ? 'it left no word' : 'these are the last lines of its log',
    });
  };
  while (!isReady()) {
    signal.throwIfAborted();
    if (!isAlive(identity)) throw failure('ended before it was ready');
    if (performance.now() > limitMs) throw failure(`was not ready within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** Its whole group: first asked, then killed. @returns whether it was there */
export async function stopDetached(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  if (!isAlive(identity)) return false;
  send(identity.pid, 'SIGTERM');
  const limitMs = performance.now() + withinMs;
  while (isAlive(identity)) {
    if (performance.now() > limitMs) send(identity.pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return true;
}

function send(pid: number, signal: NodeJS.Signals): void {
  for (const target of [-pid, pid])
    try {
      process.kill(target, signal);
      return;
    } catch {
      // Not a group, or gone.
    }
}
