/** `npm run monitor -- --pid N …`: the monitor alone; readings as JSON lines to a file or standard output. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { markdownTable } from 'markdown-table';
import { listenForInterrupts } from '../../load/interrupt.ts';
import { processFigures } from '../../results/figures.ts';
import { startMonitor, type MonitorTarget } from '../../monitor/monitor.ts';
import type { ProcessReading } from '../../results/types.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command, CommandCall } from '../command.ts';
import { throwProblems } from '../parse.ts';

/** Whether a process has this id; one of another user counts. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** @throws UserError with every problem of `--pid` and `--name` */
function targetsOf(pids: readonly string[], names: readonly string[]): MonitorTarget[] {
  const problems: string[] = [];
  if (pids.length === 0) problems.push('--pid is missing: which process is to be watched?');
  if (names.length > pids.length)
    problems.push(`--name is given ${names.length} times, but --pid only ${pids.length} times`);
  const targets = pids.map((pid, i) => ({ name: names[i] ?? `pid-${pid}`, pid: Number(pid) }));
  targets.forEach(({ name, pid }, i) => {
    const before = targets.slice(0, i);
    if (before.some((other) => other.pid === pid)) problems.push(`--pid ${pid} is given twice`);
    else if (!exists(pid)) problems.push(`--pid ${pid}: there is no such process`);
    else if (before.some((other) => other.name === name))
      problems.push(`two processes are named ${name}`);
  });
  throwProblems(problems, 'npm run monitor -- --pid N [--name NAME]; `ps -e` lists the processes');
  return targets;
}

type Output = { write(line: string): void; close(): void };

/** @param onClosed called when the reader of standard output has gone (`| head`) */
function openOutput(path: string, stdout: CommandCall['stdout'], onClosed: () => void): Output {
  if (path === '-') {
    const onError = (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') onClosed();
      else throw error;
    };
    stdout.on('error', onError);
    return {
      write: (line) => void stdout.write(line),
      close: () => undefined,
    };
  }
  const failed = (cause: unknown) =>
    new UserError(`${path} cannot be written (${(cause as Error).message})`, {
      hint: 'give another file with --out FILE, or - for standard output',
      cause,
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

const MIB = 1024 * 1024;

function summaryTable(processes: readonly ProcessReading[]): string {
  const most = (name: string, pick: (line: ProcessReading) => number | undefined) => {
    const values = processes.flatMap((line) => {
      const value = line.name === name ? pick(line) : undefined;
      return value === undefined ? [] : [value];
    });
    return values.length === 0 ? '' : String(Math.max(...values));
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
    'Watch process trees (CPU, memory, threads, open files, I/O) and the machine; one JSON line a reading.',
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
      help: 'end after this time; else when all watched processes have ended',
    },
    {
      name: 'out',
      type: 'path',
      argument: 'FILE',
      default: '-',
      help: 'where the readings go, - for standard output; a file that is there is replaced',
    },
    { name: 'summary', type: 'flag', help: 'a table at the end, on standard error' },
  ],

  async run({ values, stdout, stderr }) {
    const targets = targetsOf(
      (values.pid as string[] | undefined) ?? [],
      (values.name as string[] | undefined) ?? [],
    );
    let end: (exitCode: number) => void = () => undefined;
    const ended = new Promise<number>((resolve) => (end = resolve));
    const output = openOutput(values.out as string, stdout, () => end(EXIT.passed));

    // Only what the table at the end is made of.
    const kept: ProcessReading[] = [];
    let readings = 0;
    let failure: unknown;
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
      intervalMs: values.interval as number,
      onReading(line) {
        if (failure !== undefined) return;
        cpuBefore ??= process.cpuUsage();
        if (line.kind === 'process') readings++;
        if (values.summary && line.kind === 'process') kept.push(line);
        try {
          output.write(`${JSON.stringify(line)}\n`);
        } catch (error) {
          failure = error;
          end(EXIT.broken);
        }
      },
      onEnded(name) {
        running.delete(name);
        if (running.size === 0) end(EXIT.passed);
      },
    });
    try {
      const exitCode = await ended;
      await sampler.stop();
      if (failure !== undefined) throw failure as Error;
      if (readings === 0)
        throw new UserError('no process could be read', {
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
      output.close();
      // npm may pass the same Ctrl-C on while this process is ending: it must not end by the signal then.
      if (!interrupts.first.aborted) interrupts.stop();
    }
  },
};
