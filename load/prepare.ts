/** Everything before the first submission: k6, target, producers, signed corpus, plan. */
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { hostFacts } from '../monitor/host-facts.ts';
import type { MonitorSource } from '../monitor/source.ts';
import { distFile, toolkitVersion } from '../paths.ts';
import { writeCorpus } from '../producers/corpus.ts';
import { type ChainRequest, readChain } from '../producers/chain-templates.ts';
import { defaultProducers } from '../producers/corpus-plan.ts';
import { type Fleet, formatFleet, makeFleet } from '../producers/fleet.ts';
import { type KeyAccess, readProducers } from '../producers/key-source.ts';
import { type Payload, payloadBytes, readPayloads } from '../producers/payloads.ts';
import type { SubmissionTemplate } from '../producers/templates.ts';
import type { Plan } from '../results/types.ts';
import { writeBrokenCorpus } from '../producers/broken-corpus.ts';
import type { SimulatedNetwork } from './fleet-record.ts';
import { offsetsFile, type OwnTimes, ownTimesOf } from './own-times.ts';
import {
  networkSubmissions,
  type OwnSubmissions,
  replayOrder,
  resignedSubmissions,
} from './own-submissions.ts';
import { createRun, ensureResultsFolder, FILES, runId, type RunWriter } from '../results/writer.ts';
import type { K6Plan, PayloadSource } from '../scenarios/lib/plan.ts';
import { type BackendProcess, startBackend } from '../stack/backend-process.ts';
import { UserError } from '../user-error.ts';
import { type Feed, isFed, startFeed } from './feeder/feed.ts';
import type { HostileTarget } from './hostile/beside.ts';
import { type HostileMaterial, hostileMaterial } from './hostile/material.ts';
import { type K6Binary, type K6Progress, resolveK6 } from './k6/binary.ts';
import {
  bodyPlaces,
  bodySizes,
  corpusSource,
  k6Memory,
  makeK6Plan,
  packPayloads,
  writeK6Plan,
} from './k6/plan.ts';
import type { Leftovers } from '../system/leftovers.ts';
import type { Screen } from '../system/screen.ts';
import { checkStorage } from './storage-look.ts';
import { checkRoom, storedBytes } from './storage-need.ts';
import {
  type Group,
  hasHostile,
  hasReplay,
  hostileRateOf,
  memoryNote,
  type MixedTemplates,
  mixedTemplates,
  unpacedRate,
} from './mix.ts';
import {
  describePlan,
  estimateOf,
  type LoadRequest,
  loadShape,
  UNPACED_RATE,
  type Volume,
  volumeOf,
} from './plan.ts';
import { checkAddress, checkIsBackend, submitUrl } from './target/target.ts';
import type { TargetLogs } from './target/log.ts';
import { transportNotes, type WeightedTarget } from './target/targets.ts';
import { type Transport, transportFacts } from './target/transport.ts';

/** What the command line asks for, checked. */
export type LoadJob = {
  request: LoadRequest;
  options: Plan['options'];
  /** None: start the embedded backend. */
  targets: WeightedTarget[];
  transport: Transport;
  /** Where the embedded backend listens if it can; 0: any free port. */
  port: number;
  allowRemote: boolean;
  targetPid: number | null;
  /** Name or id of the container that is the target; its readings stand under `backend`. */
  targetContainer: string | null;
  /** Logs of the target that are not in this run's folder, and which errors are expected. */
  logs?: TargetLogs;
  /** What else is watched: containers, agents, Prometheus, PostgreSQL; new ones for each run. */
  monitorSources: () => MonitorSource[];
  producersFile: string | null;
  payloads: string | null;
  /** Blocks of a new chain; 0: the recorded ones as they are. */
  chain: number;
  order: 'sequence' | 'random';
  resultsFolder: string;
  k6Flag: string | null;
  monitorIntervalMs: number;
  /** The user's gates (load/gates.ts), checked. */
  gates: string[];
  /** URL of the storage that the target writes (stack/storage/storage-url.ts), checked; null: the embedded backend's, or none. */
  storage: string | null;
  /** How long late writers are waited for; null: the default. */
  storageWaitMs: number | null;
  /** Time between two looks into the storage while the load runs; null: none. */
  reconcileEveryMs: number | null;
  /** Hostile requests per second, for the scenario hostile. */
  hostileRate: number;
  /** The embedded backend answers 200 whatever its storage does, as the original. */
  faithful: boolean;
  keep: boolean;
};

