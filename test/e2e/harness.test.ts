/** The parts of the harness that need no run: conditions, topology, lock, state, steps, what is a leftover, what is done when. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { leftoverOf } from '../../e2e/cleanup.ts';
import { batchEvents, verifierEvents } from '../../e2e/component-events.ts';
import type { TimedOut } from '../../e2e/conditions.ts';
import {
  type Condition,
  type Counts,
  equals,
  grows,
  lastMoved,
  reaches,
  timesGrown,
  waitFor,
  type WaitClock,
} from '../../e2e/conditions.ts';
import { dueOf } from '../../e2e/disturbances.ts';
import { codeOf, type Judged } from '../../e2e/judged.ts';
import { takeLock } from '../../e2e/lock.ts';
import { type E2eRun, outcomeOf } from '../../e2e/report/outcome.ts';
import { pageOf } from '../../e2e/report/page.ts';
import { reportToGithub } from '../../e2e/report/write.ts';
import { runSteps } from '../../e2e/run.ts';
import { printJunit } from '../../report/print-junit.ts';
import { combinationName, combinationsOf } from '../../e2e/matrix.ts';
import { allowedLogWords } from '../../e2e/collect.ts';
import { graceMsOf, usesOf } from '../../e2e/originals.ts';
import {
  createState,
  newState,
  openState,
  readState,
  removeEmptyState,
  type RunState,
  STEP_NAMES,
  type StepName,
} from '../../e2e/state.ts';
import type { Disturbance } from '../../e2e/staging/disturbance.ts';
import type { Step } from '../../e2e/steps/context.ts';
import { runStep } from '../../e2e/steps/engine.ts';
import { stepOf } from '../../e2e/steps/index.ts';
import { conditionsOf } from '../../e2e/steps/wait.ts';
import { databaseNameOf, nameProblem, networkNameOf, topologyOf } from '../../e2e/topology.ts';
import { identityOf } from '../../system/process-identity.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { E2E_ASK, e2eTopology } from '../support/e2e-topology.ts';
import { scratchFolder } from '../support/scratch.ts';
import { callsOf, type Verifiers } from '../../stack/verifier/updater/update-window.ts';

const never = new AbortController().signal;

/** A clock that a wait moves by sleeping. */
function clockOf(): WaitClock & { nowMs: number } {
  const clock = {
    nowMs: 0,
    now: () => clock.nowMs,
    sleep(ms: number, signal: AbortSignal) {
      signal.throwIfAborted();
      clock.nowMs += ms;
      return Promise.resolve();
    },
  };
  return clock;
}

/** Reads the rows one after another, the last one for ever. */
const readingOf = (rows: readonly Counts[]): (() => Promise<Counts>) => {
  let at = 0;
  return () => Promise.resolve(rows[Math.min(at++, rows.length - 1)]);
};

test('a wait ends when all conditions hold at once, and keeps what changed', async () => {
  const held: string[] = [];
  const { counts, history } = await waitFor({
    conditions: [
      reaches('batches', 2, 60_000),
      equals('verified', 'stored', 60_000, 'all verified'),
    ],
    read: readingOf([
      { stored: 0, verified: 0, batches: 0 },
      { stored: 2, verified: 2, batches: 0 },
      { stored: 2, verified: 2, batches: 0 },
      { stored: 4, verified: 2, batches: 2 },
      { stored: 4, verified: 4, batches: 2 },
    ]),
    clock: clockOf(),
    signal: never,
    everyMs: 1000,
    onHeld: ({ name }) => held.push(name),
  });
  assert.deepEqual(counts, { stored: 4, verified: 4, batches: 2 });
  assert.deepEqual(
    history.map(({ atMs, counts: { stored } }) => [atMs, stored]),
    [
      [0, 0],
      [1000, 2],
      [3000, 4],
      [4000, 4],
    ],
  );
  // That all are verified was so once before: it is said each time that it becomes so.
  assert.deepEqual(held, ['verified = stored', 'batches >= 2', 'verified = stored']);
});

