/** What a corpus says of its bodies: which are new, and which an earlier run may have sent as well. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { corpusSource } from '../../load/k6/plan.ts';
import { sentOf } from '../../reconcile/sent.ts';
import { parseSubmission } from '../../mina/submission.ts';
import { writeCorpus } from '../../producers/corpus.ts';
import { makeFleet } from '../../producers/fleet.ts';
import { readPayloads } from '../../producers/payloads.ts';
import { recordedPayloads, templatesOf } from '../../producers/templates.ts';
import { RECORDED_FOLDER } from '../support/recorded.ts';
import { scratchFolder } from '../support/scratch.ts';

test('in a mixed load the signed bodies are new, the recorded ones are not', async (t) => {
  const base = scratchFolder(t);
  const folder = join(base, 'corpus');
  const [signed] = templatesOf(await recordedPayloads());
  const [payload] = await readPayloads(RECORDED_FOLDER);
  const bytes = readFileSync(payload.path);
  const index = await writeCorpus({
    folder,
    fleet: makeFleet({ seed: 'sent', count: 2 }),
    templates: [signed, { ...signed, recorded: () => Promise.resolve(bytes) }],
    mix: [{ weight: 1, templates: [0, 1], order: 'sequence' }],
    count: 6,
    network: 'testnet',
    seed: 'sent',
    createdAt: { startSeconds: 1_767_323_045, perSecond: 1 },
    workers: 1,
  });
  const source = corpusSource(folder, index);
  const sent = sentOf({ seed: 1, source })!;
  t.after(() => sent.close());
  assert.deepEqual(
    sent.templates.map(({ fresh }) => fresh),
    [true, false],
  );
  const { submitter, createdAt, peerId } = parseSubmission(bytes);
  const bodies = [];
  for await (const chunk of sent.chunks()) bodies.push(...chunk);
  assert.equal(bodies.length, 6);
  // Those that repeat are the same each time, of whom the body says.
  for (const body of bodies.filter(({ template }) => template === 1))
    assert.deepEqual(body, { submitter, createdAt: createdAt.seconds, peerId, template: 1 });
  assert.equal(new Set(bodies.map((body) => JSON.stringify(body))).size, 4);

  // Other submitters in recorded bodies: the same come again with each run of the seed.
  const old = sentOf({ seed: 1, source: { ...source, recordedTimes: true } })!;
  t.after(() => old.close());
  assert.ok(old.templates.every(({ fresh }) => !fresh));
});
