import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AnswerTable } from '../../reconcile/answer-table.ts';
import { PAGE, SpilledPages } from '../../system/spilled-pages.ts';
import { CODE } from '../../scenarios/lib/reports.ts';
import { scratchFolder } from '../support/scratch.ts';

for (const make of [Uint16Array, Uint32Array])
  test(`${make.name}: what is spilled is what was set, wherever it is asked for`, () => {
    const path = join(scratchFolder(), 'pages.bin');
    const numbers = new SpilledPages<Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(make, path, 2); // prettier-ignore
    const expected = new Map<number, number>();
    const set = (index: number, value: number) => {
      numbers.set(index, value);
      expected.set(index, value);
    };
    for (let page = 0; page < 7; page++) {
      set(page * PAGE, page + 1);
      set(page * PAGE + PAGE - 1, 1000 + page);
      // A straggler far behind, which is set again later.
      set(5, 60_000 + page);
    }
    for (const [index, value] of expected) assert.equal(numbers.get(index), value, `${index}`);
    for (const [index, value] of [...expected].reverse()) assert.equal(numbers.get(index), value);
    // A page that was never set, between others.
    assert.equal(numbers.get(20 * PAGE), 0);
    assert.equal(numbers.get(PAGE + 7), 0);
    assert.ok(statSync(path).size >= 5 * PAGE * make.BYTES_PER_ELEMENT);
    numbers.close();
    assert.ok(!existsSync(path));
    numbers.close();
  });

test('nothing is written as long as all fits, or where there is no file for it', () => {
  const path = join(scratchFolder(), 'pages.bin');
  const few = new SpilledPages(Uint16Array, path, 4);
  for (let page = 0; page < 4; page++) few.set(page * PAGE, 1);
  assert.ok(!existsSync(path));
  few.set(4 * PAGE, 1);
  assert.ok(existsSync(path));
  few.close();
  const all = new SpilledPages(Uint16Array, null, 2);
  for (let page = 0; page < 9; page++) all.set(page * PAGE, page);
  assert.equal(all.get(3 * PAGE), 3);
});

test('a table of answers of a million submissions knows each of them, in flight or not', () => {
  const path = join(scratchFolder(), 'answers.bin');
  const table = new AnswerTable(path);
  const count = 20 * PAGE;
  const open = [3, 5 * PAGE, count - 1];
  for (let index = 0; index < count; index++) {
    table.report(index, CODE.begun);
    if (!open.includes(index)) assert.ok(table.report(index, 200 + CODE.expected));
  }
  assert.ok(existsSync(path));
  assert.deepEqual([...table.inFlight(1)], open);
  assert.equal(table.answerOf(7)!.expected, true);
  // Long past, and known all the same.
  assert.equal(table.report(7, 500), false);
  assert.equal(table.report(3, 500), true);
  assert.equal(table.answerOf(3)!.class, '500');
  assert.equal(table.answerOf(3)!.expected, false);
  assert.equal(table.answerOf(count), null);
  table.close();
  assert.ok(!existsSync(path));
});