test('a time-out says which count did not move since when', async () => {
  const waiting = waitFor({
    conditions: [equals('verified', 'stored', 30_000, 'every stored submission is verified')],
    read: readingOf([
      { stored: 0, verified: 0, lost: null },
      { stored: 5, verified: 0, lost: null },
      { stored: 9, verified: 3, lost: null },
    ]),
    clock: clockOf(),
    signal: never,
    everyMs: 10_000,
  });
  await assert.rejects(waiting, (error: TimedOut) => {
    assert.equal(
      error.message,
      '"every stored submission is verified" did not come true within 30 s: verified stands at 3 since 00:00:20Z (20 s), stored stands at 9 since 00:00:20Z (20 s)',
    );
    assert.equal(error.exitCode, EXIT.broken);
    assert.equal(error.history.length, 3);
    return true;
  });
});

test('a count that never moved, and one that could not be read, are said to be so', async () => {
  const condition: Condition = { ...reaches('stored', 1, 1000), of: ['stored', 'lost'] };
  await assert.rejects(
    waitFor({ conditions: [condition], read: readingOf([{ stored: 0, lost: null }]), clock: clockOf(), signal: never }), // prettier-ignore
    /stored never moved from 0 \(1 s\), lost could not be read$/,
  );
});

test('a wait that is interrupted ends with the reason', async () => {
  const stop = new AbortController();
  const reason = new Error('enough');
  const waiting = waitFor({
    conditions: [reaches('stored', 1, 1000)],
    read() {
      stop.abort(reason);
      return Promise.resolve({ stored: 0 });
    },
    clock: clockOf(),
    signal: stop.signal,
  });
  await assert.rejects(waiting, reason);
});

test('how often a count grew is counted over gaps and falls', () => {
  const of = (values: (number | null)[]) =>
    values.map((value, i) => ({ atMs: i, counts: { stored: value } }));
  assert.equal(timesGrown(of([null, 1, 1, null, 2, 1, 3]), 'stored'), 2);
  assert.equal(grows('stored', 2, 1).holds({}, of([1, 2, 3])), true);
  assert.equal(grows('stored', 3, 1).holds({}, of([1, 2, 3])), false);
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (values) => {
      const grown = values.filter((value, i) => i > 0 && value > values[i - 1]).length;
      assert.equal(timesGrown(of(values), 'stored'), grown);
      const last = lastMoved(of(values), 'stored');
      assert.equal(last?.value ?? null, values.at(-1) ?? null);
    }),
  );
});

test('more nodes than a laptop follows at full speed run slower, unless somebody chose the speed', () => {
  const of = (change: Partial<typeof E2E_ASK>) => {
    const { network, intervalSeconds } = e2eTopology(change);
    return [network.speedup, intervalSeconds];
  };
  assert.deepEqual(of({ producers: 375 }), [120, 10]);
  assert.deepEqual(of({ producers: 1000 }), [45, 27]);
  assert.deepEqual(of({ producers: 1000, era: 'berkeley' }), [90, 13]);
  assert.deepEqual(of({ producers: 1000, nodesPerProducer: 2 }), [22, 55]);
  assert.deepEqual(of({ producers: 1000, speedup: 120 }), [120, 10]);
  assert.deepEqual(of({ network: 'load', producers: 1000 }), [120, 10]);
  const { notes } = topologyOf({ ...E2E_ASK, producers: 1000 }) as { notes: string[] };
  assert.match(notes.join(), /so many nodes run 45 times as fast/);
});

test('the topology is decided, or all that is wrong with it is said at once', () => {
  const usual = e2eTopology();
  assert.equal(usual.network.speedup, 120);
  assert.equal(usual.intervalSeconds, 10);
  assert.equal(usual.noChecks, true);
  assert.equal(usual.hourlyLimit, 120 * 120);
  assert.equal(e2eTopology({ speedup: 1 }).intervalSeconds, 1200);
  assert.equal(e2eTopology({ network: 'recorded', payloads: '/somewhere' }).noChecks, false);
  const wrong = topologyOf({
    ...E2E_ASK,
    name: 'mina-mainnet',
    speedup: 1000,
    nodesPerProducer: 1,
    sameSecondShare: 0.1,
    topologyFile: '/t.json',
    noChecks: false,
  });
  assert.ok('problems' in wrong);
  assert.deepEqual(
    wrong.problems.map((problem) => problem.split(' ')[0]),
    ['--name', '--speedup', '--speedup', '--same-second-share', '--topology-file', '--no-checks'],
  );
  const notes = topologyOf({ ...E2E_ASK, producers: 20 });
  assert.match('notes' in notes ? notes.notes[0] : '', /with 20 producers every verified/);
  assert.deepEqual(
    'problems' in topologyOf({ ...E2E_ASK, network: 'minimina' }) &&
      (topologyOf({ ...E2E_ASK, network: 'minimina' }) as { problems: string[] }).problems.length,
    2,
  );
});

