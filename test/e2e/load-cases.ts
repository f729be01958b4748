/** A load through the whole program, in its pure parts: what was sent as rows, what became of it, what speaks against it, which systems take one. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Facts } from '../../e2e/assertions/facts.ts';
import { judge } from '../../e2e/assertions/index.ts';
import { ChainMeter, chainReasons } from '../../e2e/load/figures.ts';
import { sentRows } from '../../e2e/load/sent-rows.ts';
import { hasSystem, systemProblem } from '../../e2e/load/system.ts';
import { loadTopology } from '../../e2e/load/topology.ts';
import { newState } from '../../e2e/state.ts';
import { conditionsOfLoad } from '../../e2e/steps/wait.ts';
import { type TraceLine, traceOf } from '../../e2e/trace/trace.ts';
import { verdictFrom } from '../../judge/verdict.ts';
import { AnswerTable } from '../../reconcile/answer-table.ts';
import { SendTimes } from '../../reconcile/send-times.ts';
import type { SentSubmissions, SentTemplate } from '../../reconcile/sent.ts';
import { figuresOfSamples } from '../../results/figures.ts';
import { CODE } from '../../scenarios/lib/reports.ts';
import { printMarkdown } from '../../report/print-markdown.ts';
import { endToEndSection } from '../../report/sections/end-to-end.ts';
import { EXIT, type UserError } from '../../user-error.ts';
import { e2eTopology } from '../support/e2e-topology.ts';
import { evidenceOf } from '../support/evidence.ts';
import { runHere } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';

const START = 1_800_000_000;
const template = (change: Partial<SentTemplate>): SentTemplate => ({
  blockHash: 'a block',
  snarkWork: null,
  graphqlControlPort: 0,
  builtWithCommitSha: '',
  fresh: true,
  era: 'mesa',
  block: () => new Uint8Array(),
  ...change,
});

/** Three bodies, sent over and over, as a corpus is. */
const SENT: SentSubmissions = {
  count: 3,
  templates: [template({}), template({ snarkWork: 'd29yaw==', graphqlControlPort: 7, builtWithCommitSha: 'c0ffee', era: null })], // prettier-ignore
  bodyOf: (index) => index % 3,
  *chunks() {
    const bodies = [0, 1, 2].map((i) => ({ submitter: `B62-${i}`, createdAt: START + i, peerId: `12D3-${i}`, template: i % 2 })); // prettier-ignore
    yield bodies.slice(0, 2);
    yield bodies.slice(2);
  },
  close: () => undefined,
};

test('each request of a load is a row of what the run sent, by identity, with its times', async () => {
  const answers = new AnswerTable();
  const times = new SendTimes(1);
  const at = START * 1000;
  const answer = (index: number, code: number) => {
    answers.report(index, CODE.begun);
    times.begun(index, at + 100 * index);
    answers.report(index, code);
    times.ended(index, at + 100 * index + 50);
  };
  answer(0, 200 | CODE.expected);
  answer(1, 503);
  // A 200 that is not the backend's.
  answer(2, 200);
  answer(3, 1050);
  // Sent again after a failure.
  answers.retry(4, 503);
  answers.retry(4, CODE.begun);
  answer(4, 200 | CODE.expected);
  // Under way at the stop.
  answers.report(5, CODE.begun);
  times.begun(5, at + 500);
  const rows = [];
  for await (const row of sentRows({ sent: SENT, answers, times, lease: 1 }, 10)) rows.push(row);
  assert.deepEqual(
    rows.map(({ id, attempt, status, sent_ms, answered_ms, submitter }) => [id, attempt, status, sent_ms - at, answered_ms && answered_ms - at, submitter]), // prettier-ignore
    [
      [10, 1, 200, 0, 51, 'B62-0'],
      [11, 1, 503, 100, 151, 'B62-1'],
      [12, 1, 0, 200, 251, 'B62-2'],
      [13, 1, 0, 300, 351, 'B62-0'],
      [14, 1, 0, 400, undefined, 'B62-1'],
      [14, 2, 200, 400, 451, 'B62-1'],
      [15, 1, undefined, 500, undefined, 'B62-2'],
    ],
  );
  assert.deepEqual(rows[1], {
    id: 11,
    attempt: 1,
    node: 'load',
    submitter: 'B62-1',
    created_at: '2027-01-15T08:00:01Z',
    peer_id: '12D3-1',
    block_hash: 'a block',
    graphql_control_port: 7,
    built_with_commit_sha: 'c0ffee',
    snark_work: true,
    era: 'unknown',
    sent_ms: at + 100,
    answered_ms: at + 151,
    status: 503,
  });
  assert.equal(rows[3].message, 'no answer within the request timeout');
});

async function judgedLoad(change: (evidence: Awaited<ReturnType<typeof evidenceOf>>) => void) {
  const evidence = await evidenceOf();
  change(evidence);
  const facts = new Facts(evidence);
  const judged = judge(evidence, undefined, facts);
  const meter = new ChainMeter();
  for (const line of traceOf(evidence, facts)) meter.add(line);
  return { judged, figures: meter.figures({ system: 'e2e', isOwn: true, intervalSeconds: 1200 }, judged) }; // prettier-ignore
}

