/** The console's answers: who may ask and who may change, what lies outside is not reached, and runs as they are. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { connect } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { openApi, ROUTES } from '../../console/server/api.ts';
import { consoleApp } from '../../console/server/app.ts';
import { readAssets } from '../../console/server/assets.ts';
import { auditOf } from '../../console/server/audit.ts';
import { E2eFolders } from '../../console/server/e2e-folders.ts';
import { resourcesCsv, samplesCsv } from '../../console/server/csv.ts';
import { refusalOf } from '../../console/server/guard.ts';
import { listen } from '../../console/server/listen.ts';
import { Loads } from '../../console/server/loads.ts';
import { commandLineOf, type Planner, wordsOf } from '../../console/server/planner.ts';
import { RunFolders } from '../../console/server/run-list.ts';
import type { Plan } from '../../results/types.ts';
import { fingerprintId, fingerprintOf } from '../../judge/compare/fingerprint.ts';
import type { LiveMessage } from '../../console/live/message.ts';
import { takeLoadLock } from '../../load/one-at-a-time.ts';
import { projectRoot } from '../../paths.ts';
import { LineFile } from '../../results/line-file.ts';
import { scratchFolder } from '../support/scratch.ts';
import { slowOnly } from '../support/thorough.ts';
import { until } from '../support/until.ts';
import { SYNTHETIC_RUNS, syntheticRun, writeRun } from '../../bench/synthetic-run.ts';

const TOKEN = 'a-token-of-the-tests';
const HOST = '127.0.0.1:8089';
const ORIGIN = `http://${HOST}`;
const OLD = '2026-01-01T00-00-00Z-load';
const NEW = '2026-01-02T03-04-05Z-load';

/** Two runs, a secret beside them, and links that lead to it. */
function resultsFolder(t: TestContext): { results: string; secret: string } {
  const folder = scratchFolder(t);
  const results = join(folder, 'results');
  mkdirSync(results);
  writeRun(join(results, OLD), syntheticRun({ seconds: 12 }));
  writeRun(join(results, NEW), SYNTHETIC_RUNS.logged());
  const secret = join(folder, 'secret');
  mkdirSync(secret);
  writeFileSync(join(secret, 'plan.json'), '{"seed":"of another folder"}');
  writeFileSync(join(folder, 'plan.json'), '{"seed":"above"}');
  symlinkSync(secret, join(results, 'link'));
  symlinkSync(join(secret, 'plan.json'), join(results, OLD, 'junit.xml'));
  return { results, secret };
}

const PLANNER: Planner = {
  options: [
    { name: 'vus', type: 'integer', help: '' },
    { name: 'target', type: 'text', repeatable: true, help: '' },
  ],
  scenarios: [],
  headings: {},
  plan: (given) =>
    Promise.resolve(
      given.vus === '0'
        ? { problems: ['--vus must be at least 1', '--rate is missing'] }
        : { lines: [], gates: ['p95<800ms'], options: {}, remoteHosts: given.target ? ['far.example:80'] : [] }, // prettier-ignore
    ),
};

const NO_E2E = { folders: new E2eFolders('/nowhere'), folderOption: null, changes: null };

type Setup = { readOnly?: boolean; wiki?: string | null; program?: readonly string[] };

function consoleOf(
  t: TestContext,
  { readOnly = false, wiki = null, program = ['-e', ''] }: Setup = {},
) {
  const { results, secret } = resultsFolder(t);
  const folders = new RunFolders(results);
  const said: string[] = [];
  const started: string[][] = [];
  const loads = new Loads(folders, (words) => {
    started.push([...words]);
    return { file: process.execPath, args: program, cwd: results, env: {} };
  });
  const { app, stop } = consoleApp({
    version: '1.2.3',
    folders,
    resultsOption: null,
    repeatable: ['target'],
    changes: readOnly ? null : { token: TOKEN, loads, planner: PLANNER, wiki },
    e2e: NO_E2E,
    audit: auditOf(results, (line) => said.push(line)),
    assets: readAssets(),
  });
  t.after(stop);
  const get = (path: string, headers: Record<string, string> = {}) =>
    app.request(path, { headers: { host: HOST, ...headers } });
  const post = (
    path: string,
    body: unknown = {},
    headers: Record<string, string | undefined> = {},
  ) => {
    const all = { host: HOST, origin: ORIGIN, 'content-type': 'application/json', authorization: `Bearer ${TOKEN}`, ...headers }; // prettier-ignore
    const given = Object.entries(all).flatMap(([name, value]) => value === undefined ? [] : [[name, value] as [string, string]]); // prettier-ignore
    return app.request(path, { method: 'POST', headers: given, body: typeof body === 'string' ? body : JSON.stringify(body) }); // prettier-ignore
  };
  return { app, results, secret, folders, loads, said, started, get, post };
}

