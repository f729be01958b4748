/** Loads through the whole program: `npm run load -- --e2e` with a real k6, PostgreSQL, verifier and coordinator; what must pass, and what must fail. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, test } from 'node:test';
import { readState } from '../../e2e/state.ts';
import { distFile } from '../../paths.ts';
import type { Summary } from '../../results/types.ts';
import { readState as readStack } from '../../stack/components/state.ts';
import { processesWith } from '../../system/process-identity.ts';
import { EXIT } from '../../user-error.ts';
import { k6Path } from '../support/k6.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const scratch = scratchFolder();
/** PostgreSQL runs as another user, who must pass through. */
chmodSync(scratch, 0o755);
const runs = join(scratch, 'runs');
const results = join(scratch, 'results');
const home = join(scratch, 'home');
mkdirSync(home);

/** Every process of a run has this home: what is left is found by it. */
const ENV = {
  PATH: process.env.PATH,
  HOME: home,
  K6_BIN: await k6Path(),
  MINA_LOAD_CACHE: join(home, 'cache'),
  MINA_LOAD_SKIP_PICTURES: '1',
};
const left = (): number[] => processesWith({ HOME: home });

let server: PostgresServer;
before(async () => {
  server = await startPostgres();
});
after(() => server.stop());
/** What a failed test leaves must not make others fail. */
afterEach(() => {
  for (const pid of left()) process.kill(pid, 'SIGKILL');
});

type Ended = { code: number | null; stdout: string; stderr: string };

