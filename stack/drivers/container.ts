/**
 * A component that is a container of docker or podman, through their command line, which both have in common as far as it is used here.
 * Each container has a label with the name of its stack: what a killed run left is found by it, and only that is removed.
 */
import { askProgram, startProgram } from '../../system/run-program.ts';
import { LineCutter } from '../../system/lines.ts';
import { UserError } from '../../user-error.ts';
import {
  type Component,
  type ComponentEnd,
  type Driver,
  keepingLines,
  type Ready,
  STOP_MS,
  type StartOptions,
  untilReady,
} from './driver.ts';

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
  ready: Ready;
  /** Also sees each line. */
  onLine?: (line: string) => void;
};

export const STACK_LABEL = 'delegation-toolkit.stack';
const COMPONENT_LABEL = 'delegation-toolkit.component';
/** An image may have to be fetched first. */
const RUN_MS = 600_000;
const ASK_MS = 60_000;

export const containerDriver = (container: ContainerComponent): Driver => ({
  name: container.name,
  start: (options) => start(container, options),
});

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

async function start(container: ContainerComponent, options: StartOptions): Promise<Component> {
  const { name, engine, env, url, ready } = container;
  options.signal?.throwIfAborted();
  const lines = keepingLines((line) => {
    container.onLine?.(line);
    options.onLine(line);
  });
  // The engine hands on what stands in its own environment.
  const running = { ...engine, env: { ...engine.env, ...env } };
  const answer = await ask(running, runArgs(container), RUN_MS, lines.onLine);
  const id = answer.stdout.trim().split('\n').at(-1)!;
  if (answer.exitCode !== 0) {
    // A container that was made but could not be started is there nevertheless.
    if (/^[0-9a-f]{12,}$/.test(id)) await remove(engine, [id]);
    throw new UserError(
      `${name} did not start: ${lines.last() || `exit code ${answer.exitCode}`}`,
      {
        hint: `is the image ${container.image} right, and does ${engine.command} run?`,
      },
    );
  }
  const log = await follow(engine, ['logs', '--follow', id], lines.onLine);
  let exitText = '';
  const wait = await startProgram({
    file: engine.command,
    args: ['wait', id],
    env: engine.env,
    stdout: (chunk) => (exitText += chunk.toString('latin1')),
    stderr: 'keep',
  });
  const ended = wait.ended.then(async (): Promise<ComponentEnd> => {
    // The last lines are worth waiting for.
    await log.ended;
    const code = /^(\d+)/.exec(exitText.trim())?.[1];
    return { exitCode: code === undefined ? null : Number(code), signal: null };
  });
  let stopping: Promise<void> | null = null;
  const stop = (withinMs = STOP_MS): Promise<void> => (stopping ??= stopNow(withinMs));
  async function stopNow(withinMs: number): Promise<void> {
    await ask(
      engine,
      ['stop', '--time', String(Math.ceil(withinMs / 1000)), id],
      ASK_MS + withinMs,
    );
    await remove(engine, [id]);
    for (const program of [wait, log]) await program.stop({ signal: 'SIGTERM', killAfterMs: 1000 });
    await ended;
  }
  try {
    await untilReady(name, ready, ended, lines.last, options.signal);
  } catch (error) {
    await stop();
    throw error;
  }
  return { name, url, ended, stop };
}

function follow(engine: Engine, args: string[], onLine: (line: string) => void) {
  const [out, err] = [new LineCutter(), new LineCutter()];
  return startProgram({
    file: engine.command,
    args,
    env: engine.env,
    stdout: (chunk) => out.push(chunk).forEach(onLine),
    stderr: (chunk) => err.push(chunk).forEach(onLine),
  });
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
