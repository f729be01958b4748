/**
 * `npm run monitor -- --pid N …`: the monitor alone; readings as JSON lines to a file, to standard output, or
 * as an agent to monitors and loads on other machines.
 */
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { markdownTable } from 'markdown-table';
import { listenForInterrupts } from '../../system/interrupts.ts';
import { processExists } from '../../system/process-exists.ts';
import { processFigures } from '../../results/figures.ts';
import {
  serveAgent,
  stdioAgent,
  type Agent,
  type AgentOptions,
} from '../../monitor/agent-server.ts';
import { containerNameProblem, findContainer } from '../../monitor/engine.ts';
import { startMonitor, type MonitorTarget } from '../../monitor/monitor.ts';
import type { ProcessReading } from '../../results/types.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command, CommandCall } from '../command.ts';
import type { OptionValues } from '../../system/option.ts';
import { SOURCE_OPTIONS, sourcesOf, type WatchedContainer } from '../monitor-options.ts';
import { throwProblems } from '../parse.ts';

/** Problems of `--pid` and `--name` are added to `problems`. */
function targetsOf(
  pids: readonly string[],
  names: readonly string[],
  problems: string[],
): MonitorTarget[] {
  if (names.length > pids.length)
    problems.push(
      `--name is given ${names.length} times, but --pid ${pids.length === 0 ? 'not at all' : `only ${pids.length} times`}`,
    );
  const targets = pids.map((pid, i) => ({ name: names[i] ?? `pid-${pid}`, pid: Number(pid) }));
  targets.forEach(({ name, pid }, i) => {
    const before = targets.slice(0, i);
    if (before.some((other) => other.pid === pid)) problems.push(`--pid ${pid} is given twice`);
    else if (!processExists(pid)) problems.push(`--pid ${pid}: there is no such process`);
    else if (before.some((other) => other.name === name))
      problems.push(`two processes are named ${name}`);
  });
  return targets;
}

/** `[NAME=]CONTAINER`; problems are added to `problems`. */
function containersOf(
  texts: readonly string[],
  targets: readonly MonitorTarget[],
  problems: string[],
): WatchedContainer[] {
  const containers = texts.map(parseContainer);
  containers.forEach(({ name, container }, i) => {
    const before = containers.slice(0, i);
    if (before.some((other) => other.container === container))
      problems.push(`--container ${container} is given twice`);
    else if (
      before.some((other) => other.name === name) ||
      targets.some((one) => one.name === name)
    )
      problems.push(`two readings are named ${name}`);
  });
  return containers;
}

function parseContainer(text: string): WatchedContainer {
  const at = text.lastIndexOf('=');
  const container = text.slice(at + 1);
  return { name: at > 0 ? text.slice(0, at) : container, container };
}

/** The agent's token, with every problem of what belongs to `--serve` added to `problems`. */
function agentToken(
  values: OptionValues,
  sources: CommandCall['sources'],
  env: NodeJS.ProcessEnv,
  problems: string[],
): string | null {
  const serves = values.serve === true;
  const variable = values['token-env'] as string | undefined;
  if (serves && values.stdio === true) problems.push('--serve and --stdio exclude each other');
  if (serves && values.port === undefined)
    problems.push('--serve needs --port N (0: any free one)');
  if (!serves)
    for (const option of ['port', 'host', 'token-env'])
      if (sources[option] === 'flag') problems.push(`--${option} has no effect without --serve`);
  if (variable === undefined) return null;
  const token = env[variable] ?? '';
  if (serves && token === '')
    problems.push(`--token-env: ${variable} is not set in the environment`);
  return token;
}

type Output = { write(line: string): void; close(): void };

