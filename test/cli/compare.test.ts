import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compare } from '../../cli/commands/compare.ts';
import { plot } from '../../cli/commands/plot.ts';
import { report } from '../../cli/commands/report.ts';
import {
  compare as compareOf,
  type Comparison,
  type Round,
} from '../../judge/compare/comparison.ts';
import { differencesOf, fingerprintId, fingerprintOf } from '../../judge/compare/fingerprint.ts';
import { ratioWithin } from '../../judge/compare/within.ts';
import { randomOf } from '../../judge/random.ts';
import { pictureOfSession } from '../../report/compare/picture.ts';
import { formatRatio } from '../../report/compare/page.ts';
import type { Run } from '../../results/reader.ts';
import { EXIT } from '../../user-error.ts';
import { runCommand } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';
import { slowOnly } from '../support/thorough.ts';
import { type RunDescription, syntheticRun, writeRun } from '../../bench/synthetic-run.ts';

const scratch = scratchFolder();
const run = (...args: string[]) => runCommand(compare, args, { cwd: scratch });

let runs = 0;
function made(
  description: Partial<RunDescription>,
  change: (run: Run) => void = () => undefined,
): string {
  const name = `run-${++runs}`;
  const one = syntheticRun({ seconds: 30, rate: 40, ...description });
  one.plan!.id = one.summary!.id = name;
  change(one);
  writeRun(join(scratch, name), one);
  return name;
}

/** Round i of a machine that grows slower with time; `factor`: of the latency now. */
function session(
  name: string,
  rounds: number,
  factor: number,
  change?: (run: Run, i: number) => void,
): string {
  const folder = join(scratch, name);
  mkdirSync(folder);
  const side = (i: number, of: 'base' | 'now'): string => {
    const at = `runs/${i}-${of}`;
    const medianMs = (12 + 0.3 * i) * (of === 'now' ? factor : 1) * (1 + 0.01 * (i % 3));
    const one = syntheticRun({ seconds: 10, rate: 40, medianMs });
    if (of === 'now') change?.(one, i);
    mkdirSync(join(folder, 'runs'), { recursive: true });
    writeRun(join(folder, at), one);
    return at;
  };
  const entries = Array.from({ length: rounds }, (_, i) => ({
    first: i % 2 === 0 ? 'base' : 'now',
    base: side(i, 'base'),
    now: side(i, 'now'),
  }));
  const file = {
    format: 1,
    id: name,
    startedAt: '2026-01-02T03:04:05Z',
    base: { name: 'http://127.0.0.1:1' },
    now: { name: 'http://127.0.0.1:2' },
    rounds: entries,
  };
  writeFileSync(join(folder, 'session.json'), JSON.stringify(file));
  return name;
}

test(
  'single runs side by side: ratios, what the noise within them allows, and no verdict',
  slowOnly,
  async () => {
    const [base, slow] = [made({ medianMs: 10 }), made({ medianMs: 15 })];
    const { exitCode, stdout } = await run(base, slow);
    assert.equal(exitCode, EXIT.noData);
    assert.match(
      stdout,
      /\| median latency of expected answers, ms +\| +[\d.]+ \| +[\d.]+ \(\+(4[5-9]|5[0-5]) %, \+\d+ % to \+\d+ %\) \|/,
    );
    assert.match(stdout, /NO DATA: one run each decides nothing/);
    assert.equal((await run(base, slow, '--show')).exitCode, EXIT.passed);
  },
);

test('runs that are not alike are refused with every difference, unless asked for', async () => {
  const base = made({});
  const other = made({ vus: 7 }, ({ plan }) => {
    plan!.host.cores = 64;
    plan!.load.vus = 7;
  });
  const refused = await run(base, other);
  assert.equal(refused.exitCode, EXIT.usage);
  assert.match(refused.stderr, /machine: .*"cores":4.* in the base, .*"cores":64.* now/);
  assert.match(refused.stderr, /load: /);
  const shown = await run(base, other, '--unlike', '--show');
  assert.equal(shown.exitCode, EXIT.passed, shown.stderr);
  assert.match(shown.stdout, /is not like the base: machine/);
});

test('eight rounds of a slower version: worse, with the change, the page and the data', async () => {
  const { exitCode, stdout, stderr } = await run(session('slower', 8, 1.3));
  assert.equal(exitCode, EXIT.gateFailed, stderr);
  assert.match(stdout, /\*\*WORSE: p95 \+(2[89]|30|3[0-2]) % \([^)]*\), in 8 rounds\.\*\*/);
  assert.match(stdout, /8 rounds show, with 80 %, a change of [\d.]+ % or more in p95/);
  const folder = join(scratch, 'slower');
  assert.equal(readFileSync(join(folder, 'comparison.md'), 'utf8'), stdout);
  const data = JSON.parse(readFileSync(join(folder, 'comparison.json'), 'utf8')) as Comparison;
  assert.equal(data.state, 'worse');
  assert.equal(data.figures.find(({ figure }) => figure.name === 'p95')!.logRatios.length, 8);
});

