/** Every incident is put into a live run, and is caught by its assertion and those that follow from it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Judged } from '../../e2e/judged.ts';
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
        // What an example leads to is there after teardown, too.
        const judged = JSON.parse(readFileSync(join(scratch, `i-${name}`, results, 'assertions.json'), 'utf8')) as Judged[]; // prettier-ignore
        for (const one of judged)
          if (one.outcome === 'failed')
            for (const [i, { submitter, batch }] of one.examples.entries()) {
              const page: string | undefined = /explain\/\S+\.txt/.exec(one.leads![i])?.[0];
              assert.equal(page !== undefined, submitter?.startsWith('B62') ?? false, one.leads![i]); // prettier-ignore
              if (page === undefined) continue;
              const text = readFileSync(join(scratch, `i-${name}`, results, page), 'utf8');
              assert.match(text, new RegExp(`^Block producer ${submitter!}\n`));
              if (batch !== undefined) assert.match(text, /^ {2}=> /m);
            }
      }),
    ),
  );
});
