/**
 * Whole runs that take longer: steps in processes of their own, a harness that is killed in each step, storages of every kind, disturbances, a server that
 * was given.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, test } from 'node:test';
import { readState, type RunState, type StepName, writeState } from '../../e2e/state.ts';
import { distFile } from '../../paths.ts';
import { readState as readStack } from '../../stack/components/state.ts';
import { cassandraIsMissing } from '../../stack/services/cassandra.ts';
import { versitygwIsMissing } from '../../stack/services/versitygw.ts';
import { cacheFolder } from '../../system/cache-folder.ts';
import { processesWith } from '../../system/process-identity.ts';
import { EXIT } from '../../user-error.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { RECORDED_FOLDER } from '../support/recorded.ts';
import { startS3Server } from '../support/s3-server.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const scratch = scratchFolder();
/** PostgreSQL runs as another user, who must pass through. */
chmodSync(scratch, 0o755);
const runs = join(scratch, 'runs');
const temporary = join(scratch, 'tmp');
const home = join(scratch, 'home');
for (const folder of [runs, temporary, home]) mkdirSync(folder);

let server: PostgresServer;
before(async () => {
  server = await startPostgres();
});
after(() => server.stop());
/** What a failed test leaves must not make others fail. */
afterEach(() => {
  for (const pid of left()) process.kill(pid, 'SIGKILL');
});

/** Every process of a run has this home: what is left is found by it. */
const ENV = {
  PATH: process.env.PATH,
  HOME: home,
  TMPDIR: temporary,
  ...(process.env.JAVA_HOME && { JAVA_HOME: process.env.JAVA_HOME }),
  // Programs that were fetched or built before.
  MINA_LOAD_CACHE: join(home, 'cache'),
};
const SMALL = ['--producers', '3', '--batches', '1', '--interval', '3s', '--speedup', '200', '--mini-batches', '2']; // prettier-ignore

type Ended = { code: number | null; stdout: string; stderr: string };

function begin(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [distFile('cli.js'), 'e2e', ...words, '--folder', runs], {
    env: { ...ENV, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
  const written = Promise.all([text(child.stdout), text(child.stderr)]);
  const ended = once(child, 'close').then(async ([code]): Promise<Ended> => {
    const [stdout, stderr] = await written;
    hasNoSecret(`${stdout}${stderr}`, words.join(' '));
    return { code: code as number | null, stdout, stderr };
  });
  return { child, ended, said: () => out };
}

async function e2e(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { code, stdout, stderr } = await begin(words, env).ended;
  assert.equal(code, EXIT.passed, `${words.join(' ')}: ${stdout}${stderr}`);
  assert.doesNotMatch(stderr, /MaxListenersExceededWarning/);
  return stdout;
}

const stateFolder = (name: string): string => join(runs, name, 'state');
function stateOf(name: string): RunState | null {
  try {
    return readState(stateFolder(name));
  } catch {
    return null;
  }
}

const left = (): number[] => processesWith({ HOME: home });

/** What a run printed and what it left are free of the password of its database and of private keys. */
function hasNoSecret(text: string, where: string): void {
  assert.ok(!text.includes(server.password), `the password is in ${where}`);
  assert.doesNotMatch(text, /\bEK[EF][1-9A-HJ-NP-Za-km-z]{49}\b|PRIVATE KEY/, where);
}

async function nothingIsLeft(name: string): Promise<void> {
  const results = existsSync(join(runs, name)) ? join(runs, name) : null;
  for (const file of results === null ? [] : readdirSync(results, { recursive: true, encoding: 'utf8' })) // prettier-ignore
    if (statSync(join(results!, file)).isFile()) hasNoSecret(readFileSync(join(results!, file), 'latin1'), file); // prettier-ignore
  await until(() => left().length === 0, () => left().map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))); // prettier-ignore
  assert.equal(existsSync(stateFolder(name)), false);
  assert.deepEqual(readdirSync(temporary), []);
  const names = await server.withClient('postgres', async (client) => {
    const { rows } = await client.query<{ datname: string }>('SELECT datname FROM pg_database ORDER BY 1'); // prettier-ignore
    return rows.map(({ datname }) => datname);
  });
  assert.deepEqual(names, ['postgres', 'template0', 'template1']);
}