export type Surroundings = {
  screen: Screen;
  env: NodeJS.ProcessEnv;
  /** Where the user stands. */
  cwd: string;
  confirm: ((question: string) => Promise<boolean>) | undefined;
  /** How key files are opened. */
  keys: KeyAccess;
};

type Preparation = Surroundings & { leftovers: Leftovers };

/** A run that is ready to start; whoever gets it ends it with `release`. */
export type PreparedRun = {
  plan: Plan;
  writer: RunWriter & { readonly id: string };
  k6: K6Binary;
  k6Plan: K6Plan;
  k6PlanPath: string;
  bundlePath: string;
  /** null: the target is the user's own. */
  backend: BackendProcess | null;
  /** Body size of submission `index`, in bytes; to be asked once, when it was answered. */
  bodyBytesOf: (index: number) => number;
  /** Go's memory settings for k6. */
  memory: ReturnType<typeof k6Memory>;
  /** When each start is due, in ms from the beginning; null: the shape says it. */
  offsetsMs: Uint32Array | null;
  /** Of the scenario fleet; null in all others. */
  network: SimulatedNetwork | null;
  /** Hands out what is signed while the load runs; null: all was signed beforehand, or recorded. */
  feed: Feed | null;
  /** Where there are hostile requests beside the load, so many a second; else null. */
  hostile: { material: HostileMaterial; target: HostileTarget; perSecond: number } | null;
  /** Of a load whose figures are kept apart, with the place of submission `index`'s; null: it is not. */
  groups: { list: Group[]; of: (index: number) => number } | null;
  /** Where the embedded backend stores; null: the target is the user's own. */
  storageFolder: string | null;
  /** What the reader of the results should know. */
  notes: string[];
  /** Stops what was started and removes what the run needed only while it ran. @returns what failed */
  release(): Promise<string[]>;
};

/** The hourly limit of the real backend where nothing else is said. */
const HOURLY_LIMIT = 120;
/** In a replay a few recorded submitters send far more than an hour allows; that is not what it measures. */
const NO_LIMIT = 2 ** 31 - 1;

/**
 * Checks all that can be wrong before anything is written, then writes and starts what the run needs.
 * When it fails, or `signal` is aborted, nothing is left behind.
 * @throws UserError; `signal.reason`
 */
