/**
 * Process trees where there is no /proc (macOS, BSD): `ps` in a child process at each reading.
 * Known limits: CPU time in steps of 10 ms (macOS) or 1 s (others); a child that ends between two readings
 * is counted up to the earlier one only; no threads, open files or I/O; one `ps` takes 5 to 20 ms of CPU.
 */
import { askProgram, firstLine } from '../system/run-program.ts';
import { collectTrees, type ProcessRow, type ProcessSource } from './tree.ts';

const COLUMNS = 'pid=,ppid=,stat=,rss=,time=,lstart=';
const TIMEOUT_MS = 5000;

/** `ps` CPU time, `[DD-][HH:]MM:SS[.cc]`, in milliseconds; null if it is none. */
export function parsePsTime(text: string): number | null {
  const parts = /^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)$/.exec(text);
  if (!parts) return null;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = parts
    .slice(1)
    .map((part?: string) => (part === undefined ? 0 : Number(part)));
  return Math.round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000);
}

/** Output of `ps -A -o pid=,ppid=,stat=,rss=,time=,lstart=` in the C locale; odd lines are left out. */
export function parsePs(text: string): ProcessRow[] {
  return text.split('\n').flatMap((line) => {
    const [pid, ppid, state = '', rss, time = '', ...start] = line.trim().split(/\s+/);
    const read = (value = ''): number => (/^\d+$/.test(value) ? Number(value) : NaN);
    const row = { pid: read(pid), parentPid: read(ppid), rssBytes: read(rss) * 1024 };
    const cpuMs = parsePsTime(time);
    const startedAtMs = start.length === 5 ? Date.parse(start.slice(1).join(' ')) : NaN;
    if (cpuMs === null || [...Object.values(row), startedAtMs].some(Number.isNaN)) return [];
    return [{ ...row, startedAtMs, ended: state.startsWith('Z'), cpuMs, reapedCpuMs: 0 }];
  });
}

/** What `ps -A -o COLUMNS` prints in the C locale. @throws when it cannot be run, or not within 5 s */
async function runPs(): Promise<string> {
  const answer = await askProgram({
    file: 'ps',
    args: ['-A', '-o', COLUMNS],
    env: { ...process.env, LC_ALL: 'C' },
    stdoutLimit: 64 * 1024 * 1024,
    timeoutMs: TIMEOUT_MS,
  });
  if (answer.kind === 'not started') throw new Error(`ps cannot be run (${answer.code})`);
  if (answer.kind === 'timed out') throw new Error(`ps was not done within ${TIMEOUT_MS} ms`);
  const { exitCode, signal, output } = answer;
  if (exitCode !== 0)
    throw new Error(
      `ps ended with ${signal ?? `exit code ${exitCode}`} (${firstLine(output.stderr)})`,
    );
  return output.stdout;
}

/** @returns a reader of process trees; its clock of starts is milliseconds since 1970, in whole seconds */
export function psProcesses(
  monotonicMs: () => number = () => performance.now(),
  epochMs: () => number = () => Date.now(),
  output: () => Promise<string> = runPs,
): ProcessSource {
  return {
    async read(roots, previous) {
      const rows = new Map(parsePs(await output()).map((row) => [row.pid, row]));
      if (rows.size === 0) throw new Error('ps gave no line that could be read');
      const children = new Map<number, number[]>();
      for (const { pid, parentPid } of rows.values())
        children.set(parentPid, [...(children.get(parentPid) ?? []), pid]);
      const table = {
        row: (pid: number) => rows.get(pid) ?? null,
        childrenOf: (pid: number) => children.get(pid) ?? [],
      };
      const trees = await collectTrees(roots, previous, table, monotonicMs, () => undefined);
      return { ...trees, sourceNowMs: Math.floor(epochMs() / 1000) * 1000 };
    },
  };
}