const given = () => ({
  words: [
    '--database',
    `postgres://${server.user}@127.0.0.1:${server.port}/postgres?sslmode=disable`,
  ],
  env: { PGPASSWORD: server.password },
});

test('each step in a process of its own; a step repeated does nothing twice', async () => {
  const name = ['--name', 'steps'];
  await e2e(['setup', ...name, ...SMALL]);
  // Not what is usual, but what it is.
  assert.match(await e2e(['setup', ...name]), /^goes on with the run steps, begun at \S+Z \(npm run e2e -- teardown --name steps removes it\):\nnetwork +3 producers,[^]*setup: done already/); // prettier-ignore
  const other = await begin(['setup', ...name, '--producers', '5']).ended;
  assert.equal(other.code, EXIT.usage);
  assert.match(other.stderr, /set up already, with other settings/);
  await e2e(['start', ...name]);
  const running = left();
  assert.match(await e2e(['start', ...name]), /start: done already/);
  assert.deepEqual(left(), running);
  const tooEarly = await begin(['assert', ...name]).ended;
  assert.equal(tooEarly.code, EXIT.usage);
  assert.match(tooEarly.stderr, /assert needs dump-logs, which was not done/);
  assert.match(
    await e2e(['teardown', ...name, '--dry-run']),
    /would remove process \d+ \(network\)/,
  );
  // The network may have sent all by now.
  assert.ok(left().length >= running.length - 1, 'a dry run removes nothing');
  assert.match(
    await e2e(['run', ...name, '--from', 'wait', '--keep']),
    /passed: \d+ assertions held/,
  );
  assert.match(await e2e(['assert', ...name]), /held +accepted-stored-once/);
  await e2e(['teardown', ...name]);
  await nothingIsLeft('steps');
});

/** When to kill in a step's middle: as soon as it has begun, or further on. */
const MOMENTS: [step: StepName, what: string, isThere: (name: string) => boolean][] = [
  ['setup', 'it begins', () => true],
  ['setup', 'a stack is written down', (name) => existsSync(join(stateFolder(name), 'services', 'stack.json'))], // prettier-ignore
  ['setup', 'PostgreSQL was begun', (name) => readStack(join(stateFolder(name), 'services'))?.running.postgres !== undefined], // prettier-ignore
  ['start', 'it begins', () => true],
  ['start', 'the backend was begun', (name) => readStack(join(stateFolder(name), 'program'))?.running.backend !== undefined], // prettier-ignore
  ['start', 'the beginning is decided', (name) => (stateOf(name)?.startSeconds ?? null) !== null],
  ['wait', 'it begins', () => true],
  ['stop', 'it begins', () => true],
  ['dump-logs', 'it begins', () => true],
  ['assert', 'it begins', () => true],
  ['teardown', 'it begins', () => true],
];
const BEFORE: Record<string, StepName[]> = {
  setup: [],
  start: ['setup'],
  wait: ['setup', 'start'],
  stop: ['setup', 'start'],
  'dump-logs': ['setup', 'start', 'wait', 'stop'],
  assert: ['setup', 'start', 'wait', 'stop', 'dump-logs'],
  teardown: ['setup', 'start'],
};

for (const [step, what, isThere] of MOMENTS)
  test(`a harness that is killed in ${step} when ${what}: teardown leaves nothing`, async () => {
    const { words, env } = given();
    // A server of its own where its making is what is killed.
    const database = step === 'setup' && what !== 'it begins' ? [] : words;
    const name = `killed-${step}`;
    for (const one of BEFORE[step])
      await e2e([one, '--name', name, ...(one === 'setup' ? [...SMALL, ...database] : [])], env);
    const { child, ended } = begin(
      [step, '--name', name, ...(step === 'setup' ? [...SMALL, ...database] : [])],
      env,
    );
    let isOver = false;
    void ended.then(() => (isOver = true));
    await until(
      () => isOver || (stateOf(name)?.steps[step]?.status === 'running' && isThere(name)),
    );
    child.kill('SIGKILL');
    await ended;
    await e2e(['teardown', '--name', name], env);
    await nothingIsLeft(name);
  });

