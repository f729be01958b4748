/** A load whose pace is changed while it runs: what the target saw of each change, and what the summary says of it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { controlRun, runningLoads } from '../../load/control/client.ts';
import type { ControlRequest } from '../../load/control/protocol.ts';
import type { ControlLine } from '../../results/types.ts';
import { type RunningCli, startCli } from '../support/cli.ts';
import { until } from '../support/until.ts';
import { agree } from './compare.ts';
import { LENIENT, type TruthRun, truthRun } from './run.ts';
import { type Arrival, nowMs, type Programme } from './target.ts';

/** A request, and how long nothing else is asked. */
type Step = { ask: ControlRequest; forMs: number };
type Asked = { fromMs: number; untilMs: number; perSecond: number | null };

const rate = (perSecond: number): ControlRequest => ({ action: 'rate', perSecond, by: 'terminal' });
const plain = (action: 'pause' | 'resume' | 'free' | 'stop'): ControlRequest => ({
  action,
  by: 'terminal',
});

const resultsOf = ({ child: { spawnargs } }: RunningCli): string =>
  spawnargs[spawnargs.indexOf('--results') + 1];

/** What is asked reaches the feeder at once; a request that is on its way to the target may take its time on a busy machine. */
const SETTLED_MS = 700;

/** @returns the run, and when each pace held, by the clock of the target's log */
async function steered(
  args: readonly string[],
  first: { perSecond: number | null; forMs: number },
  steps: readonly Step[],
  programme: Programme = { deedOf: () => ({ afterMs: 5 }) },
): Promise<{ run: TruthRun; asked: Asked[] }> {
  const asked: Asked[] = [];
  const run = await truthRun([...args, '--steerable'], programme, async (cli, log) => {
    await until(() => log.length > 0 || cli.child.exitCode !== null, 'arrivals');
    const results = resultsOf(cli);
    const [name] = await runningLoads(results);
    asked.push({ fromMs: log[0].arrivedMs, untilMs: Infinity, perSecond: first.perSecond });
    await sleep(first.forMs);
    for (const { ask, forMs } of steps) {
      const { askedPerSecond } = await controlRun(join(results, name), ask);
      const atMs = nowMs();
      asked.at(-1)!.untilMs = atMs;
      asked.push({ fromMs: atMs, untilMs: Infinity, perSecond: askedPerSecond });
      await sleep(forMs);
      asked.at(-1)!.untilMs = nowMs();
    }
  });
  return { run, asked };
}

