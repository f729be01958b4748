/** What a run would do, without k6, keys or a target: nothing is written and nothing is sent. */
import { ENVELOPE, RECORD } from '../mina/envelope.ts';
import { makeFleet } from '../producers/fleet.ts';
import { countProducers } from '../producers/key-source.ts';
import type { NetworkPlan } from '../producers/network-plan.ts';
import { readPayloads } from '../producers/payloads.ts';
import type { SubmissionTemplate } from '../producers/templates.ts';
import { defaultGates, gateRules } from '../judge/gates.ts';
import { scenarioGates } from './scenario-gates.ts';
import { storedGates } from './storage-look.ts';
import { isFed } from './feeder/feed.ts';
import {
  hasHostile,
  hostileRateOf,
  type MixedTemplates,
  mixedTemplates,
  unpacedRate,
} from './mix.ts';
import { k6Memory, makeK6Plan } from './k6/plan.ts';
import { networkSubmissions } from './own-submissions.ts';
import { ownTimesOf } from './own-times.ts';
import { describeShape, estimateOf, loadShape, UNPACED_RATE, volumeOf } from './plan.ts';
import { fleetSize, type LoadJob, templatesOfJob } from './prepare.ts';
import { storedBytes } from './storage-need.ts';
import { submitUrl } from './target/target.ts';
import { transportFacts } from './target/transport.ts';

/** Text of a body beside block, snark work and envelope. */
const FRAME_BYTES = 60;

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/**
 * @returns lines for the user
 * @throws UserError for files that cannot be read, as the run would
 */
export async function dryRun(job: LoadJob): Promise<string[]> {
  const { request } = job;
  const found = request.scenario === 'replay' ? await readPayloads(job.payloads!) : null;
  const listed = job.producersFile === null ? null : await countProducers(job.producersFile);
  const ownTimes = ownTimesOf(request, { producers: listed, payloads: found });
  const shape = ownTimes?.shape ?? loadShape(request);
  const volume = volumeOf(shape, unpacedRate(request, UNPACED_RATE));
  const mixed =
    request.sizes === undefined
      ? null
      : await mixedTemplates(request, job, () => templatesOfJob(job, new Date()));
  const isReplay = found !== null && !request.resign;
  const network = ownTimes?.network && (await networkSizes(job, ownTimes.network));
  const fed = mixed === null && isFed(request.scenario, volume);
  const sizes =
    found?.map(({ sizeBytes }) => sizeBytes) ?? network?.sizes ?? (await templateSizes(job, mixed));
  const producers = listed ?? fleetSize(request, volume, shape.durationMs);
  const bodiesBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const corpusBytes = bodiesBytes + (isReplay || fed ? 0 : volume.submissions * RECORD.bytes);
  const k6Plan = makeK6Plan({
    url: submitUrl(job.targets[0]?.url ?? 'http://127.0.0.1'),
    load: shape,
    seed: request.seed,
    source: {
      kind: 'payloads',
      bodiesPath: '',
      payloads: sizes.map((bytes) => ({ offset: 0, bytes })),
      order: 'in order',
    },
  });
  const meanBodyBytes =
    mixed === null
      ? (network?.meanBytes ?? bodiesBytes / sizes.length)
      : meanOfMix(mixed.mix, sizes);
  const estimate = estimateOf({
    shape,
    volume,
    meanBodyBytes,
    k6MemoryBytes: k6Memory(k6Plan, corpusBytes).residentBytes,
  });
  const seconds = (ms: number) => `${ms / 1000} s`;
  const rate = estimate.peakRatePerSecond;
  return [
    `scenario      ${request.scenario} (${shape.executor}): ${describeShape(shape)}`,
    ...targetLines(job),
    ...transportLines(job),
    `submissions   ${estimate.submissions === null ? 'as many as the target answers' : `about ${estimate.submissions}`}` +
      (isReplay
        ? ` of ${sizes.length} recorded bodies`
        : `, ${fed ? 'signed while they are sent,' : `${volume.submissions} signed beforehand`} by ${producers} producers`),
    `peak rate     ${rate === null ? 'as fast as the target answers' : `${rate.toFixed(1)} submissions/s`}`,
    `bytes         ${estimate.bytesSent === null ? '' : `about ${megabytes(estimate.bytesSent)} sent, `}bodies of ` +
      `${(meanBodyBytes / 1024).toFixed(1)} KB on average`,
    ...mixLines(request, volume.ratePerSecond, job.hostileRate),
    `memory        k6 at most about ${megabytes(estimate.k6MemoryBytes)}, corpus on disk ${megabytes(corpusBytes)}`,
    ...(await storageLines(job, fed, volume.submissions)),
    `duration      ${seconds(estimate.durationMs)}, at most ${seconds(shape.gracefulStopMs)} more for the last answers` +
      (shape.warmUpMs === undefined ? '' : `, of it ${seconds(shape.warmUpMs)} warm-up`),
    `gates         ${gateRules(job.gates, [
      ...defaultGates(shape, {
        withHostile: hasHostile(request),
        ofScenario: scenarioGates(
          request.scenario,
          shape,
          job.targets.length === 0 || job.targetPid !== null || job.targetContainer !== null,
        ),
      }),
      ...storedGates(job),
    ])
      .map(({ expression }) => expression)
      .join(', ')}`,
  ];
}