export async function prepareRun(
  job: LoadJob,
  { screen, env, cwd, confirm, keys, leftovers }: Preparation,
  signal: AbortSignal,
): Promise<PreparedRun> {
  const { request } = job;
  const startedAt = new Date();
  await ensureResultsFolder(job.resultsFolder);
  const { transport } = job;
  for (const { url } of job.targets)
    await checkAddress(url, { allowRemote: job.allowRemote, confirm, proxy: transport.proxy });
  for (const note of transportNotes(transport, job.targets, env)) screen.line(`note: ${note}`);
  for (const { url } of job.targets) await checkIsBackend(url, transport);
  if (job.storage !== null) await checkStorage(job.storage, env);
  const found = request.scenario === 'replay' ? await readPayloads(job.payloads!) : null;
  const listed = job.producersFile === null ? null : await readProducers(job.producersFile, keys);
  const ownTimes = ownTimesOf(request, {
    producers: listed?.producers.length ?? null,
    payloads: found,
  });
  const payloads = ownTimes?.payloads ?? found;
  const shape = ownTimes?.shape ?? loadShape(request);
  const volume = volumeOf(shape, unpacedRate(request, UNPACED_RATE));
  const asRecorded = payloads !== null && !request.resign;
  const hourlyLimit = job.targets.length > 0 ? null : hourlyLimitOf(env, request);
  // Recorded submitters are few, and each would be let in only once a second; that is not what a replay measures.
  const faithful = job.faithful || (hasReplay(request) && !request.resign);
  const notes = job.targets.length > 0 ? targetNotes(request) : backendNotes(env, request);
  if (job.targets.length === 0 && faithful && !job.faithful)
    notes.push(
      'the embedded backend of a replay answers as the original (--faithful): 200 to each submission of a second, of which it keeps one for each submitter',
    );
  for (const note of notes) screen.line(`note: ${note}`);
  const fleet = asRecorded
    ? null
    : (listed ??
      makeFleet({
        seed: request.seed,
        count: fleetSize(request, volume, shape.durationMs, hourlyLimit),
      }));
  const own =
    fleet === null
      ? null
      : await ownSubmissionsOf(job, {
          ownTimes,
          payloads,
          fleet,
          startedAt,
          durationMs: shape.durationMs,
          count: volume.submissions,
        });
  for (const note of own?.notes ?? []) screen.line(`note: ${note}`);
  notes.push(...(own?.notes ?? []));
  const signedTemplates = () =>
    templatesOfJob(job, startedAt, { producers: fleet!.producers, count: volume.submissions });
  const mixed =
    request.sizes === undefined ? null : await mixedTemplates(request, job, signedTemplates);
  const templates =
    mixed?.templates ?? own?.templates ?? (fleet === null ? null : await signedTemplates());
  const isSignedOnTheWay = mixed === null && isFed(request.scenario, volume);
  if (isSignedOnTheWay && job.targets.length === 0)
    await checkRoom(job.resultsFolder, await storedBytes(templates!, volume.submissions));
  const material = hasHostile(request)
    ? await hostileMaterial({ seed: request.seed, network: request.network, hourlyLimit })
    : null;
  signal.throwIfAborted();
  const k6 = await resolveK6({
    ...(job.k6Flag !== null && { flag: job.k6Flag }),
    env,
    cwd,
    onProgress: (progress) => showK6Progress(screen, progress),
    signal,
  });
  screen.line(`k6 ${k6.version} (${k6.source}: ${k6.path})`);
  const host = await hostFacts();
  signal.throwIfAborted();

  const writer = createRun(job.resultsFolder, runId(startedAt, request.scenario));
  const undo: (() => Promise<unknown>)[] = [];
  const release = async (): Promise<string[]> => {
    const problems: string[] = [];
    for (const step of undo.splice(0).reverse())
      await step().catch((error: Error) => problems.push(`cleaning up failed: ${error.message}`));
    return problems;
  };
  leftovers.add(writer.folder);
  try {
    const corpusFolder = join(writer.folder, 'corpus');
    const storageFolder = join(writer.folder, 'storage');
    await mkdir(corpusFolder);
    if (!job.keep) {
      undo.push(() => rm(corpusFolder, { recursive: true, force: true }));
      undo.push(() => rm(storageFolder, { recursive: true, force: true }));
    }
    // A backend that ends while submissions are signed ends the signing.
    const died = new AbortController();
    const start = async (): Promise<BackendProcess | null> => {
      if (job.targets.length > 0) return null;
      await mkdir(storageFolder, { recursive: true });
      const backend = await startBackend({
        port: job.port,
        storageFolder,
        whitelist:
          fleet === null
            ? null
            : await writeWhitelist(
                fleet,
                [...(material?.publicKeys ?? []), ...(mixed?.submitters ?? [])],
                corpusFolder,
              ),
        logFile: join(writer.folder, FILES.backendLog),
        env: {
          ...env,
          CONFIG_NETWORK_NAME: request.network,
          BACKEND_FAITHFUL: faithful ? '1' : '0',
          REQUESTS_PER_PK_HOURLY: env.REQUESTS_PER_PK_HOURLY ?? String(hourlyLimit),
          ...(hasBrokenSignatures(request) && { VERIFY_SIGNATURE_DISABLED: '1' }),
        },
      });
      undo.push(() => backend.stop());
      void backend.exited.then(({ code, signal: by }) =>
        died.abort(
          new UserError(
            `the embedded backend ended while the run was prepared (${by ? `signal ${by}` : `exit code ${code}`})`,
            { hint: 'try again; npm run stack -- up shows what it says' },
          ),
        ),
      );
      return backend;
    };
    let feed: Feed | null = null;
    const feedFrom = async (): Promise<K6Plan['source']> => {
      feed = await startFeed({
        folder: corpusFolder,
        fleet: fleet!,
        templates: templates!,
        count: volume.submissions,
        network: request.network,
        seed: request.seed,
        ratePerSecond: volume.highestRatePerSecond ?? UNPACED_RATE,
        signal,
      });
      const source = feed;
      undo.push(() => source.stop().finally(() => source.close()));
      screen.line(
        `signing while the load runs: ${fleet!.producers.length} producers, at most ${volume.submissions} submissions`,
      );
      return feed.source;
    };
    // Both at once: starting waits for a process, signing for the processor.
    const [backend, source] = await bothOrNeither(
      start(),
      payloads && asRecorded
        ? packPayloads(
            payloads.map((payload) => ({ read: () => payloadBytes(payload) })),
            corpusFolder,
            job.order === 'random' ? 'random' : 'in order',
            transport.forwarded,
          )
        : isSignedOnTheWay
          ? feedFrom()
          : signCorpus({
              job,
              templates: templates!,
              mix: mixed?.mix,
              own,
              ownTimes,
              payloads,
              volume,
              fleet: fleet!,
              corpusFolder,
              screen,
              signal: AbortSignal.any([signal, died.signal]),
            }),
      async (started) => {
        await started?.stop();
      },
    );
    if (backend) for (const note of backend.notes) screen.line(note);
    const targets = job.targets.map(({ url, weight }) => ({ url: submitUrl(url), weight }));
    const url = targets[0]?.url ?? submitUrl(backend!.url);
    const k6Plan = makeK6Plan({
      url,
      targets,
      transport,
      headers: transport.headers,
      load: shape,
      source,
      seed: request.seed,
      offsetsPath: ownTimes === null ? undefined : join(corpusFolder, 'offsets.bin'),
    });
    if (ownTimes !== null) await writeFile(k6Plan.offsetsPath!, offsetsFile(ownTimes.offsetsMs));
    const k6PlanPath = await writeK6Plan(k6Plan, corpusFolder);
    const memory = k6Memory(k6Plan, await sourceBytes(source));
    const sizes = source.kind === 'payloads' ? source.payloads : source.templates;
    const { count, bodyBytesOf, meanBodyBytes } = await bodiesOf(k6Plan, feed);
    const plan: Plan = {
      format: 1,
      id: writer.id,
      scenario: request.scenario,
      plannedAt: startedAt.toISOString(),
      options: job.options,
      seed: request.seed,
      target: { url, embedded: backend !== null, ...(targets.length > 1 && { targets }) },
      transport: transportFacts(transport),
      load: shape,
      corpus: {
        submissions: count,
        producers: fleet?.producers.length ?? 0,
        templates: sizes.length,
        meanBodyBytes,
        maxBodyBytes: Math.max(...sizes.map(({ bytes }) => bytes)),
        network: request.network,
      },
      estimate: estimateOf({ shape, volume, meanBodyBytes, k6MemoryBytes: memory.residentBytes }),
      versions: {
        toolkit: toolkitVersion(),
        node: process.versions.node,
        k6: k6.version,
        platform: `${process.platform} ${process.arch}`,
      },
      host,
    };
    writer.plan(plan);
    screen.line(describePlan(plan));
    const tooLittle = memoryNote(memory.residentBytes, totalmem());
    if (tooLittle !== null) {
      notes.push(tooLittle);
      screen.line(`note: ${tooLittle}`);
    }
    signal.throwIfAborted();
    died.signal.throwIfAborted();
    leftovers.keep(writer.folder);
    if (!job.keep) for (const folder of [corpusFolder, storageFolder]) leftovers.add(folder);
    return {
      plan,
      writer,
      k6,
      k6Plan,
      k6PlanPath,
      bundlePath: distFile('scenarios', `${request.scenario}.js`),
      backend,
      bodyBytesOf,
      feed,
      offsetsMs: ownTimes?.offsetsMs ?? null,
      network: ownTimes?.network && own?.blocks ? { plan: ownTimes.network, ...own.blocks } : null,
      memory,
      storageFolder: backend === null ? null : storageFolder,
      notes,
      groups: mixed && { list: mixed.groups, of: await groupsOf(k6Plan) },
      hostile: material && {
        material,
        perSecond: hostileRateOf(request, volume.ratePerSecond, job.hostileRate),
        target: {
          url,
          embedded:
            hourlyLimit === null
              ? null
              : {
                  hourlyLimit,
                  signatures: env.VERIFY_SIGNATURE_DISABLED === '1' ? 'unchecked' : 'checked',
                  faithful,
                  durationMs: shape.durationMs,
                },
          headers: { ...transport.headers, ...transport.secretHeaders },
        },
      },
      release,
    };
  } catch (error) {
    await release();
    writer.close();
    await rm(writer.folder, { recursive: true, force: true });
    leftovers.keep(writer.folder);
    throw error;
  }
}