test('only a name of this machine is a host', () => {
  const refused = (host: string | undefined) =>
    refusalOf({ method: 'GET', path: '/', header: (name) => (name === 'host' ? host : undefined) }, TOKEN)?.status ?? null; // prettier-ignore
  for (const host of [
    '127.0.0.1:8089',
    'localhost:8089',
    '[::1]:8089',
    'LOCALHOST',
    'localhost:9000',
  ])
    assert.equal(refused(host), null, host);
  for (const host of [
    'evil.com',
    '127.0.0.1.evil.com',
    '127.0.0.1.evil.com:8089',
    'localhost.evil.com',
    'evil.localhost',
    '127.0.0.2',
    '0.0.0.0:8089',
    '[::ffff:127.0.0.1]:8089',
    '127.1',
    'localhost:8089@evil.com',
    'localhost:',
    ' localhost',
    'user@localhost',
  ])
    assert.equal(refused(host), 403, host);
  assert.equal(refused(undefined), 400);
  assert.equal(refused(''), 400);
  fc.assert(
    fc.property(fc.webAuthority({ withPort: true }), (host) => {
      if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host)) assert.equal(refused(host), 403, host);
    }),
  );
});

test('a page of another site can read nothing and change nothing', async (t) => {
  const { get, post, started, said, results } = consoleOf(t);
  const evil = { origin: 'https://evil.com', 'sec-fetch-site': 'cross-site' };
  const refusals: [string, Promise<Response> | Response, number][] = [
    ['rebinding', get('/api/runs', { host: 'evil.com' }), 403],
    ['rebinding, the page', get('/', { host: 'evil.com:8089' }), 403],
    ['another origin reads', get('/api/runs', { origin: 'https://evil.com' }), 403],
    ['an image of another site', get(`/api/runs/${OLD}/files/latency.png`, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }), 403], // prettier-ignore
    ['another port of this machine', get('/api/runs', { origin: 'http://127.0.0.1:3000', 'sec-fetch-site': 'same-site' }), 403], // prettier-ignore
    [
      'a page in a frame without origin',
      post('/api/runs', { options: {} }, { origin: 'null' }),
      403,
    ],
    ['another site starts', post('/api/runs', { options: {} }, evil), 403],
    ['another site starts, without Origin', post('/api/runs', { options: {} }, { origin: undefined, 'sec-fetch-site': 'cross-site' }), 403], // prettier-ignore
    ['no token', post('/api/runs', { options: {} }, { authorization: undefined }), 401],
    ['another token', post('/api/runs', { options: {} }, { authorization: 'Bearer a-token-of-the-testz' }), 401], // prettier-ignore
    ['the token in the address', post(`/api/runs?token=${TOKEN}`, { options: {} }, { authorization: undefined }), 401], // prettier-ignore
    ['text/plain, which a form can send', post('/api/runs', { options: {} }, { 'content-type': 'text/plain' }), 415], // prettier-ignore
    ['a form', post('/api/runs', 'options=1', { 'content-type': 'application/x-www-form-urlencoded' }), 415], // prettier-ignore
    ['text/plain that names JSON', post('/api/runs', { options: {} }, { 'content-type': 'text/plain; application/json' }), 415], // prettier-ignore
    ['no type', post('/api/runs', { options: {} }, { 'content-type': undefined }), 415],
  ];
  for (const [what, answer, status] of refusals) {
    const response = await answer;
    assert.equal(response.status, status, what);
    assert.equal(response.headers.get('access-control-allow-origin'), null, what);
  }
  assert.deepEqual(started, []);
  assert.ok(said.some((line) => line.includes('POST /api/runs') && line.includes('evil.com') && line.includes('refused'))); // prettier-ignore
  // Not even where somebody put it into an address.
  const audit = readFileSync(join(results, '.console-audit.ndjson'), 'utf8');
  assert.ok(audit.includes('the token is missing'));
  assert.ok(![...said, audit].some((text) => text.includes(TOKEN)));
  // A link of another page may open it; a script of it may not fetch it.
  const opened = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
  assert.equal((await get('/', opened)).status, 200);
  assert.equal((await get('/api/runs', opened)).status, 403);
  assert.equal((await get('/', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).status, 403); // prettier-ignore
});

