/** What a run would do, without k6, keys or a target: nothing is written and nothing is sent. */
import { ENVELOPE, RECORD } from '../mina/envelope.ts';
import { countProducers } from '../producers/key-source.ts';
import { readPayloads } from '../producers/payloads.ts';
import { defaultGates, gateRules } from './gates.ts';
import { k6Memory, makeK6Plan } from './k6-plan.ts';
import { describeShape, estimateOf, loadShape, volumeOf } from './plan.ts';
import { fleetSize, type LoadJob, templatesOfJob } from './prepare.ts';
import { submitUrl } from './target.ts';
import { transportFacts } from './transport.ts';

/** Text of a body beside block, snark work and envelope. */
const FRAME_BYTES = 60;

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/**
 * @returns lines for the user
 * @throws UserError for files that cannot be read, as the run would
 */
export async function dryRun(job: LoadJob): Promise<string[]> {
  const { request } = job;
  const shape = loadShape(request);
  const volume = volumeOf(shape);
  const isReplay = request.scenario === 'replay';
  const sizes = isReplay
    ? (await readPayloads(job.payloads!)).map(({ sizeBytes }) => sizeBytes)
    : await templateSizes(job);
  const producers =
    job.producersFile === null
      ? fleetSize(request, volume, shape.durationMs)
      : await countProducers(job.producersFile);
  const bodiesBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const corpusBytes = bodiesBytes + (isReplay ? 0 : volume.submissions * RECORD.bytes);
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
  const estimate = estimateOf({
    shape,
    volume,
    meanBodyBytes: bodiesBytes / sizes.length,
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
        : `, ${volume.submissions} signed beforehand by ${producers} producers`),
    `peak rate     ${rate === null ? 'as fast as the target answers' : `${rate.toFixed(1)} submissions/s`}`,
    `bytes         ${estimate.bytesSent === null ? '' : `about ${megabytes(estimate.bytesSent)} sent, `}bodies of ` +
      `${(bodiesBytes / sizes.length / 1024).toFixed(1)} KB on average`,
    `memory        k6 at most about ${megabytes(estimate.k6MemoryBytes)}, corpus on disk ${megabytes(corpusBytes)}`,
    `duration      ${seconds(estimate.durationMs)}, at most ${seconds(shape.gracefulStopMs)} more for the last answers` +
      (shape.warmUpMs === undefined ? '' : `, of it ${seconds(shape.warmUpMs)} warm-up`),
    `gates         ${gateRules(job.gates, defaultGates(shape, request.scenario))
      .map(({ expression }) => expression)
      .join(', ')}`,
  ];
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

async function templateSizes(job: LoadJob): Promise<number[]> {
  const sizes: number[] = [];
  for (const template of await templatesOfJob(job, new Date())) {
    const { block, snarkWork } = await template.load();
    sizes.push(block.length + (snarkWork?.length ?? 0) + ENVELOPE.bytes + FRAME_BYTES);
  }
  return sizes;
}