function begin(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [distFile('cli.js'), ...words], {
    env: { ...ENV, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
  const stderr = text(child.stderr);
  const ended = once(child, 'close').then(async ([code]): Promise<Ended> => ({
    code: code as number | null,
    stdout: said,
    stderr: await stderr,
  }));
  return { child, ended, said: () => said };
}

/** Four VUs for some seconds; nothing of it depends on how fast this machine is. */
const LOAD = ['load', '--e2e', '--e2e-folder', runs, '--results', results, '--vus', '4', '--duration', '6s', '--think', '500ms']; // prettier-ignore

/** Of the newest load. */
function newest(): { folder: string; summary: Summary } {
  const folder = join(results, readdirSync(results).filter((name) => !name.startsWith('.')).sort().at(-1)!); // prettier-ignore
  return {
    folder,
    summary: JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8')) as Summary,
  };
}

const outcomeOf = (name: string): string | undefined =>
  newest().summary.e2e?.assertions.find((one) => one.name === name)?.outcome;

async function e2e(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { code, stdout, stderr } = await begin(['e2e', ...words, '--folder', runs], env).ended;
  assert.equal(code, EXIT.passed, `${words.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

test('one command: a system of its own, the load through it, the whole chain judged, all removed', async () => {
  const { code, stdout, stderr } = await begin([...LOAD, '--producers', '40'], {
    MINA_LOAD_SKIP_PICTURES: '',
  }).ended;
  assert.equal(code, EXIT.passed, `${stdout}${stderr}`);
  const { folder, summary } = newest();
  const { accepted, stored, verified, counted, scored, lags, isOwn } = summary.e2e!;
  assert.ok(accepted > 4, `${accepted} accepted`);
  assert.equal(accepted, summary.figures.accepted);
  assert.deepEqual([stored, verified, counted, scored], Array(4).fill(accepted));
  assert.equal(isOwn, true);
  assert.deepEqual(lags.map(({ name, count }) => [name, count]), ['answered', 'verified', 'counted', 'shown'].map((name) => [name, accepted])); // prettier-ignore
  for (const name of ['accepted-stored-once', 'all-verified', 'coordinator-keeps-up', 'points-right', 'leaderboard-right']) assert.equal(outcomeOf(name), 'held', name); // prettier-ignore
  const report = readFileSync(join(folder, 'report.md'), 'utf8');
  assert.match(report, /## End to end\n/);
  assert.match(report, /!\[[^\]]+\]\(stage-lags\.png\)/);
  assert.ok(existsSync(join(folder, 'stage-lags.png')));
  assert.ok(existsSync(join(folder, 'e2e', 'stage-lags.png')));
  assert.match(readFileSync(join(folder, 'report.html'), 'utf8'), /data-chart="stage-lags"/);
  assert.match(readFileSync(join(folder, 'junit.xml'), 'utf8'), /name="end to end: accepted-stored-once"/); // prettier-ignore
  // From the dump alone, as of any run.
  const again = await begin(['e2e', 'assert', '--from', join(folder, 'e2e')]).ended;
  assert.equal(again.code, EXIT.passed, again.stdout);
  assert.equal(existsSync(runs), false, 'nothing is left of the system');
  await until(() => left().length === 0);
});

test('an interrupt while it loads: 130, and the system is removed', async () => {
  const { child, ended, said } = begin([...LOAD, '--duration', '5m', '--producers', '40']);
  await until(() => /\| \d+ VUs \|/.test(said()) || child.exitCode !== null, said);
  child.kill('SIGINT');
  const { code, stdout, stderr } = await ended;
  assert.equal(code, EXIT.interrupted, `${stdout}${stderr}`);
  assert.match(stdout, /the chain is not judged/);
  assert.match(stdout, /teardown: done/);
  assert.match(stdout, /INTERRUPTED: /);
  assert.equal(existsSync(runs), false);
  await until(() => left().length === 0);
});

test('a started system: loads pass, until its storage loses some, and until its coordinator is too slow', async () => {
  const given = `postgres://${server.user}@127.0.0.1:${server.port}/postgres?sslmode=disable`;
  const env = { PGPASSWORD: server.password };
  const name = ['--name', 'shared'];
  // As the original: 200 also where nothing was stored.
  await e2e(['setup', ...name, '--network', 'load', '--producers', '40', '--interval', '3s', '--mini-batches', '2', '--database', given, '--faithful'], env); // prettier-ignore
  const early = await begin([...LOAD, '--e2e-name', 'shared'], env).ended;
  assert.equal(early.code, EXIT.usage);
  assert.match(early.stderr, /the run shared is set up, but its start was not done/);
  assert.match(early.stderr, /npm run e2e -- start --name shared/);
  await e2e(['start', ...name], env);
  const strange = await begin([...LOAD, '--e2e-name', 'shared', '--producers', '41', '--seed', 'another'], env).ended; // prettier-ignore
  assert.equal(strange.code, EXIT.usage);
  assert.match(strange.stderr, /--seed is "another"[^]*--producers is 41, and the system shared knows 40/); // prettier-ignore

  const first = await begin([...LOAD, '--e2e-name', 'shared'], env).ended;
  assert.equal(first.code, EXIT.passed, `${first.stdout}${first.stderr}`);
  const { accepted, stored, verified, counted } = newest().summary.e2e!;
  assert.deepEqual([stored, verified, counted], Array(3).fill(accepted));
  assert.ok(left().length > 0, 'it goes on');

  const state = readState(join(runs, 'shared', 'state'));
  const database = state.owned.find((one) => one.kind === 'database')!;
  await server.withClient(database.name, (client) =>
    client.query(`CREATE SEQUENCE lost;
      CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
        IF nextval('lost') % 4 = 0 THEN RETURN NULL; END IF; RETURN NEW; END $body$;
      CREATE TRIGGER lose BEFORE INSERT ON submissions FOR EACH ROW EXECUTE FUNCTION lose()`),
  );
  const lossy = await begin([...LOAD, '--e2e-name', 'shared'], env).ended;
  assert.equal(lossy.code, EXIT.gateFailed, `${lossy.stdout}${lossy.stderr}`);
  assert.match(lossy.stdout, /FAILED +accepted-stored-once/);
  assert.match(lossy.stdout, /FAILED: \d+ assertions? of the whole chain did not hold: .*accepted-stored-once/); // prettier-ignore
  assert.equal(outcomeOf('accepted-stored-once'), 'failed');
  assert.equal(outcomeOf('all-verified'), 'held');
  const found = newest().summary.e2e!;
  assert.ok(found.accepted === newest().summary.figures.accepted && found.stored <= found.accepted);
  await server.withClient(database.name, (client) => client.query('DROP TRIGGER lose ON submissions')); // prettier-ignore

  const coordinator = readStack(join(runs, 'shared', 'state', 'scoring'))?.running.coordinator;
  assert.ok(coordinator?.kind === 'process');
  process.kill(coordinator.pid, 'SIGSTOP');
  const slow = await begin([...LOAD, '--e2e-name', 'shared', '--e2e-wait', '4s'], env).ended;
  process.kill(coordinator.pid, 'SIGCONT');
  assert.equal(slow.code, EXIT.gateFailed, `${slow.stdout}${slow.stderr}`);
  assert.match(slow.stdout, /FAILED: the chain did not keep up: "[^"]+" did not come true within 4 s: /); // prettier-ignore
  assert.equal(newest().summary.e2e!.counted, 0);

  // The rest of the steps, as of any run: what the loads sent is judged as one.
  const rest = await begin(['e2e', 'run', ...name, '--from', 'wait', '--folder', runs], env).ended;
  assert.equal(rest.code, EXIT.gateFailed, `${rest.stdout}${rest.stderr}`);
  assert.match(rest.stdout, /^wait: done in \S+ \(stored \d+, verified \d+, /m);
  assert.deepEqual([...rest.stdout.matchAll(/^ {2}FAILED +([\w-]+)/gm)].map(([, failed]) => failed).filter((failed) => failed !== 'coordinator-keeps-up'), ['accepted-stored-once', 'storages-agree']); // prettier-ignore
  assert.match(rest.stdout, /teardown: done/);
  await until(() => left().length === 0);
});