/** Weighted as bodies are drawn; within a kind all are taken to be as likely. */
function meanOfMix(mix: MixedTemplates['mix'], sizes: readonly number[]): number {
  const weights = mix.reduce((sum, { weight }) => sum + weight, 0);
  const means = mix.map(
    ({ templates }) => templates.reduce((sum, place) => sum + sizes[place], 0) / templates.length,
  );
  return mix.reduce((sum, { weight }, i) => sum + (weight / weights) * means[i], 0);
}

/** Sizes and kinds, where there are several. */
function mixLines(
  request: LoadJob['request'],
  perSecond: number | null,
  hostileRate: number,
): string[] {
  const { sizes, mix, scenario } = request;
  const lines: string[] = [];
  if (mix !== undefined) {
    const sum = mix.reduce((total, { weight }) => total + weight, 0);
    lines.push(
      `kinds         ${mix.map(({ kind, weight }) => `${kind} ${((100 * weight) / sum).toFixed(1)} %`).join(', ')}`,
    );
    if (hasHostile(request))
      lines.push(
        `hostile       ${hostileRateOf(request, perSecond, hostileRate).toFixed(1)} requests/s beside the load`,
      );
  }
  if (
    sizes !== undefined &&
    (scenario === 'big-blocks' || mix?.some(({ kind }) => kind === 'big-blocks'))
  )
    lines.push(`sizes         ${sizes.map(({ name }) => name).join(', ')}`);
  return lines;
}

async function storageLines(job: LoadJob, fed: boolean, submissions: number): Promise<string[]> {
  if (!fed || job.targets.length > 0) return [];
  const bytes = await storedBytes(await templatesOfJob(job, new Date()), submissions);
  return [`storage       the embedded backend will store about ${megabytes(bytes)}`];
}

function targetLines({ targets }: LoadJob): string[] {
  if (targets.length === 0) return ['target        the embedded backend'];
  const sum = targets.reduce((total, { weight }) => total + weight, 0);
  return targets.map(
    ({ url, weight }) =>
      `target        ${submitUrl(url)}` +
      (targets.length > 1 ? ` (${((100 * weight) / sum).toFixed(1)} %)` : ''),
  );
}

/** What differs from plain requests; the names of secret headers, never their values. */
function transportLines({ transport }: LoadJob): string[] {
  const facts = transportFacts(transport);
  const names = [
    ...Object.keys(facts.headers),
    ...facts.secretHeaders.map((name) => `${name} (secret)`),
  ];
  return [
    names.length > 0 && `headers       ${names.join(', ')}`,
    facts.forwardedNetwork !== null &&
      `forwarded     X-Forwarded-For from ${facts.forwardedNetwork}, one address a producer`,
    facts.http !== null && `http          HTTP/${facts.http}`,
    facts.proxy !== null && `proxy         ${facts.proxy}`,
    facts.ca !== null && `tls roots     ${facts.ca}`,
    facts.clientCertificate !== null && `tls client    ${facts.clientCertificate}`,
    facts.insecureSkipTlsVerify && "tls           nobody checks the target's certificate",
  ].filter((line) => line !== false);
}

const templateSizes = async (job: LoadJob, mixed: MixedTemplates | null): Promise<number[]> =>
  sizesOf(mixed?.templates ?? (await templatesOfJob(job, new Date())));

/** Bodies of a simulated network, whose size does not depend on who its makers are. */
async function networkSizes(
  { request, payloads }: LoadJob,
  network: NetworkPlan,
): Promise<{ sizes: number[]; meanBytes: number }> {
  const { producers, privateKeys } = makeFleet({ seed: request.seed, count: 1 });
  const [anybody] = producers;
  const { templates, given } = await networkSubmissions({
    network,
    fleet: { producers: Array.from(network.waves, () => anybody), privateKeys },
    payloadFolder: payloads,
    startedAt: new Date(),
    durationMs: request.durationMs,
  });
  const sizes = await sizesOf(templates);
  const sum = given.templates!.reduce((total, which) => total + sizes[which], 0);
  return { sizes, meanBytes: sum / given.templates!.length };
}

async function sizesOf(templates: readonly SubmissionTemplate[]): Promise<number[]> {
  const sizes: number[] = [];
  for (const template of templates) {
    if (template.bodyBytes !== undefined) {
      sizes.push(template.bodyBytes);
      continue;
    }
    const { block, snarkWork } = await template.load();
    sizes.push(block.length + (snarkWork?.length ?? 0) + ENVELOPE.bytes + FRAME_BYTES);
  }
  return sizes;
}
