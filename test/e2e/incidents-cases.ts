/** Each incident is caught by its assertion, and by no other reason. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ASSERTIONS, judge } from '../../e2e/assertions/index.ts';
import { INCIDENTS } from '../../e2e/incidents/table.ts';
import { evidenceOf } from '../support/evidence.ts';

for (const { name, caughtBy, consequences, leaves } of INCIDENTS)
  test(`${name} is caught by ${caughtBy}`, async () => {
    const storages = ['postgres', 's3'] as const;
    const judged = judge(leaves(await evidenceOf({ storages })));
    const failed = judged.filter(({ outcome }) => outcome === 'failed');
    assert.deepEqual(
      failed.map((one) => one.name).sort(),
      [caughtBy, ...consequences].sort(),
      JSON.stringify(failed.map((one) => [one.name, 'examples' in one && one.examples[0]])),
    );
    for (const one of failed) assert.ok('examples' in one && one.examples.length > 0, one.name);
  });

test('every incident has a name of its own, and names assertions that are there', () => {
  assert.equal(new Set(INCIDENTS.map(({ name }) => name)).size, 13);
  const names = new Set(ASSERTIONS.map(({ name }) => name));
  for (const { name, caughtBy, consequences } of INCIDENTS)
    for (const one of [caughtBy, ...consequences]) assert.ok(names.has(one), `${name}: ${one}`);
});
