/**
 * What watching costs, and how right it is. Ten idle Node processes (some seven threads each) are watched
 * once a second by `npm run monitor` and, at the same time, by a program that starts `ps` once a second,
 * which is what npm packages for this do where they do not read /proc. Then two burners are watched.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { BenchLine } from './measure.ts';
import { processFigures } from '../results/figures.ts';
import { linuxProcesses } from '../monitor/linux.ts';
import { startMonitor } from '../monitor/monitor.ts';
import type { ResourceLine } from '../results/types.ts';
import { distFile } from '../paths.ts';

const PROCESSES = 10;
const COST_SECONDS = 20;
const BURN_MS = 5000;

/** Reports its own CPU and that of the `ps` it waited for, in seconds, from /proc (they count in ticks). */
const PS_WATCHER = `
  const { execFile } = require('node:child_process');
  const { readFileSync } = require('node:fs');
  const [seconds, ...pids] = process.argv.slice(1);
  const used = () => readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ')
    .slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
  const started = performance.now();
  const before = used();
  const look = () => execFile('ps', ['-o', 'pid=,ppid=,rss=,time=', '-p', pids.join(',')], () => {});
  const timer = setInterval(look, 1000);
  setTimeout(() => {
    clearInterval(timer);
    console.log((used() - before) / ((performance.now() - started) / 1000));
  }, seconds * 1000);
`;

const BURNER = `
  const [share, ms] = process.argv.slice(1).map(Number);
  const used = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6; };
  process.stdin.once('data', () => {
    const before = used(), started = performance.now();
    const own = [[Date.now(), used()]];
    console.log('begun');
    const slice = () => {
      own.push([Date.now(), used()]);
      const until = performance.now() + 10 * share;
      while (performance.now() < until);
      const passed = performance.now() - started;
      if (passed < ms) setTimeout(slice, 10 * (1 - share));
      else { console.log(JSON.stringify({ cores: (used() - before) / (passed / 1000), own })); process.exit(); }
    };
    slice();
  });
  console.log('ready');
`;

const startNode = (code: string, ...args: string[]): ChildProcess =>
  spawn(process.execPath, ['-e', code, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

async function cost(report: (line: BenchLine) => void): Promise<void> {
  const idle = Array.from({ length: PROCESSES }, () =>
    startNode("process.stdin.resume(); console.log('ready')"),
  );
  try {
    await Promise.all(idle.map((child) => once(child.stdout!, 'data')));
    const pids = idle.map(({ pid }) => String(pid));
    const monitor = spawn(process.execPath, [
      distFile('cli.js'),
      'monitor',
      ...pids.flatMap((pid) => ['--pid', pid]),
      ...['--duration', `${COST_SECONDS}s`, '--summary'],
    ]);
    monitor.stdout.resume();
    const peer = startNode(PS_WATCHER, String(COST_SECONDS), ...pids);
    const [summary, peerCores] = await Promise.all([text(monitor.stderr), text(peer.stdout!)]);
    const percent = /itself: ([\d.]+) % of one core/.exec(summary)?.[1];
    if (percent === undefined) throw new Error(`the monitor gave no cost: ${summary}`);
    const value = Number(percent);
    const peerValue = round(Number(peerCores) * 100, 2);
    report({
      bench: 'monitor',
      case: `${PROCESSES} processes, 1 s, from the first reading on`,
      value,
      unit: '% of one core (less is better)',
      peer: 'ps started once a second',
      peer_value: peerValue,
      ratio: round(value / peerValue, 3),
    });

    const source = linuxProcesses();
    const roots = pids.map((pid) => ({ name: pid, pid: Number(pid) }));
    let previous = await source.read(roots, undefined);
    const readings = 300;
    for (let i = 0; i < readings; i++) previous = await source.read(roots, previous);
    const before = process.cpuUsage();
    for (let i = 0; i < readings; i++) previous = await source.read(roots, previous);
    const { user, system } = process.cpuUsage(before);
    report({
      bench: 'monitor',
      case: `one reading of ${PROCESSES} processes, warm`,
      value: round((user + system) / 1000 / readings, 3),
      unit: 'ms of CPU (less is better)',
      peer: null,
      peer_value: null,
      ratio: null,
    });
  } finally {
    for (const child of idle) child.kill();
  }
}

/** The burner's own CPU seconds at a moment, between the two of its records around it. */
function ownAt(own: readonly [ms: number, seconds: number][], t: number): number | undefined {
  const after = own.findIndex(([ms]) => ms >= t);
  if (after < 1) return undefined;
  const [[ms0, s0], [ms1, s1]] = [own[after - 1], own[after]];
  return ms1 === ms0 ? s1 : s0 + ((s1 - s0) * (t - ms0)) / (ms1 - ms0);
}

async function accuracy(share: number, report: (line: BenchLine) => void): Promise<void> {
  for (const intervalMs of [200, 1000, 5000]) {
    // Longer than a reading takes to come, so that each interval lies within it.
    const burnMs = Math.max(BURN_MS, 1.3 * intervalMs);
    const child = startNode(BURNER, String(share), String(burnMs));
    const output = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    await output.next();
    const lines: ResourceLine[] = [];
    child.stdin!.write('go\n');
    await output.next();
    const monitor = startMonitor({
      targets: [{ name: 'burner', pid: child.pid! }],
      intervalMs,
      watchHost: false,
      onReading: (line) => lines.push(line),
    });
    const { cores, own } = JSON.parse((await output.next()).value as string) as {
      cores: number;
      own: [number, number][];
    };
    await monitor.stop();
    const value = processFigures(lines).burner?.cpuCoresMean ?? NaN;
    report({
      bench: 'monitor',
      case: `a burner of ${share} core, every ${intervalMs} ms`,
      value: round(value, 4),
      unit: 'cores',
      peer: "the burner's own getrusage",
      peer_value: round(cores, 4),
      ratio: round(value / cores, 4),
    });
    const errors = lines.flatMap((line) => {
      if (line.kind !== 'process' || line.cpuCores === undefined) return [];
      const from = ownAt(own, line.t - line.intervalMs!);
      const to = ownAt(own, line.t);
      if (from === undefined || to === undefined) return [];
      return [Math.abs(line.cpuCores - ((to - from) * 1000) / line.intervalMs!)];
    });
    report({
      bench: 'monitor',
      case: `a burner of ${share} core, every ${intervalMs} ms: the reading farthest off, of ${errors.length}`,
      value: round(Math.max(...errors), 4),
      unit: 'cores from getrusage over the same time (less is better)',
      peer: null,
      peer_value: null,
      ratio: null,
    });
  }
}

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  if (process.platform !== 'linux') return; // what is measured is the reader of /proc
  await cost(report);
  for (const share of [1, 0.5]) await accuracy(share, report);
}
