/**
 * The table of scenario and target: what `npm run load` must say of a good backend, and of each that behaves badly in one way.
 * test/scenarios/matrix.slow.ts runs all of it, matrix.test.ts a few cells.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectRoot } from '../../paths.ts';
import type { Reconcile, SampleLine, Summary } from '../../results/types.ts';
import { EXIT } from '../../user-error.ts';
import { type BadWay, startBadTarget } from './bad-target.ts';
import { type RunningCli, runCli, startCli } from './cli.ts';
import { until } from './until.ts';
import { k6Path } from './k6.ts';
import { scratchFolder } from './scratch.ts';

const RECORDED = join(projectRoot, 'producers', 'data');
const SHORT_THINK = ['--think', '200ms-400ms'];

/** Scenarios as small as they can be; `seconds` is what they last, beside the time to begin and to end. */
export const SCENARIOS: Record<string, { args: string[]; length: string[] }> = {
  smoke: { args: [], length: [] },
  load: { args: ['--vus', '5', ...SHORT_THINK], length: ['--duration', '1s'] },
  ramp: { args: SHORT_THINK, length: ['--stages', '1s:5,1s:0'] },
  arrival: { args: ['--rate', '20/s', '--gate', 'on-time>=0%'], length: ['--duration', '1s'] },
  spike: {
    args: ['--vus', '2', ...SHORT_THINK, '--burst-from', '500ms', '--burst-time', '500ms'],
    length: ['--duration', '1s'],
  },
  replay: {
    args: ['--payloads', RECORDED, '--vus', '3', ...SHORT_THINK],
    length: ['--duration', '1s'],
  },
  hostile: { args: ['--vus', '3', ...SHORT_THINK], length: ['--duration', '1s'] },
  'big-blocks': {
    args: ['--sizes', '17.5KB,1MB,over', '--vus', '2', ...SHORT_THINK],
    // 50 MB take their time.
    length: ['--duration', '2s'],
  },
  mixed: {
    args: [
      ...['--mix', 'load=4,big-blocks=2,replay=1,hostile=1', '--payloads', RECORDED],
      ...['--sizes', '64KB,300KB', '--vus', '5', ...SHORT_THINK],
    ],
    // Several hostile requests must be among them.
    length: ['--duration', '2s'],
  },
  soak: { args: ['--rate', '20/s', '--gate', 'on-time>=0%'], length: ['--duration', '1s'] },
  rounds: {
    args: [
      ...['--rate', '5/s', '--stress-rate', '15/s', '--repeats', '1', '--pause', '2s'],
      ...['--gate', 'on-time>=0%'],
    ],
    length: ['--base-time', '1s', '--stress-time', '1s'],
  },
  fleet: {
    args: ['--producers', '10', '--speedup', '200', '--gate', 'on-time>=0%'],
    // A cycle of the network, 7.5 minutes: each producer once.
    length: ['--duration', '2250ms'],
  },
  // What a busy machine does to a second of a few submissions is not what is tested.
  breakpoint: {
    args: [
      ...['--rate', '10/s', '--max-rate', '10', '--max-trials', '3', '--settle', '0'],
      ...['--gate', 'on-time>=0%', '--gate', 'queue-growth<=100%'],
    ],
    length: ['--hold', '2s', '--duration', '2s'],
  },
};

/** `lies, and its storage is known`: what it says is held against what is stored. */
export const TARGETS = [
  'embedded',
  'lies',
  'lies, and its storage is known',
  'stalls',
  'resets',
  'answers early',
  'another body',
  'fails',
] as const;
export type Target = (typeof TARGETS)[number];

/** What must come of a cell. */
type Cell = {
  exitCode: number;
  /** How the verdict begins. */
  sentence: RegExp;
  /** Classes of answers, those that must come and no others. */
  answers: string[];
  accepted: 'all' | 'none' | 'all but the largest';
};

const ANSWERS: Record<Target, string[]> = {
  embedded: ['200'],
  lies: ['200'],
  'lies, and its storage is known': ['200'],
  stalls: ['error:1050'],
  resets: ['error:1220'],
  'answers early': ['200'],
  'another body': ['200'],
  fails: ['500'],
};