test('what the real program needs of a run is said before anything is made', () => {
  const program = { backendProgram: './backend --quick', verifier: 'example/worker:1', coordinator: 'python -m coordinator', leaderboard: 'image:example/board:2' }; // prettier-ignore
  const real = e2eTopology({ images: program, intervalMs: 60_000 });
  assert.deepEqual(usesOf(real.images), {
    backend: { kind: 'command', command: './backend --quick' },
    coordinator: { kind: 'command', command: 'python -m coordinator' },
    leaderboard: { kind: 'image', image: 'example/board:2' },
  });
  assert.deepEqual(usesOf({ backend: 'example/backend:3' }), { backend: { kind: 'image', image: 'example/backend:3' } }); // prettier-ignore
  assert.deepEqual(usesOf({}), {});
  // Its pause is never shortened, also where three batches are over by then.
  assert.equal(graceMsOf(real), 120_000);
  assert.deepEqual([10, 60, 1200, 3600].map((intervalSeconds) => graceMsOf({ images: {}, intervalSeconds, network: { kind: 'fleet' } })), [1000, 6000, 120_000, 120_000]); // prettier-ignore
  // A backend under load writes late.
  assert.deepEqual([2, 1200].map((intervalSeconds) => graceMsOf({ images: {}, intervalSeconds, network: { kind: 'load' } })), [10_000, 120_000]); // prettier-ignore
  // Each pair of one second is an error line of its database.
  const pair = /^duplicate key .*"uq_submissions_submitter_date"$/;
  assert.deepEqual(
    [real, e2eTopology()].map((topology) => allowedLogWords(topology).filter((word) => pair.test(word)).length), // prettier-ignore
    [1, 0],
  );
  const wrong = topologyOf({
    ...E2E_ASK,
    images: { backend: 'example/backend:3', backendProgram: './backend', coordinator: 'python' },
    intervalMs: 90_000,
  });
  assert.deepEqual('problems' in wrong && wrong.problems.map((text) => text.split(' ')[0]), [
    ...['--backend', '--coordinator', '--interval'],
  ]);
});

test('names that could be somebody else’s are refused', () => {
  for (const name of [
    'mainnet',
    'mina-mainnet',
    'my-devnet',
    'prod-2',
    'postgres',
    'template0',
    'E2E',
    'a b',
    '',
    '1a',
    'a'.repeat(41),
  ])
    assert.notEqual(nameProblem(name), null, name);
  for (const name of ['e2e', 'nightly', 'e2e-12']) assert.equal(nameProblem(name), null, name);
  assert.equal(networkNameOf({ name: 'e2e-1' }), 'e2e-1');
  assert.equal(networkNameOf({ name: 'nightly' }), 'e2e-nightly');
  assert.equal(databaseNameOf({ name: 'e2e-1' }, '0123456789ab'), 'e2e_1_01234567');
});

test('what is waited for has a deadline beyond what is planned', () => {
  const topology = e2eTopology();
  for (const { withinMs, of } of conditionsOf(topology)) {
    assert.ok(withinMs > topology.batches * topology.intervalSeconds * 1000);
    assert.ok(of.length > 0);
  }
  assert.ok(stepOf('wait').limitMs(topology) > Math.max(...conditionsOf(topology).map(({ withinMs }) => withinMs))); // prettier-ignore
});

test('one harness at a time holds a state; that of a dead process is taken over', () => {
  const folder = scratchFolder();
  const lock = takeLock(folder);
  assert.throws(
    () => takeLock(folder),
    (error: UserError) => {
      assert.match(error.message, new RegExp(`another harness \\(process ${process.pid}\\)`));
      return error.exitCode === EXIT.usage;
    },
  );
  lock.release();
  writeFileSync(
    join(folder, 'lock.json'),
    JSON.stringify({ pid: process.pid, startedAt: 'long ago' }),
  );
  takeLock(folder).release();
  writeFileSync(join(folder, 'lock.json'), 'half a');
  takeLock(folder).release();
  assert.deepEqual(readdirSync(folder), []);
});

