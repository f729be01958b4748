import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { figuresOfSamples } from '../../results/figures.ts';
import { readRun } from '../../results/reader.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { syntheticRun, writeRun } from '../../bench/synthetic-run.ts';
import { scratchFolder } from '../support/scratch.ts';

const scratch = scratchFolder();

const RUN = syntheticRun({ seconds: 5, rate: 20 });
let folders = 0;
/** A whole result folder, then changed. */
function runFolder(change: (file: (name: string) => string) => void = () => {}): string {
  const folder = join(scratch, `run-${folders++}`);
  writeRun(folder, RUN);
  change((name) => join(folder, name));
  return folder;
}

async function rejection(folder: string): Promise<UserError> {
  try {
    await readRun(folder);
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return error;
  }
  return assert.fail('was read');
}

test('a whole run is read as it was written', async () => {
  const folder = runFolder();
  assert.deepEqual(await readRun(folder), { ...RUN, folder, notes: [] });
});

test('a killed run: no summary, the last line cut', async () => {
  const folder = runFolder((file) => {
    rmSync(file('summary.json'));
    rmSync(file('reconcile.json'));
    truncateSync(file('samples.ndjson'), readFileSync(file('samples.ndjson')).length - 30);
  });
  const run = await readRun(folder);
  assert.equal(run.summary, null);
  assert.equal(run.reconcile, null);
  assert.deepEqual(run.samples, RUN.samples.slice(0, -1));
  assert.deepEqual(run.notes, [
    'The last line of samples.ndjson was cut when the run ended, and is left out.',
    'reconcile.json is missing.',
    'summary.json is missing.',
    'The run did not end by itself: its figures are those of its samples.',
  ]);
});

test('a last line that only lacks its line end is kept', async () => {
  const folder = runFolder((file) =>
    truncateSync(file('samples.ndjson'), readFileSync(file('samples.ndjson')).length - 1),
  );
  assert.equal((await readRun(folder)).samples.length, 5);
});

test('missing parts are empty, and named', async () => {
  const folder = runFolder((file) => {
    for (const name of ['plan.json', 'samples.ndjson', 'resources.ndjson']) rmSync(file(name));
  });
  const run = await readRun(folder);
  assert.deepEqual([run.plan, run.samples, run.resources], [null, [], []]);
  assert.equal(run.notes.length, 3);
});

test('fields of a later toolkit are no error; a later format is', async () => {
  const later = runFolder((file) => {
    const line = { ...RUN.samples[4], t: RUN.samples[4].t + 1000, elapsedS: 5, newField: [1] };
    appendFileSync(file('samples.ndjson'), `${JSON.stringify(line)}\n`);
  });
  assert.equal((await readRun(later)).samples.length, 6);
  const error = await rejection(
    runFolder((file) =>
      writeFileSync(file('plan.json'), JSON.stringify({ ...RUN.plan, format: 2 })),
    ),
  );
  assert.match(error.message, /plan\.json has format 2/);
  assert.match(error.hint, /version/);
});

test('readings of a kind that a later toolkit added are passed over', async () => {
  const folder = runFolder((file) =>
    appendFileSync(file('resources.ndjson'), '{"t":1,"kind":"moon","phase":0.5}\n'),
  );
  assert.deepEqual(
    (await readRun(folder)).resources,
    (await readRun(runFolder(() => undefined))).resources,
  );
});

test('lines in any order are given in that of time', async () => {
  const folder = runFolder((file) => {
    const lines = readFileSync(file('samples.ndjson'), 'utf8').trimEnd().split('\n');
    writeFileSync(file('samples.ndjson'), `${lines.reverse().join('\n')}\n`);
  });
  assert.deepEqual((await readRun(folder)).samples, RUN.samples);
});

const BROKEN: [string, string, (text: string) => string, RegExp][] = [
  [
    'a line that is no JSON',
    'samples.ndjson',
    (text) => text.replace('\n{', '\n{{'),
    /samples\.ndjson, line 2, cannot be read/,
  ],
  [
    'a field of the wrong type',
    'samples.ndjson',
    (text) => text.replace(/"sent":\d+/, '"sent":"12"'),
    /samples\.ndjson, line 1, .*sent/,
  ],
  [
    'a negative count',
    'samples.ndjson',
    (text) => text.replace(/"200":\d+/, '"200":-1'),
    /line 1, .*answers\.200/,
  ],
  [
    'a kind that is no text',
    'resources.ndjson',
    (text) => text.replace('"kind":"host"', '"kind":7'),
    /resources\.ndjson, line 4, .*kind/,
  ],
  [
    'JSON that ends early',
    'summary.json',
    (text) => text.slice(0, 200),
    /summary\.json, line \d+, cannot be read/,
  ],
  [
    'a part without its fields',
    'summary.json',
    () => '{"format":1}',
    /summary\.json, line 1, .*id/,
  ],
  ['no object at all', 'plan.json', () => 'null', /plan\.json, line 1/],
];

