/** What is read before a decision, the same for run and dry run; and the dry run's lines. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dryRun } from '../../load/dry-run.ts';
import { decide } from '../../load/decide.ts';
import { gatherFacts } from '../../load/facts.ts';
import { projectRoot } from '../../paths.ts';
import { jobOf } from '../support/job.ts';
import { RECORDED_FOLDER } from '../support/recorded.ts';
import { scratchFolder } from '../support/scratch.ts';

const SHIPPED = join(projectRoot, 'producers', 'data');

test('each kind of source is measured: blocks, a chain, a network, recordings, sizes, a mix', async () => {
  for (const [args, bodies] of [
    [[], 2],
    [['--chain', '5'], null],
    [['--scenario', 'fleet'], null],
    [['--scenario', 'replay', '--payloads', SHIPPED], 2],
    [['--scenario', 'big-blocks', '--sizes', '20KB,50KB,over'], 3],
    [['--scenario', 'mixed', '--mix', 'load=3,replay=1', '--payloads', SHIPPED], 4],
  ] as [string[], number | null][]) {
    const job = jobOf(args);
    const { facts } = await gatherFacts(job, {}, null);
    assert.ok(facts.bodies.length > 0, args.join(' '));
    if (bodies !== null) assert.equal(facts.bodies.length, bodies, args.join(' '));
    for (const { bytes, snarkWorkBytes, weight } of facts.bodies)
      assert.ok(bytes > 10_000 && snarkWorkBytes < bytes && weight >= 0, args.join(' '));
    // What is expected of it is what is decided.
    const { meanBodyBytes } = decide(job, facts);
    const sizes = facts.bodies.map(({ bytes }) => bytes);
    assert.ok(meanBodyBytes >= Math.min(...sizes) && meanBodyBytes <= Math.max(...sizes));
    assert.ok(facts.freeBytes! > 0 && facts.memory.totalBytes > 0);
  }
});

test('of a mix each body has its part of the whole', async () => {
  const args = ['--scenario', 'mixed', '--mix', 'load=3,big-blocks=1', '--sizes', '1MB,2MB'];
  const { facts } = await gatherFacts(jobOf(args), {}, null);
  const large = facts.bodies.filter(({ bytes }) => bytes >= 1e6);
  const sum = (list: typeof large) => list.reduce((total, { weight }) => total + weight, 0);
  assert.equal(large.length, 2);
  assert.equal(sum(large) / sum([...facts.bodies]), 0.25);
});

test('variables that change the embedded backend are facts, others are not', async () => {
  const env = { REQUESTS_PER_PK_HOURLY: '5', VERIFY_SIGNATURE_LAX: '1', HOME: '/home/x' };
  const { facts } = await gatherFacts(jobOf(), env, null);
  assert.deepEqual(facts.backendSwitches, { REQUESTS_PER_PK_HOURLY: '5', VERIFY_SIGNATURE_LAX: '1' }); // prettier-ignore
});

test('a dry run counts the keys of a list, and opens none of them', async () => {
  // An encrypted wallet: nobody can read it without its passphrase.
  const producersFile = join(projectRoot, 'test', 'vectors', 'wallet-node-a.json');
  const job = jobOf([], { producersFile });
  const { facts, fleet } = await gatherFacts(job, {}, null);
  assert.deepEqual([facts.producers, fleet], [1, null]);
  assert.equal(decide(job, facts).producers, 1);
  await assert.rejects(gatherFacts(job, {}, { passphrases: {} }), /passphrase/);
});

test('a dry run writes nothing, and says what was decided', async () => {
  const resultsFolder = join(scratchFolder(), 'a', 'results');
  const job = jobOf(['--scenario', 'breakpoint'], {
    resultsFolder,
    notes: ['MINA_LOAD_STAGES of the environment has no effect in the scenario breakpoint'],
  });
  const lines = (await dryRun(job, {})).join('\n');
  assert.match(lines, /^search {8}rates from 50\/s up to 5000\/s, each held for 10 s, 26 at most/);
  assert.match(lines, /^gates .*queue-growth<=0.2%/m);
  assert.match(lines, /^pictures {6}breakpoint, beside those of every load$/m);
  assert.match(lines, /^note {10}MINA_LOAD_STAGES of the environment has no effect/m);
  assert.ok(!existsSync(resultsFolder));
});

test('payloads that cannot be read are refused by both alike', async () => {
  const empty = join(scratchFolder(), 'empty');
  mkdirSync(empty);
  const job = jobOf(['--scenario', 'replay', '--payloads', empty]);
  await assert.rejects(gatherFacts(job, {}, null), /empty/);
  await assert.rejects(dryRun(job, {}), /empty/);
  assert.ok((await gatherFacts(jobOf(['--scenario', 'replay', '--payloads', RECORDED_FOLDER]), {}, null)).facts.payloads!.length > 1); // prettier-ignore
});