test('what became of a load: five counts, lags, and nothing against it where all went right', async () => {
  const { judged, figures } = await judgedLoad(() => undefined);
  const { accepted, stored, verified, counted, scored, batches, leastLagS, mostLagS } = figures;
  assert.ok(accepted > 0);
  assert.deepEqual([stored, verified, counted], Array(3).fill(accepted));
  assert.ok(scored > 0 && scored <= accepted);
  assert.equal(batches, 3);
  assert.ok(leastLagS! > 0 && mostLagS! >= leastLagS!);
  assert.deepEqual(chainReasons(judged, null), []);
  const page = printMarkdown({ title: 'A load', sections: endToEndSection(figures) }); // prettier-ignore
  assert.match(page, new RegExp(`\\| +${accepted} \\| +${stored} \\| +${verified} \\|`));
  const { stages, batches: drawn, stepS } = figures.lagsOverTime!;
  assert.deepEqual(stages.map(({ name }) => name), ['answered', 'verified', 'counted', 'shown']); // prettier-ignore
  for (const { steps } of stages) assert.ok(steps.length > 0 && steps.every(({ startS, endS, p50S, maxS }) => endS - startS === stepS && p50S <= maxS)); // prettier-ignore
  const late = drawn.flatMap(({ countedAfterS }) => countedAfterS ?? []);
  assert.ok(late.length > 0 && late.every((seconds) => seconds >= leastLagS! && seconds <= mostLagS!)); // prettier-ignore
  assert.doesNotMatch(page, /❌/);
  assert.deepEqual(endToEndSection(undefined), []);
});

const FIGURES = { ...figuresOfSamples([], []), sent: 9, accepted: 9 };
const GATE = { kind: 'gate', name: 'p95<1ms', state: 'fail', value: 9, unit: 'ms' } as const;

test('a loss is counted, named with its assertion, and decides; what the load itself did is said, too', async () => {
  const { judged, figures } = await judgedLoad((evidence) => {
    evidence.storages.set('postgres', evidence.storages.get('postgres')!.slice(1));
  });
  assert.equal(figures.verified, figures.accepted - 1);
  const reasons = chainReasons(judged, null);
  assert.match(JSON.stringify(reasons), /"end to end".*did not hold: .*accepted-stored-once/);
  const both = verdictFrom([GATE, ...reasons], FIGURES);
  assert.equal(both.exitCode, EXIT.gateFailed);
  assert.match(both.sentence, /^FAILED: \d+ assertions? of the whole chain did not hold: .*; p95<1ms does not hold \(9 ms\); 9 of 9/); // prettier-ignore
  const page = printMarkdown({ title: 'A load', sections: endToEndSection(figures) });
  assert.match(page, /`accepted-stored-once` was found to fail here/);
  assert.match(page, /accepted, and not in postgres/);
});

test('what decides where load and chain both have something against them', () => {
  const chain = { kind: 'end to end', words: 'the chain did not keep up' } as const;
  const unjudged = { kind: 'end to end not judged', words: 'nothing was there' } as const;
  const code = (...reasons: Parameters<typeof verdictFrom>[0]) => verdictFrom(reasons, FIGURES);
  assert.equal(code(chain).exitCode, EXIT.gateFailed);
  assert.equal(code(unjudged).exitCode, EXIT.noData);
  assert.equal(code(GATE, unjudged).exitCode, EXIT.gateFailed);
  assert.match(code(GATE, unjudged).sentence, /p95<1ms does not hold.*; nothing was there/);
  // What was lost is lost, however fast the generator was.
  assert.equal(code({ kind: 'generator-limited' }, chain).exitCode, EXIT.gateFailed);
  assert.equal(code({ kind: 'interrupted' }, chain).exitCode, EXIT.interrupted);
  assert.equal(code({ kind: 'broken', words: 'the backend ended' }, chain).exitCode, EXIT.broken);
  assert.deepEqual(chainReasons([], 'verified stands at 3'), [
    { kind: 'end to end', words: 'the chain did not keep up: verified stands at 3' },
  ]);
});

test('a submission is of the batch that it fell into, and each batch has one lag', () => {
  const meter = new ChainMeter();
  const line = (id: number, change: Partial<TraceLine>): TraceLine => ({
    ...{ id, submitter: 'B62', node: 'load', era: 'mesa', block_hash: 'b', created_at: 'c' },
    ...{ reached: 'answered', sent_ms: 0, status: 200, attempts: 1, ...change },
  });
  const batch = { bot_log_id: 2, start_seconds: 0, end_seconds: 10 };
  meter.add(line(0, { status: 503 }));
  meter.add(line(1, { reached: 'stored', stored: { postgres: { submitted_ms: 0, where: 'x' } } }));
  meter.add(line(2, { reached: 'counted', stored: {}, verdict: 'verified', batch, counted_ms: 11_500 })); // prettier-ignore
  meter.add(line(3, { reached: 'verified', stored: {}, verdict: 'refused', batch: { ...batch, bot_log_id: 3 } })); // prettier-ignore
  const { accepted, stored, verified, counted, scored, batches, leastLagS, mostLagS } =
    meter.figures({ system: 'e2e', isOwn: false, intervalSeconds: 10 }, []);
  assert.deepEqual([accepted, stored, verified, counted, scored, batches, leastLagS, mostLagS], [3, 3, 1, 1, 0, 2, 1.5, 1.5]); // prettier-ignore
});