test('the picture of a comparison comes from session.json and comparison.json alone', async () => {
  const folder = join(scratch, 'slower');
  for (const file of ['comparison.png', 'comparison.svg']) {
    assert.ok(existsSync(join(folder, file)), file);
    rmSync(join(folder, file));
  }
  const picture = await pictureOfSession(folder);
  assert.match(picture.title, /^WORSE: p95 \+/);
  const p95 = picture.figures.find(({ name }) => name === 'p95')!;
  assert.equal(p95.rounds.length, 8);
  for (const change of p95.rounds) assert.ok(change! > 1.25 && change! < 1.35);
  assert.deepEqual(picture.first.slice(0, 3), ['base', 'now', 'base']);
  // Last year's session: its runs are gone.
  const alone = join(scratch, 'alone');
  mkdirSync(alone);
  for (const file of ['session.json', 'comparison.json'])
    writeFileSync(join(alone, file), readFileSync(join(folder, file)));
  const drawn = await runCommand(plot, ['alone', '--format', 'png'], { cwd: scratch });
  assert.equal(drawn.exitCode, EXIT.passed, drawn.stderr);
  assert.equal(drawn.stdout, 'alone/comparison.png\n');
  // An older file has no changes by round, and its logarithms are those of all rounds.
  const data = JSON.parse(readFileSync(join(alone, 'comparison.json'), 'utf8')) as Comparison;
  for (const figure of data.figures) delete (figure as Partial<typeof figure>).changes;
  writeFileSync(join(alone, 'comparison.json'), JSON.stringify({ format: 1, ...data }));
  const older = await pictureOfSession(alone);
  older.figures.forEach(({ rounds }, i) =>
    rounds.forEach((one, k) => assert.ok(Math.abs(one! - picture.figures[i].rounds[k]!) < 1e-9)),
  );
  writeFileSync(join(alone, 'comparison.json'), '{"format":1}');
  const broken = await runCommand(plot, ['alone'], { cwd: scratch });
  assert.equal(broken.exitCode, EXIT.usage);
  assert.match(broken.stderr, /comparison\.json cannot be read: state/);
});

test('a session names the figures that decide; a round that does not count leaves a gap', async () => {
  const name = session('own-gates', 7, 1.3, ({ summary }, i) => {
    if (i === 2) summary!.verdict.exitCode = EXIT.generatorLimited;
  });
  const file = join(scratch, name, 'session.json');
  const content = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...content, gates: ['p50'] }));
  const { exitCode, stdout } = await run(name);
  assert.equal(exitCode, EXIT.gateFailed, stdout);
  assert.match(stdout, /\*\*WORSE: p50 \+/);
  const { figures } = await pictureOfSession(join(scratch, name));
  assert.deepEqual(
    figures.filter(({ gates }) => gates).map(({ name: one }) => one),
    ['p50'],
  );
  assert.deepEqual(
    figures[0].rounds.map((one) => one === null),
    [false, false, true, false, false, false, false],
  );
});

test('the same version twice is not worse; five rounds are no data', async () => {
  const same = await run(session('same', 8, 1));
  assert.equal(same.exitCode, EXIT.passed, same.stdout);
  assert.match(same.stdout, /NOT WORSE in 8 rounds: p95 0\.0 %/);
  // A report is of one run; a comparison has one look.
  const asReport = await runCommand(report, ['same'], { cwd: scratch });
  assert.equal(asReport.exitCode, EXIT.usage);
  assert.match(
    asReport.stderr,
    /holds a session of rounds.*\n.*npm run compare -- .*same judges it/,
  );
  const dark = await runCommand(plot, ['same', '--theme', 'dark', '--all'], { cwd: scratch });
  assert.match(dark.stderr, /--theme has no effect on a comparison\n.*--all has no effect/);
  const few = await run(session('few', 5, 3));
  assert.equal(few.exitCode, EXIT.noData);
  assert.match(few.stdout, /NO DATA: 5 sound rounds prove nothing: at least 6 are needed/);
});

test('a round whose generator was the limit, or whose load differed, does not count', async () => {
  const limited = await run(
    session('limited', 7, 1, ({ summary }, i) => {
      if (i < 2) summary!.verdict.exitCode = EXIT.generatorLimited;
    }),
  );
  assert.equal(limited.exitCode, EXIT.noData);
  assert.match(limited.stdout, /round 2 does not count: now run .* proves nothing/);

  const open = (run: Run): Run => {
    run.plan!.load.rate = { starts: 40, timeUnitMs: 1000 };
    return run;
  };
  /** @param starts of the base, which is sent in five seconds */
  const roundOf = (starts: number, more: number): Round => {
    const [base, now] = [open(syntheticRun({ seconds: 5 })), open(syntheticRun({ seconds: 5 }))];
    for (const [run, started] of [
      [base, starts],
      [now, starts + more],
    ] as const)
      Object.assign(run.summary!.figures, { started, submissionsPerSecond: started / 5 });
    return {
      base: { plan: base.plan!, summary: base.summary! },
      now: { plan: now.plan!, summary: now.summary! },
    };
  };
  const judged = compareOf([roundOf(200, 0), roundOf(200, -20)], { random: randomOf(1) });
  assert.equal(judged.rounds, 1);
  assert.match(judged.reasons.join('\n'), /round 2 does not count: not the same load: /);
  // k6 makes one start more or less at the end: 2.5 % of forty, and the same load.
  const oneMore = compareOf([roundOf(40, 1), roundOf(40, -1)], { random: randomOf(1) });
  assert.equal(oneMore.rounds, 2);
  const twoMore = compareOf([roundOf(40, 2)], { random: randomOf(1) });
  assert.equal(twoMore.rounds, 0);
});