test('a state is made in a folder of its own, and read again as it was', () => {
  const folder = join(scratchFolder(), 'state');
  const state = newState(e2eTopology(), '/results', 7);
  const open = createState(folder, state);
  open.own({ kind: 'folder', path: '/a' });
  open.own({ kind: 'folder', path: '/a' });
  open.own({ kind: 'stack', part: 'services' });
  open.disown({ kind: 'folder', path: '/a' });
  assert.deepEqual(readState(folder), open.state);
  assert.deepEqual(openState(folder).state.owned, [{ kind: 'stack', part: 'services' }]);
  // Somebody else's folder stays as it is.
  const other = scratchFolder();
  writeFileSync(join(other, 'thesis.txt'), '');
  assert.throws(() => createState(other, state), /holds thesis.txt/);
  assert.equal(removeEmptyState(other), false);
  assert.deepEqual(readdirSync(other), ['thesis.txt']);
  writeFileSync(join(folder, 'state.json'), '{"format":2}');
  assert.throws(
    () => readState(folder),
    (error: UserError) => error.exitCode === EXIT.noData,
  );
  assert.throws(() => readState(join(folder, 'none')), (error: UserError) => error.exitCode === EXIT.usage); // prettier-ignore
});

test('what a harness left that was killed in its first moments goes', () => {
  const folder = join(scratchFolder(), 'state');
  mkdirSync(folder);
  writeFileSync(join(folder, 'lock-1.json'), '');
  writeFileSync(join(folder, '.delegation-e2e'), 'owner');
  assert.equal(removeEmptyState(folder), true);
  assert.equal(existsSync(folder), false);
  assert.equal(removeEmptyState(folder), false);
});

const stepFor = (change: Partial<Step>): Step => ({
  name: 'start',
  title: 'something',
  needs: [],
  limitMs: () => 60_000,
  counts: ['parts'],
  run: () => Promise.resolve(),
  ...change,
});

function contextOf() {
  const open = createState(join(scratchFolder(), 'state'), newState(e2eTopology(), '/results', 0));
  const said: string[] = [];
  const events: unknown[] = [];
  const context = {
    open,
    env: {},
    cwd: '/',
    signal: never,
    event: (kind: string, fields: Record<string, unknown>) => void events.push([kind, fields]),
    say: (line: string) => void said.push(line),
    status: () => undefined,
  };
  return { open, said, events, context };
}

test('a step that was done is not done again, unless it judges', async () => {
  const { context, said, events, open } = contextOf();
  let times = 0;
  const run: Step['run'] = ({ progress }) => {
    progress({ parts: ++times });
    return Promise.resolve();
  };
  assert.equal(await runStep(stepFor({ run }), context), 'done');
  assert.equal(await runStep(stepFor({ run }), context), 'done before');
  assert.equal(await runStep(stepFor({ run, repeats: true }), context), 'done');
  assert.equal(times, 2);
  assert.match(said[1], /^start: done already \(/);
  assert.deepEqual(open.state.steps.start?.progress, { parts: 2 });
  assert.deepEqual(
    events.map((event) => (event as [string, { status: string }])[1].status),
    ['begun', 'done', 'begun', 'done'],
  );
});

test('a step asks for what it needs, and says what became of it', async () => {
  const { context, open } = contextOf();
  const needy = stepFor({ name: 'wait', needs: ['setup', 'start'] });
  const dead = { pid: process.pid, startedAt: 'long ago' };
  open.change(({ steps }) => (steps.start = { status: 'running', by: dead, beganMs: 1 }));
  await assert.rejects(runStep(needy, context), (error: UserError) => {
    assert.equal(
      error.message,
      'wait needs setup, which was not done\nwait needs start, which was killed in its middle',
    );
    return error.exitCode === EXIT.usage;
  });
  assert.equal(open.state.steps.wait, undefined);
});

test('a step that fails, or does not end, leaves why in the state', async () => {
  const { context, open } = contextOf();
  const failing = stepFor({ run: () => Promise.reject(new UserError('no room', { hint: 'make some' })) }); // prettier-ignore
  await assert.rejects(runStep(failing, context), /no room/);
  assert.deepEqual(open.state.steps.start?.error, { message: 'no room', hint: 'make some', exitCode: 5 }); // prettier-ignore
  const hanging = stepFor({
    limitMs: () => 5,
    run: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      }),
  });
  await assert.rejects(runStep(hanging, context), /^UserError: start did not end within 5ms$/);
  assert.equal(open.state.steps.start?.status, 'failed');
});

