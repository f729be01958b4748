/** `fleet.ndjson`: what a simulated network did, for its picture. Pure but for writeFleetRecord. */
import { join } from 'node:path';
import { ERAS, submissionPeriodMs } from '../mina/eras.ts';
import { type NetworkPlan, sectionsOf, SUBMISSION_KINDS } from '../producers/network-plan.ts';
import type { FleetLine } from '../results/types.ts';
import { FILES } from '../results/writer.ts';
import type { AnswerTable } from '../reconcile/answer-table.ts';
import { writeWholeSync } from '../whole-file.ts';

/** A plan, and of what its submissions are made. */
export type SimulatedNetwork = {
  plan: NetworkPlan;
  /** Of each block. */
  heights: readonly number[];
  hasSnarkWork: (submission: number) => boolean;
};

/** Bounds of the file, some 3 MB. */
const MOST_BLOCKS = 5000;
const MOST_SUBMISSIONS = 20_000;
/** Rows that a picture can show. */
const MOST_NODES = 100;

/**
 * The head, the blocks with their counts, the submissions. Of a long or large load only the first {@link MOST_BLOCKS} blocks, and
 * of some nodes, spread over the waves, all submissions up to then: a part of the fleet tells what the whole does.
 */
export function* fleetLines(
  { plan, heights, hasSnarkWork }: SimulatedNetwork,
  table: Pick<AnswerTable, 'answerOf' | 'retriesOf'>,
): Generator<FleetLine> {
  const { shape, blocks, nodes, submissions } = plan;
  const { slotTimeMs } = ERAS[shape.era];
  const shownBlocks = Math.min(blocks.length, MOST_BLOCKS);
  const isWhole = shownBlocks === blocks.length;
  const untilMs = isWhole ? shape.durationMs : blocks[shownBlocks].fromMs;
  let shownSubmissions = 0;
  while (shownSubmissions < submissions.count && submissions.atMs[shownSubmissions] < untilMs)
    shownSubmissions++;
  const each = Math.max(1, Math.ceil(shownSubmissions / nodes.count));
  const rows = Math.max(1, Math.min(nodes.count, MOST_NODES, Math.floor(MOST_SUBMISSIONS / each)));
  // In the order of waves, so that a row's neighbours submit beside it.
  const inOrder = Array.from(nodes.waves, (_, node) => node).sort(
    (a, b) => nodes.waves[a] - nodes.waves[b] || a - b,
  );
  const shown = spread(inOrder, nodes.partners, rows);
  const rowOf = new Map(shown.map((node, row) => [node, row]));

  yield {
    kind: 'network',
    producers: shape.producers,
    nodes: nodes.count,
    shown: shown.length,
    submissions: submissions.count,
    slotMs: slotTimeMs,
    cycleMs: submissionPeriodMs(shape.era),
    eras: sectionsOf(shape).map(({ era, fromMs }) => ({
      era,
      fromMs,
      slotMs: ERAS[era].slotTimeMs,
    })),
    ...(shape.hardFork !== null && { hardFork: shape.hardFork }),
    durationMs: shape.durationMs,
    shownMs: untilMs,
  };
  const planned = new Uint32Array(blocks.length);
  const accepted = new Uint32Array(blocks.length);
  for (let i = 0; i < submissions.count; i++) {
    planned[submissions.blocks[i]]++;
    if (table.answerOf(i)?.expected) accepted[submissions.blocks[i]]++;
  }
  for (let i = 0; i < shownBlocks; i++) {
    const { slot, isFork, era, fromMs } = blocks[i];
    // From before the beginning, and nobody was so far behind.
    if (fromMs < 0 && planned[i] === 0) continue;
    yield {
      kind: 'block',
      block: i,
      height: heights[i],
      slot,
      era,
      fromMs,
      ...(isFork && { fork: true }),
      planned: planned[i],
      accepted: accepted[i],
    };
  }
  for (let i = 0; i < shownSubmissions; i++) {
    const row = rowOf.get(submissions.nodes[i]);
    if (row === undefined) continue;
    const answer = table.answerOf(i);
    const retries = table.retriesOf(i);
    yield {
      kind: 'submission',
      producer: submissions.producers[i],
      row,
      ...(nodes.partners[submissions.nodes[i]] !== -1 && { paired: true }),
      block: submissions.blocks[i],
      era: blocks[submissions.blocks[i]].era,
      atMs: Math.round(submissions.atMs[i]),
      as: SUBMISSION_KINDS[submissions.kinds[i]],
      snarkWork: hasSnarkWork(i),
      answer: answer?.class ?? null,
      accepted: answer?.expected ?? false,
      ...(retries > 0 && { retries }),
    };
  }
}

/** Some nodes, spread over all of them; of those that started together both or none. @param inOrder partners stand side by side */
function spread(inOrder: readonly number[], partners: Int32Array, most: number): number[] {
  const chosen: number[] = [];
  for (let place = 0; place < inOrder.length; place++) {
    const node = inOrder[place];
    const isPair = partners[node] !== -1 && inOrder[place + 1] === partners[node];
    const members = isPair ? [node, partners[node]] : [node];
    if (isPair) place++;
    const wanted = Math.floor(((place + 1) * most) / inOrder.length);
    if (chosen.length < wanted && chosen.length + members.length <= most) chosen.push(...members);
  }
  return chosen;
}

/** @throws Error of node:fs */
export function writeFleetRecord(
  folder: string,
  network: SimulatedNetwork,
  table: Pick<AnswerTable, 'answerOf' | 'retriesOf'>,
): void {
  let text = '';
  for (const line of fleetLines(network, table)) text += `${JSON.stringify(line)}\n`;
  writeWholeSync(join(folder, FILES.fleet), text);
}
