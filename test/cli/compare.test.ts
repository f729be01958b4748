import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
import { formatRatio, pageOfComparison } from '../../report/compare/page.ts';
import { printMarkdown } from '../../report/print-markdown.ts';
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
  folder = '.',
): string {
  const name = `run-${++runs}`;
  const one = syntheticRun({ seconds: 30, rate: 40, ...description });
  one.plan!.id = one.summary!.id = name;
  change(one);
  const at = join(folder, name);
  mkdirSync(join(scratch, folder), { recursive: true });
  writeRun(join(scratch, at), one);
  return at;
}

/** Round i of a machine that grows slower with time; `factor`: of the latency now. */
function session(
  name: string,
  rounds: number,
  factor: number,
  change?: (run: Run, i: number) => void,
  everywhere?: (run: Run) => void,
): string {
  const folder = join(scratch, name);
  mkdirSync(folder);
  const side = (i: number, of: 'base' | 'now'): string => {
    const at = `runs/${i}-${of}`;
    const medianMs = (12 + 0.3 * i) * (of === 'now' ? factor : 1) * (1 + 0.01 * (i % 3));
    const one = syntheticRun({ seconds: 10, rate: 40, medianMs });
    everywhere?.(one);
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

// Runs too short for a range: drawing them anew is what takes long.
test('two runs beside a base, written: the page, its picture, and what rounds would have shown', async () => {
  const at = (...more: string[]) => join(scratch, 'beside', ...more);
  const [base, slow, same] = [10, 15, 10].map((medianMs) => made({ medianMs, seconds: 12 }, undefined, 'beside')); // prettier-ignore
  const all = [base, slow, same];
  const unknown = await run(...all, '--show');
  assert.match(unknown.stdout, /Which change 6 rounds would show is not known: npm run compare -- --calibrate SESSION measures/); // prettier-ignore
  assert.ok(!unknown.stdout.includes('.png'));

  const id = fingerprintId(fingerprintOf(syntheticRun({ seconds: 12, rate: 40 }).plan!));
  const calibrate = (deviations: Record<string, number>) =>
    writeFileSync(at('calibration.json'), JSON.stringify({ format: 1, byFingerprint: { [id]: { rounds: 12, deviations } } })); // prettier-ignore
  calibrate({ p95: 0.04, throughput: 0.01 });
  const { exitCode, stdout, stderr } = await run(...all, '--out', 'written/here');
  assert.equal(exitCode, EXIT.noData, stderr);
  const out = join(scratch, 'written', 'here');
  assert.deepEqual(readdirSync(out).sort(), ['comparison.md', 'comparison.png', 'comparison.svg']);
  const page = readFileSync(join(out, 'comparison.md'), 'utf8');
  assert.ok(stdout.startsWith(page));
  assert.match(stdout, /\nwritten\/here\/comparison\.md\nwritten\/here\/comparison\.png\nwritten\/here\/comparison\.svg\n/); // prettier-ignore
  const [, second, third] = all.map((one) => one.replace('beside/', ''));
  assert.match(page, new RegExp(`\\[!\\[change of each figure .*: ${second} p50 (4[5-9]|5[0-5])\\.\\d %.*; ${third} p50 0\\.0 %.*\\]\\(comparison\\.png\\)\\]\\(comparison\\.svg\\)`)); // prettier-ignore
  assert.match(page, /\| median latency of expected answers, ms +\| +[\d.]+ \| +[\d.]+ \(\+(4[5-9]|5[0-5]) %\) \| +[\d.]+ \(0\.0 %\) \|/); // prettier-ignore
  const shown = /6 rounds would show, with 80 %, ([\d.]+) % or more in p95 and ([\d.]+) % or more in throughput \(A\/A noise of this fingerprint\)\./; // prettier-ignore
  const [, p95, throughput] = shown.exec(page)!.map(Number);
  // More than counts, and by no more than a few deviations.
  assert.ok(p95 > 5 && p95 < 16, page);
  assert.ok(throughput > 3 && throughput < 6, page);
  // A folder that is there takes them in the old ones' place; a change that counts later is seen later.
  calibrate({ p95: 0.04 });
  const wider = await run(...all, '--out', 'written/here', '--effect', 'p95=20%', '--show');
  assert.equal(wider.exitCode, EXIT.passed, wider.stderr);
  const again = readFileSync(join(out, 'comparison.md'), 'utf8');
  assert.ok(Number(/([\d.]+) % or more in p95 \(A\/A/.exec(again)![1]) > 20, again);
  assert.match(again, /; in throughput it is not known: /);
  assert.equal(readdirSync(out).length, 3);
  writeFileSync(at('file'), '');
  const blocked = await run(...all, '--out', 'beside/file');
  assert.equal(blocked.exitCode, EXIT.usage);
  assert.match(blocked.stderr, /beside\/file cannot be made/);
  // What cannot be replaced ends it before there is a page of it.
  mkdirSync(join(scratch, 'taken', 'comparison.png'), { recursive: true });
  const half = await run(...all, '--out', 'taken');
  assert.equal(half.exitCode, EXIT.broken);
  assert.match(half.stderr, /the comparison cannot be written to .*taken: /);
  assert.ok(!existsSync(join(scratch, 'taken', 'comparison.md')));
});

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
  assert.match(stdout, /^8 of 8 rounds had the same load on both sides\.$/m);
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
  writeFileSync(file, JSON.stringify({ ...content, gates: ['p50'], effects: { p50: 0.5 } }));
  // A change of 30 % counts by the command's word, not by the session's.
  const calm = await run(name);
  assert.equal(calm.exitCode, EXIT.passed, calm.stdout);
  assert.match(calm.stdout, /\+50 % +\| no change shown/);
  const { exitCode, stdout } = await run(name, '--effect', 'p50=10%');
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
  const nothing = await run('--calibrate', 'few');
  assert.equal(nothing.exitCode, EXIT.noData);
  assert.match(nothing.stderr, /nothing to calibrate with: NO DATA: 5 sound rounds/);
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
  // Bodies twice as big are another load, in a closed model too; a third more is what chance makes of a few.
  const bodies = (factor: number): Round => {
    const round = roundOf(40, 0);
    delete round.base.plan.load.rate;
    round.now.plan.corpus.meanBodyBytes *= factor;
    return round;
  };
  const bigger = compareOf([bodies(1), bodies(1.3), bodies(2), bodies(0.5)], { random: randomOf(1) }); // prettier-ignore
  assert.deepEqual([bigger.rounds, bigger.sameLoad], [2, { rounds: 2, of: 4 }]);
  assert.match(bigger.reasons.join('\n'), /round 3 does not count: not the same load: bodies of 46\.2 KB in .*, of 92\.4 KB in /); // prettier-ignore
});

test('noise is of each figure: what a calibration lacks is from the rounds themselves', () => {
  const rounds = Array.from({ length: 6 }, (): Round => {
    const { plan, summary } = syntheticRun({ seconds: 5 });
    return { base: { plan: plan!, summary: summary! }, now: { plan: plan!, summary: summary! } };
  });
  const calibration = { rounds: 8, deviations: { p95: 0.1 } };
  const compared = compareOf(rounds, { random: randomOf(1), calibration });
  const noiseOf = (name: string) => compared.figures.find(({ figure }) => figure.name === name)!;
  assert.equal(noiseOf('p95').noiseFrom, 'calibration');
  assert.equal(noiseOf('throughput').noiseFrom, 'these rounds');
  const page = printMarkdown(pageOfComparison(compared, { base: 'a', now: 'b' }, null));
  assert.match(page, /6 rounds show, with 80 %, a change of \d+ % or more in p95 \(by the noise of rounds in which nothing changed\) and [\d.]+ % or more in throughput \(by these rounds' own scatter; /); // prettier-ignore
  const few = compareOf(rounds.slice(0, 5), { random: randomOf(1), calibration });
  assert.deepEqual(
    few.figures.map(({ figure, noiseFrom }) => [figure.name, noiseFrom]),
    [['p50', null], ['p95', 'calibration'], ['p99', null], ['throughput', null], ['cpu-per-submission', null]],
  ); // prettier-ignore
});

test('rounds of unlike runs are not compared, unless asked for', async () => {
  const name = session('other-k6', 6, 1.3, ({ plan }) => {
    plan!.versions = { ...plan!.versions, k6: '2.3.0' };
  });
  const refused = await run(name);
  assert.equal(refused.exitCode, EXIT.usage, refused.stderr);
  assert.match(refused.stdout, /\*\*NOT COMPARED: these runs are not alike: k6: 2\.2 in the base, 2\.3 now\.\*\*/); // prettier-ignore
  const judged = await run(name, '--unlike');
  assert.equal(judged.exitCode, EXIT.gateFailed, judged.stdout);
  assert.match(judged.stdout, /\*\*WORSE: p95 \+/);
  assert.match(judged.stdout, /these runs are not alike: k6/);
  const unusable = await run('--calibrate', name);
  assert.equal(unusable.exitCode, EXIT.noData);
  assert.match(unusable.stderr, /nothing to calibrate with: NOT COMPARED: /);
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

    // Another machine's noise is its own, and is kept beside the first one's.
    const bigger = session('bigger', 8, 1, undefined, ({ plan }) => (plan!.host.cores = 64));
    assert.match((await run(bigger)).stdout, /by these rounds' own scatter/);
    assert.equal((await run('--calibrate', bigger)).exitCode, EXIT.passed);
    const { byFingerprint } = JSON.parse(
      readFileSync(join(scratch, 'calibration.json'), 'utf8'),
    ) as { byFingerprint: Record<string, { deviations: Record<string, number> }> };
    assert.equal(Object.keys(byFingerprint).length, 2);
    const [first, second] = Object.values(byFingerprint).map(({ deviations }) => deviations.p95);
    assert.ok(first > 0.03 && second < 0.01, `${first} ${second}`);
    assert.match((await run(bigger)).stdout, /by the noise of rounds in which nothing changed/);

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
    [['same', '--out', 'x'], /--out needs single runs/],
    [['same', '--calibrate', '--effect', 'p95=1%'], /--effect has no effect with --calibrate/],
    [[made({}), made({}), '--out', 'same'], /--out .*same is the folder of a session/],
    [
      ['same', '--effect', 'p95=10'],
      /--effect p95 must be a percentage from 0% up to below 100%, but is "10"/,
    ],
    [['same', '--effect', 'p95=100%'], /but is "100%"/],
    [
      ['same', '--effect', 'p95'],
      /--effect must be a figure and a percentage such as p95=10%, but is "p95"/,
    ],
    [
      ['same', '--effect', 'thruput=1%'],
      /names the figure "thruput", which there is not \(did you mean throughput\?\)/,
    ],
    [['same', '--effect', 'p95=1%', '--effect', 'p95=2%'], /--effect names p95 more than once/],
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
