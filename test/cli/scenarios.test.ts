/** Each scenario of `npm run load` from the outside: target, exit code, counts; and what is wrong with the words for them. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { load } from '../../cli/commands/load.ts';
import { BUILT_IN_SCENARIOS } from '../../cli/load-model.ts';
import { parseCommandLine } from '../../cli/parse.ts';
import {
  presetsOf,
  problemsTogether,
  scenarioOptions,
  withoutEffect,
} from '../../load/scenarios/rules.ts';
import { distFile, projectRoot } from '../../paths.ts';
import type { Plan, SampleLine, Summary } from '../../results/types.ts';
import { UserError } from '../../user-error.ts';
import { runHere } from '../support/run-command.ts';
import { k6Path } from '../support/k6.ts';
import { scratchFolder } from '../support/scratch.ts';
import { slowOnly } from '../support/thorough.ts';

const folder = scratchFolder();
const env = { K6_BIN: await k6Path() };

type Row = {
  name: string;
  args: string[];
  executor: Plan['load']['executor'];
  /** Starts that are due; null in a closed model. */
  due: number | null;
  report: RegExp;
};
const ROWS: Row[] = [
  {
    name: 'ramp',
    args: ['--scenario', 'ramp', '--stages', '1s:10,1s:0', '--think', '100ms-200ms'],
    executor: 'ramping-vus',
    due: null,
    report: /up to 10 VUs \(ramping-vus\), think time/,
  },
  {
    name: 'arrival, the first second as warm-up',
    args: ['--scenario', 'arrival', '--rate', '50/s', '--duration', '3s', '--warm-up', '1s'],
    executor: 'constant-arrival-rate',
    due: 150,
    report: /\| Starts planned +\| +15[01] \|[^]*since the intended start[^]*of the warm-up/,
  },
  {
    name: 'spike by rate',
    args: ['--scenario', 'spike', '--rate', '10/s', '--duration', '2s', '--burst-from', '500ms', '--burst-time', '500ms'],
    executor: 'ramping-arrival-rate',
    due: 15 + 50,
    report: /up to 100 starts\/s \(ramping-arrival-rate\), open model with 125 VUs ready/,
  },
  {
    name: 'a scenario of the user\'s own, as an open model',
    args: ['--scenario', 'example', '--rate', '20/s', '--duration', '2s'],
    executor: 'constant-arrival-rate',
    due: 40,
    report: /scenario example · 20 starts\/s/,
  },
]; // prettier-ignore

/** test/truth and the matrix have a case for each scenario, too. */
const QUICK = ['spike by rate'];

describe('scenarios against the embedded backend', { concurrency: 2 }, () => {
  for (const [i, { name, args, executor, due, report }] of ROWS.entries())
    test(name, QUICK.includes(name) ? {} : slowOnly, async () => {
      const results = join(folder, `results-${i}`);
      // Whether a busy machine keeps the pace is not what is tested: the run must say so, and count.
      const gate = due === null ? [] : ['--gate', 'on-time>=0%', '--gate', 'achieved-rate>=0%'];
      const { exitCode, stdout, stderr } = await runHere(
        ['load', '--port', '0', '--results', results, ...args, ...gate],
        env,
      );
      assert.equal(exitCode, 0, stdout + stderr);
      const run = join(results, readdirSync(results)[0]);
      const plan = JSON.parse(readFileSync(join(run, 'plan.json'), 'utf8')) as Plan;
      const { figures, loadBeganMs } = JSON.parse(
        readFileSync(join(run, 'summary.json'), 'utf8'),
      ) as Summary;
      assert.equal(plan.load.executor, executor);
      assert.ok(figures.sent > 0 && figures.accepted === figures.sent);
      assert.ok(figures.sent <= plan.corpus.submissions);
      const warmUp = figures.warmUpAnswers ?? 0;
      assert.equal(figures.latency!.count, figures.sent - warmUp);
      // On a busy machine the first answer may come after it, so the seconds of the run say how many it has.
      const endMs = loadBeganMs! + (plan.load.warmUpMs ?? 0);
      const samples = readFileSync(join(run, 'samples.ndjson'), 'utf8').trimEnd().split('\n');
      const lines = samples.map((line) => JSON.parse(line) as SampleLine);
      const answersOf = (those: SampleLine[]) => those.reduce((sum, { sent }) => sum + sent, 0);
      if (plan.load.warmUpMs === undefined) assert.equal(warmUp, 0);
      assert.ok(warmUp >= answersOf(lines.filter(({ t }) => t + 1000 <= endMs)));
      assert.ok(warmUp <= answersOf(lines.filter(({ t }) => t < endMs)));
      if (name.endsWith('warm-up')) assert.equal(plan.load.warmUpMs, 1000);
      if (due === null) assert.equal(figures.schedule, undefined);
      else {
        assert.ok(figures.schedule!.planned <= due + 1 && figures.schedule!.planned >= due - 10);
        assert.equal(figures.schedule!.started, figures.sent);
        assert.equal(figures.sinceIntended!.count, figures.sent - warmUp);
      }
      assert.match(readFileSync(join(run, 'report.md'), 'utf8'), report);
    });
});