const linesOf = (run: TruthRun): ControlLine[] =>
  readFileSync(join(run.folder, 'control.ndjson'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ControlLine);

/** Within a second of each change the target sees the new rate, to a tenth and a handful. */
function sawThePace(log: readonly Arrival[], asked: readonly Asked[]): void {
  for (const { fromMs, untilMs, perSecond } of asked) {
    if (perSecond === null) continue;
    const [from, to] = [fromMs + SETTLED_MS, untilMs];
    const seen = log.filter(({ arrivedMs }) => arrivedMs >= from && arrivedMs < to).length;
    const due = (perSecond * (to - from)) / 1000;
    assert.ok(Math.abs(seen - due) <= 0.1 * due + 6, `${seen} arrived, ${due} were due at ${perSecond}/s`); // prettier-ignore
  }
}

test('an open model: up, pause, resume, down; target, summary and report agree', async () => {
  const { run, asked } = await steered(
    ['--scenario', 'arrival', '--rate', '40/s', '--duration', '14s', ...LENIENT],
    { perSecond: 40, forMs: 2500 },
    [
      { ask: rate(120), forMs: 3000 },
      { ask: plain('pause'), forMs: 2000 },
      { ask: plain('resume'), forMs: 2500 },
      { ask: rate(20), forMs: 2500 },
    ],
  );
  assert.equal(run.exitCode, 0, run.output);
  agree(run.log, run, { durationMs: 14_000, thinkMs: null, perSecond: null });
  sawThePace(run.log, asked);

  const lines = linesOf(run);
  assert.deepEqual(
    lines.map(({ action, fromPerSecond, toPerSecond }) => [action, fromPerSecond, toPerSecond]),
    [
      ['begin', 0, 40],
      ['rate', 40, 120],
      ['pause', 120, 0],
      ['resume', 0, 120],
      ['rate', 120, 20],
    ],
  );
  // What was asked for, by the marks alone: the area under it is what was planned.
  const { figures, loadBeganMs, loadEndedMs } = run.summary;
  const due = lines.reduce((sum, { t, toPerSecond }, i) => {
    const [from, to] = [Math.max(t, loadBeganMs!), lines[i + 1]?.t ?? loadEndedMs!];
    return sum + (toPerSecond! * Math.max(0, to - from)) / 1000;
  }, 0);
  const { planned, started, dropped, keepingUpShare } = figures.schedule!;
  assert.ok(Math.abs(planned - due) <= 0.03 * due + 4, `${planned} planned, ${due} by the marks`);
  assert.equal(started, run.log.length);
  assert.ok(started + dropped <= planned && started + dropped >= planned - 2, `${started} of ${planned}, ${dropped} dropped`); // prettier-ignore
  assert.ok(keepingUpShare! > 0.9, `${keepingUpShare}`);
  assert.equal(figures.generator!.standstillMs, undefined);
  // Lateness is against the changed plan: a pause is none.
  assert.ok(figures.lateness!.maxMs < 1500, `${figures.lateness!.maxMs} ms late`);
  assert.match(readFileSync(join(run.folder, 'report.md'), 'utf8'), /## Pace asked for while it ran[^]*4 changes while the load ran[^]*\| +pause +\| +none /); // prettier-ignore
});

test('VUs with think times: a bound, a pause, and their own pace again', async () => {
  const { run, asked } = await steered(
    ['--vus', '20', '--think', '200ms-200ms', '--duration', '12s'],
    { perSecond: null, forMs: 2500 },
    [
      { ask: rate(30), forMs: 3000 },
      { ask: plain('pause'), forMs: 2000 },
      { ask: plain('free'), forMs: 2500 },
    ],
  );
  assert.equal(run.exitCode, 0, run.output);
  agree(run.log, run, { durationMs: 12_000, thinkMs: null, perSecond: null });
  sawThePace(run.log, asked);
  const own = asked.filter(({ perSecond }) => perSecond === null);
  for (const { fromMs, untilMs } of own) {
    const [from, to] = [fromMs + SETTLED_MS, untilMs];
    const seen = run.log.filter(({ arrivedMs }) => arrivedMs >= from && arrivedMs < to).length;
    assert.ok(seen > 45 * ((to - from) / 1000), `${seen} in ${to - from} ms: more than the bound`);
  }
  assert.equal(run.summary.figures.schedule ?? null, null);
  assert.deepEqual(linesOf(run).map(({ action }) => action), ['begin', 'rate', 'pause', 'free']); // prettier-ignore
});

test('a rate above the capacity: what no VU took is dropped and seen, and a lower rate leaves no queue behind', async () => {
  const { run, asked } = await steered(
    ['--scenario', 'arrival', '--rate', '15/s', '--vus', '40', '--duration', '13s', ...LENIENT],
    { perSecond: 15, forMs: 2000 },
    [
      { ask: rate(60), forMs: 4000 },
      { ask: rate(5), forMs: 6500 },
    ],
    // 20/s.
    { workers: { count: 2, serviceMs: 100 } },
  );
  agree(run.log, run, { durationMs: 13_000, thinkMs: null, perSecond: null });
  const { planned, started, dropped } = run.summary.figures.schedule!;
  assert.equal(started, run.log.length);
  assert.ok(dropped > 20, `${dropped}`);
  assert.ok(Math.abs(started + dropped - planned) <= 2, `${started} + ${dropped} of ${planned}`);
  // 40 VUs wait for 2 s at most; then nothing but the rate that was asked for comes.
  const from = asked[2].fromMs + 3500;
  const seen = run.log.filter(({ arrivedMs }) => arrivedMs >= from && arrivedMs < asked[2].untilMs);
  const due = (5 * (asked[2].untilMs - from)) / 1000;
  assert.ok(Math.abs(seen.length - due) <= 4, `${seen.length} arrived, ${due} were due`);
});

test('stopped from elsewhere in a pause, by the command: interrupted, results whole, and nothing listens any more', async () => {
  let ctl: { exitCode: number | null; stdout: string } | undefined;
  const run = await truthRun(
    ['--scenario', 'soak', '--rate', '50/s', '--duration', '60s', '--steerable', ...LENIENT],
    {},
    async (cli, log) => {
      await until(() => log.length >= 20 || cli.child.exitCode !== null, 'arrivals');
      const results = resultsOf(cli);
      const [name] = await runningLoads(results);
      await controlRun(join(results, name), plain('pause'));
      await sleep(500);
      ctl = await startCli(['ctl', 'stop', '--results', results]).result;
    },
  );
  assert.equal(ctl?.exitCode, 0);
  assert.match(ctl.stdout, /-soak: stopping, .* sent, /);
  assert.equal(run.exitCode, 130, run.output);
  const { figures, loadMs } = run.summary;
  assert.equal(figures.sent, run.log.length);
  assert.equal(figures.failedIterations, 0);
  assert.ok(loadMs < 60_000);
  assert.deepEqual(linesOf(run).map(({ action, by }) => [action, by]), [['begin', 'load'], ['pause', 'terminal'], ['stop', 'terminal']]); // prettier-ignore
  assert.deepEqual(await runningLoads(dirname(run.folder)), []);
});
