/** `npm run doctor`: each check with a machine that has the thing, and one that has not. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import type { CheckResult, DoctorContext } from '../../cli/commands/doctor.ts';
import { CHECKS, describe, doctor, isHealthy, runChecks } from '../../cli/commands/doctor.ts';
import { parseCommandLine } from '../../cli/parse.ts';
import { UserError } from '../../user-error.ts';
import { binFixture, binFolder, unreachableUrl } from '../support/bin-folder.ts';
import { scratchFolder } from '../support/scratch.ts';

const scratch = scratchFolder();
const UNREACHABLE = await unreachableUrl();

/** A machine on which no program is found and no server answers. */
const bare = (changes: Partial<DoctorContext> = {}): DoctorContext => ({
  cwd: scratch,
  vus: 1,
  resultsFolder: scratch,
  nodeVersion: '22.1.0',
  timeoutMs: 20_000,
  ...changes,
  env: { PATH: '', MINA_LOAD_CACHE: scratch, MINA_LOAD_K6_MIRROR: UNREACHABLE, ...changes.env },
});

const check = async (name: string, changes: Partial<DoctorContext> = {}): Promise<CheckResult> => {
  const [result] = await runChecks(
    CHECKS.filter((one) => one.name === name),
    bare(changes),
  );
  assert.ok(result, `there is no check "${name}"`);
  // Whoever has a problem is told what to do.
  assert.equal(result.todo === undefined, result.status === 'ok');
  assert.equal(`${result.found}${result.todo}`.includes('\n'), false);
  return result;
};

test('node: too old is missing, not tested is a warning', async () => {
  const cases = {
    '20.19.0': 'ok',
    '22.1.0': 'ok',
    '24.0.0': 'ok',
    '23.4.0': 'warn',
    '26.0.0': 'ok',
    '28.0.0': 'warn',
  };
  for (const [nodeVersion, status] of Object.entries(cases))
    assert.equal((await check('node', { nodeVersion })).status, status, nodeVersion);
  for (const nodeVersion of ['20.18.3', '18.20.8'])
    assert.equal((await check('node', { nodeVersion })).status, 'missing', nodeVersion);
});

test('k6: found, with version, place and source', async () => {
  const PATH = binFolder({ k6: 'k6-2.9.1' });
  const k6 = await check('k6', { env: { PATH } });
  assert.deepEqual([k6.status, k6.found], ['ok', `2.9.1, ${join(PATH, 'k6')} (PATH)`]);
  const named = await check('k6', { k6Flag: binFixture('k6-2.2.0'), env: { PATH } });
  assert.deepEqual([named.status, named.found], ['ok', `2.2.0, ${binFixture('k6-2.2.0')} (flag)`]);
});

test('k6: a wrong K6_BIN is missing and named', async () => {
  const env = { K6_BIN: binFixture('k6-1.7.1'), PATH: binFolder({ k6: 'k6-2.2.0' }) };
  const k6 = await check('k6', { env });
  assert.equal(k6.status, 'missing');
  assert.match(k6.found, /^K6_BIN names .*k6-1\.7\.1, which is k6 1\.7\.1/);
});

