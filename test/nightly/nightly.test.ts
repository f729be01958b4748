/** `npm run nightly` without a load: its configuration, its history, what follows from nights, and the forms of its report. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse as parseCsv } from 'csv-parse/sync';
import { nightly } from '../../cli/commands/nightly.ts';
import { COMPARED_FIGURES } from '../../judge/compare/figures.ts';
import { exitCodeOfEntry, exitCodeOfNight, type ScenarioEnd } from '../../judge/compare/night-verdict.ts'; // prettier-ignore
import { levelsOf, nightsInLevel, seriesOf } from '../../judge/compare/series.ts';
import { suspicionOf } from '../../judge/compare/nights.ts';
import { randomOf } from '../../judge/random.ts';
import { expectedMs, foldersToRemove, roundsThatFit } from '../../nightly/plan.ts';
import { takeLoadLock } from '../../load/one-at-a-time.ts';
import { removeOldRuns } from '../../nightly/retention.ts';
import { nightSentence, type NightReport, type NightSeries } from '../../report/nightly/night.ts';
import { pageOfNight } from '../../report/nightly/page.ts';
import { writeExports } from '../../report/nightly/exports.ts';
import { nightForGithub, nightLine, writeNight } from '../../report/nightly/write.ts';
import { printMarkdown } from '../../report/print-markdown.ts';
import { toGithub } from '../../report/to-github.ts';
import { appendToHistory, type HistoryEntry, readHistory, type RecordedSuspicion } from '../../results/history.ts'; // prettier-ignore
import { takeLock } from '../../system/lock.ts';
import type { UserError } from '../../user-error.ts';
import { EXIT } from '../../user-error.ts';
import { runCommand } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';
import { parseXml } from '../support/xml.ts';

const P95 = COMPARED_FIGURES.find(({ name }) => name === 'p95')!;
const nightId = (i: number): string => `2026-01-${String(i + 1).padStart(2, '0')}T04-00-00Z-night`;

const entryOf = (i: number, p95: number, change: Partial<HistoryEntry> = {}): HistoryEntry => ({
  format: 1,
  night: nightId(i),
  t: `2026-01-${String(i + 1).padStart(2, '0')}T04:00:00.000Z`,
  scenario: 'arrival',
  run: `run-${i}`,
  fingerprint: 'abc',
  exitCode: EXIT.passed,
  sentence: 'PASSED: all 100 submissions were accepted.',
  tookMs: 600_000,
  values: { p95, throughput: 100 },
  suspicions: [],
  ...change,
});

const suspicionAt = (
  i: number,
  outcome: RecordedSuspicion['outcome'],
  since = i,
): RecordedSuspicion => ({
  figure: 'p95',
  kind: 'far out',
  since: nightId(since),
  ratio: 1.5,
  outcome,
  against: outcome === 'open' ? null : 'good version',
  words: outcome === 'open' ? 'there is no time' : '+50 % (+40 % to +60 %) in 8 rounds',
  session: outcome === 'open' ? null : `session-${i}`,
});

/** 40 ms with a little noise, from night `from` on 60 ms. */
const history = (nights: number, from = Infinity): HistoryEntry[] =>
  Array.from({ length: nights }, (_, i) =>
    entryOf(i, (i < from ? 40 : 60) * (1 + 0.01 * ((i * 7) % 5))),
  );
const key = { scenario: 'arrival', figure: 'p95', fingerprint: 'abc' };

function write(text: string): string {
  const path = join(scratchFolder(), 'nightly.yaml');
  writeFileSync(path, text);
  return path;
}

