/** The words of `big-blocks` and `mixed`: what is wrong with them, and what a dry run tells. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { projectRoot } from '../../paths.ts';
import { runHere } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';

const folder = scratchFolder();
const NO_K6 = { PATH: join(folder, 'nothing'), K6_BIN: undefined };
const recorded = join(projectRoot, 'producers', 'data');

describe('words that are wrong', { concurrency: 2 }, () => {
  for (const [args, problems] of [
    [
      ['--scenario', 'big-blocks', '--sizes', '1GB,51MB,2KB,2000'],
      [/--sizes must have whole sizes.*"1GB".*from 1000 bytes to 50MB.*"51MB".*has 2000 twice/],
    ],
    [
      ['--scenario', 'mixed', '--mix', 'laod=1,hostile=x'],
      [/--mix must mix load.*did you mean load\?.*a weight above 0/],
    ],
    [['--scenario', 'mixed', '--mix', 'load=1,replay=1'], [/--mix with replay needs --payloads DIR/]],
    [['--sizes', '1MB', '--mix', 'load=1'], [/--sizes has no effect in the scenario load/, /--mix has no effect/]],
    [['--scenario', 'big-blocks', '--mix', 'load=1', '--chain', '5'], [/--mix has no effect/, /--chain has no effect/]],
    [['--scenario', 'mixed', '--order', 'random', '--stages', '1s:5'], [/--order has no effect/, /--stages has no effect/]],
    [['--scenario', 'mixed', '--hostile-rate', '5'], [/--hostile-rate has no effect where --mix and a pace/]],
    [
      ['--scenario', 'mixed', '--mix', 'load=1,hostile=1', '--target', 'http://127.0.0.1:1', '--target', 'http://127.0.0.1:2'],
      [/--mix with hostile sends over sockets of its own, so it takes no several --target/],
    ],
  ] as [string[], RegExp[]][])
    test(args.join(' '), async () => {
      const { exitCode, stderr } = await runHere(['load', ...args], NO_K6);
      assert.equal(exitCode, 2, stderr);
      for (const problem of problems) assert.match(stderr, problem);
      assert.equal(stderr.match(/^error: /gm)!.length, problems.length, stderr);
    }); // prettier-ignore
});

describe('--dry-run', { concurrency: 2 }, () => {
  test('big-blocks: a bounded number of bytes, and the memory that they take', async () => {
    const { exitCode, stdout, stderr } = await runHere(['load', '--scenario', 'big-blocks', '--dry-run'], NO_K6);
    assert.equal(exitCode, 0, stderr);
    const megabytes = Number(/^bytes +about (\d+) MB sent/m.exec(stdout)![1]);
    assert.ok(megabytes > 500 && megabytes < 2000, stdout);
    assert.match(stdout, /^sizes +17\.5KB, 64KB, 1MB, 4MB, 14MB, 50MB, over$/m);
    const k6 = Number(/^memory +k6 at most about (\d+) MB, corpus on disk 11\d MB/m.exec(stdout)![1]);
    // Bodies of all VUs, and the files of which k6 holds two copies.
    assert.ok(k6 > 4 * 50 + 2 * 119, stdout);
  }); // prettier-ignore

  test('mixed: shares, and hostile requests at their share of the rate', async () => {
    const mix = ['--mix', 'load=6,replay=2,hostile=2', '--payloads', recorded, '--rate', '40/s'];
    const { exitCode, stdout, stderr } = await runHere(
      ['load', '--scenario', 'mixed', ...mix, '--dry-run'],
      NO_K6,
    );
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /^kinds +load 60\.0 %, replay 20\.0 %, hostile 20\.0 %$/m);
    assert.match(stdout, /^hostile +10\.0 requests\/s beside the load,/m);
    assert.match(stdout, /^gates .*hostile-unexpected<=0/m);
    assert.doesNotMatch(stdout, /^sizes/m);
  });
});