test(
  'calibration: the noise of one thing against itself says what could have been seen',
  slowOnly,
  async () => {
    const noisy = session('a-a', 8, 1, (one, i) => {
      one.summary!.figures.latency!.p95Ms *= 1 + 0.04 * ((i % 4) - 1.5);
    });
    const calibrated = await run('--calibrate', noisy);
    assert.equal(calibrated.exitCode, EXIT.passed, calibrated.stderr);
    assert.match(calibrated.stdout, /noise of 8 rounds, .* p95 [34]\.\d %/);
    assert.ok(existsSync(join(scratch, 'calibration.json')));
    const later = await run(session('later', 8, 1));
    assert.match(later.stdout, /by the noise of rounds in which nothing changed/);

    writeFileSync(join(scratch, 'calibration.json'), '{"format":1}');
    const broken = await run('later');
    assert.equal(broken.exitCode, EXIT.usage);
    assert.match(
      broken.stderr,
      /calibration\.json is no calibration: byFingerprint: Invalid input/,
    );
    writeFileSync(join(scratch, 'calibration.json'), '{"format":1,"byFingerprint":{}}');
  },
);

test('what cannot be compared is refused in one sentence each', async () => {
  for (const [args, cause] of [
    [[], /a base and a run, or a session, but 0 were given/],
    [[made({})], /but 1 run was given/],
    [['slower', 'same'], /a session is judged alone/],
    [[made({}), made({}), '--calibrate'], /--calibrate needs a session/],
    [[made({}), 'not-there'], /there is no folder .*not-there/],
  ] as const) {
    const { exitCode, stderr } = await run(...args);
    assert.equal(exitCode, EXIT.usage, stderr);
    assert.match(stderr, cause);
  }
  mkdirSync(join(scratch, 'outside'));
  const outside = { format: 1, id: 'x', startedAt: '', base: { name: 'a' }, now: { name: 'b' } };
  for (const [rounds, cause] of [
    [[{ first: 'base', base: '../slower/runs/0-base', now: null }], /a path below the session/],
    [[{ first: 'base', base: '/etc', now: null }], /a path below the session/],
    [[{ first: 'me', base: null, now: null }], /rounds\.0\.first/],
    [[{ first: 'base', base: null, now: null }], /no round in which both runs came to their end/],
  ] as const) {
    writeFileSync(join(scratch, 'outside', 'session.json'), JSON.stringify({ ...outside, rounds }));
    const { exitCode, stderr } = await run('outside');
    assert.ok(exitCode === EXIT.usage || exitCode === EXIT.noData, stderr);
    assert.match(stderr, cause);
  }
});

test('within a run: the interval holds the ratio, and a short run has none', () => {
  const [base, now] = [syntheticRun({ seconds: 60, medianMs: 10 }), syntheticRun({ seconds: 60, medianMs: 13 })]; // prettier-ignore
  const interval = ratioWithin('p95', base.samples, now.samples, randomOf(3))!;
  assert.ok(interval.low < 1.3 && 1.3 < interval.high && interval.high - interval.low < 0.3);
  assert.equal(ratioWithin('p95', base.samples.slice(0, 17), now.samples, randomOf(3)), null);
  assert.equal(ratioWithin('no such figure', base.samples, now.samples, randomOf(3)), null);
});

test('fingerprints: alike but for seed, port and day', () => {
  const { plan } = syntheticRun({});
  const other = {
    ...plan!,
    id: 'another',
    seed: 'other',
    plannedAt: '2027-01-01T00:00:00Z',
    target: { url: 'http://127.0.0.1:9', embedded: true },
    versions: { ...plan!.versions, node: '20.21.0', k6: '2.2.9' },
  };
  assert.deepEqual(differencesOf(fingerprintOf(plan!), fingerprintOf(other)), []);
  assert.equal(fingerprintId(fingerprintOf(plan!)), fingerprintId(fingerprintOf(other)));
  const newer = { ...plan!, versions: { ...plan!.versions, k6: '2.3.0' } };
  assert.deepEqual(differencesOf(fingerprintOf(plan!), fingerprintOf(newer)), [
    'k6: 2.2 in the base, 2.3 now',
  ]);
});

test('ratios in words', () => {
  assert.deepEqual([1.043, 0.9, 1, 0.9996, 2.5].map(formatRatio), ['+4.3 %', '-10 %', '0.0 %', '0.0 %', '+150 %']); // prettier-ignore
});