test('the system of a load that has none knows its producers, and lets them through as often as the load needs', () => {
  const ask = { name: 'e2e', seed: 's', producers: 2500, era: 'berkeley', hourlyLimit: 77, faithful: true, durationMs: 60_000 } as const; // prettier-ignore
  const made = loadTopology(ask);
  assert.ok('topology' in made);
  const { network, seed, hourlyLimit, faithful, intervalSeconds, noChecks } = made.topology;
  assert.deepEqual([network.kind, network.producers, network.era, seed, hourlyLimit, faithful, intervalSeconds, noChecks], ['load', 2500, 'berkeley', 's', 77, true, 10, true]); // prettier-ignore
  assert.ok('problems' in loadTopology({ ...ask, name: 'mainnet' }));
  const intervalOf = (durationMs: number) => {
    const one = loadTopology({ ...ask, durationMs });
    return 'topology' in one ? one.topology.intervalSeconds : one.problems;
  };
  assert.deepEqual([1000, 20_000, 3_600_000].map(intervalOf), [2, 3, 10]);
  assert.deepEqual(
    conditionsOfLoad(made.topology, null).map(({ name, withinMs }) => [name, withinMs]),
    [['stored >= 1', 110_000], ['open = 0', 110_000], ['verified = stored', 110_000]], // prettier-ignore
  );
  assert.deepEqual([...new Set(conditionsOfLoad(made.topology, 5).map(({ withinMs }) => withinMs))], [5]); // prettier-ignore
  // What a fleet sends beside the load is waited for, too.
  assert.equal(conditionsOfLoad(e2eTopology(), 5)[0].name, 'ended >= 1');
});

test('a run takes a load when it was started, was not stopped, and has keys', () => {
  const of = (change: Parameters<typeof e2eTopology>[0], steps: object) => systemProblem({ ...newState(e2eTopology(change), 'results', 0), steps }); // prettier-ignore
  const done = { status: 'done', by: { pid: 1, startedAt: '1' }, beganMs: 0 };
  const started = { setup: done, start: done };
  assert.equal(of({}, started), null);
  assert.equal(of({ network: 'load' }, { ...started, wait: done }), null);
  assert.match(of({}, { setup: done })!.message, /start was not done/);
  assert.match(of({}, { ...started, stop: done })!.message, /was stopped/);
  assert.match(of({ network: 'recorded', payloads: 'x' }, started)!.message, /private keys/);
  const folder = scratchFolder();
  assert.equal(hasSystem(folder, 'e2e', false), false);
  assert.throws(() => hasSystem(folder, 'night', true), (error: UserError) =>
    error.exitCode === EXIT.usage && /there is no run "night"/.test(error.message) && /setup --network load --name night/.test(error.hint)); // prettier-ignore
});

test('what does not go with a load through the whole program is said at once, before anything is made', async () => {
  const folder = scratchFolder();
  const load = (...words: string[]) => runHere(['load', '--results', join(folder, 'r'), ...words]);
  const wrong = await load('--e2e', '--e2e-folder', folder, '--target', 'http://127.0.0.1:1', '--storage', 'file:///x', '--network', 'mainnet', '--e2e-name', 'mainnet-1'); // prettier-ignore
  assert.equal(wrong.exitCode, EXIT.usage);
  assert.match(
    wrong.stderr,
    /--e2e-name must not look like something that is not the harness's own/,
  );
  const more = await load('--e2e', '--target', 'http://127.0.0.1:1', '--storage', 'file:///x', '--network', 'mainnet', '--scenario', 'hostile'); // prettier-ignore
  assert.equal(more.exitCode, EXIT.usage);
  for (const text of [/--e2e and --target exclude/, /--e2e and --storage exclude/, /--network is mainnet/, /the scenario hostile is another one/]) assert.match(more.stderr, text); // prettier-ignore
  const alone = await load('--e2e-wait', '5s');
  assert.match(alone.stderr, /--e2e-wait has no effect without --e2e/);
  const none = await load('--e2e', '--e2e-name', 'night', '--e2e-folder', folder);
  assert.equal(none.exitCode, EXIT.usage);
  assert.match(none.stderr, /there is no run "night" in /);
  const dry = await load('--e2e', '--e2e-folder', folder, '--dry-run');
  assert.equal(dry.exitCode, EXIT.passed, dry.stderr);
  assert.match(
    dry.stdout,
    /a system of its own, removed after the load:\nnetwork {3}1000 producers/,
  );
  const whole = await runHere(['e2e', 'run', '--network', 'load', '--folder', folder]);
  assert.equal(whole.exitCode, EXIT.usage);
  assert.match(whole.stderr, /--network load sends nothing by itself/);
});
