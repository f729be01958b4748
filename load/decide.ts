/**
 * What a load will be: everything that is decided before the first deed. Pure: the same job and facts give the same decision. The dry
 * run prints it, preparation carries it out.
 */
import type { FaultTurn } from '../faults/schedule.ts';
import { defaultGatesOf, factsOfLoad, gateRules, type GateRule } from '../judge/gates.ts';
import { RECORD } from '../mina/envelope.ts';
import { type EraName, ERAS, submissionPeriodMs } from '../mina/eras.ts';
import { HOURLY_LIMIT } from '../mina/limits.ts';
import type { ChainOrigin, ChosenEra } from '../producers/chain-origin.ts';
import { defaultProducers } from '../producers/corpus-plan.ts';
import type { NetworkPlan } from '../producers/network-plan.ts';
import type { Payload } from '../producers/payloads.ts';
import type { LoadShape, Plan } from '../results/types.ts';
import type { Facts } from './facts.ts';
import { isEmbedded, type LoadJob } from './job.ts';
import { k6Memory, makeK6Plan } from './k6/plan.ts';
import { memoryNote } from './memory-limit.ts';
import type { Apart } from '../scenarios/lib/plan.ts';
import { EXIT, UserError } from '../user-error.ts';
import { localPortsProblem } from './local-ports.ts';
import { openFilesProblem } from './open-files.ts';
import { apartOf, fewProducersNotes, wholeRounds } from './producers-apart.ts';
import type { Source } from './scenarios/definition.ts';
import { definitionOf } from './scenarios/index.ts';
import { storedBytes } from './storage-need.ts';
import { submitUrl } from './target/target.ts';
import { decidedTurns, faultNotes } from './faults.ts';
import { estimateOf, UNPACED_RATE, type Volume, volumeOf } from './volume.ts';

/** How the embedded backend is set. */
export type BackendSettings = {
  /** Submissions of a producer in an hour. */
  hourlyLimit: number;
  /** Answers 200 whatever its storage does, as the original. */
  faithful: boolean;
  checksSignatures: boolean;
};

export type Decision = {
  scenario: string;
  shape: LoadShape;
  /** When each start is due, in ms from the beginning; null: the shape says it. */
  offsetsMs: Uint32Array | null;
  /** Of a simulated network; null: of all others. */
  network: NetworkPlan | null;
  /** Who submits each, as places in the fleet, where the plan says it; null: seed and templates do. */
  submitters: Uint32Array | null;
  /** Of new blocks; null: there are none. */
  era: EraName | null;
  /** The genesis of new blocks; null: that of the recorded ones. */
  origin: ChainOrigin | null;
  /** Recorded requests in the order in which they are numbered; null: none are sent as they are, or by others. */
  payloads: readonly Payload[] | null;
  volume: Volume;
  source: Source & {
    /** Whether submissions are signed while they are sent. */
    isFed: boolean;
  };
  /** 0: nobody signs. */
  producers: number;
  /** How far apart two submissions of one of them are; absent: nothing is to be kept apart. */
  apart?: Apart;
  /** null: the target is the user's own. */
  backend: BackendSettings | null;
  /** Whether the target's CPU and memory are read. */
  isWatched: boolean;
  /** Hostile requests beside the load; null: none. */
  hostilePerSecond: number | null;
  meanBodyBytes: number;
  /** Of the files that k6 reads. */
  corpusBytes: number;
  estimate: Plan['estimate'];
  /** Where the embedded backend stores more than a moment's load leaves behind; null: it does not, or the target is the user's. */
  stored: { bytes: number; freeBytes: number | null } | null;
  gates: GateRule[];
  /** What is made to go wrong on purpose, in the order of time. */
  faults: FaultTurn[];
  /** Charts beside those of every load. */
  pictures: readonly string[];
  /** What the scenario says of itself in a dry run, one line each. */
  lines: string[];
  /** What the reader of the results should know. */
  notes: string[];
};

/** Records of a corpus: 272 MB of disk, twice that of k6's memory, and 27 s of signing on two cores. */
const LARGEST_CORPUS = 1_000_000;
/**
 * A load that would be signed for longer than 5 s on two cores (37,200/s, docs/performance.md) begins at once and is fed, if it is slow
 * enough: asking for a record costs k6 0.08 ms of CPU, and handing it out this program 0.4 ms (measured at 500/s), a fifth of a core there.
 */
const LONG_SIGNING = 186_000;
const FED_AT_MOST_PER_SECOND = 500;
/** In a recording a few submitters send far more than an hour allows; that is not what it measures. */
const NO_LIMIT = 2 ** 31 - 1;

/**
 * Whether submissions are signed while they are sent, instead of beforehand.
 * @param looksLive the storage is looked into while the load runs, which takes a corpus
 */