test('a configuration: every problem with its line, all at once, exit 2', async () => {
  const path = write(`kep: 3
rounds: 2
max-minutes: soon
figures: [p95, p96]
results: x
options:
  rate: 100/h
  duraton: 1m
  results: elsewhere
good: { command: [x], ready: nonsense }
scenarios:
  - name: a/b
  - options: { scenario: arrival }
  - just-a-word
  - name: twice
  - name: twice
    options: { scenario: breakpoint }
    good: none
`);
  const { exitCode, stderr } = await runCommand(nightly, ['--config', path]);
  assert.equal(exitCode, EXIT.usage);
  for (const cause of [
    /line 1: there is no setting "kep" \(did you mean keep\?\)/,
    /line 2: rounds must be a whole number from 6 to 100, but is "2"/,
    /line 3: max-minutes must be a number from .*, but is "soon"/,
    /line 4: there is no figure "p96" \(did you mean p95\?\): use some of p50, p95/,
    /line 5: there is no setting "results"/,
    /line 8: there is no option "duraton" \(did you mean duration\?\)/,
    /line 9: results is no option of a night's scenario/,
    /line 10: good needs a url/,
    /line 10: ready must be a URL/,
    /line 12: name must be letters/,
    /line 13: a scenario needs a name/,
    /line 14: a scenario must have a name and options, but is just-a-word/,
  ])
    assert.match(stderr, cause);
  // A scenario's own options are checked by load's own rules.
  const load = write(`scenarios:
  - name: one
    options:
      scenario: arrival
      rate: fast
      gate: p95<
  - name: two
    good: { url: "http://127.0.0.1:1" }
  - name: two
    options: { scenario: breakpoint }
`);
  const second = await runCommand(nightly, ['--config', load]);
  assert.equal(second.exitCode, EXIT.usage);
  for (const cause of [
    /line 5: rate must be/,
    /line 7: two: a good version is compared with one target, but there is none/,
    /line 9: two: a search has another load each night/,
    /line 9: the name two stands in line 7, too/,
  ])
    assert.match(second.stderr, cause);
  for (const [text, cause] of [
    ['scenarios: []', /line 1: scenarios must be a list of at least one/],
    ['keep: 3', /scenarios must be a list/],
    ['- a', /must hold settings such as "scenarios:"/],
    ['a: b: c', /line 1/],
  ] as const) {
    const { exitCode: code, stderr: text2 } = await runCommand(nightly, ['--config', write(text)]);
    assert.equal(code, EXIT.usage, text);
    assert.match(text2, cause);
  }
  const none = await runCommand(nightly, []);
  assert.equal(none.exitCode, EXIT.usage);
  assert.match(none.stderr, /no configuration was given/);
});

test('the history: appended, never changed; a line that is none, or of a later format, is refused by its number', async () => {
  const path = join(scratchFolder(), 'history.ndjson');
  let read = await readHistory(path);
  assert.deepEqual(read.entries, []);
  for (const entry of history(3)) read = await appendToHistory(read, entry);
  const again = await readHistory(path);
  assert.deepEqual(again.entries, history(3));
  // What a later toolkit adds to a line stays there.
  writeFileSync(path, `${JSON.stringify({ ...entryOf(0, 40), later: 1 })}\n`);
  await appendToHistory(await readHistory(path), entryOf(1, 41));
  assert.match(readFileSync(path, 'utf8').split('\n')[0], /"later":1/);

  // A last line that was cut is left out with a note, and what is written next takes its place.
  const whole = `${JSON.stringify(entryOf(0, 40))}\n`;
  writeFileSync(path, `${whole}{"format":1,"night":"2026-`);
  const cut = await readHistory(path);
  assert.deepEqual(cut.entries, [entryOf(0, 40)]);
  assert.match(cut.note!, /history\.ndjson, line 2 was cut off and is left out/);
  const healed = await appendToHistory(cut, entryOf(1, 41));
  assert.equal(healed.note, null);
  assert.equal(readFileSync(path, 'utf8'), `${whole}${JSON.stringify(entryOf(1, 41))}\n`);

  writeFileSync(
    path,
    `${JSON.stringify(entryOf(0, 40))}\nnot json\n${JSON.stringify({ ...entryOf(1, 40), format: 2 })}\n${JSON.stringify(entryOf(2, 40, { run: '../x' }))}\n`,
  );
  await assert.rejects(readHistory(path), (error: UserError) => {
    assert.equal(error.exitCode, EXIT.usage);
    assert.match(error.message, /line 2: is no JSON\n.*line 3: format 2 is of a later version\n.*line 4: run: a name of a folder/); // prettier-ignore
    return true;
  });
});

test('series: by scenario, figure and fingerprint; a confirmed regression is the new level, a cleared one is not asked about again', () => {
  const nights = history(12, 9);
  nights[4] = entryOf(4, 55, { suspicions: [suspicionAt(4, 'cleared')] });
  nights[10].suspicions = [suspicionAt(10, 'confirmed', 9)];
  const others = [
    entryOf(20, 999, { scenario: 'other' }),
    entryOf(21, 999, { fingerprint: 'another machine' }),
    entryOf(22, 999, { values: {} }),
  ];
  const series = seriesOf([...nights, ...others], key);
  assert.equal(series.length, 12);
  assert.deepEqual(
    series.map(({ opensLevel, cleared }) => (opensLevel ? 'L' : cleared ? 'c' : '.')).join(''),
    '....c....L..',
  );
  assert.deepEqual(
    levelsOf(series).map(({ from, to }) => [from, to]),
    [
      [0, 8],
      [9, 11],
    ],
  );
  assert.equal(nightsInLevel(series), 3);
  // The median of an even number is a percentile that a night had, not the mean of two.
  const four = [44, 41, 46, 40].map((p95, i) => entryOf(i, p95));
  assert.deepEqual(levelsOf(seriesOf(four, key)), [{ from: 0, to: 3, value: 41 }]);
  // The night that opens a level is no suspicion any more; without the confirmation it is.
  assert.equal(suspicionOf(P95, series, randomOf(1)), null);
  const unsaid = seriesOf(history(10, 9), key);
  assert.equal(suspicionOf(P95, unsaid, randomOf(1))!.kind, 'far out');
});

