/**
 * Whole nights with the real k6 against the embedded backend behind a proxy: ten without a change raise no alarm, one with 30 ms put in on
 * purpose is suspected, measured again beside the good version, confirmed, and opens a new level.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type HistoryEntry, readHistory } from '../../results/history.ts';
import { startBackend } from '../../stack/backend-process.ts';
import { EXIT } from '../../user-error.ts';
import { runHere } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';

const stops: (() => unknown)[] = [];
after(async () => {
  for (const stop of stops.reverse()) await stop();
});

/** Most answers of a backend come sooner, also on a busy machine: then they are as long as the proxy says, and nights are alike. */
const USUAL_MS = 100;

/** An embedded backend with its own storage, and a proxy before it that holds each answer back until its time since the request has come. */
async function startTarget(): Promise<{ url: string; delay: { ms: number } }> {
  const backend = await startBackend({
    whitelist: null,
    storageFolder: scratchFolder(),
    env: { REQUESTS_PER_PK_HOURLY: '100000' },
    logFile: join(scratchFolder(), 'backend.log'),
  });
  stops.push(() => backend.stop());
  const { port } = backend;
  const delay = { ms: 0 };
  const proxy = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const dueMs = performance.now() + USUAL_MS + delay.ms;
    const asked = request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
      setTimeout(
        () => {
          outgoing.writeHead(answer.statusCode!, answer.headers);
          answer.pipe(outgoing);
        },
        Math.max(0, dueMs - performance.now()),
      );
    });
    asked.on('error', () => outgoing.destroy());
    incoming.pipe(asked);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  stops.push(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const { port: own } = proxy.address() as { port: number };
  return { url: `http://127.0.0.1:${own}`, delay };
}

const NIGHTS = 10;
/** Of ten; a night may have no figure on a machine that is busy with other things. Ten without one would be no alarm, too. */
const FEWEST_WITH_VALUES = 8;
/** A night may prove nothing on a machine that is busy with other things. */
const MOST_REGRESSED = 4;

test('ten nights raise no alarm; 30 ms more are found and confirmed, and are the new level then', async () => {
  const [now, good] = [await startTarget(), await startTarget()];
  const folder = scratchFolder();
  const config = join(folder, 'nightly.yaml');
  writeFileSync(
    config,
    `folder: nights
keep: 3
max-minutes: 10
rounds: 6
figures: p50
good: { url: "${good.url}" }
options:
  scenario: arrival
  # As few as a median needs: a night is here to be judged, and some 25 loads are run.
  rate: 40/s
  duration: 1s
  warm-up: 0s
  producers: 60
  skip-pictures: true
  target: "${now.url}"
  gate: [on-time>=0%]
scenarios:
  - name: short
`,
  );
  const nights = join(folder, 'nights');
  const entries = async (): Promise<readonly HistoryEntry[]> =>
    (await readHistory(join(nights, 'history.ndjson'))).entries;
  const night = () => runHere(['nightly', '--config', config, '--skip-pictures']);

  for (let i = 0; i < NIGHTS; i++) {
    const { exitCode, stdout, stderr } = await night();
    // What a busy machine leaves undecided proves nothing, and is no alarm.
    assert.ok([EXIT.passed, EXIT.noData, EXIT.generatorLimited].includes(exitCode as 0), `night ${i + 1}: ${stdout}${stderr}`); // prettier-ignore
  }
  const quiet = await entries();
  assert.equal(quiet.length, NIGHTS);
  const measured = quiet.filter(({ values, fingerprint }) => values.p50 > 0 && fingerprint === quiet.at(-1)!.fingerprint); // prettier-ignore
  assert.ok(measured.length >= FEWEST_WITH_VALUES, JSON.stringify(quiet));
  assert.ok(quiet.every(({ suspicions }) => suspicions.every(({ outcome }) => outcome !== 'confirmed'))); // prettier-ignore
  // Of each series three runs are kept, and nothing else is gone.
  const kept = quiet.filter(({ run }) => existsSync(join(nights, run!)));
  assert.deepEqual(
    kept.map(({ run }) => run),
    quiet.slice(-3).map(({ run }) => run),
  );

  now.delay.ms = 30;
  let found: Awaited<ReturnType<typeof night>> | null = null;
  for (let i = 0; i < MOST_REGRESSED && found?.exitCode !== EXIT.gateFailed; i++)
    found = await night();
  assert.equal(found!.exitCode, EXIT.gateFailed, found!.stdout + found!.stderr);
  assert.match(found!.stdout, /short: p50 is suspected \((far out|change point)\), so it is measured again/); // prettier-ignore
  assert.match(found!.stdout, /short: p50 confirmed: \+\d+ % \(.*\) beside the good version in 6 rounds/); // prettier-ignore
  const last = (await entries()).at(-1)!;
  const [suspicion] = last.suspicions;
  assert.deepEqual([suspicion.outcome, suspicion.against], ['confirmed', 'good version']);
  // 30 ms more than 100: a third, less what a busy machine adds to both.
  assert.ok(suspicion.ratio > 1.08, String(suspicion.ratio));
  assert.ok(existsSync(join(nights, suspicion.session!, 'comparison.json')));
  assert.match(readFileSync(join(nights, 'nightly.md'), 'utf8'), /\*\*FAILED: short \(FAILED\): p50 got worse, confirmed/); // prettier-ignore
  assert.match(readFileSync(join(nights, 'nightly.junit.xml'), 'utf8'), /<failure message="p50 against its nights/); // prettier-ignore

  // The same again is the new level: no alarm.
  const after = await night();
  assert.notEqual(after.exitCode, EXIT.gateFailed, after.stdout);
  assert.deepEqual(readdirSync(nights).filter((name) => name.startsWith('.')), []); // prettier-ignore
});
