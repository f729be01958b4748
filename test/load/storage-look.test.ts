/** Which storage a run looks into, and that a look never throws. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkStorage, storageOf } from '../../load/storage-choice.ts';
import { lookAfterRun, sentByRun, type SentFrom } from '../../load/storage-look.ts';
import { AnswerTable } from '../../reconcile/answer-table.ts';
import { SendTimes } from '../../reconcile/send-times.ts';
import type { K6Plan } from '../../scenarios/lib/plan.ts';
import { scratchFolder } from '../support/scratch.ts';

test('the storage that was named, else that of the embedded backend, else none; each with its patience', () => {
  const url = 'file:///a';
  const named = storageOf({ storage: url, storageWaitMs: null }, '/embedded', {})!;
  assert.deepEqual([named.name, named.waitMs], [url, 30_000]);
  const embedded = storageOf({ storage: null, storageWaitMs: null }, '/embedded', {})!;
  assert.match(embedded.name, /embedded backend's storage \/embedded/);
  assert.equal(embedded.waitMs, 2000);
  assert.equal(storageOf({ storage: null, storageWaitMs: 7 }, '/embedded', {})!.waitMs, 7);
  assert.equal(storageOf({ storage: null, storageWaitMs: null }, null, {}), null);
});

test('a storage that is not there is refused before the load', async () => {
  await assert.rejects(checkStorage('file:///nowhere/at/all', {}), /nowhere/);
});

test('what was sent and cannot be read again is said, not thrown', async () => {
  const source = { kind: 'corpus', bodiesPath: '/nowhere/b', envelopesPath: '/nowhere/e', count: 1, templates: [] } as const; // prettier-ignore
  const from: SentFrom = {
    feed: null,
    k6Plan: { source, load: { lease: 1 }, seed: 1 } as unknown as K6Plan,
  };
  assert.throws(() => sentByRun(from), /nowhere/);
  const folder = scratchFolder();
  const { look, stored, notStored, notes } = await lookAfterRun({
    choice: { name: 'a storage', waitMs: 0, open: () => Promise.reject(new Error('never asked')) },
    from,
    others: [],
    folder,
    answers: new AnswerTable(join(folder, 'answers')),
    times: new SendTimes(1, join(folder, 'times')),
    beganMs: 0,
    endedMs: 1,
    interrupted: false,
    signal: new AbortController().signal,
    onStatus: () => undefined,
  });
  assert.deepEqual([look.complete, look.readings, stored, notStored], [false, 0, null, null]);
  assert.match(notes[0], /what was sent cannot be read again: .*nowhere/);
});