/** A run whose steps only say that they were there; `within` is called in the middle of one. */
async function interruptedRun(
  at: StepName,
  within: (stop: AbortController, giveUp: AbortController) => void,
) {
  const { open } = contextOf();
  const [stop, giveUp] = [new AbortController(), new AbortController()];
  const done: string[] = [];
  const said: string[] = [];
  const steps = (name: StepName): Step => ({
    ...stepOf(name),
    needs: [],
    async run({ signal }) {
      if (name === at) {
        within(stop, giveUp);
        // As most of them do: what is under way ends by the signal.
        signal.throwIfAborted();
        await new Promise((resolve) => setImmediate(resolve));
      }
      done.push(name);
    },
  });
  const call = { open, env: {}, cwd: '/', signal: stop.signal, giveUp: giveUp.signal, say: (line: string) => void said.push(line), status: () => undefined, steps }; // prettier-ignore
  return { ...(await runSteps(call, { from: 'setup', keep: false })), done, said };
}

test('an interrupt in any step: 130, what was under way ends, logs are kept and all is removed', async () => {
  const after = ['stop', 'dump-logs', 'teardown'];
  const before = (at: StepName) => STEP_NAMES.slice(0, STEP_NAMES.indexOf(at));
  for (const at of STEP_NAMES) {
    const { exitCode, done, results } = await interruptedRun(at, (stop) => stop.abort());
    assert.equal(exitCode, EXIT.interrupted, at);
    const ends = !after.includes(at);
    assert.deepEqual(done, [...before(at), ...STEP_NAMES.slice(STEP_NAMES.indexOf(at)).filter((name) => after.includes(name))], at); // prettier-ignore
    assert.equal(results.find(({ step }) => step === at)?.outcome, ends ? 'failed' : 'done', at);
    assert.equal(results.at(-1)?.outcome, 'done', 'teardown');
  }
});

test('a second interrupt ends at once, also in a step that cannot be stopped, and says what is left to do', async () => {
  for (const at of STEP_NAMES) {
    const { exitCode, done, said, results } = await interruptedRun(at, (stop, giveUp) => {
      stop.abort();
      giveUp.abort();
    });
    assert.equal(exitCode, EXIT.interrupted, at);
    assert.deepEqual(done, STEP_NAMES.slice(0, STEP_NAMES.indexOf(at)), at);
    const { outcome } = results.at(-1)!;
    assert.equal(outcome, at === 'teardown' ? 'failed' : 'left out');
    assert.match(said.at(-1)!, /npm run e2e -- teardown --name e2e/, at);
  }
  const { open } = contextOf();
  const giveUp = new AbortController();
  let release = (): void => undefined;
  const hangs = (): Promise<void> =>
    new Promise((resolve) => {
      release = resolve;
      giveUp.abort();
    });
  const hanging = (name: StepName): Step => ({ ...stepOf(name), run: hangs });
  const call = { open, env: {}, cwd: '/', signal: never, giveUp: giveUp.signal, say: () => undefined, status: () => undefined, steps: hanging }; // prettier-ignore
  const { exitCode } = await runSteps(call, { from: 'setup', keep: false });
  assert.equal(exitCode, EXIT.interrupted);
  release();
});