export function cellOf(scenario: string, target: Target): Cell {
  const takes = ['embedded', 'lies', 'answers early'].includes(target);
  // Only a real backend refuses what must be refused: bodies over the limit, hostile requests.
  const wantsRefusals = ['big-blocks', 'hostile', 'mixed'].includes(scenario);
  const passes = target === 'embedded' || (takes && !wantsRefusals);
  const isSearch = scenario === 'breakpoint';
  const gate =
    target === 'lies, and its storage is known'
      ? ['replay', 'mixed'].includes(scenario)
        ? 'missing<=0'
        : 'stored-share>=100%'
      : takes && scenario !== 'big-blocks'
        ? 'hostile-unexpected<=0'
        : 'error-rate<=1%';
  const refusesLargest = target === 'embedded' && scenario === 'big-blocks';
  return {
    exitCode: passes ? EXIT.passed : EXIT.gateFailed,
    sentence: passes
      ? isSearch
        ? /^PASSED: the highest rate asked for holds; 10\/s held over the last, longer load \(3 trials of 2 s\)/
        : /^PASSED: /
      : isSearch
        ? new RegExp(`^FAILED: the gates do not even hold at [\\d.]+/s: (.*, )?${gate}`)
        : new RegExp(`^FAILED: (.*; )?${gate} does not hold`),
    answers: [...ANSWERS[target], ...(refusesLargest ? ['413'] : [])],
    accepted:
      takes || target.startsWith('lies')
        ? refusesLargest
          ? 'all but the largest'
          : 'all'
        : 'none',
  };
}

const readJson = <T>(run: string, name: string): T =>
  JSON.parse(readFileSync(join(run, name), 'utf8')) as T;

const sum = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

export type Seen = { summary: Summary; reconcile: Reconcile; output: string };