test('exit codes: of a scenario with its series, and of a night', () => {
  const codeOf = (exitCode: number, ...outcomes: RecordedSuspicion['outcome'][]): number =>
    exitCodeOfEntry(entryOf(1, 40, { exitCode, suspicions: outcomes.map((one) => suspicionAt(1, one)) })); // prettier-ignore
  assert.equal(codeOf(EXIT.passed), EXIT.passed);
  assert.equal(codeOf(EXIT.passed, 'cleared'), EXIT.passed);
  assert.equal(codeOf(EXIT.passed, 'open'), EXIT.noData);
  assert.equal(codeOf(EXIT.passed, 'open', 'confirmed'), EXIT.gateFailed);
  assert.equal(codeOf(EXIT.gateFailed, 'cleared'), EXIT.gateFailed);
  assert.equal(codeOf(EXIT.generatorLimited), EXIT.generatorLimited);
  const nightOf = (...codes: number[]): number =>
    exitCodeOfNight(codes.map((exitCode) => ({ exitCode })));
  assert.equal(nightOf(), EXIT.noData);
  assert.equal(nightOf(0, 0), EXIT.passed);
  // In this order each decides over those after it.
  const order = [130, 99, 2, 5, 4, 3, 0];
  order.forEach((code, i) => assert.equal(nightOf(...order.slice(i).reverse()), code));
});

test('time: as long as last time; rounds that fit, or none', () => {
  assert.equal(expectedMs([], 'arrival', 30_000), 90_000);
  assert.equal(expectedMs(history(3), 'arrival', 30_000), 600_000);
  assert.equal(expectedMs([entryOf(0, 1, { exitCode: 4, tookMs: 5 })], 'arrival', 30_000), 90_000);
  assert.equal(roundsThatFit(8, 1000, 100_000), 8);
  assert.equal(roundsThatFit(8, 1000, 6999), 6);
  assert.equal(roundsThatFit(8, 1000, 5999), null);
});

test('old runs: only what the history names and a night wrote is removed', async () => {
  const folder = scratchFolder();
  const entries = history(5);
  entries[0].suspicions = [suspicionAt(0, 'cleared')];
  entries.push(entryOf(9, 40, { scenario: 'other', run: 'other-run' }));
  assert.deepEqual(foldersToRemove(entries, 2), ['run-0', 'session-0', 'run-1', 'run-2']);
  const folderOf = (name: string, file: string, id: string): void => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, file), JSON.stringify({ id }));
  };
  folderOf('run-0', 'plan.json', 'run-0');
  folderOf('session-0', 'session.json', 'session-0');
  // Somebody else's: another id in it, a link, and one that no history names.
  folderOf('run-1', 'plan.json', 'something-else');
  const elsewhere = scratchFolder();
  writeFileSync(join(elsewhere, 'plan.json'), JSON.stringify({ id: 'run-2' }));
  symlinkSync(elsewhere, join(folder, 'run-2'));
  folderOf('not-named', 'plan.json', 'not-named');
  assert.deepEqual(await removeOldRuns(folder, entries, 2), ['run-0', 'session-0']);
  for (const name of ['run-1', 'run-2', 'not-named']) assert.ok(existsSync(join(folder, name)));
  assert.ok(existsSync(join(elsewhere, 'plan.json')));
  assert.deepEqual(await removeOldRuns(folder, entries, 2), []);
});

test('one lock: a second night, or a load in its folder, is refused in its words', async () => {
  const folder = scratchFolder();
  const config = write(
    `folder: ${folder}\nscenarios:\n  - name: arrival\n    options: { scenario: arrival }\n`,
  );
  const lock = takeLoadLock(folder, null, 'nightly');
  const second = await runCommand(nightly, ['--config', config]);
  assert.equal(second.exitCode, EXIT.broken);
  assert.match(second.stderr, new RegExp(`error: a nightly job is running since \\d{4}-.* UTC \\(process ${process.pid}\\)\n`)); // prettier-ignore
  lock.release();
  assert.deepEqual(readdirSync(folder), []);
});

