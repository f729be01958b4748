/** What a run would do, without k6, private keys or a target: the decision in lines. Nothing is written and nothing is sent. */
import { countOf, formatBytes } from '../results/units.ts';
import { decide, type Decision } from './decide.ts';
import { gatherFacts } from './facts.ts';
import { faultLines } from './faults.ts';
import { isEmbedded, type LoadJob } from './job.ts';
import { describeShape } from './shape.ts';
import { submitUrl } from './target/target.ts';
import { transportFacts } from './target/transport.ts';

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/**
 * @returns lines for the user
 * @throws UserError for files that cannot be read, as the run would
 */
export async function dryRun(job: LoadJob, env: NodeJS.ProcessEnv): Promise<string[]> {
  const { facts } = await gatherFacts(job, env, null);
  return describeDecision(job, decide(job, facts), facts.bodies.length);
}

/** @param bodies different ones */
export function describeDecision(job: LoadJob, decision: Decision, bodies: number): string[] {
  const { shape, source, volume, estimate, stored, gates } = decision;
  const seconds = (ms: number) => `${ms / 1000} s`;
  const rate = estimate.peakRatePerSecond;
  const signing = source.isFed
    ? 'signed while they are sent,'
    : `${volume.submissions} signed beforehand`;
  return [
    ...searchLines(job),
    `scenario      ${decision.scenario} (${shape.executor}): ${describeShape(shape)}`,
    ...targetLines(job),
    ...transportLines(job),
    `submissions   ${estimate.submissions === null ? 'as many as the target answers' : `about ${estimate.submissions}`}` +
      (source.kind === 'recorded'
        ? ` of ${countOf(bodies, 'recorded body', 'recorded bodies')}`
        : `, ${signing} by ${countOf(decision.producers, 'producer')}`),
    `peak rate     ${rate === null ? 'as fast as the target answers' : `${rate.toFixed(1)} submissions/s`}`,
    `bytes         ${estimate.bytesSent === null ? '' : `about ${megabytes(estimate.bytesSent)} sent, `}bodies of ` +
      `${(decision.meanBodyBytes / 1024).toFixed(1)} KB on average`,
    ...decision.lines,
    `memory        k6 at most about ${megabytes(estimate.k6MemoryBytes)}, corpus on disk ${megabytes(decision.corpusBytes)}`,
    ...(stored === null
      ? []
      : [
          `storage       the embedded backend will store about ${megabytes(stored.bytes)}` +
            (stored.freeBytes !== null && stored.freeBytes < stored.bytes
              ? `, but only ${formatBytes(stored.freeBytes)} are left there`
              : ''),
        ]),
    `duration      ${seconds(estimate.durationMs)}, at most ${seconds(shape.gracefulStopMs)} more for the last answers` +
      (shape.warmUpMs === undefined ? '' : `, of it ${seconds(shape.warmUpMs)} warm-up`),
    ...faultLines(decision.faults),
    `gates         ${gates.map(({ expression }) => expression).join(', ')}`,
    ...(decision.pictures.length > 0
      ? [`pictures      ${decision.pictures.join(', ')}, beside those of every load`]
      : []),
    ...decision.notes.map((note) => `note          ${note}`),
  ];
}

/** Of a search; the other lines are those of the first rate's load and of the one that confirms. */
function searchLines({ search }: LoadJob): string[] {
  if (search === null) return [];
  const { first, highest, mostTrials, holdMs } = search;
  return [
    `search        rates from ${first}/s up to ${highest}/s, each held for ${holdMs / 1000} s, ${mostTrials} at most, usually about 20; then the load below at the rate that was found`,
  ];
}

function targetLines({ targets }: LoadJob): string[] {
  if (isEmbedded({ targets })) return ['target        the embedded backend'];
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
