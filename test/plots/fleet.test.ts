/** The picture of a fleet: what its file holds, within bounds, and what is drawn of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fleetLines } from '../../load/fleet-record.ts';
import { fleetConfig, type FleetData, fleetData, fleetHeight } from '../../plots/fleet.ts';
import { renderPng } from '../../plots/render.ts';
import { type NetworkShape, planNetwork } from '../../producers/network-plan.ts';
import { fleetLine } from '../../results/schema.ts';
import type { FleetLine } from '../../results/types.ts';

const CYCLE_MS = 900_000;

const shape = (change: Partial<NetworkShape>): NetworkShape => ({
  era: 'berkeley',
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
  assert.equal(submissions.length, 30);
  assert.deepEqual([submissions[3].answer, submissions[3].accepted], [null, false]);
  assert.deepEqual([submissions[4].answer, submissions[4].retries], ['503', 2]);
  assert.equal(
    blocks.reduce((sum, { planned }) => sum + planned, 0),
    30,
  );
  assert.equal(
    blocks.reduce((sum, { accepted }) => sum + accepted, 0),
    28,
  );
  // A row for each producer, waves one below the other.
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
  assert.equal(submissions.length, 100 * 96);
  // All waves are among them, and the blocks count the whole fleet.
  assert.equal(new Set(submissions.map(({ atMs }) => Math.floor(atMs / 180_000) % 5)).size, 5);
  const blocks = day.filter((line) => line.kind === 'block');
  assert.ok(blocks.every(({ planned }) => planned === 200));

  const months = linesOf({ producers: 5, durationMs: 10_000 * CYCLE_MS });
  assert.ok(months.length < 26_000, `${months.length} lines`);
  const [head] = months;
  assert.ok(head.kind === 'network' && head.shownMs < head.durationMs);
  for (const line of months) if (line.kind === 'submission') assert.ok(line.atMs < head.shownMs);
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

test('it is drawn, small and large; a file without its head is not', () => {
  for (const producers of [1, 15, 1000]) {
    const data = fleetData(linesOf({ producers, laggingShare: 0.1 }), 30)!;
    const png = renderPng({ name: 'fleet', title: '', description: '', width: 1200, height: fleetHeight(data), config: () => fleetConfig('title', '', data) }); // prettier-ignore
    assert.equal(png.readUInt32BE(20), 2 * fleetHeight(data));
  }
  assert.equal(fleetData([], 1), null);
});