export const isFed = (
  { fed }: Pick<Source, 'fed'>,
  { submissions, highestRatePerSecond }: Pick<Volume, 'submissions' | 'highestRatePerSecond'>,
  looksLive = false,
): boolean => {
  if (fed !== 'if large') return fed === 'always';
  if (submissions > LARGEST_CORPUS) return true;
  const isSlow = highestRatePerSecond !== null && highestRatePerSecond <= FED_AT_MOST_PER_SECOND;
  return submissions > LONG_SIGNING && isSlow && !looksLive;
};

/** @throws UserError (exit 2) for starts with times of their own that cannot be played, faults outside the load, or VUs that may not open a connection each */
export function decide(
  job: LoadJob,
  facts: Facts,
  definition = definitionOf(job.request.scenario),
): Decision {
  const { request } = job;
  const timed = definition.timed?.isTimed(request)
    ? definition.timed.starts(request, { ...facts, era: facts.era?.era ?? null })
    : null;
  const shape = timed?.shape ?? definition.shape(request);
  // In an open model most VUs stand ready and have no connection.
  const isClosed = shape.executor.endsWith('-vus');
  const tooFew = isClosed
    ? (openFilesProblem({
        vus: shape.vus,
        targets: job.targets.length,
        limit: facts.openFilesLimit,
      }) ?? localPortsProblem({ vus: shape.vus, ports: facts.localPorts }))
    : null;
  if (tooFew !== null)
    throw new UserError(tooFew.problem, { hint: tooFew.hint, exitCode: EXIT.usage });
  const least = volumeOf(shape, definition.unpacedRate?.(request, UNPACED_RATE) ?? UNPACED_RATE);
  const source = definition.source(request);
  const { backend, notes } = backendOf(job, facts, source, definition.hourlyLimit?.(request, HOURLY_LIMIT)); // prettier-ignore
  const producers =
    source.kind === 'recorded'
      ? 0
      : (facts.producers ??
        request.producers ??
        definition.producers?.(request) ??
        defaultProducers({
          submissions: least.submissions,
          peakRatePerSecond: least.peakRatePerSecond,
          durationMs: shape.durationMs,
          hourlyLimit: backend?.hourlyLimit ?? job.hourlyLimit ?? HOURLY_LIMIT,
        }));
  const volume = wholeRounds({ shape, volume: least, producers });
  const fed = shape.steered !== undefined || isFed(source, volume, job.reconcileEveryMs !== null);
  // A simulated network has the producers and times that it has.
  const pace = {
    shape,
    volume,
    producers: source.kind === 'network' ? 0 : producers,
    isPlanned: timed?.producers !== undefined,
  };
  notes.push(
    ...fewProducersNotes({
      ...pace,
      hourlyLimit: backend?.hourlyLimit ?? job.hourlyLimit ?? HOURLY_LIMIT,
      isListed: facts.producers !== null,
    }),
  );
  const apart = apartOf(pace);
  const { meanBodyBytes, corpusBytes, k6MemoryBytes } = sizesOf(job, facts, shape, {
    records: source.kind === 'recorded' || fed ? 0 : volume.submissions,
  });
  const hostilePerSecond =
    definition.hostile?.(request)?.ratePerSecond(volume.ratePerSecond, job.hostileRate) ?? null;
  const faults = decidedTurns(job.faults, shape.durationMs);
  const isWatched = isEmbedded(job) || job.targetPid !== null || job.targetContainer !== null;
  if (source.kind === 'network' && facts.bodies.every(({ snarkWorkBytes }) => snarkWorkBytes === 0))
    notes.push('no recorded request has snark work, so all submissions go without');
  if (facts.era?.note) notes.push(facts.era.note);
  const tooLittle = memoryNote(k6MemoryBytes, facts.memory);
  return {
    scenario: request.scenario,
    shape,
    offsetsMs: timed?.offsetsMs ?? null,
    network: timed?.network ?? null,
    submitters: timed?.producers ?? null,
    era: facts.era?.era ?? null,
    origin: facts.era?.origin ?? null,
    payloads: timed?.payloads ?? facts.payloads,
    volume,
    source: { ...source, isFed: fed },
    producers,
    ...(apart && { apart }),
    backend,
    isWatched,
    hostilePerSecond,
    meanBodyBytes,
    corpusBytes,
    estimate: estimateOf({ shape, volume, meanBodyBytes, k6MemoryBytes }),
    stored:
      fed && backend !== null
        ? {
            bytes: storedBytes(facts.bodies, storedSubmissions(shape, volume)),
            freeBytes: facts.freeBytes,
          }
        : null,
    gates: gateRules(job.gates, [
      ...defaultGatesOf(
        factsOfLoad(shape, {
          hostile: hostilePerSecond !== null,
          search: definition.search !== undefined,
          soak: definition.isSoak === true,
          watched: isWatched,
          log: isEmbedded(job) || (job.logs?.sources.length ?? 0) > 0,
          storage:
            job.storage === null && backend === null
              ? null
              : source.asRecorded
                ? 'recorded'
                : 'signed',
        }),
      ),
      ...(definition.gates ?? []),
    ]),
    faults,
    pictures: definition.pictures,
    lines: [
      ...(facts.era === null ? [] : [`era           ${eraLine(facts.era)}`]),
      ...(definition.describe?.(request, {
        ratePerSecond: volume.ratePerSecond,
        hostilePerSecond,
      }) ?? []),
    ],
    notes: [
      ...job.notes,
      ...(facts.payloadNotes ?? []),
      ...notes,
      ...faultNotes(faults),
      ...(tooLittle === null ? [] : [tooLittle]),
    ],
  };
}

