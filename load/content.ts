/** What a run sends, as its decision says: producers, templates, and the source that k6 reads. */
import { writeBrokenCorpus } from '../producers/broken-corpus.ts';
import { writeCorpus } from '../producers/corpus.ts';
import type { MixPart } from '../producers/corpus-plan.ts';
import { type Fleet, makeFleet, nodesOf } from '../producers/fleet.ts';
import { payloadBytes } from '../producers/payloads.ts';
import type { SubmissionTemplate } from '../producers/templates.ts';
import type { LoadShape } from '../results/types.ts';
import type { K6Plan } from '../scenarios/lib/plan.ts';
import type { Screen } from '../system/screen.ts';
import type { Decision } from './decide.ts';
import { signedTemplates } from './facts.ts';
import { type Feed, startFeed } from './feeder/feed.ts';
import {
  type GivenLoad,
  networkSubmissions,
  payloadOrder,
  signedAnew,
} from './given-submissions.ts';
import type { LoadJob } from './job.ts';
import { corpusSource, packPayloads } from './k6/plan.ts';
import type { Part } from './parts.ts';
import { definitionOf } from './scenarios/index.ts';
import { UNPACED_RATE } from './volume.ts';

export type Content = {
  /** Who signs; null: nobody, the bodies were recorded. */
  fleet: Fleet | null;
  /** The nodes that send with these keys, each an entry of its own; null: each producer is one. */
  senders: Fleet | null;
  /** null: recorded bodies, as they are. */
  templates: SubmissionTemplate[] | null;
  /** What is decided one by one; null: seed and templates decide all. */
  given: GivenLoad | null;
  /** Of several parts. */
  mix: MixPart[] | undefined;
  parts: Part[] | null;
  /** Public keys by which recorded bodies are submitted: a whitelist needs them beside the fleet's. */
  submitters: string[];
};

/**
 * @param listed the fleet of a list of keys; null: one of the seed is made
 * @throws UserError if the payloads cannot be read or make no chain
 */
export async function contentOf(
  job: LoadJob,
  decision: Decision,
  listed: Fleet | null,
  startedAt: Date,
): Promise<Content> {
  const { request, order } = job;
  const { volume, source, payloads, network, origin } = decision;
  const nothing = { senders: null, given: null, mix: undefined, parts: null, submitters: [] };
  if (source.kind === 'recorded') return { fleet: null, templates: null, ...nothing };
  const fleet = listed ?? makeFleet({ seed: request.seed, count: decision.producers });
  const signed = () =>
    signedTemplates(job, startedAt, origin, {
      producers: fleet.producers,
      count: volume.submissions,
    });
  switch (source.kind) {
    case 'network': {
      const given = await networkSubmissions({
        network: network!,
        fleet,
        payloadFolder: job.payloads,
        startedAt,
        durationMs: decision.shape.durationMs,
        origin,
        blockBytes: request.fleet!.blockBytes,
      });
      const senders = nodesOf(fleet, network!.nodes);
      return { ...nothing, fleet, senders, templates: given.templates, given };
    }
    case 'by others': {
      const which = payloadOrder(payloads!, order, request.seed);
      const given = signedAnew(payloads!, which, volume.submissions);
      return { ...nothing, fleet, templates: given.templates, given };
    }
    case 'parts': {
      const { templates, mix, parts, submitters } = await definitionOf(
        decision.scenario,
      ).parts!.templates(request, { payloads: job.payloads, order, signed });
      return { ...nothing, fleet, templates, mix, parts, submitters };
    }
    case 'signed': {
      const templates = await signed();
      const { submitters } = decision;
      const given: GivenLoad | null = submitters && {
        templates,
        given: { producers: submitters },
        notes: [],
        blocks: null,
      };
      return { ...nothing, fleet, templates, given };
    }
  }
}

export type Sending = { source: K6Plan['source']; feed: Feed | null };

/** Writes what k6 reads into `folder`, or starts what hands it out. @throws the signal's reason */
export async function makeSource(call: {
  job: LoadJob;
  decision: Decision;
  content: Content;
  /** Is there. */
  folder: string;
  screen: Screen;
  signal: AbortSignal;
}): Promise<Sending> {
  const { job, decision, content, folder, screen, signal } = call;
  const { request, order, transport } = job;
  const { volume, payloads } = decision;
  const { fleet, senders, templates } = content;
  if (fleet === null) {
    const source = await packPayloads(
      payloads!.map((payload) => ({ read: () => payloadBytes(payload) })),
      folder,
      order === 'random' ? 'random' : 'in order',
      transport.forwarded,
    );
    return { source, feed: null };
  }
  if (!decision.source.isFed) return { source: await signCorpus(call, fleet, senders), feed: null };
  const feed = await startFeed({
    folder,
    fleet,
    templates: templates!,
    count: volume.submissions,
    network: request.network,
    seed: request.seed,
    ratePerSecond: volume.highestRatePerSecond ?? UNPACED_RATE,
    steered: steeredFrom(decision.shape),
    signal,
  });
  screen.line(
    `signing while the load runs: ${fleet.producers.length} producers, at most ${volume.submissions} submissions`,
  );
  return { source: feed.source, feed };
}

/** How the pace of a steerable load begins; null: nobody changes it. */
const steeredFrom = ({ steered, rate }: LoadShape) =>
  steered === undefined
    ? null
    : {
        perSecond: rate === undefined ? null : (rate.starts * 1000) / rate.timeUnitMs,
        isOpen: rate !== undefined,
      };

async function signCorpus(
  {
    job,
    decision,
    content,
    folder: corpusFolder,
    screen,
    signal,
  }: Parameters<typeof makeSource>[0],
  fleet: Fleet,
  senders: Fleet | null,
): Promise<K6Plan['source']> {
  const { request, order } = job;
  const { volume, payloads, offsetsMs } = decision;
  const { given, mix, templates } = content;
  const folder = `${corpusFolder}/signed`;
  const common = { folder, fleet: senders ?? fleet, count: volume.submissions, signal };
  const names = { network: request.network, seed: request.seed };
  const startedMs = performance.now();
  if (decision.source.broken) {
    const index = await writeBrokenCorpus({
      ...common,
      ...names,
      payloads: payloads!,
      payloadOf: payloadOrder(payloads!, order, request.seed),
    });
    screen.line(
      `put ${fleet.producers.length} submitters in the place of the recorded ones, whose signatures stay`,
    );
    return { ...corpusSource(folder, index), recordedTimes: true };
  }
  const startSeconds = Math.floor(Date.now() / 1000);
  const index = await writeCorpus({
    ...common,
    ...names,
    templates: templates!,
    mix,
    given: given && {
      ...given.given,
      ...(offsetsMs && {
        createdAt: offsetsMs.map((ms) => startSeconds + Math.floor(ms / 1000)),
      }),
    },
    createdAt: {
      startSeconds,
      // Where the pace changes, that of the fastest part: no submission is sent before its time.
      perSecond: volume.highestRatePerSecond ?? UNPACED_RATE,
    },
    onProgress: ({ signed, count }) => screen.status(`signing: ${signed} of ${count} submissions`),
  });
  const seconds = (performance.now() - startedMs) / 1000;
  screen.line(
    `signed ${index.count} submissions of ${fleet.producers.length} producers${
      senders === null || senders.producers.length === fleet.producers.length
        ? ''
        : ` with ${senders.producers.length} nodes`
    } in ${seconds.toFixed(1)} s`,
  );
  return { ...corpusSource(folder, index), ...(senders !== null && { ofNodes: true as const }) };
}
