/**
 * A component that is a container of docker or podman, through their command line, which both have in common as far as it is used here.
 * Each container has a label with the name of its stack: what a killed run left is found by it, and only that is removed.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { identityOf, type ProcessIdentity } from '../../system/process-identity.ts';
import { askProgram, startProgram } from '../../system/run-program.ts';
import { UserError } from '../../user-error.ts';
import {
  type Component,
  type ComponentEnd,
  type Marks,
  marksOf,
  sizeOf,
  type StartOptions,
  STOP_MS,
  untilReady,
} from './driver.ts';
import { killMarked, signalTo, untilGone } from './process.ts';
import type { ReadyQuestion } from './ready.ts';

export type Engine = {
  /** `docker` or `podman`, or the path of one. */
  command: string;
  /** The environment of the command: PATH, DOCKER_HOST … */
  env: NodeJS.ProcessEnv;
};

export type ContainerComponent = {
  name: string;
  engine: Engine;
  /** Whose container it is: the value of {@link STACK_LABEL}. */
  stack: string;
  image: string;
  /** What follows the image. */
  args?: readonly string[];
  env: Record<string, string>;
  /** Default: the engine's own. */
  network?: string;
  /** Its name in the network, beside the container's own. */
  alias?: string;
  /** Host path -> path inside; `ro` unless it is written. */
  volumes?: readonly { from: string; to: string; isWritable?: boolean }[];
  /** On 127.0.0.1 of this machine -> inside. */
  ports?: readonly { host: number; container: number }[];
  labels?: Record<string, string>;
  url: string | null;
  ready: ReadyQuestion;
};

export const STACK_LABEL = 'delegation-toolkit.stack';
const COMPONENT_LABEL = 'delegation-toolkit.component';
/** An image may have to be fetched first. */
const RUN_MS = 600_000;
const ASK_MS = 60_000;
/** Its log may still be under way when it has ended. */
const LAST_LINES_MS = 5000;

