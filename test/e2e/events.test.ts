/** events.ndjson: several processes add to it, and one that is killed leaves half a line. */
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EVENTS_FILE, eventsOf } from '../../e2e/events.ts';
import { scratchFolder } from '../support/scratch.ts';

test('half a line that a killed step left is cut off by the next one', (t) => {
  const folder = scratchFolder(t);
  const path = join(folder, EVENTS_FILE);
  eventsOf(folder, () => 1)('step', { name: 'setup' });
  appendFileSync(path, '{"at_ms":2,"kind":"st');
  eventsOf(folder, () => 3)('step', { name: 'start' });
  assert.equal(
    readFileSync(path, 'utf8'),
    '{"at_ms":1,"kind":"step","fields":{"name":"setup"}}\n{"at_ms":3,"kind":"step","fields":{"name":"start"}}\n',
  );
});