test('on GitHub a run that failed is a job summary below its limit, and annotations, with what came from outside made harmless', async () => {
  const folder = scratchFolder();
  const summary = join(folder, 'summary.md');
  const evil = '</td>|\n::error::forged %0A <script>alert(1)</script> [x](javascript:1)';
  const judged: Judged[] = Array.from({ length: 400 }, (_, i) => ({
    name: `assertion-${i}`,
    title: evil,
    outcome: 'failed',
    counts: { rows: i },
    examples: Array.from({ length: 5 }, () => ({ what: `${evil}${'x'.repeat(1000)}` })),
  }));
  const run: E2eRun = {
    id: 'night',
    topology: ['network   24 producers'],
    startedMs: 0,
    endedMs: 1000,
    steps: [{ step: 'start', title: 'all runs', outcome: 'failed', ms: 1, message: evil }],
    judged,
    pictures: [],
    exitCode: EXIT.broken,
    version: '1',
    ci: {},
  };
  const said: string[] = [];
  const report = (env: NodeJS.ProcessEnv) =>
    reportToGithub(pageOf(run), outcomeOf(run), env, (line) => void said.push(line));
  await report({ GITHUB_STEP_SUMMARY: summary, GITHUB_ACTIONS: 'true' });
  const text = readFileSync(summary, 'utf8');
  assert.ok(Buffer.byteLength(text) <= 1024 * 1024 && Buffer.byteLength(text) > 900_000);
  assert.match(text, /# End-to-end run night\n\n\*\*start failed: /);
  assert.match(text, /the rest was left out for its length/);
  assert.doesNotMatch(text, /<script>|^::error|\[x\]\(javascript/m);
  assert.equal(said.filter((line) => line.startsWith('::error title=night')).length, 10);
  assert.ok(
    said.every(
      (line) => !line.includes('\n') && !/[^%]%0A <script>/.test(line.replaceAll('%250A', '')),
    ),
  );
  // A second run of the same step has what is left of its room.
  said.length = 0;
  await report({ GITHUB_STEP_SUMMARY: summary });
  assert.ok(readFileSync(summary).length <= 1024 * 1024);
  assert.deepEqual(
    said.filter((line) => line.startsWith('::')),
    [],
    'not in GitHub Actions',
  );
  said.length = 0;
  await report({ GITHUB_STEP_SUMMARY: folder });
  assert.match(said[0], /note: the job summary could not be written/);
});

test('leftovers are what was killed, failed or forgotten, and nobody holds', () => {
  const state = newState(e2eTopology(), '/results', 0);
  const by = identityOf(process.pid)!;
  const facts = { isHeld: false, isRunning: () => false, nowMs: 10_000 };
  const of = (steps: RunState['steps'], more = {}) =>
    leftoverOf({ ...state, steps }, { ...facts, ...more }, 5000);
  assert.equal(of({}).is, true);
  assert.equal(of({}, { isHeld: true }).is, false);
  const running = { setup: { status: 'running', by, beganMs: 9000 } } as const;
  assert.deepEqual(of(running), { is: true, why: 'setup was killed in its middle' });
  assert.equal(of(running, { isRunning: () => true }).is, false);
  const done = { setup: { status: 'done', by, beganMs: 6000, endedMs: 7000 } } as const;
  assert.deepEqual(of(done), { is: false, why: 'it may be gone on with' });
  assert.equal(of(done, { nowMs: 13_000 }).is, true);
  const failed = {
    ...done,
    start: { status: 'failed', by, beganMs: 8000, endedMs: 9000 },
  } as const;
  assert.deepEqual(of(failed), { is: true, why: 'start failed' });
});

test('disturbances are due once, by time or by a count', () => {
  const list: Disturbance[] = [
    { name: 'a', when: { afterMs: 500 }, do: { kind: 'crash', component: 'backend' } },
    { name: 'b', when: { count: 'stored', atLeast: 10 }, do: { kind: 'restart', component: 'coordinator' } }, // prettier-ignore
  ];
  const names = (done: string[], counts: Counts, sinceMs: number | null) =>
    dueOf(list, new Set(done), counts, sinceMs).map(({ name }) => name);
  assert.deepEqual(names([], { stored: 9 }, null), []);
  assert.deepEqual(names([], { stored: null }, 499), []);
  assert.deepEqual(names([], { stored: 10 }, 500), ['a', 'b']);
  assert.deepEqual(names(['a'], { stored: 11 }, 900), ['b']);
});

test('a matrix is all combinations, or all that is wrong with its words', () => {
  const made = combinationsOf(
    ['storage=postgres,cassandra', '--era=mesa,berkeley'],
    ['storage', 'era'],
  );
  assert.ok('combinations' in made);
  assert.deepEqual(made.combinations.map(combinationName), [
    'storage=postgres era=mesa',
    'storage=postgres era=berkeley',
    'storage=cassandra era=mesa',
    'storage=cassandra era=berkeley',
  ]);
  const wrong = combinationsOf(['storage', 'colour=red', 'era=mesa', 'era=mesa', 's3=a,a'], ['storage', 'era', 's3']); // prettier-ignore
  assert.equal('problems' in wrong && wrong.problems.length, 4);
});

test('what components decided is read in their logs', () => {
  const silent = { run: () => assert.fail('nothing is verified here') };
  const DUAL: Verifiers = {
    ...{ mode: 'dual', cutoverMs: 1767225605000 },
    preFork: { name: 'embedded', rule: 'berkeley', ...silent },
    postFork: { name: '/bin/mesa', rule: null, ...silent },
  };
  // A window on one side has one call.
  assert.deepEqual(callsOf(DUAL, 1767225606000, 1767225607000), [
    { verifier: '/bin/mesa', rule: null, fromMs: 1767225606000, untilMs: 1767225607000 },
  ]);
  const calls = verifierEvents(
    [
      'info: postgres 127.0.0.1; windows at http://127.0.0.1:1/windows',
      'info: 2026-01-01T00:00:00.000Z to 2026-01-01T00:00:02.000Z: {"read":3,"beganMs":1767225603000,"endedMs":1767225604000}',
      'error: 2026-01-01T00:00:02.000Z to 2026-01-01T00:00:04.000Z: blocks could not be fetched',
      'info: 2026-01-01T00:00:02.000Z to 2026-01-01T00:00:04.000Z: half {',
      `info: 2026-01-01T00:00:04.000Z to 2026-01-01T00:00:06.000Z: {"calls":${JSON.stringify(callsOf(DUAL, 1767225604000, 1767225606000))},"endedMs":1767225607000}`,
    ],
    'embedded',
  );
  assert.deepEqual(calls, [
    {
      at_ms: 1767225604000,
      kind: 'mini-batch',
      fields: { fromMs: 1767225600000, untilMs: 1767225602000, binary: 'embedded', beganMs: 1767225603000 }, // prettier-ignore
    },
    {
      at_ms: 1767225604000,
      kind: 'mini-batch',
      fields: { fromMs: 1767225602000, untilMs: 1767225604000, binary: 'embedded', failure: 'blocks could not be fetched' }, // prettier-ignore
    },
    {
      at_ms: 1767225607000,
      kind: 'mini-batch',
      fields: { fromMs: 1767225604000, untilMs: 1767225605000, binary: 'embedded', rule: 'berkeley' }, // prettier-ignore
    },
    {
      at_ms: 1767225607000,
      kind: 'mini-batch',
      fields: { fromMs: 1767225605000, untilMs: 1767225606000, binary: '/bin/mesa' },
    },
  ]);
  const batches = batchEvents(
    [
      '2026-01-01T00:00:11Z coordinator INFO waiting until 2026-01-01T00:00:10Z',
      '2026-01-01T00:00:12Z coordinator INFO batch 2026-01-01T00:00:00Z: 67 rows, 67 count; 24 of 24 block producers score, 65 points',
      '2026-01-01T00:00:22Z coordinator INFO batch 2026-01-01T00:00:10Z: 1 rows, 0 count',
    ],
    [{ id: 2, startSeconds: 1767225600, endSeconds: 1767225610 }],
  );
  assert.deepEqual(batches, [
    {
      at_ms: 1767225612000,
      kind: 'batch',
      fields: { botLogId: 2, startSeconds: 1767225600, endSeconds: 1767225610 },
    },
  ]);
});

test('every step has its needs among the steps before it', () => {
  const order = ['setup', 'start', 'wait', 'stop', 'dump-logs', 'assert', 'teardown'] as const;
  for (const [i, name] of order.entries()) {
    const { needs } = stepOf(name);
    for (const need of needs) assert.ok(order.slice(0, i).includes(need), `${name}: ${need}`);
  }
});

test('an assertion that lacks what every run leaves proves nothing; another has nothing to say', () => {
  const held: Judged = { name: 'a', title: 'A', outcome: 'held', counts: {}, examples: [] };
  const lacking = (...lacks: ('batches' | 'several storages')[]): Judged => ({ name: 'b', title: 'B', outcome: 'no data', lacks }); // prettier-ignore
  const failed: Judged = { ...held, name: 'c', outcome: 'failed' };
  assert.equal(codeOf([held, lacking('several storages')]), EXIT.passed);
  assert.equal(codeOf([held, lacking('several storages', 'batches')]), EXIT.noData);
  assert.equal(codeOf([held, failed, lacking('batches')]), EXIT.gateFailed);
  assert.equal(codeOf([]), EXIT.noData);
  const run: E2eRun = { id: 'e2e', topology: [], startedMs: 0, endedMs: 1, steps: [], judged: [held, lacking('several storages')], pictures: [], exitCode: 0, version: '1', ci: {} }; // prettier-ignore
  assert.match(printJunit(outcomeOf(run)), /tests="2" failures="0" errors="0"/);
  const unproved = { ...run, exitCode: 3, judged: [held, lacking('batches'), failed] };
  assert.match(printJunit(outcomeOf(unproved)), /tests="4" failures="2" errors="1"/);
});
