import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareAnswers, describeAnswer, labelAnswer } from '../../results/answers.ts';
import {
  formatBytes,
  formatClock,
  formatDate,
  formatDuration,
  formatMs,
  formatNumber,
  formatShare,
} from '../../results/units.ts';

const TABLES: [string, (value: never) => string, [unknown, string][]][] = [
  [
    'formatNumber',
    formatNumber,
    [
      [0, '0'],
      [8.6, '8.6'],
      [0.012345, '0.0123'],
      [999.6, '1,000'],
      [999, '999'],
      [14_035, '14,035'],
      [-1234.5, '-1,234'],
      [Infinity, 'Infinity'],
    ],
  ],
  [
    'formatMs',
    formatMs,
    [
      [0.517, '0.517 ms'],
      [52, '52 ms'],
      [999.4, '999 ms'],
      [999.6, '1 s'],
      [1250, '1.25 s'],
      [265_000, '265 s'],
    ],
  ],
  [
    'formatBytes',
    formatBytes,
    [
      [0, '0 B'],
      [512, '512 B'],
      [46_200, '46.2 KB'],
      [999_600, '1 MB'],
      [4.21e9, '4.21 GB'],
    ],
  ],
  [
    'formatShare',
    formatShare,
    [
      [0, '0 %'],
      [1, '100 %'],
      [0.0031, '0.31 %'],
      [0.00001, '< 0.01 %'],
      [0.99999, '> 99.99 %'],
    ],
  ],
  [
    'formatDuration',
    formatDuration,
    [
      [250, '250 ms'],
      [9_900, '9.9 s'],
      [60_000, '1 min'],
      [90_000, '1 min 30 s'],
      [3_900_000, '1 h 5 min'],
      [86_400_000, '24 h'],
    ],
  ],
  [
    'formatDate',
    formatDate,
    [
      ['2026-01-02T03:04:05Z', '2026-01-02 03:04 UTC'],
      ['2026-01-02T03:04:05+02:00', '2026-01-02 01:04 UTC'],
      ['soon', 'soon'],
    ],
  ],
];

for (const [name, format, rows] of TABLES)
  test(name, () => {
    for (const [value, text] of rows) assert.equal(format(value as never), text);
  });

test('formatClock', () => {
  assert.equal(formatClock(75, false), '01:15');
  assert.equal(formatClock(3599, false), '59:59');
  assert.equal(formatClock(3661, true), '1:01:01');
});

test('each class of answers has words of its own, unknown ones too', () => {
  assert.equal(describeAnswer('200'), 'accepted');
  assert.match(describeAnswer('error:1211'), /dial timeout/);
  assert.match(describeAnswer('error:1299'), /TCP/);
  assert.equal(describeAnswer('error:9999'), 'failed without an answer');
  assert.match(describeAnswer('418'), /refused/);
  assert.match(describeAnswer('nonsense'), /does not know/);
  assert.equal(labelAnswer('429'), '429 over the limit');
  assert.equal(labelAnswer('error:1050'), 'request timeout (k6 1050)');
  assert.equal(labelAnswer('418'), '418');
});

test('answers are listed accepted first, then statuses, then failures', () => {
  const order = ['200', '301', '429', '500', 'error:1050', 'error:1211'];
  assert.deepEqual([...order].reverse().sort(compareAnswers), order);
});