for (const step of ['setup', 'wait'] as const)
  test(`Ctrl-C in ${step} of a run: 130, logs are kept, and nothing is left`, async () => {
    const { words, env } = given();
    const name = `stopped-${step}`;
    const { child, ended } = begin(['run', '--name', name, ...SMALL, ...words], env);
    await until(() => child.exitCode !== null || stateOf(name)?.steps[step]?.status === 'running');
    child.kill('SIGINT');
    const { code, stdout, stderr } = await ended;
    assert.equal(code, EXIT.interrupted, `${stdout}${stderr}`);
    assert.match(stdout, /dump-logs: done/);
    assert.match(stdout, /teardown: done/);
    const [results] = readdirSync(join(runs, name));
    const kept = readdirSync(join(runs, name, results));
    for (const file of ['events.ndjson', 'report.md', 'junit.xml']) assert.ok(kept.includes(file), `${file} in ${kept.join()}`); // prettier-ignore
    if (step === 'wait') assert.ok(readdirSync(join(runs, name, results, 'logs')).includes('coordinator.log')); // prettier-ignore
    await nothingIsLeft(name);
  });

test('a second Ctrl-C ends at once; teardown then removes what is left', async () => {
  const { words, env } = given();
  const name = 'stopped-twice';
  const { child, ended, said } = begin(['run', '--name', name, ...SMALL, ...words], env);
  await until(() => child.exitCode !== null || stateOf(name)?.steps.wait?.status === 'running');
  child.kill('SIGINT');
  // What comes within a second counts once: a terminal's one key press may arrive twice.
  await until(() => child.exitCode !== null || /wait: failed: interrupted/.test(said()));
  const again = setInterval(() => child.kill('SIGINT'), 1100);
  const { code, stdout, stderr } = await ended;
  clearInterval(again);
  assert.equal(code, EXIT.interrupted, `${stdout}${stderr}`);
  if (stateOf(name) !== null) {
    assert.match(stdout, /nothing more is removed: npm run e2e -- teardown --name stopped-twice does it/); // prettier-ignore
    await e2e(['teardown', '--name', name], env);
  }
  await nothingIsLeft(name);
});

test('what a killed harness left is found and removed by cleanup, and nothing else', async () => {
  const { words, env } = given();
  const whole = ['--name', 'whole'];
  await e2e(['setup', ...whole, ...SMALL, ...words], env);
  const { child, ended } = begin(['setup', '--name', 'dead', ...SMALL, ...words], env);
  await until(() => stateOf('dead')?.steps.setup?.status === 'running');
  child.kill('SIGKILL');
  await ended;
  const found = await e2e(['cleanup', '--dry-run'], env);
  assert.match(found, /dead.state: would be removed, setup was killed in its middle/);
  assert.match(found, /whole.state: stays, it may be gone on with/);
  assert.ok(existsSync(stateFolder('dead')));
  await e2e(['cleanup'], env);
  assert.equal(existsSync(stateFolder('dead')), false);
  assert.ok(existsSync(stateFolder('whole')));
  await e2e(['cleanup', '--older-than', '0s'], env);
  await nothingIsLeft('whole');
});