test('other methods change nothing', async (t) => {
  const { app } = consoleOf(t);
  for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const response = await app.request('/api/runs', { method, headers: { host: HOST } });
    assert.equal(response.status, 405, method);
  }
});

test('the page may load from here alone, and a report may not act as the page', async (t) => {
  const { get } = consoleOf(t);
  const page = await get('/');
  const policy = page.headers.get('content-security-policy')!;
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe|https?:/);
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(page.headers.get('cross-origin-resource-policy'), 'same-origin');
  assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
  assert.match(await page.text(), /<script src="\/assets\/console.js" defer>/);
  const report = await get(`/api/runs/${OLD}/files/report.html`);
  assert.equal(report.status, 200);
  assert.match(report.headers.get('content-security-policy')!, /^sandbox allow-scripts/);
  assert.equal(report.headers.get('x-content-type-options'), 'nosniff');
  assert.match(await report.text(), /<!doctype html>/);
  const picture = await get(`/api/runs/${OLD}/files/latency.svg`);
  assert.match(picture.headers.get('content-security-policy')!, /^sandbox; default-src 'none'/);
});

test('what lies outside the results is not reached, whatever the id', async (t) => {
  const { get, folders, results } = consoleOf(t);
  const ids = ['..', '.', '../secret', '..%2fsecret', '%2e%2e', '%2e%2e%2fsecret', 'link', `${OLD}/..`, `${OLD}~runs~..`, `~runs~${OLD}`, `${OLD}~other~x`, '', '%00', `${OLD}%00`, '..\\secret', results, encodeURIComponent(results), '.running.json', 'plan.json']; // prettier-ignore
  for (const id of ids)
    for (const rest of ['', '/files/plan.json', '/report', '/events']) {
      const { status } = await get(`/api/runs/${id}${rest}`);
      assert.ok(
        [400, 404].includes(status) || (id === '' && rest === ''),
        `${id}${rest}: ${status}`,
      );
    }
  for (const name of [
    '../plan.json',
    '..%2fplan.json',
    '%2e%2e%2f%2e%2e%2fplan.json',
    'junit.xml',
    'package.json',
    'corpus',
    '%00',
  ]) {
    const response = await get(`/api/runs/${OLD}/files/${name}`);
    assert.equal(response.status, 404, name);
  }
  assert.equal((await get(`/api/runs/${OLD}/files/plan.json`)).status, 200);
  fc.assert(
    fc.property(fc.string(), (id) => {
      const folder = folders.folderOf(id);
      if (folder !== null) assert.ok(folder.startsWith(`${folders.root}/`), id);
    }),
  );
});