test('k6: what a run would do is told, and nothing is fetched', async () => {
  const methods: string[] = [];
  const server = createServer((message, response) => {
    methods.push(message.method ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cache = scratchFolder();
  const env = {
    PATH: binFolder({ k6: 'k6-1.7.1' }),
    MINA_LOAD_K6_MIRROR: mirror,
    MINA_LOAD_CACHE: cache,
  };
  try {
    const download = await check('k6', { env });
    assert.equal(download.status, 'warn');
    assert.match(download.found, /is k6 1\.7\.1/);
    assert.ok(download.todo!.startsWith(`the first run downloads 2.2.0 from ${mirror}`));
    assert.deepEqual(methods, ['HEAD']);

    const offline = await check('k6', { env: { ...env, MINA_LOAD_OFFLINE: '1' } });
    assert.equal(offline.status, 'missing');
    assert.match(offline.found, /MINA_LOAD_OFFLINE forbids downloads/);
    assert.deepEqual(methods, ['HEAD']);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  const build = await check('k6', {
    env: { PATH: binFolder({ go: 'go' }), MINA_LOAD_CACHE: cache },
  });
  assert.equal(build.status, 'warn');
  assert.match(build.todo!, /builds 2\.2\.0 with Go 1\.26\.8/);
  assert.deepEqual(readdirSync(cache), []);
});

test('k6: neither there nor to be had is missing, with every reason', async () => {
  const k6 = await check('k6');
  assert.equal(k6.status, 'missing');
  for (const reason of [/no k6 on it/, /ECONNREFUSED/, /no go on the PATH/])
    assert.match(k6.found, reason);
  assert.match(k6.todo!, /K6_BIN or MINA_LOAD_K6_MIRROR/);
  const wrong = await check('k6', { env: { MINA_LOAD_K6_MIRROR: 'mirror' } });
  assert.match(wrong.found, /MINA_LOAD_K6_MIRROR must be an http or https URL/);
});

test('go: version and place, or why not', async () => {
  const PATH = binFolder({ go: 'go' });
  assert.equal((await check('go', { env: { PATH } })).found, `1.26.8, ${join(PATH, 'go')}`);
  const old = await check('go', { env: { PATH, FAKE_GO_VERSION: 'go1.19' } });
  assert.equal(old.status, 'missing');
  assert.match(old.found, /is Go 1\.19\.0, but k6 needs Go/);
  assert.equal((await check('go')).status, 'missing');
});

test('what comes with the toolkit is there: the signer and the font', async () => {
  assert.equal((await check('wasm')).status, 'ok');
  assert.equal((await check('fonts')).status, 'ok');
});

for (const name of ['results folder', 'storage: filesystem'])
  test(`${name}: a folder yet to be made is fine, one below a file is missing, nothing is left`, async () => {
    const resultsFolder = scratchFolder();
    assert.equal(
      (await check(name, { resultsFolder: join(resultsFolder, 'a', 'b') })).status !== 'missing',
      true,
    );
    assert.deepEqual(readdirSync(resultsFolder), []);
    const file = join(resultsFolder, 'file');
    writeFileSync(file, '');
    const below = await check(name, { resultsFolder: join(file, 'results') });
    assert.equal(below.status, 'missing');
    assert.match(below.found, /ENOTDIR/);
    assert.match(below.todo!, /--results/);
  });

test('loopback takes listeners', async () => {
  assert.notEqual((await check('loopback')).status, 'missing');
});

test('limits: little is enough for one VU, nothing is for a thousand million', async () => {
  const vus = 1e9;
  for (const name of ['open files', 'memory', 'ports']) {
    const large = await check(name, { vus });
    if (/is not known|no limit/.test(large.found)) continue;
    assert.equal(large.status, 'warn', name);
    assert.match(large.found, /1,000,000,000 VUs/);
  }
});

test('container engine: answering, not answering, not there', async () => {
  const answers = '#!/bin/sh\necho 28.2.2\n';
  const fails = '#!/bin/sh\necho "Cannot connect to the Docker daemon" >&2\nexit 1\n';
  const engine = (programs: Record<string, string>) =>
    check('container engine', { env: { PATH: binFolder(programs) } });
  assert.equal((await engine({ docker: answers })).found, 'docker 28.2.2 answers');
  assert.equal((await engine({ docker: fails, podman: answers })).found, 'podman 28.2.2 answers');
  const down = await engine({ docker: fails });
  assert.equal(down.status, 'warn');
  assert.match(down.found, /Cannot connect/);
  const silent = await engine({ docker: '#!/bin/sh\n' });
  assert.equal(silent.status, 'warn');
  assert.equal((await engine({})).status, 'missing');
});

test('a program that hangs is not waited for', async () => {
  const PATH = binFolder({ docker: 'k6-hangs', locust: 'k6-hangs', go: 'k6-hangs' });
  for (const [name, status] of [
    ['container engine', 'warn'],
    ['locust', 'warn'],
    ['go', 'missing'],
  ] as const)
    assert.equal((await check(name, { env: { PATH }, timeoutMs: 200 })).status, status);
});

test('locust: version, or what it is for', async () => {
  const PATH = binFolder({ locust: '#!/bin/sh\necho "locust 2.47.0 from /x (Python 3.12.0)"\n' });
  assert.equal((await check('locust', { env: { PATH } })).found, `2.47.0, ${join(PATH, 'locust')}`);
  assert.match((await check('locust')).todo!, /pip install locust/);
});

test('a check that throws is missing, and the others go on', async () => {
  const results = await runChecks(
    [
      {
        name: 'a',
        required: true,
        run: () => {
          throw new UserError('it broke', { hint: 'mend it' });
        },
      },
      { name: 'b', required: false, run: () => Promise.reject(new Error('no such package')) },
      { name: 'c', required: true, run: () => ({ status: 'ok', found: 'fine' }) },
    ],
    bare(),
  );
  assert.deepEqual(results, [
    { name: 'a', required: true, status: 'missing', found: 'it broke', todo: 'mend it' },
    {
      name: 'b',
      required: false,
      status: 'missing',
      found: 'no such package',
      todo: 'run `npm ci`',
    },
    { name: 'c', required: true, status: 'ok', found: 'fine' },
  ]);
});

test('only something required that is missing makes it unhealthy', () => {
  const result = (required: boolean, status: CheckResult['status']): CheckResult => ({
    name: 'x',
    required,
    status,
    found: '',
  });
  assert.equal(
    isHealthy([result(true, 'ok'), result(true, 'warn'), result(false, 'missing')]),
    true,
  );
  assert.equal(isHealthy([result(true, 'ok'), result(true, 'missing')]), false);
});

test('a line a check, then the outcome', () => {
  assert.equal(
    describe([
      { name: 'node', required: true, status: 'ok', found: '22' },
      { name: 'k6', required: true, status: 'missing', found: 'none', todo: 'install it' },
      { name: 'go', required: false, status: 'warn', found: 'old', todo: 'renew it' },
    ]),
    [
      'ok       node           22',
      'missing  k6             none; install it',
      'warn     go (optional)  old; renew it',
      'required, but missing: k6',
      '',
    ].join('\n'),
  );
});

/** The command as the command line runs it. @returns exit code and what it wrote */
async function run(
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number; text: string }> {
  let text = '';
  const stdout = new Writable({
    write(chunk, _, done) {
      text += String(chunk);
      done();
    },
  });
  const parsed = parseCommandLine(doctor, args, env, scratch);
  const cwd = scratch;
  const code = await doctor.run({ ...parsed, cwd, stdout, stderr: stdout, env });
  return { code, text };
}

test('the command: exit code 0 or 5, as lines and as JSON', async () => {
  const env = { PATH: '', MINA_LOAD_CACHE: scratch, MINA_LOAD_K6_MIRROR: UNREACHABLE };
  const args = ['--results', scratch, '--vus', '10'];
  const good = await run(args, { ...env, K6_BIN: binFixture('k6-2.2.0') });
  assert.equal(good.code, 0, good.text);
  assert.equal(good.text.trimEnd().split('\n').length, CHECKS.length + 1);
  assert.match(good.text, /^ok +k6 +2\.2\.0/m);

  const bad = await run([...args, '--json'], env);
  assert.equal(bad.code, 5);
  const report = JSON.parse(bad.text) as {
    format: number;
    healthy: boolean;
    checks: CheckResult[];
  };
  assert.equal(report.format, 1);
  assert.equal(report.healthy, false);
  assert.deepEqual(
    report.checks.map(({ name }) => name),
    CHECKS.map(({ name }) => name),
  );
  assert.equal(report.checks.find(({ name }) => name === 'k6')!.status, 'missing');
});