/** What a target stores: a steerable load may be raised far above what it begins with, which is what somebody then decides. */
const storedSubmissions = (
  { steered, durationMs }: LoadShape,
  { submissions, ratePerSecond }: Volume,
): number =>
  steered === undefined || ratePerSecond === null
    ? submissions
    : Math.min(submissions, Math.ceil((ratePerSecond * durationMs) / 1000));

/** Of new blocks, for the dry run. */
function eraLine({ era, from, origin }: ChosenEra): string {
  if (from !== null) return `new blocks of ${ERAS[from].label}, then of ${ERAS[era].label}`;
  const { label, slotTimeMs } = ERAS[era];
  const whose =
    origin === null
      ? 'with the genesis of the recorded blocks'
      : `since ${new Date(origin.genesisMs).toISOString().slice(0, 16)}Z`;
  return `new blocks of ${label}, ${whose}: slots of ${slotTimeMs / 1000} s, a cycle of ${submissionPeriodMs(era) / 60_000} minutes`;
}

/** How the embedded backend is set, and what is to be said of it, or of the target in its place. */
function backendOf(
  job: LoadJob,
  { backendSwitches }: Facts,
  source: Source,
  ofScenario: { limit: number; note: string | null } | undefined,
): { backend: BackendSettings | null; notes: string[] } {
  const isBroken = source.broken === true;
  if (!isEmbedded(job))
    return {
      backend: null,
      notes: isBroken
        ? ['the signatures are broken: a target takes them only with VERIFY_SIGNATURE_DISABLED=1']
        : [],
    };
  const notes: string[] = [];
  const switches = Object.entries(backendSwitches).filter(
    ([name]) =>
      !(name === 'VERIFY_SIGNATURE_DISABLED' && isBroken) &&
      !(name === 'REQUESTS_PER_PK_HOURLY' && job.hourlyLimit !== null),
  );
  if (switches.length > 0)
    notes.push(
      `the embedded backend follows the environment: ${switches.map(([name, value]) => `${name}=${value}`).join(', ')}`,
    );
  if (isBroken)
    notes.push('the signatures are broken, so the embedded backend does not look at them');
  const { REQUESTS_PER_PK_HOURLY: given } = backendSwitches;
  if (job.hourlyLimit === null && given === undefined && ofScenario?.note)
    notes.push(ofScenario.note);
  // Recorded submitters are few, and each would be let in only once a second; that is not what a recording measures.
  const faithful = job.faithful || source.asRecorded;
  if (faithful && !job.faithful)
    notes.push(
      'the embedded backend of a replay answers as the original (--faithful): 200 to each submission of a second, of which it keeps one for each submitter',
    );
  return {
    backend: {
      hourlyLimit:
        job.hourlyLimit ??
        (given !== undefined
          ? Number(given) // A wrong number is the backend's to refuse.
          : (ofScenario?.limit ?? (source.asRecorded ? NO_LIMIT : HOURLY_LIMIT))),
      faithful,
      checksSignatures: !isBroken && backendSwitches.VERIFY_SIGNATURE_DISABLED !== '1',
    },
    notes,
  };
}

/** Sizes of what is sent, and the memory that k6 takes for it. @param records signed beforehand */
function sizesOf(
  { request, targets }: LoadJob,
  { bodies }: Facts,
  shape: LoadShape,
  { records }: { records: number },
): { meanBodyBytes: number; corpusBytes: number; k6MemoryBytes: number } {
  let [bodiesBytes, weighted, weights] = [0, 0, 0];
  for (const { bytes, weight } of bodies) {
    bodiesBytes += bytes;
    weighted += bytes * weight;
    weights += weight;
  }
  const corpusBytes = bodiesBytes + records * RECORD.bytes;
  const k6Plan = makeK6Plan({
    url: submitUrl(targets[0]?.url ?? 'http://127.0.0.1'),
    load: shape,
    seed: request.seed,
    source: {
      kind: 'payloads',
      bodiesPath: '',
      payloads: bodies.map(({ bytes }) => ({ offset: 0, bytes })),
      order: 'in order',
    },
  });
  return {
    meanBodyBytes: weighted / weights,
    corpusBytes,
    k6MemoryBytes: k6Memory(k6Plan, corpusBytes).residentBytes,
  };
}
