/** What a hard fork cost: who scored in which batch around it, as the tables have it. Pure. */
import { Facts } from '../assertions/facts.ts';
import { byBatch } from '../assertions/batches.ts';
import type { Evidence } from '../dump/evidence.ts';
import type { ForkFields } from '../dump/types.ts';

/** `frozen tip`: the old chain has no more blocks; `over the fork`: the genesis of the new era lies in it. */
export type Phase = 'old era' | 'no transactions' | 'frozen tip' | 'over the fork' | 'new era';

export type ForkCost = {
  fork: ForkFields;
  batches: { startSeconds: number; endSeconds: number; phase: Phase; scored: number }[];
  producers: {
    submitter: string;
    part: 'went over at once' | 'went away' | 'stayed behind';
    /** Batches in which it has no point, of all. */
    lost: number;
  }[];
};

/** null: none was rehearsed. */
export function forkCostOf(evidence: Evidence): ForkCost | null {
  const { events, tables, head } = evidence;
  const fork = events.find(({ kind }) => kind === 'fork')?.fields as ForkFields | undefined;
  if (fork === undefined) return null;
  const keys = new Map((tables.nodes ?? []).map(({ id, block_producer_key: key }) => [id, key ?? ''])); // prettier-ignore
  const summaries = byBatch(tables.points_summary ?? []);
  const endMs = head.expected.exceptions.find(({ submitter }) => submitter === '*')?.fromMs ?? Infinity; // prettier-ignore
  const batches = new Facts(evidence).countedBatches
    .map(({ batch }) => batch)
    .filter(({ endSeconds }) => endSeconds * 1000 <= endMs);
  const scoredIn = batches.map(
    ({ botLogId }) =>
      new Set((summaries.get(botLogId) ?? []).map(({ node_id: id }) => keys.get(id) ?? '')),
  );
  return {
    fork,
    batches: batches.map(({ startSeconds, endSeconds }, i) => ({
      startSeconds,
      endSeconds,
      phase: phaseOf(fork, startSeconds * 1000, endSeconds * 1000),
      scored: scoredIn[i].size,
    })),
    producers: head.expected.submitters.map((submitter) => ({
      submitter,
      part: fork.stayed.includes(submitter) ? 'stayed behind' : fork.away.includes(submitter) ? 'went away' : 'went over at once', // prettier-ignore
      lost: scoredIn.filter((scored) => !scored.has(submitter)).length,
    })),
  };
}

export function phaseOf(fork: ForkFields, fromMs: number, untilMs: number): Phase {
  if (fromMs >= fork.genesisMs) return 'new era';
  if (untilMs > fork.genesisMs) return 'over the fork';
  if (untilMs > fork.chainEndMs) return 'frozen tip';
  return untilMs > fork.transactionsEndMs ? 'no transactions' : 'old era';
}

/** For the terminal and `fork.md`. */
export function costLines({ batches, producers }: ForkCost): string[] {
  const all = producers.length;
  const parts = ['went over at once', 'went away', 'stayed behind'] as const;
  return [
    'what the fork cost (mainnet, 2026-09-03: 9 to 46 of 104 block producers scored in 8 batches):',
    ...batches.map(
      ({ startSeconds, phase, scored }) =>
        `  batch ${new Date(startSeconds * 1000).toISOString().slice(11, 19)}Z (${phase}): ${scored} of ${all} block producers scored`,
    ),
    ...parts.flatMap((part) => {
      const of = producers.filter((one) => one.part === part);
      if (of.length === 0) return [];
      const lost = of.map((one) => one.lost);
      const [least, most] = [Math.min(...lost), Math.max(...lost)];
      return [
        `  ${of.length} ${part}: each lost ${least === most ? most : `${least} to ${most}`} of ${batches.length} batches, ${((100 * lost.reduce((a, b) => a + b, 0)) / (of.length * batches.length)).toFixed(1)} % of the score over them`,
      ];
    }),
  ];
}

/** Each block producer, for `fork.md`. */
export const costTable = ({ producers, batches }: ForkCost): string[] => [
  '| block producer | part | batches lost |',
  '| - | - | -: |',
  ...producers.map(
    ({ submitter, part, lost }) => `| ${submitter} | ${part} | ${lost} of ${batches.length} |`,
  ),
];