test('a run whose files are links shows nothing of where they lead, and no audit is written through one', async (t) => {
  const { get, post, results, secret, said } = consoleOf(t);
  const id = '2026-01-06T00-00-00Z-load';
  const elsewhere = join(secret, 'run');
  writeRun(elsewhere, { ...syntheticRun({ seconds: 5 }), summary: null });
  mkdirSync(join(results, id));
  for (const name of readdirSync(elsewhere)) symlinkSync(join(elsewhere, name), join(results, id, name)); // prettier-ignore
  const seed = (JSON.parse(readFileSync(join(elsewhere, 'plan.json'), 'utf8')) as { seed: string }).seed; // prettier-ignore
  const run = await get(`/api/runs/${id}`);
  assert.equal(run.status, 200);
  const { figures, again } = (await run.json()) as { figures: LiveMessage; again: unknown };
  assert.deepEqual([figures.plan, figures.seconds, again], [null, 0, null]);
  for (const rest of [
    '/report',
    '/charts',
    '/files/plan.json',
    '/files/samples.csv',
    '/files/report.html',
  ]) {
    const response = await get(`/api/runs/${id}${rest}`);
    assert.ok([404, 409].includes(response.status), `${rest}: ${response.status}`);
    assert.ok(!(await response.text()).includes(seed), rest);
  }
  assert.equal((await get(`/api/compare?base=${OLD}&run=${id}`)).status, 409);
  const { runs } = (await (await get('/api/runs')).json()) as { runs: { id: string; seed: string | null; scenario: string }[] }; // prettier-ignore
  assert.deepEqual(runs.filter((row) => row.id === id).map((row) => [row.seed, row.scenario]), [[null, '']]); // prettier-ignore
  const target = join(secret, 'lines');
  writeFileSync(target, '');
  symlinkSync(target, join(results, '.console-audit.ndjson'));
  assert.equal((await post('/api/runs', { options: {} }, { authorization: undefined })).status, 401); // prettier-ignore
  assert.equal(readFileSync(target, 'utf8'), '');
  assert.ok(
    said.some((line) => line.includes('the token is missing')),
    'the terminal has it',
  );
});

test('runs: newest first, with verdicts; found by any word', async (t) => {
  const { get, results } = consoleOf(t);
  mkdirSync(join(results, '2026-01-03T00-00-00Z-load'));
  writeFileSync(join(results, '2026-01-03T00-00-00Z-load', 'plan.json'), '{"not": "a plan"}');
  mkdirSync(join(results, 'no run'));
  type List = { runs: { id: string; state: string; p95Ms: number | null }[]; more: boolean };
  const list = async (query = '') => (await (await get(`/api/runs${query}`)).json()) as List;
  const all = await list();
  assert.deepEqual(all.runs.map(({ id }) => id), ['2026-01-03T00-00-00Z-load', NEW, OLD]); // prettier-ignore
  assert.equal(all.runs[0].state, 'unreadable');
  assert.ok(all.runs[2].p95Ms! > 0);
  assert.deepEqual((await list('?limit=1')).more, true);
  assert.deepEqual((await list(`?before=${NEW}`)).runs.map(({ id }) => id), [OLD]); // prettier-ignore
  assert.deepEqual((await list('?search=2026-01-01%20LOAD')).runs.map(({ id }) => id), [OLD]); // prettier-ignore
  assert.deepEqual((await list('?search=nothing')).runs, []);
});