test('nothing is removed that does not have the mark of the run', async () => {
  const { words, env } = given();
  const name = ['--name', 'marks'];
  await e2e(['setup', ...name, ...SMALL, ...words], env);
  const state = stateOf('marks')!;
  const database = state.owned.find((one) => one.kind === 'database')!;
  const theirs = join(scratch, 'theirs');
  mkdirSync(theirs);
  writeFileSync(join(theirs, 'thesis.txt'), 'years of work');
  await server.withClient('postgres', (client) => client.query(`COMMENT ON DATABASE ${database.name} IS 'mine'`)); // prettier-ignore
  writeState(stateFolder('marks'), { ...state, owned: [...state.owned, { kind: 'folder', path: theirs }] }); // prettier-ignore
  const refused = await begin(['teardown', ...name], env).ended;
  assert.equal(refused.code, EXIT.broken);
  assert.match(
    refused.stderr,
    /the database \w+ is not dropped: it does not have the mark of this run/,
  );
  assert.match(refused.stderr, /theirs is not removed: it does not have the mark of this run/);
  assert.equal(readFileSync(join(theirs, 'thesis.txt'), 'utf8'), 'years of work');
  await server.withClient('postgres', (client) => client.query(`DROP DATABASE ${database.name}`));
  writeState(stateFolder('marks'), { ...readState(stateFolder('marks')), owned: [] });
  await e2e(['teardown', ...name], env);
  await nothingIsLeft('marks');
});

test('logs are kept where the start failed, and all is removed', async () => {
  const name = 'unstarted';
  const { words, env } = given();
  await e2e(['setup', '--name', name, ...SMALL, ...words], env);
  // The backend does not begin without its list of keys.
  const { state } = { state: stateOf(name)! };
  writeFileSync(join(stateFolder(name), 'whitelist.txt'), 'no key\n');
  const { code, stdout } = await begin(['run', '--name', name, '--from', 'start'], env).ended;
  assert.notEqual(code, EXIT.passed);
  assert.match(stdout, /start: failed: /);
  assert.match(stdout, /dump-logs: done/);
  assert.ok(readdirSync(join(state.results, 'logs')).includes('backend.log'));
  assert.match(readFileSync(join(state.results, 'report.md'), 'utf8'), /start failed/);
  await nothingIsLeft(name);
});

test('what cannot be reached, or is not there, leaves nothing that a teardown looks for in vain', async () => {
  const wrong: [words: string[], code: number, says: RegExp][] = [
    [['--database', 'postgres://nobody@127.0.0.1:1/postgres'], EXIT.broken, /setup failed: PostgreSQL 127\.0\.0\.1:1\/postgres cannot be reached/], // prettier-ignore
    [['--s3', 's3://account-suffix?endpoint=http://127.0.0.1:1&region=us-east-1&path-style=1', ...given().words], EXIT.broken, /setup failed: the bucket account-suffix cannot be read/], // prettier-ignore
    [['--backend', './nowhere', '--coordinator', 'no-python', '--verifier-image', 'a:b', '--interval', '1m'], EXIT.usage, /--backend: \.\/nowhere is not there\n--coordinator: there is no no-python on the PATH/], // prettier-ignore
  ];
  for (const [words, code, says] of wrong) {
    const keys = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret words' };
    const ended = await begin(['run', '--name', 'vain', ...words], { ...given().env, ...keys }).ended; // prettier-ignore
    assert.equal(ended.code, code, `${ended.stdout}${ended.stderr}`);
    assert.match(ended.stdout, says);
    assert.match(ended.stdout, /teardown: done/);
    await nothingIsLeft('vain');
  }
});

test('components that crash in the middle change no score', async () => {
  const name = ['--name', 'crashes'];
  await e2e(['setup', ...name, '--batches', '2', '--interval', '5s', '--producers', '21']);
  const state = stateOf('crashes')!;
  writeState(stateFolder('crashes'), {
    ...state,
    disturbances: [
      { name: 'coordinator crashes', when: { count: 'stored', atLeast: 10 }, do: { kind: 'crash', component: 'coordinator' } },
      { name: 'verifier restarts', when: { afterMs: 4000 }, do: { kind: 'restart', component: 'verifier' } },
    ],
  }); // prettier-ignore
  const { stdout, stderr } = await begin(['run', ...name, '--from', 'start']).ended;
  assert.doesNotMatch(stdout, /FAILED +(?!no-error-lines|verifier-covers)/, stderr);
  assert.match(stdout, /held +points-right/);
  const events = readFileSync(join(state.results, 'events.ndjson'), 'utf8');
  assert.match(events, /"kind":"disturbance","fields":{"name":"coordinator crashes","kind":"crash","component":"coordinator","status":"done"}/); // prettier-ignore
  await nothingIsLeft('crashes');
});

