/** What stands beside the figures of a run where there is such data: warnings of the log, the verifier's word, the generator's state. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markdownReport } from '../../report/describe.ts';
import type { Run } from '../../results/reader.ts';
import type {
  GeneratorFigures,
  LogFigures,
  LogShape,
  StorageLook,
  Summary,
} from '../../results/types.ts';
import { syntheticRun } from '../../bench/synthetic-run.ts';

function pageOf(more: Partial<Summary>, look?: Partial<StorageLook>): string {
  const run: Run = syntheticRun({ seconds: 3 });
  const reconcile =
    !run.reconcile || !look ? null : { ...run.reconcile, look: { ...LOOK, ...look } };
  return markdownReport({ ...run, reconcile, summary: { ...run.summary!, ...more } }, []);
}
const rowOf = (page: string, pattern: RegExp): string[] => {
  const line = page.split('\n').find((text) => text.startsWith('|') && pattern.test(text));
  assert.ok(line, `no row ${pattern}`);
  return line.split('|').slice(1, -1).map((cell) => cell.trim()); // prettier-ignore
};

const shapeOf = (changes: Partial<LogShape>): LogShape => ({
  shape: 'x',
  level: 'error',
  count: 1,
  allowed: false,
  firstAt: '2026-01-02T03:04:06.000Z',
  lastAt: '2026-01-02T03:04:09.000Z',
  example: 'x',
  ...changes,
});
const LOGS: LogFigures = {
  sources: ['backend.log'],
  lines: 900,
  errors: 4,
  allowed: 0,
  caused: 7,
  warnings: 12,
  groups: [
    shapeOf({ shape: 'not saved', level: 'warning', count: 4, means: 'loss' }),
    shapeOf({ shape: 'bad JSON', count: 7, allowed: true, means: 'caused by the run' }),
  ],
  warningGroups: [shapeOf({ shape: 'slow query', level: 'warning', count: 12 })],
};

test("the target's log: losses, what the run caused, warnings with a table of their own", () => {
  const page = pageOf({ logs: LOGS });
  assert.match(
    page,
    /^backend\.log: 900 lines, 4 errors, 12 warnings, and 7 that the run itself caused\. 4 of these say that something accepted was not kept\.$/m,
  );
  assert.deepEqual(rowOf(page, /not saved/).slice(0, 3), ['4', 'warning, loss', 'not saved']);
  assert.equal(rowOf(page, /bad JSON/)[1], 'error, caused by the run');
  assert.deepEqual(rowOf(page, /slow query/).slice(0, 2), ['12', 'warning']);
  assert.equal(rowOf(page, /\| Warning +\|/)[2], 'Warning');
  const quiet = pageOf({
    logs: { ...LOGS, warnings: 0, caused: 0, groups: [], warningGroups: [] },
  });
  assert.match(quiet, /900 lines, 4 errors\.$/m);
  assert.doesNotMatch(quiet, /Warning|caused|not kept/);
});

test('a log that gave not one line says nothing of errors', () => {
  const page = pageOf({ logs: { ...LOGS, unread: ['journal:uptime', 'container:db'] } });
  assert.match(
    page,
    /Not one line came from journal:uptime, container:db, so nothing is known of errors there\./,
  );
});

const LOOK: StorageLook = {
  storage: 'PostgreSQL db/uptime',
  complete: true,
  waitedMs: 1000,
  readings: 1,
  blocksCompared: 3,
  classes: {
    right: 40, different: 0, missing: 0, sameSecond: 0, refusedStored: 0, unknownStored: 0,
    unknownNotStored: 0, foreign: 0, hostile: 0, retried: 0, doubles: 0, unreadable: 0,
  }, // prettier-ignore
};

test('what the verifier has written beside what is stored', () => {
  const words = /The verifier has verified (.*)\./;
  assert.equal(
    words.exec(pageOf({}, { verified: 31, validationErrors: 2 }))?.[1],
    '31 of the 40 submissions stored as sent; beside 2 it wrote a validation error',
  );
  assert.equal(
    words.exec(pageOf({}, { verified: 0, validationErrors: 0 }))?.[1],
    '0 of the 40 submissions stored as sent',
  );
  // It has written nothing: nothing is known of it.
  assert.doesNotMatch(pageOf({}, {}), words);
});

test('why less was found than was accepted', () => {
  const page = pageOf(
    {},
    {
      reasons: [
        { kind: 'clock', aheadMs: -7_200_000, allowedMs: 60_000 },
        { kind: 'other time', aheadMs: 86_400_000, allowedMs: 3_600_000, entries: 1 },
        { kind: 'nothing found', allowedMs: 86_400_000 },
      ],
    },
  );
  for (const sentence of [
    /the target's clock is 2 h behind the generator's, more than the 1 min allowed for,/,
    /stored at another time only, 24 h ahead of the run \(1 entry\): an earlier replay left them/,
    /not one accepted submission is there: .* the clocks differ by more than 24 h\.$/m,
  ])
    assert.match(page, sentence);
  assert.doesNotMatch(pageOf({}, {}), /What the look shows/);
});

test('what held the generator back, as far as it is known', () => {
  const pageWith = (generator?: GeneratorFigures) => {
    const { figures } = syntheticRun({ seconds: 3 }).summary!;
    return pageOf({ figures: { ...figures, generator } });
  };
  const page = pageWith({
    waitedShare: 0.031,
    throttling: { periods: 600, throttled: 12, quotaCores: 1.5 },
    thinkTimes: { count: 1500, late: 3, toleranceMs: 50 },
    standstillMs: 2500,
    cpu: { host: 0.8, k6: 0.5, target: 0.2, others: 0.05 },
  });
  const value = (name: RegExp) => rowOf(page, name)[1];
  assert.equal(value(/^\| k6 waited for a processor/), '3.1 %');
  assert.equal(value(/Periods in which the CPU quota of 1\.5 cores held it back/), '12 of 600');
  assert.equal(value(/Think times too long, by more than 50 ms/), '3 of 1,500');
  assert.equal(value(/k6 stood still/), '2.5 s');
  assert.equal(value(/The machine: busy, mean/), '80 %');
  assert.equal(value(/^\| by others/), '5 %');
  // No quota on this machine, no think times in this load: no rows of them.
  const little = pageWith({ waitedShare: 0 });
  assert.match(little, /## The generator/);
  assert.doesNotMatch(little, /quota|Think times|stood still|busy, mean/);
  for (const none of [undefined, {}]) assert.doesNotMatch(pageWith(none), /## The generator/);
});
