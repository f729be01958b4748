/** Rounds on two real targets that differ by 30 ms, and on one target twice; the real k6. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { abbaOrder } from '../../../judge/compare/rounds.ts';
import type { Comparison } from '../../../judge/compare/comparison.ts';
import type { Session } from '../../../results/session.ts';
import { EXIT } from '../../../user-error.ts';
import { runCli, startCli } from '../../support/cli.ts';
import { scratchFolder } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';

const results = scratchFolder();
const stops: (() => void)[] = [];
after(() => stops.forEach((stop) => stop()));

/** Answers each submission after the same time, as many at once as come. @param onSeen called for each */
async function startTarget(
  delayMs: number,
  onSeen: () => void = () => undefined,
): Promise<{ url: string; seen: () => number }> {
  let seen = 0;
  const server = createServer((req, res) => {
    let bytes = 0;
    req.on('data', (chunk: Buffer) => (bytes += chunk.length));
    req.on('end', () => {
      if (bytes < 1000) {
        res.writeHead(400).end('{"error":"Error decoding payload"}');
        return;
      }
      seen++;
      onSeen();
      setTimeout(() => res.writeHead(200).end('{"status":"ok"}'), delayMs);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}`, seen: () => seen };
}

const SHORT = ['--scenario', 'arrival', '--rate', '20/s', '--duration', '3s', '--results', results];

test('a target that is 30 ms slower is worse, with the change; both had every round', async () => {
  // How many came to one target before the other had its turn.
  const turns: { of: 'base' | 'now'; seen: number }[] = [];
  const startSide = (of: 'base' | 'now', delayMs: number) =>
    startTarget(delayMs, () => {
      if (turns.at(-1)?.of !== of) turns.push({ of, seen: 0 });
      turns.at(-1)!.seen++;
    });
  const [fast, slow] = [await startSide('base', 20), await startSide('now', 50)];
  const { exitCode, stdout, stderr } = await runCli(['load', '--ab', fast.url, slow.url, '--rounds', '6', ...SHORT]); // prettier-ignore
  assert.match(stdout, /round 6 of 6, A: p95 /, stderr);
  const folder = join(
    results,
    readdirSync(results).find((name) => name.endsWith('-ab'))!,
  );
  const session = JSON.parse(readFileSync(join(folder, 'session.json'), 'utf8')) as Session;
  const played = session.rounds.length;
  assert.ok(played >= 6 && played <= 9, String(played));
  // k6 begins the start at 0 s, and now and then the one at the very end, too.
  for (const { seen } of [fast, slow])
    assert.ok(seen() >= played * 60 && seen() <= played * 61, String(seen()));
  // A B B A A B: one run of the base, two of the other, and so on, one at the end.
  assert.deepEqual(session.rounds.map(({ first }) => first), abbaOrder(played)); // prettier-ignore
  assert.deepEqual(turns.map(({ of }) => of), abbaOrder(played + 1)); // prettier-ignore
  assert.deepEqual(turns.map(({ seen }) => Math.floor(seen / 60)), turns.map((_, i) => ([0, played].includes(i) ? 1 : 2))); // prettier-ignore
  const comparison = JSON.parse(
    readFileSync(join(folder, 'comparison.json'), 'utf8'),
  ) as Comparison;
  const p95 = comparison.figures.find(({ figure }) => figure.name === 'p95')!;
  assert.equal(p95.logRatios.length, comparison.rounds);
  // On a machine that is busy with other things too few rounds may count; then there is no verdict, and it says so.
  const isJudged = comparison.rounds >= 6;
  assert.equal(exitCode, isJudged ? EXIT.gateFailed : EXIT.noData, stdout);
  assert.match(stdout, isJudged ? /WORSE: p95 \+\d+ % / : /sound rounds? proves? nothing/);
  if (isJudged) assert.ok(p95.ratio!.estimate > 1.3, JSON.stringify(p95.ratio));

  const again = await runCli(['compare', folder]);
  assert.equal(again.exitCode, exitCode);
  assert.equal(again.stdout, readFileSync(join(folder, 'comparison.md'), 'utf8'));
});

test('a session that is interrupted can still be judged', async () => {
  const { url } = await startTarget(5);
  const own = scratchFolder();
  const cli = startCli([
    'load',
    '--ab',
    url,
    url,
    '--effect',
    'p99=10%',
    ...SHORT,
    '--results',
    own,
  ]);
  await until(() => /round 1 of 8, B: /.test(cli.output()));
  cli.child.kill('SIGINT');
  const { exitCode, stdout } = await cli.result;
  assert.equal(exitCode, EXIT.interrupted, stdout);
  const folder = join(own, readdirSync(own)[0]);
  const session = JSON.parse(readFileSync(join(folder, 'session.json'), 'utf8')) as Session;
  assert.deepEqual(session.effects, { p99: 0.1 });
  const judged = await runCli(['compare', folder]);
  assert.equal(judged.exitCode, EXIT.noData, judged.stderr);
  assert.match(judged.stdout, /sound rounds? proves? nothing: at least 6 are needed/);
});