/** @param onLost called when standard output cannot be written any more: null where its reader has gone (`| head`) */
function openOutput(
  path: string,
  stdout: CommandCall['stdout'],
  onLost: (failure: UserError | null) => void,
): Output {
  const failed = (cause: unknown) =>
    new UserError(
      `${path === '-' ? 'standard output' : path} cannot be written (${(cause as Error).message})`,
      {
        hint: 'give another file with --out FILE, or - for standard output',
        cause,
      },
    );
  if (path === '-') {
    const onError = (error: NodeJS.ErrnoException) =>
      onLost(error.code === 'EPIPE' ? null : failed(error));
    stdout.on('error', onError);
    return {
      write: (line) => void stdout.write(line),
      close: () => void stdout.off('error', onError),
    };
  }
  // Opening one waits, with everything else, until somebody reads.
  if (isPipe(path))
    throw new UserError(`--out ${path} is a pipe, not a file`, {
      hint: 'use --out - and a pipe of the shell',
      exitCode: EXIT.usage,
    });
  let fd: number;
  try {
    fd = openSync(path, 'w');
  } catch (cause) {
    throw failed(cause);
  }
  return {
    // At once and whole: a monitor that is killed leaves complete lines.
    write(line) {
      try {
        writeSync(fd, line);
      } catch (cause) {
        throw failed(cause);
      }
    },
    close: () => closeSync(fd),
  };
}

function isPipe(path: string): boolean {
  try {
    return statSync(path).isFIFO();
  } catch {
    return false; // What else is wrong with it, opening it says.
  }
}

const MIB = 1024 * 1024;

/** A row per process; `processes` may be the readings of days. */
export function summaryTable(processes: readonly ProcessReading[]): string {
  const most = (name: string, pick: (line: ProcessReading) => number | undefined) => {
    let most = -Infinity;
    for (const line of processes)
      if (line.name === name) most = Math.max(most, pick(line) ?? -Infinity);
    return most === -Infinity ? '' : String(most);
  };
  const rows = Object.entries(processFigures(processes)).map(([name, figures]) => [
    name,
    figures.cpuCoresMean?.toFixed(3) ?? '',
    figures.cpuCoresMax?.toFixed(3) ?? '',
    figures.rssBytesMax === null ? '' : (figures.rssBytesMax / MIB).toFixed(1),
    most(name, (line) => line.processes),
    most(name, (line) => line.threads),
    most(name, (line) => line.openFiles),
    String(figures.readings),
  ]);
  const heads = ['cores, mean', 'cores, max', 'MiB, max', 'processes', 'threads', 'files'];
  return markdownTable([['name', ...heads, 'readings'], ...rows], {
    align: ['l', ...heads.map(() => 'r'), 'r'],
  });
}

