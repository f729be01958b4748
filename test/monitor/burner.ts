/** A burner of CPU, and what the monitor reads of it against what it says itself. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { startMonitor } from '../../monitor/monitor.ts';
import type { ResourceLine } from '../../results/types.ts';

/**
 * Burns `share` of a core for `ms`, reports its own CPU time between two words of its parent and waits.
 * `start` and `used` are CPU seconds by getrusage.
 */
const BURNER = `
  const [share, ms] = process.argv.slice(1).map(Number);
  const used = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6; };
  console.log(used());
  process.stdin.once('data', () => {
    const end = performance.now() + ms;
    const slice = () => {
      const until = performance.now() + 20 * share;
      while (performance.now() < until);
      if (performance.now() < end) setTimeout(slice, 20 * (1 - share));
      else console.log(used());
    };
    slice();
  });
`;

/** The bound: cores that a reading may differ from what getrusage says. */
const CORES_OFF = 0.03;

export function linesOf(child: ChildProcess): () => Promise<string> {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return async () => (await lines.next()).value as string;
}

export function watch(name: string, child: ChildProcess, intervalMs: number) {
  const lines: ResourceLine[] = [];
  let ready: () => void;
  const first = new Promise<void>((resolve) => (ready = resolve));
  const monitor = startMonitor({
    targets: [{ name, pid: child.pid! }],
    intervalMs,
    onReading(line) {
      lines.push(line);
      ready();
    },
  });
  const readings = () =>
    lines.flatMap((line) =>
      line.kind === 'process' && line.intervalMs !== undefined ? [line] : [],
    );
  const cpuSeconds = () =>
    readings().reduce((sum, line) => sum + ((line.cpuCores ?? 0) * line.intervalMs!) / 1000, 0);
  const seconds = () => readings().reduce((sum, line) => sum + line.intervalMs! / 1000, 0);
  return { lines, first, monitor, cpuSeconds, seconds };
}

/**
 * Both sides count CPU time over the same time, which begins and ends with the burner at rest: how much CPU a
 * busy machine gives to it, and when a reading comes, does not matter.
 */
export async function checkBurner(
  t: TestContext,
  { share, intervalMs, burnMs }: { share: number; intervalMs: number; burnMs: number },
): Promise<void> {
  const args = ['-e', BURNER, String(share), String(burnMs)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  const next = linesOf(child);
  const before = Number(await next());
  const { monitor, first, cpuSeconds, seconds } = watch('burner', child, intervalMs);
  await first;
  child.stdin.write('go\n');
  const used = Number(await next()) - before;
  // So that stop() takes its last reading after the burner's report.
  await new Promise((resolve) => setTimeout(resolve, 300));
  await monitor.stop();
  assert.ok(used > 0.05, 'the burner got CPU');
  assert.ok(seconds() > burnMs / 1000, `${seconds()} s of readings`);
  const off = Math.abs(cpuSeconds() - used) / seconds();
  assert.ok(off <= CORES_OFF, `monitor ${cpuSeconds()} s, burner ${used} s: ${off} cores off`);
}
