/** The section of hostile requests in the report. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markdownReport } from '../../report/describe.ts';
import type { HostileCaseFigures, HostileFigures } from '../../results/types.ts';
import { SYNTHETIC_RUNS } from '../../bench/synthetic-run.ts';

const figuresOf = (name: string, change: Partial<HostileCaseFigures> = {}): HostileCaseFigures => ({
  name,
  check: 4,
  what: `what ${name} does`,
  expected: '400 {"error":"Error decoding payload"}',
  played: 2,
  asExpected: 2,
  unexpected: 0,
  cut: 0,
  requests: 2,
  examples: [],
  ...change,
});

const ALL_RIGHT: HostileFigures = {
  rounds: 2,
  requests: 6,
  answers: { '400': 4, 'error:silent': 1, 'error:1050': 1 },
  played: 4,
  asExpected: 4,
  unexpected: 0,
  cut: 0,
  cases: [figuresOf('not-json'), figuresOf('half-open', { check: 'slow', expected: 'nothing' })],
};

function sectionOf(hostile: HostileFigures): string[] {
  const run = SYNTHETIC_RUNS.usual();
  const page = markdownReport({ ...run, summary: { ...run.summary!, hostile } }, []);
  const [, section] = page.split('## Hostile requests\n');
  assert.ok(section !== undefined, 'no such section');
  return section.split('\n## ')[0].trim().split('\n');
}

const cellsOf = (row: string): string[] =>
  row
    .replaceAll('\\|', '¦')
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

test('a run without hostile requests has no such section', () => {
  assert.doesNotMatch(markdownReport(SYNTHETIC_RUNS.usual(), []), /[Hh]ostile/);
});

test('all as expected: said in a sentence, each case a row, each class of answers in words', () => {
  const [sentence, , came, , head, , ...rows] = sectionOf(ALL_RIGHT);
  assert.match(
    sentence,
    /6 in 2 whole rounds of 2 cases\. All 4 were answered as they should be\.$/,
  );
  assert.equal(
    came,
    'What came: 4 × 400, 1 × no answer within the request timeout, 1 × nothing came while the connection was held.',
  );
  assert.deepEqual(cellsOf(head), [
    'Check',
    'Case',
    'What',
    'Expected',
    'Played',
    'As expected',
    'Otherwise',
  ]);
  assert.deepEqual(rows.map(cellsOf), [
    [
      '4',
      '`not-json`',
      'what not-json does',
      '400 {"error":"Error decoding payload"}',
      '2',
      '2',
      '',
    ],
    ['slow', '`half-open`', 'what half-open does', 'nothing', '2', '2', ''],
  ]);
});

test('what was otherwise comes first, with examples; what was cut or not run is said', () => {
  const lines = sectionOf({
    ...ALL_RIGHT,
    rounds: 1,
    played: 5,
    asExpected: 4,
    unexpected: 1,
    cut: 1,
    cases: [
      figuresOf('not-json', { cut: 1 }),
      figuresOf('hourly-limit', {
        check: 9,
        played: 0,
        asExpected: 0,
        expected: '',
        notRun: 'the hourly limit is 500',
      }),
      figuresOf('right', { notRun: 'used up' }),
      figuresOf('cut-off', {
        asExpected: 1,
        unexpected: 1,
        examples: ['half: <b>|`x`, not 400', 'nothing: closed'],
      }),
    ],
  });
  assert.match(lines[0], /in 1 whole round of/);
  assert.match(lines[0], /\*\*1 of 5 was not answered as it should be\.\*\* 1 was cut/);
  const [cutOff, notJson, limit, right] = lines.slice(6).map(cellsOf);
  assert.equal(cutOff[1], '`cut-off`');
  // What a target sent is no markup.
  assert.equal(cutOff[6], '❌ 1: half: \\<b\\>¦\\`x\\`, not 400; nothing: closed');
  assert.equal(notJson[6], '1 cut by the stop');
  assert.deepEqual([limit[4], limit[6]], ['0', 'not run: the hourly limit is 500']);
  assert.equal(right[6], 'not always run: used up');
});

test('nothing played is no success', () => {
  const [sentence] = sectionOf({ ...ALL_RIGHT, played: 0, asExpected: 0, answers: {}, cases: [] });
  assert.match(sentence, /No hostile case was played to its end\./);
  assert.doesNotMatch(sentence, /All /);
});
