/** `fleet.ndjson`: what a simulated network did, for its picture. Pure but for writeFleetRecord. */
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { ERAS, submissionPeriodMs } from '../mina/eras.ts';
import { type NetworkPlan, SUBMISSION_KINDS } from '../producers/network-plan.ts';
import type { FleetLine } from '../results/types.ts';
import { FILES } from '../results/writer.ts';
import type { AnswerTable } from '../reconcile/answer-table.ts';

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
const MOST_PRODUCERS = 100;

/**
 * The head, the blocks with their counts, the submissions. Of a long or large load only the first {@link MOST_BLOCKS} blocks, and
 * of some producers, spread over the waves, all submissions up to then: a part of the fleet tells what the whole does.
 */
export function* fleetLines(
  { plan, heights, hasSnarkWork }: SimulatedNetwork,
  table: Pick<AnswerTable, 'answerOf' | 'retriesOf'>,
): Generator<FleetLine> {
  const { shape, blocks, waves, submissions } = plan;
  const { slotTimeMs } = ERAS[shape.era];
  const shownBlocks = Math.min(blocks.length, MOST_BLOCKS);
  const isWhole = shownBlocks === blocks.length;
  const untilMs = isWhole ? shape.durationMs : blocks[shownBlocks].slot * slotTimeMs;
  let shownSubmissions = 0;
  while (shownSubmissions < submissions.count && submissions.atMs[shownSubmissions] < untilMs)
    shownSubmissions++;
  const each = Math.max(1, Math.ceil(shownSubmissions / shape.producers));
  const rows = Math.max(
    1,
    Math.min(shape.producers, MOST_PRODUCERS, Math.floor(MOST_SUBMISSIONS / each)),
  );
  // In the order of waves, so that a row's neighbours submit beside it.
  const inOrder = Array.from(waves, (_, producer) => producer).sort(
    (a, b) => waves[a] - waves[b] || a - b,
  );
  const shown = Array.from(
    { length: rows },
    (_, row) => inOrder[Math.floor((row * shape.producers) / rows)],
  );
  const rowOf = new Map(shown.map((producer, row) => [producer, row]));

  yield {
    kind: 'network',
    producers: shape.producers,
    shown: rows,
    submissions: submissions.count,
    slotMs: slotTimeMs,
    cycleMs: submissionPeriodMs(shape.era),
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
    const { slot, isFork } = blocks[i];
    // From before the beginning, and nobody was so far behind.
    if (slot < 0 && planned[i] === 0) continue;
    yield {
      kind: 'block',
      block: i,
      height: heights[i],
      slot,
      ...(isFork && { fork: true }),
      planned: planned[i],
      accepted: accepted[i],
    };
  }
  for (let i = 0; i < shownSubmissions; i++) {
    const row = rowOf.get(submissions.producers[i]);
    if (row === undefined) continue;
    const answer = table.answerOf(i);
    const retries = table.retriesOf(i);
    yield {
      kind: 'submission',
      producer: submissions.producers[i],
      row,
      block: submissions.blocks[i],
      atMs: Math.round(submissions.atMs[i]),
      as: SUBMISSION_KINDS[submissions.kinds[i]],
      snarkWork: hasSnarkWork(i),
      answer: answer?.class ?? null,
      accepted: answer?.expected ?? false,
      ...(retries > 0 && { retries }),
    };
  }
}

/** @throws Error of node:fs */
export function writeFleetRecord(
  folder: string,
  network: SimulatedNetwork,
  table: Pick<AnswerTable, 'answerOf' | 'retriesOf'>,
): void {
  let text = '';
  for (const line of fleetLines(network, table)) text += `${JSON.stringify(line)}\n`;
  writeFileAtomic.sync(join(folder, FILES.fleet), text);
}