/** The blocks of a load. @throws UserError if the payloads cannot be read or make no chain */
export const templatesOfJob = (
  { payloads, chain, request }: Pick<LoadJob, 'payloads' | 'chain' | 'request'>,
  startedAt: Date,
  makers?: ChainRequest['makers'],
): Promise<SubmissionTemplate[]> =>
  readChain(
    payloads ?? undefined,
    chain === 0
      ? null
      : {
          length: chain,
          seed: request.seed,
          endMs: startedAt.getTime(),
          ...(makers && { makers }),
        },
  );

/** How many producers a fleet from the seed has. */
export function fleetSize(
  request: LoadRequest,
  volume: Volume,
  durationMs: number,
  hourlyLimit: number | null = HOURLY_LIMIT,
): number {
  if (request.producers !== null) return request.producers;
  if (request.scenario === 'smoke') return 1;
  const { submissions, peakRatePerSecond } = volume;
  return defaultProducers({
    submissions,
    peakRatePerSecond,
    durationMs,
    hourlyLimit: hourlyLimit ?? HOURLY_LIMIT,
  });
}

/** Variables of the user's shell that change what the embedded backend checks. */
const BACKEND_SWITCHES = [
  'REQUESTS_PER_PK_HOURLY',
  'VERIFY_SIGNATURE_DISABLED',
  'VERIFY_SIGNATURE_LAX',
];

