/** The picture of a fleet: what its file holds, within bounds, and what is drawn of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fleetLines } from '../../load/fleet-record.ts';
import { fleetConfig, type FleetData, fleetData, fleetHeight } from '../../plots/fleet.ts';
import { renderPng } from '../../plots/render.ts';
import { hardForkAt } from '../../producers/fork-times.ts';
import { type NetworkShape, planNetwork } from '../../producers/network-plan.ts';
import { fleetLine } from '../../results/schema.ts';
import type { FleetLine } from '../../results/types.ts';

const CYCLE_MS = 900_000;

const shape = (change: Partial<NetworkShape>): NetworkShape => ({
  era: 'berkeley',
  hardFork: null,
  nodesPerProducer: 1,
  sameSecondShare: 0,
  stayedShare: 0,
  leastGapMs: 0,
  producers: 15,
  durationMs: 2 * CYCLE_MS,
  seed: 'picture',
  forkShare: 0,
  lateShare: 0,
  laggingShare: 0,
  ...change,
});

type Outcome = { class: string; expected: boolean; accepted: boolean } | null;
function linesOf(
  change: Partial<NetworkShape>,
  answerOf: (index: number) => Outcome = () => ({ class: '200', expected: true, accepted: true }),
  retriesOf: (index: number) => number = () => 0,
): FleetLine[] {
  const plan = planNetwork(shape(change));
  const { kinds } = plan.submissions;
  const network = {
    plan,
    heights: plan.blocks.map(({ slot }) => slot + 100),
    hasSnarkWork: (i: number) => kinds[i] !== 0,
  };
  return [...fleetLines(network, { answerOf, retriesOf })];
}

const drawn = (data: FleetData) => {
  const { data: content } = fleetConfig('title', 'subtitle', data);
  return (content.datasets as unknown as { label: string; pointStyle?: string; yAxisID: string; data: { x: number; y: number }[] }[])
    .filter(({ yAxisID }) => yAxisID === 'producers');
}; // prettier-ignore

test('the file: every line as its schema says, every submission once, blocks with their counts', () => {
  const lines = linesOf(
    { forkShare: 0.3, lateShare: 0.2, laggingShare: 0.1 },
    (i) => (i === 3 ? null : { class: i === 4 ? '503' : '200', expected: i !== 4, accepted: i !== 4 }),
    (i) => (i === 4 ? 2 : 0),
  ); // prettier-ignore
  for (const line of lines)
    assert.equal(fleetLine.safeParse(line).success, true, JSON.stringify(line));
  assert.equal(lines[0].kind, 'network');
  const submissions = lines.filter((line) => line.kind === 'submission');
  const blocks = lines.filter((line) => line.kind === 'block');
  // Two cycles of 15 nodes, and a maker in each of ten slots.
  assert.equal(submissions.length, 40 + blocks.filter(({ fork }) => fork).length);
  assert.deepEqual([submissions[3].answer, submissions[3].accepted], [null, false]);
  assert.deepEqual([submissions[4].answer, submissions[4].retries], ['503', 2]);
  assert.equal(
    blocks.reduce((sum, { planned }) => sum + planned, 0),
    submissions.length,
  );
  assert.equal(
    blocks.reduce((sum, { accepted }) => sum + accepted, 0),
    submissions.length - 2,
  );
  // A row for each node, waves one below the other.
  assert.deepEqual(
    [...new Set(submissions.map(({ row }) => row))].sort((a, b) => a - b),
    [...Array(15).keys()],
  );
  assert.equal(fleetLine.safeParse({ ...submissions[0], atMs: -1 }).success, false);
});

test('the file is bounded, in producers and in time', () => {
  const day = linesOf({ producers: 1000, durationMs: 96 * CYCLE_MS });
  const [network] = day;
  assert.ok(network.kind === 'network' && network.shown === 100);
  const submissions = day.filter((line) => line.kind === 'submission');
  // Those of 100 nodes, and what they made.
  assert.ok(submissions.length >= 100 * 96 && submissions.length < 100 * 97);
  // All waves are among them, and the blocks count the whole fleet.
  assert.equal(new Set(submissions.map(({ atMs }) => Math.floor(atMs / 180_000) % 5)).size, 5);
  const blocks = day.filter((line) => line.kind === 'block');
  // A wave of 200 and its maker; at the ends the one or the other.
  assert.ok(blocks.slice(1, -1).every(({ planned }) => planned === 201));

  const months = linesOf({ producers: 5, durationMs: 10_000 * CYCLE_MS });
  assert.ok(months.length < 36_000, `${months.length} lines`);
  const [head] = months;
  assert.ok(head.kind === 'network' && head.shownMs < head.durationMs);
  for (const line of months) if (line.kind === 'submission') assert.ok(line.atMs < head.shownMs);
});

test('of a large fleet both nodes of a pair are shown, or none', () => {
  const lines = linesOf({
    producers: 108,
    nodesPerProducer: 2.07,
    sameSecondShare: 0.3,
    era: 'mesa',
  });
  const [network] = lines;
  assert.ok(network.kind === 'network' && network.nodes === 224);
  assert.ok(network.shown > 90 && network.shown <= 100, String(network.shown));
  const rows = new Map<number, Set<number>>();
  for (const line of lines)
    if (line.kind === 'submission' && line.paired)
      rows.set(line.producer, (rows.get(line.producer) ?? new Set()).add(line.row));
  assert.ok(rows.size > 5);
  for (const own of rows.values()) {
    const [one, other] = [...own].sort((a, b) => a - b);
    assert.deepEqual([own.size, other], [2, one + 1]);
  }
});

test('marks: by snark work, age of the block, failure and retry', () => {
  const lines = linesOf(
    { producers: 40, forkShare: 0.3, lateShare: 0.3 },
    (i) => (i === 10 ? null : { class: i < 5 ? '503' : '200', expected: i >= 5, accepted: i >= 5 }),
    (i) => (i === 20 || i === 21 ? 1 : 0),
  ); // prettier-ignore
  const data = fleetData(lines, 30)!;
  const sets = drawn(data);
  const count = (label: string) => sets.find((set) => set.label === label)?.data.length;
  assert.equal(count('not accepted'), 5);
  assert.equal(count('not sent, or no answer'), 1);
  assert.equal(count('sent again after a failure'), 2);
  const accepted = data.submissions.filter((one) => one.accepted);
  const shaped = (pointStyle: string) =>
    sets.filter((set) => set.label === '' && set.pointStyle === pointStyle).reduce((sum, set) => sum + set.data.length, 0); // prettier-ignore
  assert.equal(shaped('rectRot'), accepted.filter(({ as }) => as === 'late').length);
  assert.equal(shaped('triangle'), accepted.filter(({ as }) => as === 'maker').length);
  assert.equal(shaped('circle'), accepted.filter(({ as }) => as === 'tip').length);
  // No mark for what did not happen.
  const calm = drawn(fleetData(linesOf({}), 30)!).map(({ label }) => label);
  assert.deepEqual(
    calm.filter((label) => label !== ''),
    ['with snark work', 'without snark work (its maker)'],
  );
});

test('nodes of one key, same-second pairs, and a hard fork with nodes that stay behind', () => {
  const hardFork = hardForkAt('berkeley', 10 * 180_000);
  const lines = linesOf({
    era: 'mesa', producers: 20, nodesPerProducer: 2, sameSecondShare: 0.1, hardFork, stayedShare: 0.1,
    durationMs: 10 * 180_000 + 3 * 450_000,
  }); // prettier-ignore
  for (const line of lines) assert.equal(fleetLine.safeParse(line).success, true, JSON.stringify(line)); // prettier-ignore
  const data = fleetData(lines, 30)!;
  assert.deepEqual([data.network.producers, data.network.nodes, data.network.shown], [20, 40, 40]);
  assert.deepEqual(data.network.eras, [
    { era: 'berkeley', fromMs: 0, slotMs: 180_000 },
    { era: 'mesa', fromMs: hardFork.genesisMs, slotMs: 90_000 },
  ]);
  const sets = drawn(data);
  const paired = data.submissions.filter(({ paired, as }) => paired && as !== 'maker');
  assert.equal(new Set(paired.map(({ row }) => row)).size, 4);
  const ring = sets.find(({ label }) => label === 'in the same second as another node of its key');
  assert.equal(ring!.data.length, paired.length);
  const stayed = data.submissions.filter(({ as }) => as === 'stayed');
  assert.ok(stayed.length > 0 && stayed.every(({ era, atMs }) => era === 'berkeley' && atMs >= hardFork.genesisMs)); // prettier-ignore
  const stars = sets.filter((set) => set.label === '' && set.pointStyle === 'star');
  assert.equal(stars.reduce((sum, set) => sum + set.data.length, 0), stayed.length); // prettier-ignore
  // Bars of the new era are half as wide, and stand where its slots are.
  const bars = fleetConfig('title', 'subtitle', data).data.datasets as unknown as { yAxisID: string; data: { x: number }[] }[]; // prettier-ignore
  const lastBar = Math.max(...bars.filter(({ yAxisID }) => yAxisID === 'blocks').flatMap((set) => set.data.map(({ x }) => x))); // prettier-ignore
  assert.ok(Math.abs(lastBar - (hardFork.genesisMs + 14 * 90_000 + 0.92 * 90_000) / 60_000) < 1e-6, String(lastBar)); // prettier-ignore
});

test('it is drawn, small and large; a file without its head is not', () => {
  for (const producers of [1, 15, 1000]) {
    const data = fleetData(linesOf({ producers, laggingShare: 0.1 }), 30)!;
    const png = renderPng({ name: 'fleet', title: '', description: '', caption: '', isUsual: true, width: 1200, height: fleetHeight(data), config: () => fleetConfig('title', '', data) }); // prettier-ignore
    assert.equal(png.readUInt32BE(20), 2 * fleetHeight(data));
  }
  assert.equal(fleetData([], 1), null);
});