test('a lock of a file: who holds it is named; one whose holder is gone holds nobody back', () => {
  const path = join(scratchFolder(), 'a.lock');
  const taken = takeLock(path);
  assert.ok('lock' in taken);
  const second = takeLock(path);
  assert.ok('holder' in second);
  assert.equal(second.holder!.pid, process.pid);
  taken.lock.release();
  assert.ok(!existsSync(path));
  // A process that is no more; a machine that has not shown itself for an hour; one that has.
  const held = (holder: object, ageMs: number): boolean => {
    writeFileSync(path, JSON.stringify(holder));
    const then = new Date(Date.now() - ageMs);
    utimesSync(path, then, then);
    const again = takeLock(path);
    if ('lock' in again) again.lock.release();
    return 'holder' in again;
  };
  const since = '2026-01-01T00:00:00Z';
  assert.ok(!held({ pid: 2 ** 22 + 1, host: hostname(), since }, 0));
  assert.ok(!held({ pid: 1, host: 'another', since }, 3_600_000));
  assert.ok(held({ pid: 2 ** 22 + 1, host: 'another', since }, 1000));
});

const seriesFor = (entries: readonly HistoryEntry[]): NightSeries[] => [
  { scenario: 'arrival', figure: P95, nights: seriesOf(entries, key) },
];
function reportOf(
  entries: readonly HistoryEntry[],
  more: readonly ScenarioEnd[] = [],
): NightReport {
  const entry = entries.at(-1)!;
  const exitCode = exitCodeOfEntry(entry);
  return {
    id: entry.night,
    startedAt: entry.t,
    tookMs: 3_600_000,
    ends: [{ name: 'arrival', entry, exitCode, fault: null }, ...more],
    series: seriesFor(entries),
    removed: 0,
    ci: { commit: 'c0ffee'.repeat(6), url: 'https://ci.example.org/1' },
  };
}

