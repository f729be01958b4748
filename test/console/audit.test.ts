/** The audit of the console: each line stands by itself, whatever a full disk left of an earlier one. */
import assert from 'node:assert/strict';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { auditOf } from '../../console/server/audit.ts';
import { scratchFolder } from '../support/scratch.ts';

const FILE = '.console-audit.ndjson';
const ACTION = { from: '127.0.0.1', action: 'stop', run: 'a', outcome: 'done' };
const now = (): Date => new Date('2026-11-27T10:00:00.000Z');
const LINE =
  '{"t":"2026-11-27T10:00:00.000Z","from":"127.0.0.1","action":"stop","run":"a","outcome":"done"}\n';

test('half a line of before stays, and the next one begins a line', (t) => {
  const folder = scratchFolder(t);
  writeFileSync(join(folder, FILE), `${LINE}{"t":"2026-11`);
  const audit = auditOf(folder, () => undefined, now);
  audit.done(ACTION);
  audit.done(ACTION);
  assert.equal(readFileSync(join(folder, FILE), 'utf8'), `${LINE}{"t":"2026-11\n${LINE}${LINE}`);
});

test('a file that is a link is not written to; the terminal has the line', (t) => {
  const folder = scratchFolder(t);
  const elsewhere = join(scratchFolder(t), 'other');
  writeFileSync(elsewhere, 'theirs\n');
  symlinkSync(elsewhere, join(folder, FILE));
  const said: string[] = [];
  auditOf(folder, (line) => said.push(line), now).done(ACTION);
  assert.equal(readFileSync(elsewhere, 'utf8'), 'theirs\n');
  assert.deepEqual(said, ['10:00:00 stop a from 127.0.0.1: done']);
});
