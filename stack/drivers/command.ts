/** A component that is any program: a binary, a script of a checkout, with its environment and a sign that it serves. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { identityOf } from '../../system/process-identity.ts';
import { UserError } from '../../user-error.ts';
import {
  type Component,
  type ComponentEnd,
  marksOf,
  sizeOf,
  type StartOptions,
  untilReady,
} from './driver.ts';
import { processComponent } from './process.ts';
import type { ReadyQuestion } from './ready.ts';

export type CommandComponent = {
  name: string;
  file: string;
  args: readonly string[];
  /** The whole environment. */
  env: NodeJS.ProcessEnv;
  cwd?: string;
  url: string | null;
  ready: ReadyQuestion;
};

/**
 * It has a process group of its own, so that no signal of a terminal reaches it, and writes to its file without us between.
 * @throws UserError (exit 5) with the last lines of its log; the reason of `signal`
 */
export async function startCommand(
  { name, file, args, env, cwd, url, ready }: CommandComponent,
  { logFile, marks, signal, onBegun }: StartOptions,
): Promise<Component> {
  signal?.throwIfAborted();
  const from = sizeOf(logFile);
  const log = openSync(logFile, 'a');
  const notStarted = (cause: NodeJS.ErrnoException): UserError =>
    new UserError(`${name} did not start: ${file} (${cause.code})`, {
      hint: 'is the path right, and may this user run it?',
      cause,
    });
  const child = spawn(file, args, {
    env: { ...env, ...marksOf(marks) },
    ...(cwd !== undefined && { cwd }),
    stdio: ['ignore', log, log],
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  closeSync(log);
  // Its end keeps us waiting as long as somebody waits for it, see `release`.
  const ended = new Promise<ComponentEnd>((resolve) =>
    child.once('exit', (exitCode, how) => resolve({ exitCode, signal: how })),
  );
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause: NodeJS.ErrnoException) => reject(notStarted(cause)));
  });
  // One that has ended already has an identity nevertheless: nobody else may get its id before we were told.
  const identity = identityOf(child.pid!) ?? { pid: child.pid!, startedAt: 'ended' };
  onBegun?.({ kind: 'process', ...identity });
  const component = processComponent({ name, url, marks }, identity, {
    ended,
    release: () => child.unref(),
  });
  try {
    await untilReady(name, ready, ended, { logFile, from }, signal);
  } catch (error) {
    await component.stop();
    throw error;
  }
  return component;
}