/** What the command would say about these words, without running it. */
function problemsOf(args: readonly string[]): string[] {
  try {
    const { values, sources } = parseCommandLine(load, args, {}, folder);
    const { problems } = withoutEffect(values, sources, { env: {}, configFile: null });
    return [...problems, ...problemsTogether(values, sources)];
  } catch (error) {
    assert.ok(error instanceof UserError);
    return error.message.split('\n');
  }
}

describe('words that do not go together', { concurrency: 2 }, () => {
  for (const [args, problems] of [
    [
      ['--scenario', 'arival'],
      [
        /--scenario must be one of load, .*a file of your own in scenarios\/, but is "arival" \(did you mean arrival\?\)/,
      ],
    ],
    [['--scenario', '../load'], [/--scenario must be one of/]],
    [
      ['--scenario', 'ramp', '--stages', '10x:5,5s', '--vus', '3', '--duration', '5s'],
      [
        /--duration has no effect in the scenario ramp/,
        /--vus has no effect/,
        /stage 1 \("10x:5"\)/,
        /stage 2 \("5s"\)/,
      ],
    ],
    [['--scenario', 'arrival', '--rate', '0/s'], [/--rate 0\/s begins not one submission in 60 s/]],
    [
      ['--scenario', 'arrival', '--rate', 'fast', '--warm-up=-1s'],
      [/--rate must be a rate such as 500\/s/, /--warm-up must be a duration/],
    ],
    [
      ['--scenario', 'arrival', '--think', '1s'],
      [/--think has no effect in the scenario arrival with --rate/],
    ],
    [['--rate', '5/s'], [/--rate has no effect in the scenario load/]],
    [['--gate', 'on-time>=99%'], [/--gate on-time>=99% would have no data: .*open model/]],
    [
      ['--scenario', 'spike', '--duration', '30s'],
      [/--burst-from and --burst-time must end within --duration, but are 40 s of 30 s/],
    ],
    [['--scenario', 'spike', '--vus', '3000'], [/--burst-factor 10 makes 30000 VUs of 3000/]],
    [
      ['--scenario', 'breakpoint', '--max-rate', '40', '--duration', '5s'],
      [
        /--max-rate must be at least --rate, but is 40\/s, and --rate 50\/s/,
        /--duration, of the load that confirms, must be at least --hold, but is 5 s, and --hold 10 s/,
      ],
    ],
    [
      ['--hold', '5s', '--gate', 'breakpoint>=10/s'],
      [
        /--hold has no effect in the scenario load/,
        /--gate breakpoint>=10\/s would have no data: this load is no search/,
      ],
    ],
    [['--warm-up', '1m'], [/--warm-up must be shorter than the load, but is 60 s of 60 s/]],
  ] as const)
    test(args.join(' '), () => {
      const found = problemsOf(args);
      assert.equal(found.length, problems.length, found.join('\n'));
      for (const problem of problems) assert.match(found.join('\n'), problem);
    });

  test('of the whole command: exit code 2, and nothing is written', async () => {
    const results = join(folder, 'none');
    const words = ['--scenario', 'spike', '--vus', '3000', '--gate', 'on-time>=99%'];
    const { exitCode, stderr } = await runHere(['load', ...words, '--results', results], env);
    assert.equal(exitCode, 2, stderr);
    assert.equal(stderr.match(/^error: /gm)!.length, 2, stderr);
    assert.ok(!existsSync(results));
  });

  test('--dry-run of an open model tells its VUs and the memory that they take', async () => {
    const { exitCode, stdout } = await runHere(
      ['load', '--scenario', 'arrival', '--rate', '500/s', '--dry-run'],
      { PATH: join(folder, 'nothing'), K6_BIN: undefined },
    );
    assert.equal(exitCode, 0, stdout);
    assert.match(stdout, /500 submissions per second for 60 s, 625 VUs at most$/m);
    assert.match(stdout, /^submissions +about 30000, 30001 signed beforehand/m);
    assert.match(stdout, /^memory +k6 at most about \d{3} MB/m);
    assert.match(
      stdout,
      /^gates .*on-time>=99%, stored-share>=100%, refused-stored<=0, doubles<=0$/m,
    );
  });
});

test('every scenario has its file and its bundle, and its defaults are options', () => {
  for (const name of [...BUILT_IN_SCENARIOS, 'example']) {
    assert.ok(existsSync(join(projectRoot, 'scenarios', `${name}.ts`)), name);
    assert.ok(existsSync(distFile('scenarios', `${name}.js`)), name);
  }
  const names = load.options.map(({ name }) => name);
  for (const presets of Object.values(presetsOf()))
    for (const name of Object.keys(presets)) assert.ok(names.includes(name), name);
  for (const { name } of scenarioOptions()) assert.ok(names.includes(name), name);
});

test('the docs and their example: a scenario of your own is a file of about twenty lines', () => {
  const text = readFileSync(join(projectRoot, 'scenarios', 'example.ts'), 'utf8');
  assert.ok(text.trimEnd().split('\n').length <= 25);
  const docs = readFileSync(join(projectRoot, 'docs', 'scenarios.md'), 'utf8');
  assert.match(docs, /scenarios\/example\.ts/);
  for (const name of BUILT_IN_SCENARIOS) assert.match(docs, new RegExp(`^\\| \`${name}\` +\\|`, 'm'));
}); // prettier-ignore