test('the report: verdict first, suspicions kept, in all its forms', async () => {
  const entries = history(12, 10);
  entries[5] = entryOf(5, 58, { suspicions: [suspicionAt(5, 'cleared')] });
  entries[11].suspicions = [suspicionAt(11, 'confirmed', 10)];
  const notRun: ScenarioEnd = {
    name: 'late',
    entry: null,
    exitCode: EXIT.noData,
    fault: 'not run: it takes about 10 min, and 2 min of the night are left',
  };
  const report = reportOf(entries, [notRun]);
  const sentence = nightSentence(report);
  assert.equal(
    sentence,
    'FAILED: arrival (FAILED): p95 got worse, confirmed: +50 % (+40 % to +60 %) in 8 rounds; late (NO DATA): not run: it takes about 10 min, and 2 min of the night are left.',
  );
  const page = printMarkdown(pageOfNight(report, 'files'));
  assert.ok(page.indexOf(sentence) < page.indexOf('## Scenarios'));
  assert.match(page, /\| +`2026-01-12T04-00-00Z-night` \| arrival +\| p95 +\| +\+50 % \(far out\) \| `2026-01-11T04-00-00Z-night` +\| confirmed +\|/); // prettier-ignore
  assert.match(page, /\| `2026-01-06T04-00-00Z-night` \| .* \| this night +\| cleared +\|/);
  assert.match(page, /!\[arrival: 95th percentile.* in 12 nights on 2 levels; 1 confirmed, 1 cleared, 0 not decided\]\(trend-arrival-p95\.png\)\]\(trend-arrival-p95\.svg\)/); // prettier-ignore

  const folder = scratchFolder();
  const paths = await writeNight(folder, report, false);
  assert.equal(paths.length, 3);
  const root = parseXml(readFileSync(join(folder, 'nightly.junit.xml'), 'utf8'));
  assert.deepEqual(
    root.children.map(({ attributes: { name, id, failures, errors } }) => [name, id, failures, errors]), // prettier-ignore
    [
      ['arrival', '0', '1', '1'],
      ['late', '1', '0', '1'],
    ],
  );
  const summaryFile = join(folder, 'summary');
  const lines: string[] = [];
  await toGithub(
    nightForGithub(report),
    { GITHUB_STEP_SUMMARY: summaryFile, GITHUB_ACTIONS: 'true' },
    (line) => lines.push(line),
  );
  assert.match(readFileSync(summaryFile, 'utf8'), /```mermaid\nxychart-beta\n {4}title "arrival: /);
  assert.deepEqual(lines, [
    '::error title=arrival%3A p95::got worse: +50 %25 (+40 %25 to +60 %25) in 8 rounds',
    '::warning title=late::not run: it takes about 10 min, and 2 min of the night are left',
  ]);
  assert.match(nightLine(report), /^❌ 2026-01-12T04-00-00Z-night: FAILED: .* · took 1 h · https:\/\/ci\.example\.org\/1$/); // prettier-ignore
  assert.equal(nightSentence(reportOf(history(3))), 'PASSED: 1 scenario, nothing suspicious.');
  const open = history(3);
  open[2].suspicions = [suspicionAt(2, 'open')];
  assert.equal(
    nightSentence(reportOf(open)),
    'NO DATA: arrival (NOT DECIDED): p95 is suspected, and not decided: there is no time.',
  );
});

test('the last night again from its history alone; a dry run shows each load and sends nothing', async () => {
  const folder = scratchFolder();
  const path = write(
    `folder: ${folder}\nmax-minutes: 90\noptions: { think: 1s }\nscenarios:\n  - name: arrival\n    options: { scenario: arrival, rate: 20/s }\n`,
  );
  const none = await runCommand(nightly, ['--config', path, '--report']);
  assert.equal(none.exitCode, EXIT.noData);
  assert.match(none.stderr, /there was no night yet/);
  let read = await readHistory(join(folder, 'history.ndjson'));
  for (const entry of history(8)) read = await appendToHistory(read, entry);
  const again = await runCommand(nightly, ['--config', path, '--report', '--skip-pictures', '--export', 'otava']); // prettier-ignore
  assert.equal(again.exitCode, EXIT.passed, again.stderr);
  assert.match(
    readFileSync(join(folder, 'nightly.md'), 'utf8'),
    /# Night 2026-01-08T04-00-00Z-night/,
  );
  assert.match(again.stdout, /written: .*otava-arrival\.csv/);
  const dry = await runCommand(nightly, ['--config', path, '--dry-run']);
  assert.equal(dry.exitCode, EXIT.passed, dry.stderr);
  assert.match(
    dry.stdout,
    /1 scenario in .*, the last 30 runs of each series stay, at most 1 h 30 min/,
  );
  assert.match(dry.stdout, /nights +p95 \(8 nights\), throughput \(8 nights\)/);
  assert.match(dry.stdout, /note +the config file: think has no effect in the scenario arrival/);
  assert.match(dry.stdout, /second stage +three runs again, against its own nights/);
});

test('exports of nights: as their readers take them', async () => {
  const entries = history(4).map((entry, i) => ({ ...entry, commit: `${i}`.repeat(40) }));
  delete entries[1].values.throughput;
  const throughput = COMPARED_FIGURES.find(({ name }) => name === 'throughput')!;
  const report: NightReport = {
    ...reportOf(entries),
    series: [
      ...seriesFor(entries),
      { scenario: 'arrival', figure: throughput, nights: seriesOf(entries, { ...key, figure: 'throughput' }) }, // prettier-ignore
    ],
  };
  const folder = scratchFolder();
  await writeExports(folder, report, ['benchmark-action', 'bencher', 'otava']);
  const text = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const value = entries[3].values.p95;
  assert.deepEqual(JSON.parse(text('benchmark-smaller.json')), [
    { name: 'arrival: p95', unit: 'ms', value, extra: `${P95.what}\n${nightId(3)}` },
  ]);
  assert.deepEqual(
    (JSON.parse(text('benchmark-bigger.json')) as { name: string }[]).map(({ name }) => name),
    ['arrival: throughput'],
  );
  assert.deepEqual(JSON.parse(text('bencher.json')), {
    arrival: { 'p95-ms': { value }, throughput: { value: 100 } },
  });
  const rows = parseCsv<Record<string, string>>(text('otava-arrival.csv'), { columns: true });
  // A night that lacks a figure is left out: Otava takes no empty cell.
  assert.deepEqual(
    rows.map(({ time, commit }) => [time, commit[0]]),
    [
      ['2026-01-01 04:00:00 +0000', '0'],
      ['2026-01-03 04:00:00 +0000', '2'],
      ['2026-01-04 04:00:00 +0000', '3'],
    ],
  );
  for (const row of rows) assert.ok(Number(row.p95) > 0 && Number(row.throughput) === 100);
});