/** Reads the one run in `results`. Fails if its files do not agree with each other. */
export function readRunFiles(results: string, output: string): Seen {
  assert.ok(existsSync(results), output);
  const runs = readdirSync(results);
  assert.equal(runs.length, 1, `${runs.join()}\n${output}`);
  const run = join(results, runs[0]);
  const summary = readJson<Summary>(run, 'summary.json');
  const reconcile = readJson<Reconcile>(run, 'reconcile.json');
  const samples = readFileSync(join(run, 'samples.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as SampleLine);
  const { sent, accepted, expected = accepted, answers, errorRate } = summary.figures;
  assert.equal(sum(answers), sent, 'answers by class are all answers');
  assert.equal(
    samples.reduce((total, line) => total + line.sent, 0),
    sent,
    'samples hold all',
  );
  assert.equal(reconcile.sent, sent);
  assert.equal(reconcile.accepted, accepted);
  assert.ok(accepted <= (answers['200'] ?? 0));
  if (sent > 0) assert.equal(errorRate, (sent - expected) / sent);
  for (const groups of [summary.sizes, summary.kinds?.filter(({ name }) => name !== 'hostile')])
    if (groups !== undefined) {
      assert.equal(
        groups.reduce((total, group) => total + group.sent, 0),
        sent,
      );
      assert.equal(
        groups.reduce((total, group) => total + group.accepted, 0),
        accepted,
      );
    }
  assert.ok(readFileSync(join(run, 'report.md'), 'utf8').length > 0);
  return { summary, reconcile, output };
}

/** A cell as it came out, for the printed table. */
export type Row = {
  scenario: string;
  target: Target;
  exitCode: number;
  sent: number;
  accepted: number;
  answers: Record<string, number>;
  sentence: string;
};

/** So often a cell is played where other work held the generator back: what it says then is right, and nothing of the target. */
const MOST_TRIES = 3;

/** Runs one cell with the real k6 and looks at exit code and counts. @param run the command, in a process of its own or in this one */
export async function checkCell(
  scenario: string,
  target: Target,
  run: typeof runCli = runCli,
): Promise<Row> {
  const cell = cellOf(scenario, target);
  for (let tries = 1; ; tries++) {
    const played = await playCell(scenario, target, run);
    if (played.exitCode === EXIT.generatorLimited && played.exitCode !== cell.exitCode)
      if (tries < MOST_TRIES) continue;
    return checkPlayed(scenario, target, cell, played);
  }
}

async function playCell(scenario: string, target: Target, run: typeof runCli) {
  const way = target === 'embedded' ? null : (target.split(',')[0] as BadWay);
  const bad = way === null ? null : await startBadTarget(way);
  const results = join(scratchFolder(), 'results');
  const empty = scratchFolder();
  mkdirSync(join(empty, 'submissions'));
  const { args, length } = SCENARIOS[scenario];
  const { exitCode, stdout, stderr } = await run(
    [
      ...['load', '--scenario', scenario, '--results', results, ...args, ...length],
      ...(bad === null ? ['--port', '0'] : ['--target', bad.url]),
      ...(target.endsWith('known')
        ? ['--storage', pathToFileURL(empty).href, '--storage-wait', '1s']
        : []),
      // What never answers must not make the table slow; 50 MB may take a while on a busy machine.
      ...(way === 'stalls' ? ['--timeout', '500ms'] : ['--timeout', '20s']),
    ],
    { K6_BIN: await k6Path() },
  );
  await bad?.stop();
  return { way, received: bad?.submissions() ?? null, results, exitCode, output: stdout + stderr };
}

function checkPlayed(
  scenario: string,
  target: Target,
  cell: ReturnType<typeof cellOf>,
  { way, received, results, exitCode, output }: Awaited<ReturnType<typeof playCell>>,
): Row {
  const { summary, reconcile } = readRunFiles(results, output);
  assert.equal(exitCode, cell.exitCode, output);
  assert.equal(summary.verdict.exitCode, cell.exitCode);
  assert.match(summary.verdict.sentence, cell.sentence);
  const { sent, accepted, answers, failedIterations } = summary.figures;
  assert.ok(sent > 0, output);
  assert.equal(failedIterations, 0);
  assert.deepEqual(Object.keys(answers).sort(), [...cell.answers].sort(), output);
  const largest = answers['413'] ?? 0;
  assert.equal(
    accepted,
    { all: sent, none: 0, 'all but the largest': sent - largest }[cell.accepted],
  );
  // Each request that came is answered, failed, or unknown. Hostile ones, and those sent again, come beside.
  // The figures of a search are those of its last load.
  if (received !== null && !['hostile', 'mixed', 'fleet', 'breakpoint'].includes(scenario)) {
    assert.ok(received >= sent - (way === 'stalls' ? sent : 0), `${received} of ${sent}`);
    assert.ok(received <= sent + reconcile.unknown, `${received}, but ${sent} sent`);
  }
  const { sentence } = summary.verdict;
  return { scenario, target, exitCode: cell.exitCode, sent, accepted, answers, sentence };
}

/** Starts a long load, and interrupts it once when it sends. */
export async function checkInterrupt(scenario: string): Promise<void> {
  const results = join(scratchFolder(), 'results');
  const { args } = SCENARIOS[scenario];
  const length =
    scenario === 'smoke'
      ? []
      : scenario === 'ramp'
        ? ['--stages', '1s:5,5m:5']
        : scenario === 'breakpoint'
          ? ['--hold', '2s', '--duration', '5m']
          : scenario === 'rounds'
            ? ['--base-time', '5m', '--stress-time', '1s']
            : ['--duration', '5m'];
  const running: RunningCli = startCli(
    ['load', '--scenario', scenario, '--results', results, '--port', '0', ...args, ...length],
    { K6_BIN: await k6Path() },
  );
  // The live line comes when k6 has sent its first samples; of a search the second trial comes after those of the first.
  const begun = scenario === 'breakpoint' ? /trial 2,/ : / submissions\/s \| /;
  await until(
    () => begun.test(running.output()) || running.child.exitCode !== null,
    'the first live line',
  );
  running.child.kill('SIGINT');
  const { exitCode, stdout, stderr } = await running.result;
  const output = stdout + stderr;
  assert.equal(exitCode, EXIT.interrupted, output);
  const { summary } = readRunFiles(results, output);
  assert.equal(summary.interrupted, true);
  assert.match(summary.verdict.sentence, /^INTERRUPTED: /);
  assert.equal(summary.verdict.exitCode, EXIT.interrupted);
  assert.ok(summary.figures.sent > 0);
}
