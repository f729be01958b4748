/** What is staged in a run: every incident has a live form; what the plan of a network becomes; what is said of an incident that was caught, and of one that was not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Judged } from '../../e2e/assertions/index.ts';
import { costLines, forkCostOf, phaseOf } from '../../e2e/fork/cost.ts';
import { forkProblems } from '../../e2e/fork/rehearsal.ts';
import type { ForkFields } from '../../e2e/dump/types.ts';
import { LIVE } from '../../e2e/incidents/live.ts';
import { INCIDENTS } from '../../e2e/incidents/table.ts';
import { verdictOn } from '../../e2e/incidents/verdict.ts';
import { planOf } from '../../e2e/network/plan.ts';
import { casesOf, sentenceOf } from '../../e2e/report/outcome.ts';
import { stagedTopology, stagingOf } from '../../e2e/staging/index.ts';
import { lagging, onOwnBranches, silenced } from '../../e2e/staging/plan-changes.ts';
import { combined } from '../../e2e/staging/staging.ts';
import { windowOf } from '../../e2e/staging/window.ts';
import type { Topology } from '../../e2e/topology.ts';
import { EXIT } from '../../user-error.ts';
import { golden } from '../support/evidence.ts';
import { e2eTopology } from '../support/e2e-topology.ts';

const TOPOLOGY: Topology = e2eTopology();

test('every incident can be put into a live run, and nothing else can', () => {
  assert.deepEqual(Object.keys(LIVE), INCIDENTS.map(({ name }) => name)); // prettier-ignore
  for (const { name } of INCIDENTS) {
    const topology = stagedTopology(TOPOLOGY, {
      staged: { incident: name, disturbances: [] },
    });
    const { sql, variables, plan, double, head, zeroDigestOf } = stagingOf(topology);
    // Each changes something, and what it changes can be made.
    const changes = [
      ...(sql?.(topology) ?? []),
      ...Object.keys(variables?.('/folder', topology, 0) ?? {}),
      ...[plan, double, head, zeroDigestOf].filter((one) => one !== undefined),
    ];
    assert.ok(changes.length > 0, name);
    assert.ok(topology.network.producers > 20 && topology.batches >= 2, name);
  }
  assert.deepEqual(stagingOf(TOPOLOGY), {});
});

const MINE = new Set([3, 5]);
const plan = planOf(TOPOLOGY);
const WINDOW = windowOf(TOPOLOGY);
const places = Array.from({ length: plan.submissions.count }, (_, i) => i);
const isMeant = (i: number): boolean =>
  MINE.has(plan.submissions.producers[i]) &&
  plan.submissions.atMs[i] >= WINDOW.fromMs &&
  plan.submissions.atMs[i] < WINDOW.untilMs;
const meant = places.filter(isMeant);

test('who is silent sends nothing in that time, and all else stays', () => {
  assert.ok(meant.length >= 4, String(meant.length));
  const { submissions } = silenced(plan, MINE, WINDOW);
  const stays = places.filter((i) => !isMeant(i));
  assert.equal(submissions.count, stays.length);
  for (const name of ['atMs', 'nodes', 'producers', 'blocks', 'kinds'] as const)
    assert.deepEqual([...submissions[name]], stays.map((i) => plan.submissions[name][i]), name); // prettier-ignore
});

test('who lags sends a block of long before', () => {
  const { blocks, submissions } = lagging(plan, MINE, WINDOW, 10 * 90_000);
  assert.equal(blocks, plan.blocks);
  for (const i of places) {
    const block = blocks[submissions.blocks[i]];
    if (isMeant(i))
      assert.ok(block.fromMs <= WINDOW.fromMs - 10 * 90_000 || submissions.blocks[i] === 0); // prettier-ignore
    else assert.equal(submissions.blocks[i], plan.submissions.blocks[i]);
  }
});

test('who is on a branch of its own builds on nobody else’s blocks of that time', () => {
  const farMs = 10 * 90_000;
  const { blocks, submissions } = onOwnBranches(plan, MINE, WINDOW, farMs);
  const known = new Set(plan.blocks);
  assert.equal(blocks.at(-1), plan.blocks.at(-1));
  const own = blocks.filter((block) => !known.has(block));
  assert.ok(own.length >= 2 * MINE.size);
  for (const block of own) {
    const parent = blocks[block.parent];
    assert.ok(parent.slot < block.slot);
    assert.ok(parent.maker === block.maker || parent.fromMs <= WINDOW.fromMs - farMs || block.parent === 0); // prettier-ignore
    assert.ok(blocks.indexOf(block) > block.parent);
  }
  for (const i of places) {
    const block = blocks[submissions.blocks[i]];
    if (isMeant(i)) assert.ok(own.includes(block) && block.maker === submissions.producers[i]);
    else assert.equal(block, plan.blocks[plan.submissions.blocks[i]]);
  }
});

test('a fork must fit the run, and has its parts in it', () => {
  const withFork = (atMs: number, change: Partial<Topology> = {}): Topology => ({
    ...TOPOLOGY,
    ...{ batches: 6, fork: { atMs, stayedShare: 0.08, awayShare: 0.5 } },
    ...change,
  });
  assert.deepEqual(forkProblems(TOPOLOGY), []);
  assert.deepEqual(forkProblems(withFork(30_000)), []);
  assert.match(forkProblems(withFork(1000))[0], /--fork-at must be from 4.5 s on and within the 6 batches, which last 60 s, but is 1 s/); // prettier-ignore
  assert.equal(forkProblems(withFork(70_000, { network: { ...TOPOLOGY.network, era: 'berkeley' } })).length, 2); // prettier-ignore

  const topology = stagedTopology(TOPOLOGY, { fork: withFork(30_000).fork, batches: 6 });
  const { plan: change, variables } = stagingOf(topology);
  const { verifier } = variables!('', topology, 1_000_000);
  assert.equal(Date.parse(verifier!.FORK_CUTOVER_TIME), 1_000_000_000 + 30_000);
  const before = planOf(topology);
  const { blocks, submissions } = change!(before, topology);
  const sent = (fromMs: number, untilMs: number) =>
    new Set(submissions.producers.filter((_, i) => submissions.atMs[i] >= fromMs * 120 && submissions.atMs[i] < untilMs * 120)).size; // prettier-ignore
  assert.equal(sent(0, 10_000), 24);
  assert.equal(sent(31_000, 40_000), 12);
  assert.equal(sent(41_000, 50_000), 24);
  const erasAt = (isAfter: boolean) =>
    new Set([...submissions.blocks].filter((_, i) => submissions.atMs[i] >= 30_000 * 120 === isAfter).map((block) => blocks[block].era)); // prettier-ignore
  assert.deepEqual([...erasAt(false)], ['berkeley']);
  assert.deepEqual([...erasAt(true)].sort(), ['berkeley', 'mesa']);
});

test('what a fork cost is counted by batch and by block producer', async () => {
  const { evidence } = await golden();
  const { startedMs, expected } = evidence.head;
  const [{ batch_end_epoch: firstMs }, second] = evidence.tables
    .bot_logs!.filter(({ files_processed: files }) => files !== -1)
    .map((log) => ({ batch_end_epoch: log.batch_end_epoch * 1000 }));
  const fields: ForkFields = {
    ...{ from: 'berkeley', to: 'mesa', transactionsEndMs: startedMs, chainEndMs: firstMs - 1 },
    ...{ genesisMs: second.batch_end_epoch - 1, backMs: second.batch_end_epoch },
    ...{ stayed: expected.submitters.slice(0, 2), away: [expected.submitters[2]] },
  };
  const [key] = expected.submitters;
  const node = evidence.tables.nodes!.find(({ block_producer_key: of }) => of === key)!.id;
  const cost = forkCostOf({
    ...evidence,
    events: [...evidence.events, { at_ms: fields.genesisMs, kind: 'fork', fields }],
    tables: {
      ...evidence.tables,
      points_summary: evidence.tables.points_summary!.filter(({ node_id: id }) => id !== node),
    },
  })!;
  assert.deepEqual(cost.batches.map(({ phase, scored }) => [phase, scored]), [['frozen tip', 23], ['over the fork', 23], ['new era', 23]]); // prettier-ignore
  assert.deepEqual(cost.producers.slice(0, 4).map(({ part, lost }) => [part, lost]), [['stayed behind', 3], ['stayed behind', 0], ['went away', 0], ['went over at once', 0]]); // prettier-ignore
  assert.match(costLines(cost).at(-1)!, /^ {2}2 stayed behind: each lost 0 to 3 of 3 batches, 50\.0 % of the score over them$/); // prettier-ignore
  assert.equal(phaseOf(fields, 0, startedMs), 'old era');
  assert.equal(forkCostOf(evidence), null);
});

test('stagings are done one after another', () => {
  const both = combined([
    { topology: (topology) => ({ ...topology, batches: 5 }), variables: () => ({ backend: { A: '1' } }) },
    {
      topology: (topology) => ({ ...topology, batches: topology.batches + 1 }),
      variables: () => ({ backend: { B: '2' }, verifier: { C: '3' } }),
    },
  ]); // prettier-ignore
  assert.equal(both.topology!(TOPOLOGY).batches, 6);
  assert.deepEqual(both.variables!('', TOPOLOGY, 0), { backend: { A: '1', B: '2' }, verifier: { C: '3' } }); // prettier-ignore
  assert.equal(both.plan, undefined);
});

const judgedOf = (failed: readonly string[]): Judged[] =>
  ['no-sok-refusal', 'producers-counted', 'blocks-link'].map((name) => ({
    name,
    title: name,
    outcome: failed.includes(name) ? 'failed' : 'held',
    counts: {},
    examples: failed.includes(name) ? [{ what: 'so' }] : [],
  }));

test('an incident is caught when exactly what must fail fails', () => {
  const sok = INCIDENTS.find(({ name }) => name === 'sok-mismatch')!;
  const of = (...failed: string[]) => verdictOn(sok, judgedOf(failed));
  assert.equal(of('no-sok-refusal', 'producers-counted').isCaught, true);
  for (const [failed, words] of [
    [[], /was not caught: no-sok-refusal, producers-counted held/],
    [['producers-counted'], /was not caught: no-sok-refusal held/],
    [['no-sok-refusal', 'producers-counted', 'blocks-link'], /was caught, but not as expected: blocks-link failed, too/], // prettier-ignore
  ] as const) {
    const verdict = of(...failed);
    assert.equal(verdict.isCaught, false);
    assert.match(verdict.sentence, words);
  }
});

test('the report of a caught incident has no failures, and names what was caught', () => {
  const sok = INCIDENTS.find(({ name }) => name === 'sok-mismatch')!;
  const runOf = (failed: readonly string[]) => {
    const judged = judgedOf(failed);
    const verdict = verdictOn(sok, judged);
    return {
      ...{ id: 'e2e', topology: [], startedMs: 0, endedMs: 1, steps: [], pictures: [], version: '1', ci: null as never },
      ...{ judged, verdict, exitCode: verdict.isCaught ? EXIT.passed : EXIT.gateFailed },
    }; // prettier-ignore
  };
  const caught = runOf(['no-sok-refusal', 'producers-counted']);
  assert.equal(sentenceOf(caught), 'passed: sok-mismatch was caught by no-sok-refusal, and with it failed producers-counted'); // prettier-ignore
  assert.deepEqual(casesOf(caught).map(({ state }) => state), ['pass', 'pass', 'pass', 'pass']); // prettier-ignore
  const other = runOf(['blocks-link']);
  assert.deepEqual(
    casesOf(other)
      .filter(({ state }) => state === 'fail')
      .map(({ name }) => name),
    ['incident is caught', 'blocks-link'],
  );
});
