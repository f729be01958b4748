/** Submissions that are decided one by one, beyond what a seed and templates do: of a simulated network, and of a recording by other submitters. */
import type { GivenSubmissions } from '../producers/corpus-plan.ts';
import { templateOfPayloads } from '../producers/broken-corpus.ts';
import type { Fleet } from '../producers/fleet.ts';
import { networkTemplates } from '../producers/network-templates.ts';
import type { NetworkPlan } from '../producers/network-plan.ts';
import type { Payload } from '../producers/payloads.ts';
import { readSources, type SubmissionTemplate, templatesOf } from '../producers/templates.ts';
import { payloadOf } from '../scenarios/lib/plan.ts';
import { ERAS } from '../mina/eras.ts';
import type { ChainOrigin } from '../producers/chain-origin.ts';
import { seedNumber } from './k6/plan.ts';

/** Templates, and which submission is of which template and producer. */
export type GivenLoad = {
  templates: SubmissionTemplate[];
  given: GivenSubmissions;
  notes: string[];
  /** Of a network: height of each of its blocks, and whether a submission has snark work. */
  blocks: { heights: number[]; hasSnarkWork: (submission: number) => boolean } | null;
};

/**
 * The blocks of a simulated network, and who submits which. At a speedup of 1 a block is about as old as in the network when it is
 * submitted; else the blocks are those up to now.
 * @throws UserError if the payloads cannot be read or make no chain
 */
export async function networkSubmissions(call: {
  network: NetworkPlan;
  fleet: Fleet;
  payloadFolder: string | null;
  startedAt: Date;
  durationMs: number;
  /** Of the chain; null: that of the recorded blocks. */
  origin: ChainOrigin | null;
}): Promise<GivenLoad> {
  const { network, fleet, payloadFolder, startedAt, durationMs, origin } = call;
  const payloads = await readSources(payloadFolder ?? undefined);
  // The last block's slot begins no later than it is made.
  const endMs = startedAt.getTime() + Math.max(0, durationMs - ERAS[network.shape.era].slotTimeMs);
  const { templates, templateOf, heights, isWithoutSnarkWork } = await networkTemplates(payloads, {
    plan: network,
    producers: fleet.producers,
    endMs,
    origin,
  });
  return {
    templates,
    given: { templates: templateOf, producers: network.submissions.producers },
    notes: isWithoutSnarkWork
      ? ['no recorded request has snark work, so all submissions go without']
      : [],
    blocks: {
      heights,
      hasSnarkWork: (submission) => templates[templateOf[submission]].hasSnarkWork,
    },
  };
}

/** Which payload submission i of a recording sends: the same whether it goes as recorded or signed anew. */
export const payloadOrder =
  (payloads: readonly Payload[], order: 'sequence' | 'random', seed: string) =>
  (index: number): number =>
    payloadOf(
      { seed: seedNumber(seed) },
      { payloads, order: order === 'random' ? 'random' : 'in order' },
      index,
    );

/** Recorded submissions by others, who sign them anew. */
export function signedAnew(
  payloads: readonly Payload[],
  which: (index: number) => number,
  count: number,
): GivenLoad {
  const templateOf = templateOfPayloads(payloads);
  return {
    templates: templatesOf(payloads),
    given: { templates: Uint32Array.from({ length: count }, (_, i) => templateOf[which(i)]) },
    notes: [],
    blocks: null,
  };
}