test('one run: figures, files that are there or can be made, and how to run it again', async (t) => {
  const { get, results } = consoleOf(t);
  const run = (await (await get(`/api/runs/${NEW}`)).json()) as {
    figures: LiveMessage;
    files: { name: string; bytes: number | null }[];
    again: Record<string, unknown>;
    command: string;
  };
  assert.equal(run.figures.state, 'passed');
  assert.equal(run.figures.seconds, 60);
  assert.ok(run.figures.logs.length > 0);
  const { seed } = JSON.parse(readFileSync(join(results, NEW, 'plan.json'), 'utf8')) as { seed: string }; // prettier-ignore
  assert.equal(run.again.seed, seed);
  assert.ok(run.command.startsWith(`npm run load -- --scenario load --seed ${seed}`), run.command);
  const names = run.files.map(({ name }) => name);
  for (const name of ['plan.json', 'summary.json', 'samples.csv', 'throughput.png', 'report.html'])
    assert.ok(names.includes(name), name);
  const csv = await (await get(`/api/runs/${NEW}/files/samples.csv`)).text();
  assert.equal(csv.split('\r\n').length, 62);
  assert.match(csv, /^time,elapsed_s,vus,sent,accepted,p50_ms/);
  const report = (await (await get(`/api/runs/${NEW}/report`)).json()) as { sections: { id: string }[] }; // prettier-ignore
  assert.ok(report.sections.some(({ id }) => id === 'figures'));
  const compared = (await (await get(`/api/compare?base=${OLD}&run=${NEW}`)).json()) as { page: { title: string }; unlike: string[] }; // prettier-ignore
  assert.match(compared.page.title, /^Compared with /);
  // Noise that was measured is used; no link is followed for it.
  const noise = join(results, 'calibration.json');
  const comparedText = async () => (await get(`/api/compare?base=${OLD}&run=${NEW}`)).text();
  symlinkSync('/etc/passwd', noise);
  assert.match(await comparedText(), /Which change 6 rounds would show is not known/);
  rmSync(noise);
  const plan = JSON.parse(readFileSync(join(results, OLD, 'plan.json'), 'utf8')) as Plan;
  const byFingerprint = {
    [fingerprintId(fingerprintOf(plan))]: {
      rounds: 8,
      deviations: { p95: 0.02, throughput: 0.01 },
    },
  };
  writeFileSync(noise, JSON.stringify({ format: 1, byFingerprint }));
  assert.match(await comparedText(), /6 rounds would show, .* in throughput \(A\/A noise/);
  rmSync(noise);
  assert.ok(Array.isArray(compared.unlike));
  assert.equal((await get(`/api/compare?base=${OLD}&run=..`)).status, 404);
});

test('a picture that does not lie there is made', slowOnly, async (t) => {
  const { get } = consoleOf(t);
  const png = Buffer.from(await (await get(`/api/runs/${OLD}/files/latency.png`)).arrayBuffer());
  assert.equal(png.subarray(1, 4).toString(), 'PNG');
});

test('cells of a table are no formulas of a spreadsheet', () => {
  const [line] = syntheticRun({ seconds: 1 }).samples;
  const text = samplesCsv([{ ...line, answers: { '=cmd|x': 1, 'a,"b"': 2 } }]);
  assert.match(text.split('\r\n')[0], /'=cmd\|x/);
  assert.match(text.split('\r\n')[0], /"a,""b"""/);
  const t0 = Date.UTC(2026, 0, 1);
  assert.match(resourcesCsv([{ t: t0, kind: 'process', name: '@x', cpuCores: 0.5 }]), /2026-01-01T00:00:00.000Z,process,'@x,0.5,/); // prettier-ignore
});

test('plan only: all problems at once, or the decision with its command line', async (t) => {
  const { post } = consoleOf(t);
  const wrong = await post('/api/runs/plan', { options: { vus: '0' } });
  assert.equal(wrong.status, 422);
  const { error } = (await wrong.json()) as { error: { problems: string[] } };
  assert.deepEqual(error.problems, ['--vus must be at least 1', '--rate is missing']);
  const right = await post('/api/runs/plan', { options: { vus: '5' } });
  assert.equal(((await right.json()) as { command: string }).command, 'npm run load -- --vus 5');
  for (const body of [
    {},
    { options: 1 },
    { options: { vus: 5 } },
    { options: {}, other: 1 },
    'no JSON',
  ])
    assert.equal((await post('/api/runs/plan', body)).status, 400, JSON.stringify(body));
  for (const name of ['k6', 'results', 'config', 'allow-remote'])
    assert.equal((await post('/api/runs/plan', { options: { [name]: '/bin/sh' } })).status, 422, name); // prettier-ignore
  assert.equal((await post('/api/runs/plan', { options: { vus: 'x'.repeat(4000) }, pad: 'x'.repeat(70_000) })).status, 413); // prettier-ignore
});

test('the words of a load are those of its command line', () => {
  const given = { vus: '5', gate: ['p95<1s', '-x'], faithful: true as const };
  assert.deepEqual(wordsOf(given), ['--vus=5', '--gate=p95<1s', '--gate=-x', '--faithful']);
  assert.equal(commandLineOf(given, "/a b's"), `npm run load -- --vus 5 --gate 'p95<1s' --gate=-x --faithful --results '/a b'\\''s'`); // prettier-ignore
});

test('a start that ends at once is refused with its own words; another machine must be confirmed', async (t) => {
  const { post, started, results, said } = consoleOf(t, {
    program: ['-e', 'console.error("error: port 8080 is taken\\nwhat to do: give another one"); process.exit(5)'], // prettier-ignore
  });
  const response = await post('/api/runs', { options: { vus: '5' } });
  assert.equal(response.status, 409);
  const { error } = (await response.json()) as { error: { message: string; hint: string } };
  assert.deepEqual({ ...error }, { message: 'port 8080 is taken', hint: 'give another one' });
  assert.deepEqual(started, [['--vus=5']]);
  const remote = { options: { target: ['http://far.example'] } };
  assert.equal((await post('/api/runs', remote)).status, 409);
  assert.equal((await post('/api/runs', { ...remote, confirmHosts: ['other.example'] })).status, 409); // prettier-ignore
  assert.equal(started.length, 1);
  await post('/api/runs', { ...remote, confirmHosts: ['far.example:80'] });
  assert.deepEqual(started[1], ['--target=http://far.example', '--allow-remote']);
  const audit = readFileSync(join(results, '.console-audit.ndjson'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { action: string; outcome: string; from: string }); // prettier-ignore
  assert.match(audit[0].action, /^start: npm run load -- --vus 5$/);
  assert.match(audit[0].outcome, /port 8080 is taken/);
  assert.match(audit[0].from, /127\.0\.0\.1:8089/);
  assert.equal(said.length, audit.length);
});

test('a start that breaks when its folder is there says why on the page of its run', async (t) => {
  const id = '2026-01-07T00-00-00Z-load';
  const lock = { format: 1, key: 'k', processStart: null, since: '2026-01-07T00:00:00Z', run: id, what: 'load', console: null }; // prettier-ignore
  const program = ['-e', `const fs = require('fs'); fs.mkdirSync('${id}'); fs.writeFileSync('.running.json', JSON.stringify({ ...${JSON.stringify(lock)}, pid: process.pid, host: require('os').hostname() })); setTimeout(() => { console.log('error: the backend ended'); process.exit(5); }, 300)`]; // prettier-ignore
  const { get, post } = consoleOf(t, { program });
  const started = await post('/api/runs', { options: { vus: '5' } });
  assert.equal(((await started.json()) as { id: string }).id, id);
  const figures = async () => ((await (await get(`/api/runs/${id}`)).json()) as { figures: LiveMessage }).figures; // prettier-ignore
  await until(async () => (await figures()).state === 'unfinished');
  await until(async () => (await figures()).preparing.includes('error: the backend ended'));
});

test('while a load runs there is no other, and it is there for all who ask', async (t) => {
  const { get, post, results, started } = consoleOf(t);
  writeRun(join(results, '2026-01-04T00-00-00Z-load'), { ...syntheticRun({ seconds: 5 }), summary: null, reconcile: null }); // prettier-ignore
  const lock = takeLoadLock(results, null);
  lock.setRun(join(results, '2026-01-04T00-00-00Z-load'));
  t.after(() => lock.release());
  const refused = await post('/api/runs', { options: { vus: '5' } });
  assert.equal(refused.status, 409);
  assert.match(((await refused.json()) as { error: { message: string } }).error.message, /a load is running since/); // prettier-ignore
  assert.deepEqual(started, []);
  const { current } = (await (await get('/api/console')).json()) as { current: { id: string; startedHere: boolean } }; // prettier-ignore
  assert.deepEqual([current.id, current.startedHere], ['2026-01-04T00-00-00Z-load', false]);
  const { runs } = (await (await get('/api/runs?limit=1')).json()) as { runs: { state: string }[] };
  assert.equal(runs[0].state, 'running');
  // Not this one: that is over.
  assert.equal((await post(`/api/runs/${OLD}/stop`)).status, 409);
  lock.release();
  const after = (await (await get('/api/runs?limit=1')).json()) as { runs: { state: string }[] };
  assert.equal(after.runs[0].state, 'unfinished');
});

/** Reads events until there are so many. */
async function events(
  response: Response,
  count: number,
): Promise<{ id: string; data: LiveMessage }[]> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  const found: { id: string; data: LiveMessage }[] = [];
  while (found.length < count) {
    const { value, done } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    for (let end; (end = text.indexOf('\n\n')) !== -1; text = text.slice(end + 2)) {
      const lines = new Map(text.slice(0, end).split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string])); // prettier-ignore
      if (lines.get('event') === 'run') found.push({ id: lines.get('id')!, data: JSON.parse(lines.get('data')!) as LiveMessage }); // prettier-ignore
    }
  }
  await reader.cancel();
  return found;
}

test('events go on from Last-Event-ID, also at another console', async (t) => {
  const first = consoleOf(t);
  const run = syntheticRun({ seconds: 20 });
  const folder = join(first.results, '2026-01-05T00-00-00Z-load');
  writeRun(folder, { ...run, samples: run.samples.slice(0, 8), summary: null, reconcile: null });
  const path = '/api/runs/2026-01-05T00-00-00Z-load/events';
  const [begin] = await events(await first.get(path), 1);
  assert.equal(begin.data.whole.rates.length, 8);
  assert.equal(begin.data.whole.isAnew, true);
  const file = new LineFile(join(folder, 'samples.ndjson'));
  run.samples.slice(8, 15).forEach((line) => file.append(JSON.stringify(line)));
  file.close();
  // Another one, as after a restart: it knows the files alone.
  const { app, stop } = consoleApp({ version: '1', folders: first.folders, resultsOption: null, repeatable: [], changes: null, e2e: NO_E2E, audit: auditOf(first.results, () => undefined), assets: new Map() }); // prettier-ignore
  t.after(stop);
  for (const [address, headers] of [
    [path, { 'last-event-id': begin.id }],
    [`${path}?since=${begin.id}`, {}],
  ] as const) {
    const [more] = await events(await app.request(address, { headers: { host: HOST, ...headers } }), 1); // prettier-ignore
    assert.deepEqual(more.data.whole.rates.map(({ startS }) => startS), [8, 9, 10, 11, 12, 13, 14]); // prettier-ignore
    assert.equal(more.data.whole.isAnew, false);
  }
  const [anew] = await events(await app.request(path, { headers: { host: HOST, 'last-event-id': 'nonsense' } }), 1); // prettier-ignore
  assert.equal(anew.data.whole.rates.length, 15);
});

test('fifty watch at once and no more; who leaves makes room', async (t) => {
  const { get } = consoleOf(t);
  const path = `/api/runs/${OLD}/events`;
  const readers: ReadableStreamDefaultReader<Uint8Array>[] = [];
  for (let i = 0; i < 50; i++) {
    const response = await get(path);
    assert.equal(response.status, 200, `viewer ${i + 1}`);
    readers.push((response.body as ReadableStream<Uint8Array>).getReader());
  }
  assert.equal((await get(path)).status, 503);
  // Others are answered as before.
  assert.equal((await get('/api/runs')).status, 200);
  await Promise.all(readers.map((reader) => reader.cancel()));
  await until(async () => {
    const again = await get(path);
    await again.body?.cancel();
    return again.status === 200;
  });
});

test('a console that only shows has no token and changes nothing; one run alone can be shown', async (t) => {
  const { get, post, results } = consoleOf(t, { readOnly: true });
  assert.equal((await post('/api/runs', { options: {} })).status, 403);
  assert.equal((await get('/api/form')).status, 403);
  assert.equal((await get(`/api/runs/${OLD}`)).status, 200);
  assert.equal(existsSync(join(results, '.running.json')), false);
  const one = new RunFolders(join(results, NEW));
  assert.deepEqual(one.ids(), [NEW]);
  assert.equal(one.folderOf(OLD), null);
  assert.equal(one.folderOf(NEW), join(one.root, NEW));
});

test(
  'the page of a run is written into the wiki that was given, and nowhere else',
  slowOnly,
  async (t) => {
    const wiki = scratchFolder(t);
    const { post } = consoleOf(t, { wiki });
    const response = await post(`/api/runs/${OLD}/wiki`);
    assert.equal(response.status, 200);
    const { changed } = (await response.json()) as { changed: string[] };
    assert.ok(changed.some((file) => file.endsWith('.md')));
    for (const file of changed) assert.ok(existsSync(join(wiki, file)), file);
    assert.equal((await post(`/api/runs/${OLD}/wiki`, { dir: '/tmp' })).status, 400);
    assert.equal((await consoleOf(t).post(`/api/runs/${OLD}/wiki`)).status, 409);
  },
);

/** What a socket answers. */
const ask = (port: number, host: string, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host }, () => socket.end(text));
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });

test('on a real socket: both families, no request without a host, the next port where one is taken', async (t) => {
  const { app } = consoleOf(t);
  const fetch = (request: Request) => app.fetch(request);
  const first = await listen(fetch, 0);
  t.after(() => first.close());
  const second = await listen(fetch, first.port);
  t.after(() => second.close());
  assert.ok(second.port > first.port);
  const status = (answer: string) => /^HTTP\/1\.\d (\d+)/.exec(answer)?.[1];
  for (const host of ['127.0.0.1', '::1']) {
    const answer = await ask(first.port, host, `GET /api/console HTTP/1.1\r\nHost: localhost:${first.port}\r\nConnection: close\r\n\r\n`).catch((error: NodeJS.ErrnoException) => error.code); // prettier-ignore
    if (host === '::1' && answer !== undefined && /^E/.test(answer)) continue; // A machine without IPv6.
    assert.equal(status(answer!), '200', host);
  }
  for (const text of [
    'GET /api/runs HTTP/1.0\r\n\r\n',
    'GET /api/runs HTTP/1.1\r\nConnection: close\r\n\r\n',
    'GET /api/runs HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n',
    'GET /api/runs HTTP/1.1\r\nHost: evil.com\r\nConnection: close\r\n\r\n',
    'GET http://evil.com/api/runs HTTP/1.1\r\nHost: evil.com\r\nConnection: close\r\n\r\n',
    `GET /../secret/plan.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    `GET /api/runs/../../secret/plan.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
  ]) {
    const answer = await ask(first.port, '127.0.0.1', text);
    assert.match(status(answer) ?? '', /^40[034]$/, `${text}: ${answer.slice(0, 200)}`);
    assert.doesNotMatch(answer, /of another folder|"runs":/);
  }
});