/** What is given to the engine to start it. Pure. Values of the environment are not among them: a list of processes shows arguments. */
export function runArgs({
  name,
  stack,
  image,
  args = [],
  env,
  network,
  alias,
  volumes = [],
  ports = [],
  labels = {},
}: ContainerComponent): string[] {
  const allLabels = { [STACK_LABEL]: stack, [COMPONENT_LABEL]: name, ...labels };
  return [
    ...['run', '--detach'],
    ...Object.entries(allLabels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
    ...(network === undefined ? [] : ['--network', network]),
    ...(alias === undefined ? [] : ['--network-alias', alias]),
    ...volumes.flatMap(({ from, to, isWritable }) => [
      '--volume',
      `${from}:${to}:${isWritable === true ? 'rw' : 'ro'}`,
    ]),
    ...ports.flatMap(({ host, container }) => ['--publish', `127.0.0.1:${host}:${container}`]),
    ...Object.keys(env).flatMap((key) => ['--env', key]),
    image,
    ...args,
  ];
}

/**
 * Its log is copied to the file by a program of the engine, which lives as long as the container.
 * @throws UserError (exit 5) with the last lines of its log; the reason of `signal`
 */
export async function startContainer(
  container: ContainerComponent,
  { logFile, marks, signal, onBegun }: StartOptions,
): Promise<Component> {
  const { name, engine, env, url, ready } = container;
  signal?.throwIfAborted();
  const from = sizeOf(logFile);
  // The engine hands on what stands in its own environment.
  const running = { ...engine, env: { ...engine.env, ...env } };
  let lastWord = '';
  const answer = await ask(running, runArgs(container), RUN_MS, (line) => (lastWord = line));
  const id = answer.stdout.trim().split('\n').at(-1)!;
  if (answer.exitCode !== 0) {
    // A container that was made but could not be started is there nevertheless.
    if (/^[0-9a-f]{12,}$/.test(id)) await remove(engine, [id]);
    throw new UserError(`${name} did not start: ${lastWord || `exit code ${answer.exitCode}`}`, {
      hint: `is the image ${container.image} right, and does ${engine.command} run?`,
    });
  }
  const logs = await copyLog(engine, id, logFile, marks);
  onBegun?.({ kind: 'container', id, logs });
  const component = await containerBy({ name, url, engine, id, logs, marks });
  try {
    await untilReady(name, ready, component.ended, { logFile, from }, signal);
  } catch (error) {
    await component.stop();
    throw error;
  }
  return component;
}

/** @returns null where the program could not be started: the container runs nevertheless */
async function copyLog(
  engine: Engine,
  id: string,
  logFile: string,
  marks: Marks,
): Promise<ProcessIdentity | null> {
  const log = openSync(logFile, 'a');
  const child = spawn(engine.command, ['logs', '--follow', id], {
    env: { ...engine.env, ...marksOf(marks) },
    stdio: ['ignore', log, log],
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  closeSync(log);
  const isThere = await new Promise<boolean>((resolve) => {
    child.once('spawn', () => resolve(true));
    child.once('error', () => resolve(false));
  });
  child.unref();
  return isThere ? identityOf(child.pid!) : null;
}

/** A container that is there, made by this process or by another. */
export async function containerBy({
  name,
  url,
  engine,
  id,
  logs,
  marks,
}: {
  name: string;
  url: string | null;
  engine: Engine;
  id: string;
  logs: ProcessIdentity | null;
  marks: Marks;
}): Promise<Component> {
  let exitText = '';
  const wait = await startProgram({
    file: engine.command,
    args: ['wait', id],
    env: engine.env,
    stdout: (chunk) => (exitText += chunk.toString('latin1')),
    stderr: 'keep',
  });
  let isReleased = false;
  const ended = wait.ended.then(async (): Promise<ComponentEnd> => {
    // Nobody learns of it any more.
    if (isReleased) return new Promise(() => undefined);
    // The last lines are worth waiting for, but not for ever.
    if (logs !== null)
      await untilGone(logs, AbortSignal.timeout(LAST_LINES_MS)).catch(() => undefined);
    const code = /^(\d+)/.exec(exitText.trim())?.[1];
    return { exitCode: code === undefined ? null : Number(code), signal: null };
  });
  const endNow = async (args: string[], withinMs: number): Promise<void> => {
    await ask(engine, args, ASK_MS + withinMs);
    await remove(engine, [id]);
    await wait.stop({ signal: 'SIGTERM', killAfterMs: 1000 });
    await ended;
    if (logs !== null) signalTo(logs, 'SIGTERM');
    killMarked(marks);
  };
  let stopping: Promise<void> | null = null;
  return {
    name,
    url,
    handle: { kind: 'container', id, logs },
    ended,
    stop: (withinMs = STOP_MS) =>
      (stopping ??= endNow(['stop', '--time', String(Math.ceil(withinMs / 1000)), id], withinMs)),
    kill: () => (stopping ??= endNow(['kill', id], 0)),
    async release() {
      isReleased = true;
      await wait.stop({ signal: 'SIGTERM', killAfterMs: 1000 });
    },
  };
}

/** A network of a stack, by its name; one that is there is taken. */
export async function makeNetwork(engine: Engine, name: string, stack: string): Promise<void> {
  const args = ['network', 'create', '--label', `${STACK_LABEL}=${stack}`, name];
  let lastWord = '';
  const { exitCode } = await ask(engine, args, ASK_MS, (line) => (lastWord = line));
  if (exitCode !== 0 && !/already exists|already used/.test(lastWord))
    throw new UserError(`the network ${name} was not made: ${lastWord}`, {
      hint: `does ${engine.command} run, and may this user ask it?`,
    });
}

/** Nothing where it is not there. */
export const removeNetwork = async (engine: Engine, name: string): Promise<void> =>
  void (await ask(engine, ['network', 'rm', name], ASK_MS));

/** Nothing where one is not there. */
export async function removeVolumes(engine: Engine, names: readonly string[]): Promise<void> {
  if (names.length > 0) await ask(engine, ['volume', 'rm', '--force', ...names], ASK_MS);
}

/** Containers of a stack, running or not: of this run, or of one that was killed. */
export async function leftContainers(engine: Engine, stack: string): Promise<string[]> {
  const { stdout, exitCode } = await ask(
    engine,
    ['ps', '--all', '--quiet', '--no-trunc', '--filter', `label=${STACK_LABEL}=${stack}`],
    ASK_MS,
  );
  if (exitCode !== 0)
    throw new UserError(`${engine.command} ps ended with exit code ${exitCode}`, {
      hint: `does ${engine.command} run, and may this user ask it?`,
    });
  return stdout.split('\n').filter(Boolean);
}

/** @returns those that were removed */
export async function removeLeftContainers(engine: Engine, stack: string): Promise<string[]> {
  const left = await leftContainers(engine, stack);
  if (left.length > 0) await remove(engine, left);
  return left;
}

const remove = (engine: Engine, ids: readonly string[]) =>
  ask(engine, ['rm', '--force', '--volumes', ...ids], ASK_MS);

/** @throws UserError if the engine is not there or does not answer in time */
async function ask(
  { command, env }: Engine,
  args: string[],
  timeoutMs: number,
  onStderrLine: (line: string) => void = () => {},
): Promise<{ stdout: string; exitCode: number | null }> {
  const answer = await askProgram({ file: command, args, env, timeoutMs, onStderrLine });
  if (answer.kind === 'not started')
    throw new UserError(`${command} is not there (${answer.code})`, {
      hint: 'install docker or podman, or name the one that is there',
    });
  if (answer.kind === 'timed out')
    throw new UserError(`${command} ${args[0]} did not end within ${timeoutMs} ms`, {
      hint: `is ${command} busy, or does its service hang?`,
    });
  return { stdout: answer.output.stdout, exitCode: answer.exitCode };
}