const own = { MINA_LOAD_CACHE: cacheFolder(process.env) };
const noS3 = await versitygwIsMissing(process.env);
const noCassandra = await cassandraIsMissing(process.env);

test('with S3 of its own', { skip: noS3 ?? false }, async () => {
  const said = await e2e(['run', '--name', 'objects', ...SMALL, '--s3', 'versitygw'], own);
  assert.match(said, /held +block-set: .*needed in s3/);
  await nothingIsLeft('objects');
});

test('with Cassandra of its own', { skip: noCassandra ?? false }, async () => {
  const said = await e2e(['run', '--name', 'rings', ...SMALL, '--storage', 'cassandra'], own);
  assert.match(said, /held +accepted-stored-once: .*cassandra/);
  await nothingIsLeft('rings');
});

test('a matrix has one report of all its runs', async () => {
  const said = await e2e(['run', '--name', 'many', ...SMALL, '--matrix', 'era=mesa,berkeley']);
  assert.match(said, /passed: all 2 combinations/);
  const [results] = readdirSync(join(runs, 'many'));
  const junit = readFileSync(join(runs, 'many', results, 'junit.xml'), 'utf8');
  assert.match(readFileSync(join(runs, 'many', results, 'report.md'), 'utf8'), /\| era=berkeley \| passed: [^|]+\| +\S+ \| `many-2\/20[^`]+` \|/); // prettier-ignore
  for (const era of ['mesa', 'berkeley']) assert.match(junit, new RegExp(`name="era=${era}: accepted-stored-once"`)); // prettier-ignore
  await nothingIsLeft('many-1');
});

test('in a bucket that was given, only what is marked goes', { skip: noS3 ?? false }, async () => {
  const s3 = await startS3Server();
  try {
    s3.makeBucket('account-suffix');
    const { endpoint, env: keys } = s3;
    const bucket = `s3://account-suffix?endpoint=${endpoint}&region=us-east-1&path-style=1`;
    const theirs = join(s3.folder, 'account-suffix', 'e2e-theirs');
    mkdirSync(theirs);
    writeFileSync(join(theirs, 'thesis.txt'), 'years of work');
    const words = ['--s3', bucket, ...SMALL];
    const refused = await begin(['run', '--name', 'theirs', ...words], keys).ended;
    assert.equal(refused.code, EXIT.usage, refused.stdout);
    assert.match(
      refused.stdout,
      /e2e-theirs\/ is not empty and does not have the mark of this run/,
    );
    const said = await e2e(['run', '--name', 'bucket', ...words], keys);
    assert.match(said, /held +block-set: .*needed in s3/);
    assert.match(said, /teardown: removed objects below s3:/);
    // The other one is the server's own.
    assert.deepEqual(readdirSync(join(s3.folder, 'account-suffix')), ['.sgwtmp', 'e2e-theirs']);
    assert.deepEqual(readdirSync(theirs), ['thesis.txt']);
    await nothingIsLeft('bucket');
  } finally {
    await s3.stop();
  }
});

test('recorded submissions, sent as they are', async () => {
  const words = ['--network', 'recorded', '--payloads', RECORDED_FOLDER, '--speedup', '100', '--batches', '2', '--interval', '6s', '--no-checks', '1']; // prettier-ignore
  const stdout = await e2e(['run', '--name', 'recorded', ...words]);
  assert.match(stdout, /wait: done .*planned 2, sent 2, accepted 2, stored 2, verified 2/);
  assert.match(stdout, /held +accepted-stored-once/);
  assert.match(stdout, /held +states-right/);
  await nothingIsLeft('recorded');
});
