/** A run's seconds, and its readings, as tables for a spreadsheet. RFC 4180. Pure. */
import { compareAnswers, sumAnswers } from '../../results/answers.ts';
import { takenIn } from '../../results/figures.ts';
import type { ResourceLine, SampleLine } from '../../results/types.ts';

type Cell = string | number | null | undefined;

/** A spreadsheet takes what begins like this for a formula, whoever wrote it. */
const FORMULA = /^[=+\-@\t\r]/;

function cellText(cell: Cell): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell === 'number') return String(cell);
  const text = FORMULA.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const table = (rows: readonly (readonly Cell[])[]): string =>
  rows.map((row) => `${row.map(cellText).join(',')}\r\n`).join('');

/** One row a second; a column for each class of answers. */
export function samplesCsv(samples: readonly SampleLine[]): string {
  const classes = Object.keys(sumAnswers(samples)).sort(compareAnswers);
  const head = ['time', 'elapsed_s', 'vus', 'sent', 'accepted', 'p50_ms', 'p90_ms', 'p95_ms', 'p99_ms', 'max_ms', 'bytes_sent', 'bytes_received', 'late', 'dropped', ...classes]; // prettier-ignore
  return table([
    head,
    ...samples.map((line) => {
      const { latency } = line;
      return [
        new Date(line.t).toISOString(),
        line.elapsedS,
        line.vus,
        line.sent,
        takenIn(line).accepted,
        ...(['p50', 'p90', 'p95', 'p99', 'max'] as const).map((name) => latency?.[name]),
        line.bytesSent,
        line.bytesReceived,
        line.late ?? 0,
        line.dropped ?? 0,
        ...classes.map((answer) => line.answers[answer] ?? 0),
      ];
    }),
  ]);
}

/** One row a reading of a process or of the machine. */
export const resourcesCsv = (lines: readonly ResourceLine[]): string =>
  table([
    ['time', 'kind', 'name', 'cpu_cores', 'memory_bytes', 'threads', 'open_files'],
    ...lines.flatMap((line): Cell[][] => {
      const time = new Date(line.t).toISOString();
      if (line.kind === 'process')
        return [[time, line.kind, line.name, line.cpuCores, line.rssBytes, line.threads, line.openFiles]]; // prettier-ignore
      if (line.kind === 'host')
        return [[time, line.kind, 'machine', line.cpuCores, line.memoryUsedBytes]];
      return [];
    }),
  ]);
