/** What is staged in a run: every incident has a live form; what the plan of a network becomes; what is said of an incident that was caught, and of one that was not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Judged } from '../../e2e/assertions/index.ts';
import { LIVE } from '../../e2e/incidents/live.ts';
import { INCIDENTS } from '../../e2e/incidents/table.ts';
import { verdictOn } from '../../e2e/incidents/verdict.ts';
import { planOf } from '../../e2e/network/prepare-fleet.ts';
import { casesOf, sentenceOf } from '../../e2e/report/outcome.ts';
import { stagedTopology, stagingOf } from '../../e2e/staging/index.ts';
import { lagging, onOwnBranches, silenced } from '../../e2e/staging/plan-changes.ts';
import { combined } from '../../e2e/staging/staging.ts';
import { windowOf } from '../../e2e/staging/window.ts';
import type { Topology } from '../../e2e/topology.ts';
import { EXIT } from '../../user-error.ts';
import { e2eTopology } from '../support/e2e-topology.ts';

const TOPOLOGY: Topology = e2eTopology();

test('every incident can be put into a live run, and nothing else can', () => {
  assert.deepEqual(Object.keys(LIVE), INCIDENTS.map(({ name }) => name)); // prettier-ignore
  for (const { name } of INCIDENTS) {
    const topology = stagedTopology(TOPOLOGY, { incident: name, disturbances: [] });
    const { sql, variables, plan, double, head, zeroDigestOf } = stagingOf(topology);
    // Each changes something, and what it changes can be made.
    const changes = [
      ...(sql?.(topology) ?? []),
      ...Object.keys(variables?.('/folder', topology) ?? {}),
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

test('stagings are done one after another', () => {
  const both = combined([
    { topology: (topology) => ({ ...topology, batches: 5 }), variables: () => ({ backend: { A: '1' } }) },
    {
      topology: (topology) => ({ ...topology, batches: topology.batches + 1 }),
      variables: () => ({ backend: { B: '2' }, verifier: { C: '3' } }),
    },
  ]); // prettier-ignore
  assert.equal(both.topology!(TOPOLOGY).batches, 6);
  assert.deepEqual(both.variables!('', TOPOLOGY), { backend: { A: '1', B: '2' }, verifier: { C: '3' } }); // prettier-ignore
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