const hasBrokenSignatures = ({ resign }: LoadRequest): boolean => resign?.signatures === 'broken';

const targetNotes = (request: LoadRequest): string[] =>
  hasBrokenSignatures(request)
    ? ['the signatures are broken: a target takes them only with VERIFY_SIGNATURE_DISABLED=1']
    : [];

function backendNotes(env: NodeJS.ProcessEnv, request: LoadRequest): string[] {
  const set = BACKEND_SWITCHES.filter(
    (name) =>
      env[name] !== undefined &&
      !(name === 'VERIFY_SIGNATURE_DISABLED' && hasBrokenSignatures(request)),
  );
  const notes: string[] = [];
  if (set.length > 0) {
    const words = set.map((name) => `${name}=${env[name]}`).join(', ');
    notes.push(`the embedded backend follows the environment: ${words}`);
  }
  if (hasBrokenSignatures(request))
    notes.push('the signatures are broken, so the embedded backend does not look at them');
  const { fleet } = request;
  if (fleet && env.REQUESTS_PER_PK_HOURLY === undefined && fleet.speedup > 1)
    notes.push(
      `the embedded backend takes ${hourlyLimitOf(env, request)} submissions of a producer in an hour: the ${HOURLY_LIMIT} of the real one, times --speedup`,
    );
  return notes;
}

/** What the embedded backend allows a submitter in an hour. */
function hourlyLimitOf(
  { REQUESTS_PER_PK_HOURLY }: NodeJS.ProcessEnv,
  request: LoadRequest,
): number {
  // A wrong number is the backend's to refuse.
  if (REQUESTS_PER_PK_HOURLY !== undefined) return Number(REQUESTS_PER_PK_HOURLY);
  // An hour of the network is shorter.
  if (request.fleet) return Math.ceil(HOURLY_LIMIT * Math.max(1, request.fleet.speedup));
  return hasReplay(request) && !request.resign ? NO_LIMIT : HOURLY_LIMIT;
}

/** @returns null where seed and templates decide all submissions */
async function ownSubmissionsOf(
  { request, payloads: payloadFolder, order }: LoadJob,
  known: {
    ownTimes: OwnTimes | null;
    payloads: readonly Payload[] | null;
    fleet: Fleet;
    startedAt: Date;
    durationMs: number;
    count: number;
  },
): Promise<OwnSubmissions | null> {
  const { ownTimes, payloads, fleet, startedAt, durationMs, count } = known;
  if (ownTimes?.network)
    return networkSubmissions({
      network: ownTimes.network,
      fleet,
      payloadFolder,
      startedAt,
      durationMs,
    });
  if (payloads === null) return null;
  return resignedSubmissions(payloads, replayOrder(payloads, order, request.seed), count);
}

async function writeWhitelist(
  fleet: Fleet,
  more: readonly string[],
  folder: string,
): Promise<string> {
  const file = join(folder, 'whitelist.txt');
  await writeFile(file, formatFleet(fleet, 'text') + more.map((key) => `${key}\n`).join(''));
  return file;
}

