/** Logs of many formats, with what a careful reader counts in each. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LogWatch } from '../../../monitor/logs/log-watch.ts';
import { projectRoot } from '../../../paths.ts';
import { levels } from './read.ts';

const folder = join(projectRoot, 'test/fixtures/logs');

type Counts = {
  lines: number;
  records: number;
  errors: number;
  warnings: number;
  /** Different shapes of errors. */
  shapes: number;
};
// prettier-ignore
const EXPECTED: Record<string, Counts> = {
  'case-07-go-fatal':   { lines:  7, records:  1, errors:  1, warnings: 0, shapes:  1 },
  'case-08-go-panic':   { lines: 12, records:  1, errors:  1, warnings: 0, shapes:  1 },
  'case-10-docker-json':{ lines:  4, records:  4, errors:  3, warnings: 0, shapes:  1 },
  'case-11-colours':    { lines:  6, records:  6, errors:  3, warnings: 2, shapes:  2 },
  'case-12-mina':       { lines:  5, records:  5, errors:  2, warnings: 1, shapes:  2 },
  'uptime-backend':     { lines: 32, records: 32, errors:  2, warnings: 4, shapes:  2 },
  'go-std':             { lines:  8, records:  8, errors:  4, warnings: 1, shapes:  4 },
  'go-zap-json':        { lines:  6, records:  6, errors:  3, warnings: 1, shapes:  3 },
  'go-zap-console':     { lines: 11, records:  7, errors:  3, warnings: 1, shapes:  3 },
  'zerolog-json':       { lines:  5, records:  5, errors:  2, warnings: 1, shapes:  2 },
  'zerolog-console':    { lines:  6, records:  6, errors:  3, warnings: 1, shapes:  3 },
  'logrus':             { lines: 11, records: 11, errors:  6, warnings: 2, shapes:  4 },
  'slog':               { lines:  8, records:  8, errors:  3, warnings: 2, shapes:  2 },
  'go-runtime':         { lines: 54, records: 10, errors:  6, warnings: 0, shapes:  6 },
  'python-logging':     { lines: 33, records: 12, errors:  7, warnings: 1, shapes:  7 },
  'python-servers':     { lines: 20, records: 11, errors:  5, warnings: 2, shapes:  5 },
  'java':               { lines: 24, records: 12, errors:  8, warnings: 1, shapes:  8 },
  'node':               { lines: 50, records: 19, errors: 11, warnings: 4, shapes: 11 },
  'mina-daemon':        { lines: 33, records: 16, errors:  8, warnings: 3, shapes:  8 },
  'nginx':              { lines: 10, records: 10, errors:  5, warnings: 1, shapes:  4 },
  'postgresql':         { lines: 16, records: 10, errors:  6, warnings: 1, shapes:  6 },
  'databases':          { lines: 11, records: 11, errors:  4, warnings: 3, shapes:  4 },
  'journal':            { lines: 11, records:  9, errors:  5, warnings: 1, shapes:  5 },
  'docker-json-file':   { lines:  7, records:  5, errors:  3, warnings: 1, shapes:  3 },
  'kubernetes-cri':     { lines: 11, records:  7, errors:  3, warnings: 1, shapes:  3 },
  'podman-k8s-file':    { lines:  3, records:  3, errors:  2, warnings: 0, shapes:  2 },
  'syslog':             { lines: 10, records: 10, errors:  6, warnings: 1, shapes:  5 },
  'compose':            { lines: 10, records:  7, errors:  5, warnings: 0, shapes:  5 },
  'rust':               { lines: 14, records: 10, errors:  6, warnings: 1, shapes:  6 },
  'other-json':         { lines: 20, records: 18, errors: 12, warnings: 1, shapes: 12 },
};

const linesOf = (name: string): string[] => {
  const lines = readFileSync(join(folder, `${name}.log`), 'utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
};

/** @param idle a pause after each line of so many ms, as a slow log has it */
function countsOf(lines: readonly string[], idleMs = 0): Counts & { all: string[] } {
  let now = Date.UTC(2026, 0, 2, 3, 4, 5);
  const watch = new LogWatch({ now: () => now });
  const reader = watch.reader();
  for (const line of lines) {
    reader.add(line);
    now += idleMs;
    reader.tick();
  }
  reader.end();
  const { lines: read, records, errors, warnings, groups } = watch.figures([]);
  const all = groups.map(({ shape }) => shape).sort();
  return {
    lines: read,
    records: records!,
    errors,
    warnings: warnings!,
    shapes: groups.length,
    all,
  };
}

test('each log of the corpus has its counts, and each count its log', () => {
  assert.deepEqual(
    readdirSync(folder)
      .filter((name) => name.endsWith('.log'))
      .map((name) => name.slice(0, -4))
      .sort(),
    Object.keys(EXPECTED).sort(),
  );
});

for (const [name, expected] of Object.entries(EXPECTED))
  test(`the log ${name}`, () => {
    const { all, ...counts } = countsOf(linesOf(name));
    assert.deepEqual(counts, expected);
    for (const shape of all) assert.match(shape, /^[^\u0000-\u001f\u007f-\u009f]+$/, 'visible'); // eslint-disable-line no-control-regex
    // A poll between any two lines changes nothing, as long as the log goes on within a second.
    assert.deepEqual(countsOf(linesOf(name), 400), { all, ...counts });
    // Nor do Windows' line ends.
    assert.deepEqual(countsOf(linesOf(name).map((line) => `${line}\r`)).errors, expected.errors);
  });

/** Whoever carries a log, it says the same. */
const CARRIERS: Record<string, (line: string, i: number) => string> = {
  'docker json-file': (line) =>
    JSON.stringify({ log: `${line}\n`, stream: 'stderr', time: '2026-01-02T03:04:05.123456789Z' }),
  kubernetes: (line) => `2026-01-02T03:04:05.123456789Z stderr F ${line}`,
  'docker logs -t': (line) => `2026-01-02T03:04:05.123456789Z ${line}`,
  compose: (line) => `\u001b[36mbackend-1  | \u001b[0m${line}`,
  syslog: (line) => `Jan  2 03:04:05 host backend[7]: ${line}`,
  'RFC 5424': (line) => `<14>1 2026-01-02T03:04:05.123Z host backend 7 - - ${line}`,
  journal: (line) =>
    JSON.stringify({ __REALTIME_TIMESTAMP: '1767323045123456', PRIORITY: '6', MESSAGE: line }),
  'docker in compose': (line) =>
    `x | ${JSON.stringify({ log: `${line}\n`, stream: 'stderr', time: '2026-01-02T03:04:05.1Z' })}`,
};
/** These have carriers of their own. */
const CARRIED = /^(?:case-1[02]|journal|docker|kubernetes|podman|syslog|compose)/;

for (const [carrier, wrap] of Object.entries(CARRIERS))
  test(`the same counts through ${carrier}`, () => {
    for (const name of Object.keys(EXPECTED).filter((one) => !CARRIED.test(one))) {
      const { all, ...counts } = countsOf(linesOf(name).map(wrap));
      assert.deepEqual(counts, EXPECTED[name], `${name} ${all.join('\n')}`);
    }
  });

test('levels line by line', () => {
  assert.deepEqual(levels(linesOf('case-12-mina')), ['info', 'debug', 'error', 'warning', 'fatal']);
  assert.deepEqual(levels(linesOf('case-11-colours')), [
    'info',
    'warning',
    'error',
    'error',
    'warning',
    'error',
  ]);
});
