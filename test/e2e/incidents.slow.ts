/** Every incident is put into a live run, and is caught by its assertion and those that follow from it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { INCIDENTS } from '../../e2e/incidents/table.ts';
import { EXIT } from '../../user-error.ts';
import { runHere } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';

const scratch = scratchFolder();
const ENV = { MINA_LOAD_CACHE: join(scratch, 'cache') };

/** Most of the time they wait for a batch to end. */
test('incidents', { concurrency: 2 }, async (t) => {
  await Promise.all(
    INCIDENTS.map(({ name, caughtBy }) =>
      t.test(`${name} is caught by ${caughtBy}`, async () => {
        const { exitCode, stdout, stderr } = await runHere(
          ['e2e', 'run', '--incident', name, '--name', `i-${name}`, '--batches', '2', '--folder', scratch], // prettier-ignore
          ENV,
        );
        assert.equal(exitCode, EXIT.passed, `${stdout}${stderr}`);
        assert.match(stdout, new RegExp(`passed: ${name} was caught by ${caughtBy}`));
        const [results, ...others] = readdirSync(join(scratch, `i-${name}`));
        assert.deepEqual(others, [], 'the state is gone');
        const junit = readFileSync(join(scratch, `i-${name}`, results, 'junit.xml'), 'utf8');
        assert.match(junit, /failures="0" errors="0"/);
      }),
    ),
  );
});
