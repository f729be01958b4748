/** A whole run, and what the command says of it. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createState, newState, stateFolderOf } from '../../e2e/state.ts';
import { processesWith } from '../../system/process-identity.ts';
import { EXIT } from '../../user-error.ts';
import { e2eTopology } from '../support/e2e-topology.ts';
import { runHere } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';

const scratch = scratchFolder();
const ENV = { MINA_LOAD_CACHE: join(scratch, 'cache') };
const e2e = (...words: string[]) => runHere(['e2e', ...words, '--folder', scratch], ENV);

test('a small run passes all assertions, and leaves nothing but its results', async () => {
  const { exitCode, stdout, stderr } = await e2e(
    ...['run', '--name', 'small', '--producers', '3', '--batches', '1', '--interval', '3s'],
    ...['--speedup', '200', '--mini-batches', '1'],
  );
  assert.equal(exitCode, EXIT.passed, `${stdout}${stderr}`);
  assert.match(stdout, /with 3 producers every verified submission scores/);
  assert.match(stdout, /passed: \d+ assertions held/);
  const [results, ...others] = readdirSync(join(scratch, 'small'));
  assert.deepEqual(others, [], 'the state is gone');
  const folder = join(scratch, 'small', results);
  assert.deepEqual(readdirSync(folder).sort(), [
    ...['assertions.json', 'dump', 'events.ndjson', 'junit.xml', 'logs', 'report.md', 'run.json', 'sent.ndjson', 'stage-lags.png', 'stage-lags.svg', 'trace.ndjson'],
  ]); // prettier-ignore
  assert.match(readFileSync(join(folder, 'junit.xml'), 'utf8'), /failures="0" errors="0"/);
  assert.match(
    readFileSync(join(folder, 'report.md'), 'utf8'),
    /\*\*passed: \d+ assertions held[^*]*\*\*/,
  );
  // What was chosen, to run it again; defaults are not.
  const { chosen } = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as { chosen: unknown }; // prettier-ignore
  assert.deepEqual(chosen, { name: 'small', seed: 'mina-e2e', producers: '3', speedup: '200', batches: '1', interval: '3s', 'mini-batches': '1' }); // prettier-ignore
  assert.deepEqual(readdirSync(join(scratch, 'cache', 'e2e-runs')), []);
  const mine = processesWith({ MINA_LOAD_CACHE: ENV.MINA_LOAD_CACHE }).filter((pid) => pid !== process.pid); // prettier-ignore
  assert.deepEqual(mine, []);

  // Another day, from the dump alone.
  const again = await e2e('assert', '--from', folder);
  assert.equal(again.exitCode, EXIT.passed, again.stdout);
  assert.match(again.stdout, /^ {2}held +accepted-stored-once: /m);
});

test('what cannot be done is said before anything is made', async () => {
  const wrong = await e2e('run', '--name', 'mainnet-1', '--from', 'begin');
  assert.equal(wrong.exitCode, EXIT.usage);
  assert.match(wrong.stderr, /--name must not look like something/);
  assert.match(wrong.stderr, /--from must be one of setup, /);
  const many = await e2e('run', '--speedup', '1000', '--network', 'recorded');
  assert.match(many.stderr, /--speedup must be at most 600/);
  assert.match(many.stderr, /--network recorded needs --payloads DIR/);
  for (const [words, text] of [
    [['start', '--producers', '5'], /--producers has no effect with "e2e start"/],
    [['jump'], /e2e does not know "jump"/],
    [['run', 'era=mesa'], /"era=mesa" belongs to --matrix/],
    [
      ['run', '--matrix', 'producers=2'],
      /--matrix producers: must be a whole number from 3 to 1000/,
    ],
    [['wait', '--name', 'none'], /there is no run in /],
    [['assert', '--from', scratch], /./],
  ] as const) {
    const { exitCode, stderr } = await e2e(...words);
    assert.notEqual(exitCode, EXIT.passed, words.join(' '));
    assert.match(stderr, text, words.join(' '));
  }
  assert.equal(existsSync(join(scratch, 'e2e')), false);
  createState(stateFolderOf(scratch, 'many-2'), newState(e2eTopology(), scratch, 0));
  const { stderr } = await e2e('run', '--name', 'many', '--matrix', 'era=mesa,berkeley');
  assert.match(stderr, /era=berkeley: its run many-2 is there already: npm run e2e -- teardown --name many-2 removes it/); // prettier-ignore
  assert.equal(existsSync(join(scratch, 'many-1')), false);
  assert.equal((await e2e('teardown', '--name', 'many-2')).exitCode, EXIT.passed);
  const { exitCode, stdout } = await e2e('teardown', '--name', 'none');
  assert.equal(exitCode, EXIT.passed);
  assert.match(stdout, /nothing to remove/);
  assert.match((await e2e('cleanup')).stdout, /there are no leftovers/);
});