/** What comes back on a connection that the client leaves open, until the server ends it. @param more is sent again and again */
const lastWords = (port: number, text: string, more: string): Promise<string> =>
  new Promise((resolve) => {
    let answer = '';
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(text));
    const timer = setInterval(() => socket.write(more), 20);
    const limit = setTimeout(() => socket.destroy(new Error()), 60_000);
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('error', () => (answer ||= 'nobody ended it'));
    socket.on('close', () => {
      clearInterval(timer);
      clearTimeout(limit);
      resolve(answer);
    });
  });

test('a body that never ends is cut off, one that comes drop by drop is not waited for, and no other address is listened on', async (t) => {
  const { app, started } = consoleOf(t);
  const usual = await listen((request) => app.fetch(request), 0);
  const hasty = await listen((request) => app.fetch(request), 0, { headersMs: 200, wholeMs: 400 });
  t.after(() => Promise.all([usual.close(), hasty.close()]));
  const head = `POST /api/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAuthorization: Bearer ${TOKEN}\r\n`;
  const [chunked, slowHead, slowBody] = await Promise.all([
    // Its length is not said beforehand.
    lastWords(usual.port, `${head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n`, `2000\r\n${'x'.repeat(0x2000)}\r\n`), // prettier-ignore
    lastWords(hasty.port, 'GET / HTTP/1.1\r\nHost: 127.', '0'),
    lastWords(hasty.port, `${head}Content-Length: 5000\r\n\r\n{`, ' '),
  ]);
  assert.match(chunked, /^HTTP\/1\.1 413/);
  assert.match(slowHead, /^HTTP\/1\.1 408/);
  assert.match(slowBody, /^HTTP\/1\.1 4/);
  assert.deepEqual(started, []);
  // 127.0.0.2 is this machine as well: who listens on all addresses answers there.
  if (process.platform !== 'linux') return;
  const elsewhere = await ask(usual.port, '127.0.0.2', `GET /api/console HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`).catch((error: NodeJS.ErrnoException) => error.code); // prettier-ignore
  assert.equal(elsewhere, 'ECONNREFUSED');
});

test('OpenAPI has every path, with the shapes that requests are checked by; so has the page of the docs', async (t) => {
  const { get } = consoleOf(t);
  const api = (await (await get('/api/openapi.json')).json()) as { paths: Record<string, Record<string, { requestBody?: unknown }>> }; // prettier-ignore
  assert.deepEqual(api, JSON.parse(JSON.stringify(openApi('1.2.3'))));
  const docs = readFileSync(join(projectRoot, 'docs', 'console.md'), 'utf8');
  for (const { path, method } of Object.values(ROUTES)) {
    assert.ok(api.paths[path]?.[method], path);
    assert.equal(api.paths[path][method].requestBody !== undefined, method === 'post', path);
    assert.ok(docs.includes(`\`${method.toUpperCase()} ${path}\``), `${method} ${path} in docs/console.md`); // prettier-ignore
  }
});