export const monitor: Command = {
  name: 'monitor',
  summary:
    'Watch process trees, containers, other machines, PostgreSQL and this machine; one JSON line a reading.',
  options: [
    {
      name: 'pid',
      type: 'integer',
      argument: 'N',
      min: 1,
      repeatable: true,
      help: 'root of a process tree; may be given several times',
    },
    {
      name: 'name',
      type: 'text',
      argument: 'NAME',
      repeatable: true,
      help: 'name in the readings, in the order of --pid; else pid-N',
    },
    {
      name: 'container',
      type: 'text',
      argument: '[NAME=]CONTAINER',
      check: (text) => containerNameProblem(parseContainer(text).container),
      repeatable: true,
      help: 'name or id of a docker or podman container, also through restarts; NAME stands in the readings; may be given several times',
    },
    ...SOURCE_OPTIONS,
    {
      name: 'interval',
      type: 'duration',
      argument: 'TIME',
      default: '1s',
      min: 50,
      max: 3_600_000,
      help: 'time between two readings',
    },
    {
      name: 'duration',
      type: 'duration',
      argument: 'TIME',
      min: 1,
      // The longest a timer of Node can wait.
      max: 2_147_483_000,
      help: 'end after this time; else when all watched processes have ended, or at Ctrl-C where there is more to watch',
    },
    {
      name: 'out',
      type: 'path',
      argument: 'FILE',
      default: '-',
      help: 'where the readings go, - for standard output; a file that is there is replaced',
    },
    { name: 'summary', type: 'flag', help: 'a table at the end, on standard error' },
    {
      name: 'serve',
      type: 'flag',
      help: 'be an agent: give the readings over HTTP to who asks (--agent of a load or a monitor elsewhere); plain HTTP, so over a network put ssh -L or a TLS proxy before it',
    },
    {
      name: 'host',
      type: 'text',
      argument: 'ADDRESS',
      default: '127.0.0.1',
      help: 'where the agent listens; another address than loopback needs --token-env',
    },
    {
      name: 'port',
      type: 'integer',
      argument: 'N',
      min: 0,
      max: 65_535,
      help: 'port of the agent; 0 takes a free one and reports it',
    },
    {
      name: 'token-env',
      type: 'text',
      argument: 'VARIABLE',
      help: 'the environment variable that holds the token which the agent asks for, 16 characters or more',
    },
    {
      name: 'stdio',
      type: 'flag',
      help: 'be an agent on standard input and output, until the input ends; what --agent ssh://… starts',
    },
  ],

  async run({ values, sources, stdout, stderr, env }) {
    const problems: string[] = [];
    const texts = (option: string) => (values[option] as string[] | undefined) ?? [];
    const targets = targetsOf(texts('pid'), texts('name'), problems);
    const containers = containersOf(texts('container'), targets, problems);
    const taken = [...targets, ...containers].map(({ name }) => name);
    const watched = sourcesOf(values, env, containers, taken);
    problems.push(...watched.problems);
    if (targets.length + watched.count + watched.problems.length === 0)
      problems.push(
        '--pid is missing: which process is to be watched? (or --container, --agent, --prometheus, --watch-postgres)',
      );
    const token = agentToken(values, sources, env, problems);
    throwProblems(
      problems,
      'npm run monitor -- --pid N [--name NAME]; `ps -e` lists the processes',
    );
    // Told at once, instead of by a note among readings that never come.
    for (const { container } of containers) await findContainer(container, { env });

    let failure: unknown;
    let end: (exitCode: number) => void = () => undefined;
    const ended = new Promise<number>((resolve) => (end = resolve));
    const intervalMs = values.interval as number;
    const isAgent = values.serve === true || values.stdio === true;
    const output =
      isAgent && sources.out !== 'flag'
        ? null
        : openOutput(values.out as string, stdout, (lost) => {
            failure ??= lost ?? undefined;
            end(lost === null ? EXIT.passed : lost.exitCode);
          });
    const agent: Agent | null =
      values.serve === true
        ? await openAgent({
            host: values.host as string,
            port: values.port as number,
            token,
            intervalMs,
            stderr,
          })
        : values.stdio === true
          ? stdioAgent({
              intervalMs,
              input: process.stdin,
              output: stdout,
              onEnd: () => end(EXIT.passed),
            })
          : null;

    // Only what the table at the end is made of.
    const kept: ProcessReading[] = [];
    let readings = 0;
    let cpuBefore: NodeJS.CpuUsage | undefined;
    const startedAt = performance.now();
    const running = new Set(targets.map(({ name }) => name));
    const interrupts = listenForInterrupts();
    interrupts.first.addEventListener('abort', () => end(EXIT.interrupted));
    const timer =
      values.duration === undefined
        ? undefined
        : setTimeout(() => end(EXIT.passed), values.duration as number);
    const sampler = startMonitor({
      targets,
      sources: watched.make(),
      intervalMs,
      onReading(line) {
        if (failure !== undefined) return;
        cpuBefore ??= process.cpuUsage();
        if (line.kind === 'process' || line.kind === 'postgres') readings++;
        if (values.summary && line.kind === 'process') kept.push(line);
        agent?.emit(line);
        try {
          output?.write(`${JSON.stringify(line)}\n`);
        } catch (error) {
          failure = error;
          end(EXIT.broken);
        }
      },
      onEnded(name) {
        running.delete(name);
        // What is not a process of this machine may come back: it is watched to the end that was asked for.
        if (running.size === 0 && watched.count === 0) end(EXIT.passed);
      },
    });
    try {
      const exitCode = await ended;
      await sampler.stop();
      if (failure !== undefined) throw failure as Error;
      if (readings === 0)
        throw new UserError('nothing could be read', {
          hint: 'the notes among the readings say why',
          exitCode: EXIT.noData,
        });
      if (values.summary) stderr.write(`${summaryTable(kept)}\n`);
      const own = process.cpuUsage(cpuBefore);
      const share = (own.user + own.system) / 10 / (performance.now() - startedAt);
      if (values.summary) stderr.write(`the monitor itself: ${share.toFixed(2)} % of one core\n`);
      return exitCode;
    } finally {
      clearTimeout(timer);
      await agent?.stop();
      output?.close();
      interrupts.stop();
    }
  },
};

async function openAgent({
  stderr,
  ...options
}: AgentOptions & { stderr: NodeJS.WritableStream }): Promise<Agent> {
  const agent = await serveAgent(options);
  stderr.write(`the agent listens on ${agent.url}\n`);
  return agent;
}
