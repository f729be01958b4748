/** End-to-end runs at the console: what their files say while they grow, what of them can be reached, and one at a time. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { e2ePlannerOf } from '../../cli/console-e2e.ts';
import type { E2eMessage } from '../../console/live/e2e-message.ts';
import { E2eView, parseE2ePosition } from '../../console/live/e2e-view.ts';
import { MOST_STEPS } from '../../console/live/steps.ts';
import { countsOf, type E2eLive, withE2eMessage } from '../../console/page/e2e-series.ts';
import { stagesOf } from '../../console/page/trace-stages.ts';
import { consoleApp } from '../../console/server/app.ts';
import { auditOf } from '../../console/server/audit.ts';
import { E2eFolders } from '../../console/server/e2e-folders.ts';
import { E2eRuns } from '../../console/server/e2e-runs.ts';
import { WatchedE2e } from '../../console/server/e2e-watch.ts';
import { Loads } from '../../console/server/loads.ts';
import { e2eCommandLineOf, type Planner } from '../../console/server/planner.ts';
import { RunFolders } from '../../console/server/run-list.ts';
import { writeEvidence } from '../../e2e/dump/write-evidence.ts';
import { takeLock } from '../../e2e/lock.ts';
import { runningLoad, takeLoadLock } from '../../load/one-at-a-time.ts';
import { e2eCountsChart } from '../../plots/e2e-counts.ts';
import { EXIT } from '../../user-error.ts';
import { e2eEvents, e2eState, JUDGED, lines, RUN, T0, TIME, traceLine, writeE2eResults } from '../support/e2e-results.ts'; // prettier-ignore
import { golden } from '../support/evidence.ts';
import { scratchFolder } from '../support/scratch.ts';
import { slowOnly } from '../support/thorough.ts';
import { until } from '../support/until.ts';

const TOKEN = 'a-token-of-the-tests';
const HOST = '127.0.0.1:8089';
const OVER = `over~${TIME}`;
const GOING = `going~${TIME}`;

const NO_LOADS: Planner = { options: [], scenarios: [], headings: {}, plan: () => Promise.resolve({ problems: ['no'] }) }; // prettier-ignore

function consoleOf(
  t: TestContext,
  { readOnly = false, program = ['-e', ''] }: { readOnly?: boolean; program?: readonly string[] } = {}, // prettier-ignore
) {
  const scratch = scratchFolder(t);
  const [runs, results] = [join(scratch, 'runs'), join(scratch, 'results')];
  for (const folder of [runs, results]) mkdirSync(folder);
  writeE2eResults(runs, 'over');
  const folders = new RunFolders(results);
  const e2eFolders = new E2eFolders(runs);
  const started: string[][] = [];
  const node = (args: readonly string[]) => ({ file: process.execPath, args, cwd: runs, env: { RUNS: runs } }); // prettier-ignore
  const e2eRuns = new E2eRuns(
    e2eFolders,
    (words) => {
      started.push([...words]);
      return node(program);
    },
    { results, url: () => 'http://127.0.0.1:8089' },
  );
  const loads = new Loads(folders, () => node(['-e', '']));
  const { app, stop } = consoleApp({
    version: '1.2.3',
    folders,
    resultsOption: null,
    repeatable: [],
    changes: readOnly ? null : { token: TOKEN, loads, planner: NO_LOADS, wiki: null },
    e2e: {
      folders: e2eFolders,
      folderOption: null,
      changes: readOnly ? null : { runs: e2eRuns, planner: e2ePlannerOf({}, scratch, runs) },
    },
    audit: auditOf(results, () => undefined),
    assets: new Map(),
  });
  t.after(stop);
  const get = async (path: string, headers: Record<string, string> = {}) => app.request(path, { headers: { host: HOST, ...headers } }); // prettier-ignore
  const json = async <T>(path: string): Promise<T> => (await (await get(path)).json()) as T;
  const post = async (path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
    app.request(path, { method: 'POST', headers: { host: HOST, 'content-type': 'application/json', authorization: `Bearer ${TOKEN}`, ...headers }, body: JSON.stringify(body) }); // prettier-ignore
  return { scratch, runs, results, e2eFolders, e2eRuns, loads, started, get, json, post };
}

test('a run that goes on: steps, counts that grow, conditions; a viewer that comes back gets what came since', async (t) => {
  const { runs, e2eFolders } = consoleOf(t);
  e2eState(runs, 'going');
  const state = join(runs, 'going', 'state');
  const lock = takeLock(state);
  t.after(() => existsSync(state) && lock.release());
  const path = join(state, 'events.ndjson');
  writeFileSync(path, lines(e2eEvents(5)));
  const watched = new WatchedE2e(() => e2eFolders.placeOf(GOING), () => ['it says so']); // prettier-ignore
  await watched.read();
  const first = watched.message(undefined);
  assert.equal(first.state, 'running');
  assert.deepEqual(first.steps.map(({ name, status }) => [name, status]), [['setup', 'done'], ['start', 'done'], ['wait', 'running'], ['stop', 'to do'], ['dump-logs', 'to do'], ['assert', 'to do'], ['teardown', 'to do']]); // prettier-ignore
  assert.deepEqual(first.steps[0].counts, { producers: 24 });
  assert.equal(first.steps[2].counts!.sent, 10, 'the condition was seen last');
  assert.equal(first.steps[0].ms, 900);
  assert.deepEqual(first.lines, ['it says so']);
  assert.equal(first.conditions.find(({ words }) => words === 'something is stored')!.heldMs, T0 + 3000); // prettier-ignore
  assert.ok(first.conditions.some(({ words, heldMs }) => words === 'every stored submission is verified' && heldMs === null)); // prettier-ignore
  assert.deepEqual(first.marks.map(({ text }) => text), ['setup', 'start', 'wait', 'something is stored']); // prettier-ignore

  const { position } = watched;
  appendFileSync(path, lines([{ at_ms: T0 + 9000, kind: 'counts', fields: { sent: 70, verified: null } }, 'no event', { at_ms: T0 + 9100, kind: 'disturbance', fields: { name: 'storage-restart', status: 'begun' } }])); // prettier-ignore
  appendFileSync(path, '{"at_ms": half a line');
  await watched.read();
  const more = watched.message(position);
  assert.equal(more.isAnew, false);
  assert.deepEqual(more.points, [{ startS: 9, counts: { sent: 70, verified: null } }]);
  assert.equal(more.marks.at(-1)!.text, 'storage-restart begun');
  for (const strange of [undefined, 'nonsense', '2-17', '1-999999999'])
    assert.equal(watched.message(strange).isAnew, true, strange);

  // What the page makes of both is what one that came later gets at once.
  const both = withE2eMessage(withE2eMessage(null, first), more);
  const once = withE2eMessage(null, watched.message(undefined));
  assert.deepEqual(both.points, once.points);
  assert.match(e2eCountsChart(countsOf(both)).description, /sent 70/);

  // Torn down: what its end wrote down stands for the rest.
  lock.release();
  rmSync(state, { recursive: true });
  writeE2eResults(runs, 'going');
  await watched.read();
  assert.equal(watched.round, 1);
  const over = watched.message(undefined);
  assert.equal(over.state, 'failed');
  assert.equal(over.sentence, RUN.sentence);
  assert.deepEqual(over.judged, { held: 1, failed: 1, noData: 1 });
  assert.deepEqual(over.steps.map(({ status }) => status), ['done', 'done', 'done', 'to do', 'to do', 'failed', 'done']); // prettier-ignore
  assert.equal(over.steps[5].message, '1 did not hold');
});

test('counts of a day have so many steps and no more, and are the same however often somebody looks', () => {
  const titles = [{ name: 'wait', title: '' }];
  const view = new E2eView(titles);
  let page: E2eLive | null = null;
  let since: string | undefined;
  for (let second = 0; second < 20_000; second++) {
    view.addEvent({ at_ms: T0 + second * 1000, kind: 'counts', fields: { sent: second } }, second + 1); // prettier-ignore
    if (second % 97 !== 0) continue;
    page = withE2eMessage(page, view.message(parseE2ePosition(since), T0));
    since = `${view.position.stepS}-${view.position.place}`;
  }
  page = withE2eMessage(page, view.message(parseE2ePosition(since), T0));
  const whole: E2eMessage = view.message(null, T0);
  assert.deepEqual(page.points, whole.points);
  assert.ok(whole.points.length <= MOST_STEPS && whole.points.length > MOST_STEPS / 3);
  assert.equal(whole.counts!.sent, 19_999);
  for (let i = 0; i < 300; i++) view.addEvent({ at_ms: T0 + 3e7 + i, kind: 'condition', fields: { words: `condition ${i}` } }, 1e6 + i); // prettier-ignore
  assert.ok(view.message(null, T0).marks.length <= 100);
  assert.ok(view.message(null, T0).conditions.length <= 40);
});

test('the list says how each stands: under way, kept, broken, over, and of an older toolkit', async (t) => {
  const { runs, json } = consoleOf(t);
  e2eState(runs, 'held');
  const lock = takeLock(join(runs, 'held', 'state'));
  t.after(() => lock.release());
  e2eState(runs, 'kept', { steps: {} });
  e2eState(runs, 'broke', { steps: { setup: { status: 'failed', by: { pid: 1, startedAt: '' }, beganMs: T0, error: { message: 'no room', hint: '', exitCode: EXIT.broken } } } }); // prettier-ignore
  writeE2eResults(runs, 'older', { run: null, time: '2026-11-25T00-00-00' });
  mkdirSync(join(runs, 'nothing', 'x'), { recursive: true });
  const { runs: rows } = await json<{ runs: { id: string; state: string; step: string; sentence: string }[] }>('/api/e2e'); // prettier-ignore
  assert.deepEqual(rows.map(({ id, state }) => [id, state]), [
    [`broke~${TIME}`, 'broken'],
    [`held~${TIME}`, 'running'],
    [`kept~${TIME}`, 'kept'],
    [OVER, 'failed'],
    ['older~2026-11-25T00-00-00', 'failed'],
  ]); // prettier-ignore
  assert.equal(rows[1].step, 'wait');
  assert.equal(rows[0].sentence, 'setup failed: no room');
  assert.equal(rows[4].sentence, '1 of 3 assertions did not hold, 1 could not be judged');
  assert.equal(
    (await json<{ runs: unknown[] }>('/api/e2e?search=24%20MESA%20over')).runs.length,
    1,
  );
  assert.equal((await json<{ runs: unknown[] }>('/api/e2e?limit=2')).runs.length, 2);
});

test('one that is over: assertions with examples, the way of one submission, lags, logs and files', async (t) => {
  const { get, json } = consoleOf(t);
  const { row, logs, files } = await json<{ row: { state: string }; logs: { name: string }[]; files: { name: string }[] }>(`/api/e2e/${OVER}`); // prettier-ignore
  assert.equal(row.state, 'failed');
  assert.deepEqual(logs.map(({ name }) => name), ['backend', 'verifier']); // prettier-ignore
  assert.deepEqual(files.map(({ name }) => name), ['report.md', 'run.json', 'assertions.json', 'trace.ndjson', 'events.ndjson']); // prettier-ignore
  assert.deepEqual(await json(`/api/e2e/${OVER}/assertions`), { judged: JUDGED, wanted: [] });
  const found = async (search: string, more = '') => {
    const { lines: all, more: others } = await json<{ lines: { id: number }[]; more: boolean }>(`/api/e2e/${OVER}/trace?search=${encodeURIComponent(search)}${more}`); // prettier-ignore
    return [all.map(({ id }) => id), others];
  };
  assert.deepEqual(await found('B62qProducer1 12:00:07'), [[7], false]);
  assert.deepEqual(await found('#7'), [[7], false]);
  assert.deepEqual(await found('refused'), [[7], false]);
  assert.deepEqual(await found('3Nstate39'), [[39], false]);
  assert.deepEqual(await found('', '&limit=3'), [[0, 1, 2], true]);
  assert.deepEqual(await found('nobody'), [[], false]);
  const lags = await json<{ submissions: number; reached: Record<string, number>; lags: { name: string; p50Ms: number }[]; picture: { batches: unknown[] } }>(`/api/e2e/${OVER}/lags`); // prettier-ignore
  assert.deepEqual([lags.submissions, lags.reached.point, lags.reached.verified], [40, 39, 1]);
  assert.equal(lags.lags.find(({ name }) => name === 'answered')!.p50Ms, 50);
  assert.equal(lags.picture.batches.length, 1);

  const log = await get(`/api/e2e/${OVER}/logs/backend`);
  assert.equal(log.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.equal(log.headers.get('x-content-type-options'), 'nosniff');
  assert.match(log.headers.get('content-security-policy')!, /^sandbox; default-src 'none'/);
  assert.equal(log.headers.get('x-cut'), 'false');
  assert.match(await log.text(), /^INFO one\n/);
  const long = await get(`/api/e2e/${OVER}/logs/verifier?bytes=1000`);
  assert.equal(long.headers.get('x-cut'), 'true');
  const text = await long.text();
  assert.ok(text.length <= 1000 && text.startsWith('info: a line\n'));
  assert.ok((await (await get(`/api/e2e/${OVER}/logs/verifier?bytes=-5`)).text()).length <= 64 * 1024); // prettier-ignore
  const report = await get(`/api/e2e/${OVER}/files/report.md`);
  assert.equal(report.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.equal(await report.text(), '# A report\n');
});

test('one is run again with what was chosen and its seed; what a browser may not choose is named', async (t) => {
  const { runs, json } = consoleOf(t);
  type Again = { again: unknown; leftOut: string[]; command: string | null };
  const of = async (id: string, ask = json) => {
    const { again, leftOut, command } = await ask<Again>(`/api/e2e/${id}`);
    return { again, leftOut, command };
  };
  // An older toolkit wrote none of it down.
  assert.deepEqual(await of(OVER), { again: null, leftOut: [], command: null });
  const chosen = { name: 'again', seed: 'my seed', producers: '30', disturb: ['pause', 'restart'], keep: true as const, backend: '/bin/sh' }; // prettier-ignore
  writeE2eResults(runs, 'again', { run: { ...RUN, chosen } });
  const { backend, ...rest } = chosen;
  const found = {
    again: rest,
    leftOut: ['backend'],
    command: `npm run e2e -- run --name again --seed 'my seed' --producers 30 --disturb pause --disturb restart --keep --backend ${backend}`,
  };
  assert.deepEqual(await of(`again~${TIME}`), found);
  // Of one that goes on, its state says it.
  e2eState(runs, 'going', { chosen: { name: 'going', seed: 's' } });
  assert.deepEqual((await of(GOING)).again, { name: 'going', seed: 's' });
  const shown = consoleOf(t, { readOnly: true });
  writeE2eResults(shown.runs, 'again', { run: { ...RUN, chosen } });
  assert.deepEqual(await of(`again~${TIME}`, shown.json), { ...found, again: null, leftOut: [] });
});

test('stages of a trace: each with its time since it was sent, what went wrong marked', () => {
  const names = (line: Parameters<typeof stagesOf>[0]) => stagesOf(line).map(({ name, afterMs, isBad }) => [name, afterMs, isBad]); // prettier-ignore
  assert.deepEqual(names(traceLine(0)), [
    ['sent', 0, false],
    ['answered', 50, false],
    ['stored in postgres', 0, false],
    ['picked', 9900, false],
    ['verified', 11_900, false],
    ['counted', 12_900, false],
    ['shortlisted', 12_900, false],
    ['point', 12_900, false],
    ['score', 12_900, false],
    ['shown', 14_900, false],
  ]); // prettier-ignore
  const lost = { ...traceLine(0), status: 0, answered_ms: undefined, stored: undefined, displaced_in: ['s3' as const], mini_batch: undefined, verdict: undefined, batch: undefined, weight: undefined, point_id: undefined, score: undefined, shown_ms: undefined }; // prettier-ignore
  assert.deepEqual(names(lost), [['sent', 0, false], ['not answered', null, true], ['not in s3', null, true]]); // prettier-ignore
  const refused = stagesOf(traceLine(0, { verdict: 'refused', error: 'a wrong proof' }));
  assert.deepEqual(refused.filter(({ isBad }) => isBad).map(({ what }) => what), ['a wrong proof; by embedded']); // prettier-ignore
});

test('what lies outside a run is not reached, whatever id, link or state say', async (t) => {
  const { scratch, runs, get, json, e2eFolders } = consoleOf(t);
  const secret = join(scratch, 'secret');
  mkdirSync(join(secret, 'logs'), { recursive: true });
  writeFileSync(join(secret, 'run.json'), JSON.stringify(RUN));
  writeFileSync(join(secret, 'logs', 'x.log'), 'of another folder');
  symlinkSync(secret, join(runs, 'over', 'link'));
  symlinkSync(join(secret, 'logs', 'x.log'), join(runs, 'over', TIME, 'logs', 'linked.log'));
  symlinkSync(join(secret, 'run.json'), join(runs, 'over', TIME, 'junit.xml'));
  // Its results are said to lie elsewhere, its state is a link.
  e2eState(runs, 'sly', { results: join(secret, '..', 'secret') });
  mkdirSync(join(runs, 'linked'));
  symlinkSync(join(runs, 'sly', 'state'), join(runs, 'linked', 'state'));
  for (const id of ['..', 'over', 'over~..', '..~secret', 'over~link', 'over~state', `over~${TIME}~x`, '%2e%2e~secret', 'over%2f..~secret', `linked~${TIME}`, 'linked~secret', '', '~'])
    for (const rest of ['', '/assertions', '/trace', '/logs', '/events', '/files/run.json']) {
      const { status } = await get(`/api/e2e/${id}${rest}`);
      assert.ok([400, 404].includes(status) || (id === '' && rest === ''), `${id}${rest}: ${status}`); // prettier-ignore
    } // prettier-ignore
  for (const name of ['linked', '../run', '..%2frun.json', 'nothing', '%2e%2e%2f%2e%2e%2fsecret%2flogs%2fx', '%00'])
    assert.equal((await get(`/api/e2e/${OVER}/logs/${name}`)).status, 404, name); // prettier-ignore
  for (const name of ['junit.xml', 'state.json', '..%2frun.json', 'dump', 'sent.ndjson'])
    assert.equal((await get(`/api/e2e/${OVER}/files/${name}`)).status, 404, name); // prettier-ignore
  // The one whose state points elsewhere is there by its state alone.
  const sly = await json<{ logs: unknown[]; files: unknown[] }>('/api/e2e/sly~secret');
  assert.deepEqual([sly.logs, sly.files], [[], []]);
  assert.equal((await get('/api/e2e/sly~secret/files/run.json')).status, 404);
  fc.assert(
    fc.property(fc.string(), (id) => {
      const place = e2eFolders.placeOf(id);
      if (place !== null) assert.ok([place.results, place.state].every((path) => path === null || path.startsWith(`${runs}/`)), id); // prettier-ignore
    }),
  );
});

test('files of another shape than ours are no fault of the console', async (t) => {
  const { runs, get, json } = consoleOf(t);
  for (const [name, text] of Object.entries({
    'run.json': '{"format": 1}',
    'assertions.json': '{"no": "list"}',
    'trace.ndjson': '{"id": 1}\n[]\nnot JSON\n',
    'events.ndjson': '[]\nnull\n{"at_ms":"x"}\n{"at_ms":1,"kind":"step","fields":{"step":7}}\n',
  }))
    writeFileSync(join(runs, 'over', TIME, name), text);
  e2eState(runs, 'odd', { topology: { name: 'odd' } as never, steps: { setup: null, other: 7 } as never }); // prettier-ignore
  const { runs: rows } = await json<{ runs: { state: string }[] }>('/api/e2e');
  assert.equal(rows.length, 2);
  for (const id of [OVER, `odd~${TIME}`])
    for (const rest of ['', '/assertions', '/logs'])
      assert.equal((await get(`/api/e2e/${id}${rest}`)).status, 200, `${id}${rest}`);
  assert.deepEqual((await json<{ lines: unknown[] }>(`/api/e2e/${OVER}/trace`)).lines, []);
});

test('a folder of one name, of one run, or a dump alone is shown and nothing beside it', (t) => {
  const { runs } = consoleOf(t);
  writeE2eResults(runs, 'other');
  assert.deepEqual(new E2eFolders(runs).ids(), [`other~${TIME}`, OVER]);
  assert.deepEqual(new E2eFolders(join(runs, 'over')).ids(), [OVER]);
  assert.deepEqual(new E2eFolders(join(runs, 'over', TIME)).ids(), [OVER]);
  assert.equal(new E2eFolders(join(runs, 'over')).placeOf(`other~${TIME}`), null);
  assert.deepEqual(new E2eFolders(join(runs, 'none', 'yet')).ids(), []);
  const results = join(runs, 'over', TIME);
  mkdirSync(join(results, 'dump'));
  writeFileSync(join(results, 'dump', 'dump.json'), '{}');
  assert.deepEqual(new E2eFolders(join(results, 'dump')).ids(), [OVER]);
});

test('a dump that nobody has judged is judged when it is looked at, and nothing is written', slowOnly, async (t) => {
  const { runs, get, json } = consoleOf(t, { readOnly: true });
  const dump = join(runs, 'bare', 'artefact');
  mkdirSync(dump, { recursive: true });
  const { evidence, blocks } = await golden();
    await writeEvidence(evidence, blocks, dump);
  const before = readFileSync(join(dump, 'dump.json'), 'utf8');
  const { judged } = await json<{ judged: { name: string; outcome: string }[] }>('/api/e2e/bare~artefact/assertions'); // prettier-ignore
  assert.equal(judged.find(({ name }) => name === 'accepted-stored-once')!.outcome, 'held');
  const { lines: [first] } = await json<{ lines: { reached: string }[] }>('/api/e2e/bare~artefact/trace?limit=1'); // prettier-ignore
  assert.equal(first.reached, 'point');
  assert.equal((await get('/api/e2e/bare~artefact/lags')).status, 200);
  assert.equal(existsSync(join(dump, 'trace.ndjson')), false);
  assert.equal(readFileSync(join(dump, 'dump.json'), 'utf8'), before);
}); // prettier-ignore

test('the decision before the start: what it is made of, its steps, what is waited for; programs and places of others are not taken', async (t) => {
  const { post, started } = consoleOf(t);
  const plan = async (options: object) => {
    const answer = await post('/api/e2e/plan', { options });
    return [answer.status, await answer.json()] as [number, { command: string; steps: { name: string }[]; lines: { text: string }[]; conditions: unknown[]; error: { problems: string[] } }]; // prettier-ignore
  };
  const [status, decided] = await plan({ producers: '30', batches: '2', keep: true });
  assert.equal(status, 200);
  assert.equal(decided.command, 'npm run e2e -- run --producers 30 --batches 2 --keep');
  assert.deepEqual(decided.steps.map(({ name }) => name), ['setup', 'start', 'wait', 'stop', 'dump-logs', 'assert']); // prettier-ignore
  assert.match(decided.lines.map(({ text }) => text).join('\n'), /^30 producers.*\n2 of 10 s.*\nPostgreSQL.*\nabout 1\d\d submissions in 19 s/); // prettier-ignore
  assert.equal(decided.conditions.length, 5);
  for (const name of ['database', 'backend', 'backend-image', 'coordinator', 'leaderboard', 'verifier-image', 'daemon-image', 'minimina', 'allow-remote', 'topology-file', 'folder', 'matrix', 'from', 'config']) {
    const [refused, { error }] = await plan({ [name]: 'x' });
    assert.deepEqual([refused, error.problems], [422, [`--${name} is not taken here`]], name);
  } // prettier-ignore
  assert.deepEqual((await plan({ s3: 's3://account-bucket', network: 'minimina' }))[1].error.problems.slice(0, 2), ['--network must be fleet or recorded here, but is "minimina"', '--s3 must be filesystem or versitygw here, but is "s3://account-bucket"']); // prettier-ignore
  assert.deepEqual((await plan({ name: 'mainnet-1' }))[1].error.problems.length, 1);
  assert.equal((await plan({ producers: '2', batches: '0' }))[1].error.problems.length, 2);
  assert.deepEqual(started, []);
  assert.equal(e2eCommandLineOf({ seed: "a b'" }, '/x y'), `npm run e2e -- run --seed 'a b'\\''' --folder '/x y'`); // prettier-ignore
});

test('who may not change may not start or stop an end-to-end run', async (t) => {
  const { post, started } = consoleOf(t);
  for (const path of ['/api/e2e', '/api/e2e/plan', `/api/e2e/${OVER}/stop`]) {
    assert.equal((await post(path, { options: {} }, { authorization: 'Bearer x' })).status, 401);
    assert.equal((await post(path, { options: {} }, { origin: 'https://evil.com' })).status, 403);
    assert.equal((await post(path, { options: {} }, { 'content-type': 'text/plain' })).status, 415);
    assert.equal((await post(path, { options: {} }, { host: 'evil.com' })).status, 403);
  }
  assert.equal((await post(`/api/e2e/${OVER}/stop`)).status, 409, 'nobody works on it');
  assert.deepEqual(started, []);
  const shown = consoleOf(t, { readOnly: true });
  for (const path of ['/api/e2e', '/api/e2e/plan', `/api/e2e/${OVER}/stop`])
    assert.equal((await shown.post(path, { options: {} })).status, 403);
  assert.equal((await shown.get(`/api/e2e/${OVER}`)).status, 200);
});

test('one at a time: no end-to-end run beside a load, no load beside it, and its lock goes with it', async (t) => {
  const ends = "process.on('SIGINT', () => process.exit(130)); setInterval(() => 0, 1000)";
  // A harness that stands on its state, as far as anybody sees.
  const program = ['-e', `const fs = require('fs'); const stat = fs.readFileSync('/proc/self/stat', 'latin1'); const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(); const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]; fs.writeFileSync(process.env.RUNS + '/mine/state/lock.json', JSON.stringify({ pid: process.pid, startedAt: boot + '/' + ticks })); ${ends}`]; // prettier-ignore
  if (process.platform !== 'linux') return;
  const { runs, results, post, json, loads, e2eRuns, started } = consoleOf(t, { program });
  e2eState(runs, 'mine');
  const load = takeLoadLock(results, null);
  const refused = await post('/api/e2e', { options: { name: 'mine' } });
  assert.equal(refused.status, 409);
  assert.match(((await refused.json()) as { error: { message: string } }).error.message, /^a load is running since/); // prettier-ignore
  load.release();
  assert.deepEqual(started, []);
  const answer = await post('/api/e2e', { options: { name: 'mine', producers: '5' } });
  assert.equal(answer.status, 201);
  const { id } = (await answer.json()) as { id: string };
  assert.equal(id, `mine~${TIME}`);
  assert.deepEqual(started, [['--name=mine', '--producers=5']]);
  assert.equal(runningLoad(results)?.what, 'e2e');
  const { current } = await json<{ current: { what: string; id: string; startedHere: boolean } }>('/api/console'); // prettier-ignore
  assert.deepEqual([current.what, current.id, current.startedHere], ['e2e', id, true]);
  assert.throws(() => takeLoadLock(results, null), /^UserError: an end-to-end run is running since .*mine/); // prettier-ignore
  assert.match(JSON.stringify(await loads.start(['--vus=1'])), /an end-to-end run is running/);
  assert.equal((await post('/api/e2e', { options: { name: 'other' } })).status, 409);
  assert.equal((await post(`/api/e2e/${id}/stop`)).status, 200);
  await until(() => runningLoad(results) === null);
  assert.equal(e2eRuns.current(), null);
  const audit = readFileSync(join(results, '.console-audit.ndjson'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { action: string; run: string; outcome: string }); // prettier-ignore
  assert.deepEqual(audit.map(({ action, outcome }) => [action.slice(0, 5), outcome.slice(0, 9)]), [['start', 'refused: '], ['start', 'started'], ['start', 'refused: '], ['stop', 'stopping']]); // prettier-ignore
});

test('a start that ends at once is refused with its own words', async (t) => {
  const { post, results } = consoleOf(t, { program: ['-e', 'console.error("error: the run mine is set up already, with other settings\\nwhat to do: another --name"); process.exit(2)'] }); // prettier-ignore
  const answer = await post('/api/e2e', { options: {} });
  assert.equal(answer.status, 409);
  const { error } = (await answer.json()) as { error: { message: string; hint: string } };
  assert.deepEqual({ ...error }, { message: 'the run mine is set up already, with other settings', hint: 'another --name' }); // prettier-ignore
  await until(() => runningLoad(results) === null);
});
