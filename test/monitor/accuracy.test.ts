/**
 * Real processes, and what they themselves say they used. CPU seconds are compared, not cores: how much
 * CPU a busy machine gives to a burner does not matter then.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { ResourceLine } from '../../results/types.ts';
import { checkBurner, linesOf, watch } from './burner.ts';
import { until } from '../support/until.ts';

/** Starts short-lived burners one after the other, waits for each, and keeps one of them to the end. */
const SHELL = `
  read word
  i=0; while [ $i -lt 4 ]; do "$1" -e 'const t = performance.now(); while (performance.now() - t < 60);'; i=$((i+1)); done
  echo done
  read word
  times
`;

const linuxOnly = { skip: process.platform !== 'linux' };

for (const { share, intervalMs } of [
  { share: 1, intervalMs: 200 },
  { share: 0.5, intervalMs: 200 },
  { share: 1, intervalMs: 1000 },
])
  test(`a burner of ${share} core, read every ${intervalMs} ms`, linuxOnly, (t) =>
    checkBurner(t, { share, intervalMs, burnMs: 1300 }),
  );

test('children that come and go between two readings are counted', linuxOnly, async (t) => {
  const child = spawn('sh', ['-c', SHELL, 'sh', process.execPath], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill());
  const next = linesOf(child);
  const { monitor, first, cpuSeconds, lines } = watch('shell', child, 90);
  await first;
  child.stdin.write('go\n');
  assert.equal(await next(), 'done');
  await new Promise((resolve) => setTimeout(resolve, 100));
  await monitor.stop();
  child.stdin.write('go\n');
  // `times`: user and system time of the shell, then of its children (POSIX), as 0m1.23s.
  const used = `${await next()} ${await next()}`
    .split(' ')
    .map((text) => /^(\d+)m([\d.]+)s$/.exec(text)!)
    .reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
  assert.ok(used > 0.2, `${used} s`);
  // Steps of 10 ms for user and system time of the shell and of its children, at both ends.
  assert.ok(Math.abs(cpuSeconds() - used) <= 0.08, `monitor ${cpuSeconds()} s, shell ${used} s`);
  for (const line of lines) if (line.kind === 'process') assert.ok((line.cpuCores ?? 0) >= 0);
});

test('an orphan stays in the tree after its parent has ended', linuxOnly, async (t) => {
  const script = `"$1" -e 'console.log(process.pid);process.stdin.resume()' <&3 & read word`;
  const child = spawn('sh', ['-c', script, 'sh', process.execPath], {
    stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
  });
  const next = linesOf(child);
  const orphan = Number(await next());
  t.after(() => {
    try {
      process.kill(orphan);
    } catch {
      // Ended already.
    }
  });
  const { monitor, first, lines } = watch('tree', child, 50);
  await first;
  const line = (found: (line: ResourceLine) => boolean) =>
    until(
      () => lines.some(found),
      () => lines.at(-1),
    );
  const exited = once(child, 'exit');
  child.stdin!.end('go\n');
  await exited;
  await line((line) => line.kind === 'note' && /has ended, 1 that it started/.test(line.text));
  await line((line) => line.kind === 'process' && line.processes === 1);
  process.kill(orphan);
  await line((line) => line.kind === 'note' && /the last process/.test(line.text));
  await monitor.stop();
});
