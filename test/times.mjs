/**
 * What each process of tests costs. `node --import ./test/times.mjs FILE` appends a line to the file that MINA_TEST_TIMES names, when FILE ends;
 * test/run.mjs makes a table of them, so that what makes the suite slow is seen when it comes.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

export const TIMES_VARIABLE = 'MINA_TEST_TIMES';
const SHOWN = 10;
/** /proc/PID/stat counts in hundredths of a second on every Linux (USER_HZ). */
const TICKS_PER_S = 100;

const file = process.env[TIMES_VARIABLE];
// Neither of the runner itself, nor of a thread.
if (file !== undefined && isMainThread && process.argv[1] !== undefined)
  process.on('exit', () => {
    const line = { file: process.argv[1], wallS: process.uptime(), cpuS: cpuSeconds() };
    appendFileSync(file, `${JSON.stringify(line)}\n`);
  });

/** CPU time of this process and of all that it started and waited for (proc_pid_stat(5)); its own alone where there is no /proc. */
export function cpuSeconds() {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    // Fields 14 to 17; the name before them may hold anything but the last parenthesis.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, text) => sum + Number(text), 0);
    return ticks / TICKS_PER_S;
  } catch {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }
}

/** @returns the table: those that cost most CPU, and the whole */
export function slowestFiles(times, { nameOf, files, wallS, cpuS }) {
  // Not there: not one file came to its end.
  const rows = (existsSync(times) ? readFileSync(times, 'utf8') : '')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .sort((a, b) => b.cpuS - a.cpuS);
  const line = (cpu, wall, name) =>
    `${cpu.toFixed(1).padStart(8)} ${wall.toFixed(1).padStart(8)}  ${name}`;
  return [
    'seconds:',
    `     CPU     wall`,
    ...rows
      .slice(0, Number(process.env.MINA_TEST_TIMES_SHOWN ?? SHOWN))
      .map((row) => line(row.cpuS, row.wallS, nameOf(row.file))),
    line(cpuS, wallS, `all ${files} files, in ${rows.length} processes`),
  ].join('\n');
}