for (const [what, name, damage, message] of BROKEN)
  test(`broken: ${what}`, async () => {
    const folder = runFolder((file) =>
      writeFileSync(file(name), damage(readFileSync(file(name), 'utf8'))),
    );
    const error = await rejection(folder);
    assert.match(error.message, message);
    assert.match(error.hint, /restore/);
    assert.equal(error.exitCode, EXIT.broken);
  });

test('what is no result folder is refused with what to do', async () => {
  const file = join(scratch, 'file');
  writeFileSync(file, '');
  const missing = await rejection(join(scratch, 'nowhere'));
  assert.match(missing.message, /there is no folder .*nowhere/);
  const notFolder = await rejection(file);
  assert.match(notFolder.message, /is a file/);
  const other = await rejection(scratchFolder());
  assert.match(other.message, /no result folder/);
  for (const error of [missing, notFolder, other]) {
    assert.match(error.hint, /npm run load/);
    assert.equal(error.exitCode, EXIT.usage);
  }
});

test('figures of the samples are those of the whole run', () => {
  const figures = figuresOfSamples(RUN.samples, RUN.resources);
  const sum = (of: (line: (typeof RUN.samples)[number]) => number) =>
    RUN.samples.reduce((total, line) => total + of(line), 0);
  assert.equal(
    figures.sent,
    sum((line) => line.sent),
  );
  assert.equal(figures.accepted, figures.sent);
  assert.equal(figures.errorRate, 0);
  // It began somewhere in its first second, and was cut in its last: those between them are whole.
  const whole = RUN.samples.slice(1, -1);
  assert.equal(
    figures.submissionsPerSecond,
    whole.reduce((total, line) => total + line.sent, 0) / whole.length,
  );
  assert.equal(figures.latency!.count, figures.sent);
  assert.equal(figures.latency!.maxMs, Math.max(...RUN.samples.map((line) => line.latency!.max)));
  assert.ok(figures.latency!.minMs > 0 && figures.latency!.minMs <= figures.latency!.p50Ms);
  assert.ok(figures.latency!.meanMs > figures.latency!.minMs);
  // The first reading has no CPU: 5 of 6 count for the mean, all for the memory.
  assert.equal(figures.processes.backend.readings, 6);
  assert.ok(Math.abs(figures.processes.backend.cpuCoresMean! - 0.7) < 0.2);
});

test('of a killed run: a 413 that was expected is no error, a 200 with another body is one', () => {
  const line = { ...RUN.samples[0], sent: 10, answers: { '200': 7, '413': 3 } };
  const of = (change: object) => {
    const { accepted, expected, errorRate } = figuresOfSamples([{ ...line, ...change }], []);
    return [accepted, expected, errorRate];
  };
  assert.deepEqual(of({}), [7, undefined, 0.3]);
  assert.deepEqual(of({ expected: 10 }), [7, 10, 0]);
  assert.deepEqual(of({ accepted: 5 }), [5, undefined, 0.5]);
  assert.deepEqual(of({ accepted: 5, expected: 8 }), [5, 8, 0.2]);
});

test('a warm-up leaves the latencies of its seconds out, and counts their answers', () => {
  const whole = figuresOfSamples(RUN.samples, []);
  const warm = figuresOfSamples(RUN.samples, [], 2000);
  assert.equal(warm.sent, whole.sent);
  const early = RUN.samples.slice(0, 2).reduce((sum, { latency }) => sum + latency!.count, 0);
  assert.equal(warm.latency!.count, whole.latency!.count - early);
  assert.equal(warm.felt!.count, whole.felt!.count - early);
});

test('without samples and readings there are no figures, rather than 0', () => {
  const figures = figuresOfSamples(
    [],
    [{ t: 1, kind: 'process', name: 'k6', rootPid: 1, processes: 1 }],
  );
  assert.deepEqual(
    [figures.errorRate, figures.submissionsPerSecond, figures.latency, figures.felt],
    [null, null, null, null],
  );
  assert.deepEqual(figures.processes.k6, {
    cpuCoresMean: null,
    cpuCoresMax: null,
    rssBytesMax: null,
    readings: 1,
  });
});