async function signCorpus(options: {
  job: LoadJob;
  templates: SubmissionTemplate[];
  mix: MixedTemplates['mix'] | undefined;
  own: OwnSubmissions | null;
  ownTimes: OwnTimes | null;
  payloads: readonly Payload[] | null;
  volume: Volume;
  fleet: Fleet;
  corpusFolder: string;
  screen: Screen;
  signal: AbortSignal;
}): Promise<K6Plan['source']> {
  const { job, templates, mix, volume, fleet, corpusFolder, screen, signal } = options;
  const { own, ownTimes, payloads } = options;
  const startedMs = performance.now();
  const folder = join(corpusFolder, 'signed');
  if (hasBrokenSignatures(job.request)) {
    const broken = await writeBrokenCorpus({
      folder,
      fleet,
      payloads: payloads!,
      payloadOf: replayOrder(payloads!, job.order, job.request.seed),
      count: volume.submissions,
      network: job.request.network,
      seed: job.request.seed,
      signal,
    });
    screen.line(
      `put ${fleet.producers.length} submitters in the place of the recorded ones, whose signatures stay`,
    );
    return { ...corpusSource(folder, broken), recordedTimes: true };
  }
  const startSeconds = Math.floor(Date.now() / 1000);
  const index = await writeCorpus({
    folder,
    fleet,
    templates,
    mix,
    given: own && {
      ...own.given,
      ...(ownTimes && {
        createdAt: ownTimes.offsetsMs.map((ms) => startSeconds + Math.floor(ms / 1000)),
      }),
    },
    count: volume.submissions,
    network: job.request.network,
    seed: job.request.seed,
    createdAt: {
      startSeconds,
      // Where the pace changes, that of the fastest part: no submission is sent before its time.
      perSecond: volume.highestRatePerSecond ?? UNPACED_RATE,
    },
    onProgress: ({ signed, count }) => screen.status(`signing: ${signed} of ${count} submissions`),
    signal,
  });
  const seconds = (performance.now() - startedMs) / 1000;
  screen.line(
    `signed ${index.count} submissions of ${index.producers} producers in ${seconds.toFixed(1)} s`,
  );
  return corpusSource(folder, index);
}

/** @returns a function that gives the group of submission i */
async function groupsOf(k6Plan: K6Plan): Promise<(index: number) => number> {
  const placeOf = await bodyPlaces(k6Plan);
  const groups = k6Plan.source.kind === 'corpus' ? k6Plan.source.templates : [];
  return (index) => groups[placeOf(index)].group!;
}

/** How many submissions are ready, and their sizes. */
async function bodiesOf(
  k6Plan: K6Plan,
  feed: Feed | null,
): Promise<{ count: number; bodyBytesOf: (index: number) => number; meanBodyBytes: number }> {
  if (feed !== null)
    return {
      count: feed.count,
      bodyBytesOf: (index) => feed.takeBodyBytes(index),
      meanBodyBytes: feed.meanBodyBytes,
    };
  const { source } = k6Plan;
  const bodyBytesOf = await bodySizes(k6Plan);
  const count = source.kind === 'corpus' ? source.count : (source as PayloadSource).payloads.length;
  let bodyBytes = 0;
  for (let i = 0; i < count; i++) bodyBytes += bodyBytesOf(i);
  return { count, bodyBytesOf, meanBodyBytes: bodyBytes / count };
}

/** Size of the files that k6 shares over its VUs. */
async function sourceBytes(source: K6Plan['source']): Promise<number> {
  const files =
    source.kind === 'corpus' ? [source.bodiesPath, source.envelopesPath] : [source.bodiesPath];
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Waits for both; if the second fails, undoes the first. */
async function bothOrNeither<A, B>(
  first: Promise<A>,
  second: Promise<B>,
  undoFirst: (value: A) => Promise<void>,
): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second]);
  if (a.status === 'rejected') throw a.reason;
  if (b.status === 'rejected') {
    await undoFirst(a.value);
    throw b.reason;
  }
  return [a.value, b.value];
}

function showK6Progress(screen: Screen, progress: K6Progress): void {
  const mb = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  switch (progress.kind) {
    case 'note':
      screen.line(progress.text);
      break;
    case 'download':
      screen.status(
        `downloading k6: ${mb(progress.bytes)} of ${progress.totalBytes === null ? '?' : mb(progress.totalBytes)} MB`,
      );
      break;
    case 'go build':
      screen.status(
        `building k6 with Go: ${progress.packages} of about ${progress.expectedPackages} packages`,
      );
      break;
  }
}
