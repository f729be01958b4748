/** The feeder of one run with all it needs: bodies on disk, a signing thread, the log of what was handed out. */
import { join, resolve } from 'node:path';
import { writeBodies } from '../../producers/bodies.ts';
import { checkJob, type CorpusJob } from '../../producers/corpus.ts';
import { planSubmissions } from '../../producers/corpus-plan.ts';
import { FEED_STATUS, type FeederSource } from '../../scenarios/lib/plan.ts';
import type { SentSubmissions } from '../../reconcile/sent.ts';
import { startBatchSigner } from './batch-signer.ts';
import { answerBytes, type Feeder, type FeederFigures, startFeeder } from './feeder.ts';
import { HandOutLog } from './hand-out-log.ts';
import { SentFeed } from './sent.ts';
import { BLOCK } from './stock.ts';
import { Turns } from './turns.ts';

export type Feed = {
  source: FeederSource;
  /** Submissions that are due at most. */
  count: number;
  meanBodyBytes: number;
  /** What the aggregator of samples must know to leave its requests out. @param lease submissions of one request */
  samplesOf(lease: number): { status: number; answerBytes: number };
  /** Size of submission `index`; once, when it was answered. */
  takeBodyBytes(index: number): number;
  figures(): FeederFigures;
  /** Of a load whose pace is changed while it runs; null: of all others. */
  turns: Turns | null;
  /** When submission `index` was due: {@link Feeder.takeDue}. */
  takeDue(index: number): number | undefined;
  /** Resolves if signing fails. */
  failed: Promise<Error>;
  /** What was handed out, for reconciliation; after `stop`. Close it. */
  sent(): SentSubmissions;
  /** Later calls do nothing. */
  stop(): Promise<void>;
  /** After `stop` and `sent`: gives the files back. */
  close(): void;
};

/**
 * @param job `createdAt` decides nothing: it is the second of the signing
 * @param folder gets `bodies.bin` and `handed-out.bin`; is there
 * @throws RangeError for an impossible job; Error of node:fs; the reason of the job's signal
 */
export async function startFeed({
  folder,
  ratePerSecond,
  steered = null,
  ...job
}: Omit<CorpusJob, 'createdAt' | 'onProgress' | 'workers'> & {
  folder: string;
  /** Expected, for the first second. */
  ratePerSecond: number;
  /** How its pace begins; null: nobody changes it. */
  steered?: ConstructorParameters<typeof Turns>[0] | null;
}): Promise<Feed> {
  const turns = steered && new Turns(steered);
  const createdAt = { startSeconds: 0, perSecond: Infinity };
  checkJob({ ...job, createdAt });
  const bodiesPath = resolve(folder, 'bodies.bin');
  const { templates, signing } = await writeBodies(bodiesPath, job.templates, job.signal);
  const plan = (chunkSize: number) =>
    planSubmissions({ ...job, createdAt, producers: job.fleet.producers.length }, chunkSize);
  const log = new HandOutLog(join(folder, 'handed-out.bin'));
  let fail: (error: Error) => void;
  const failed = new Promise<Error>((settle) => (fail = settle));
  let feeder: Feeder;
  try {
    job.signal?.throwIfAborted();
    feeder = await startFeeder({
      chunks: plan(BLOCK),
      count: job.count,
      signer: startBatchSigner({
        network: job.network,
        bodiesFile: bodiesPath,
        templates: signing,
        fleet: job.fleet,
      }),
      onHandedOut: (first, seconds) => log.write(first, seconds),
      ratePerSecond,
      turns: turns ?? undefined,
      onFailure: (error) => fail(error),
    });
  } catch (error) {
    log.close();
    throw error;
  }
  // By weight; the blocks of a chain come one after another, each for as long as it is a tip.
  const isChain = job.templates.some(({ tip }) => tip !== undefined);
  const weightOf = (i: number) => (isChain ? 1 : job.templates[i].weight);
  const weights = templates.reduce((sum, _, i) => sum + weightOf(i), 0);
  const meanBodyBytes = templates.reduce((sum, { bytes }, i) => sum + bytes * weightOf(i), 0) / weights; // prettier-ignore
  const { count } = job;
  const source: FeederSource = {
    kind: 'feeder',
    bodiesPath,
    count,
    url: feeder.url,
    templates,
    ...(turns !== null && { paced: true }),
  };
  return {
    source,
    count: job.count,
    meanBodyBytes,
    samplesOf: (lease) => ({ status: FEED_STATUS, answerBytes: answerBytes(lease) }),
    takeBodyBytes(index) {
      const template = feeder.takeTemplate(index);
      return template === undefined ? 0 : templates[template].bytes;
    },
    turns,
    takeDue: (index) => feeder.takeDue(index),
    figures: () => feeder.figures(),
    failed,
    sent: () => new SentFeed(source, log, job.fleet.producers, plan),
    stop: () => feeder.stop(),
    close: () => log.close(),
  };
}
