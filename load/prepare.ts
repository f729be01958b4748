/** Everything before the first submission: k6, target, producers, signed corpus, plan. */
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostFacts } from '../monitor/host-facts.ts';
import { distFile, toolkitVersion } from '../paths.ts';
import { writeCorpus } from '../producers/corpus.ts';
import { type ChainRequest, readChain } from '../producers/chain-templates.ts';
import { defaultProducers } from '../producers/corpus-plan.ts';
import { type Fleet, formatFleet, makeFleet } from '../producers/fleet.ts';
import { type KeyAccess, readProducers } from '../producers/key-source.ts';
import { payloadBytes, readPayloads } from '../producers/payloads.ts';
import type { SubmissionTemplate } from '../producers/templates.ts';
import type { Plan } from '../results/types.ts';
import { createRun, ensureResultsFolder, FILES, runId, type RunWriter } from '../results/writer.ts';
import type { K6Plan } from '../scenarios/lib/plan.ts';
import { type BackendProcess, startBackend } from '../stack/backend-process.ts';
import { UserError } from '../user-error.ts';
import type { HostileTarget } from './hostile/beside.ts';
import { type HostileMaterial, hostileMaterial } from './hostile/material.ts';
import { cacheFolder, type K6Binary, type K6Progress, resolveK6 } from './k6-binary.ts';
import {
  bodySizes,
  corpusSource,
  k6Memory,
  makeK6Plan,
  packPayloads,
  writeK6Plan,
} from './k6-plan.ts';
import type { Leftovers } from './leftovers.ts';
import type { Screen } from './live.ts';
import {
  describePlan,
  estimateOf,
  type LoadRequest,
  loadShape,
  UNPACED_RATE,
  type Volume,
  volumeOf,
} from './plan.ts';
import { checkAddress, checkIsBackend, submitUrl } from './target.ts';
import { transportNotes, type WeightedTarget } from './targets.ts';
import { type Transport, transportFacts } from './transport.ts';

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
  /** Hostile requests per second, for the scenario hostile. */
  hostileRate: number;
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
  /** Body size of submission `index`, in bytes. */
  bodyBytesOf: (index: number) => number;
  /** Go's memory settings for k6. */
  memory: ReturnType<typeof k6Memory>;
  /** Of the scenario hostile; null in all others. */
  hostile: { material: HostileMaterial; target: HostileTarget } | null;
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
  const payloads = request.scenario === 'replay' ? await readPayloads(job.payloads!) : null;
  const listed = job.producersFile === null ? null : await readProducers(job.producersFile, keys);
  const shape = loadShape(request);
  const volume = volumeOf(shape);
  const hourlyLimit = job.targets.length > 0 ? null : hourlyLimitOf(env, payloads !== null);
  const notes = job.targets.length > 0 ? [] : backendNotes(env);
  for (const note of notes) screen.line(`note: ${note}`);
  const fleet = payloads
    ? null
    : (listed ??
      makeFleet({
        seed: request.seed,
        count: fleetSize(request, volume, shape.durationMs, hourlyLimit),
      }));
  const templates =
    fleet === null
      ? null
      : await templatesOfJob(job, startedAt, {
          producers: fleet.producers,
          count: volume.submissions,
        });
  const material =
    request.scenario === 'hostile'
      ? await hostileMaterial({ seed: request.seed, network: request.network, hourlyLimit })
      : null;
  signal.throwIfAborted();
  const k6 = await resolveK6({
    ...(job.k6Flag !== null && { flag: job.k6Flag }),
    env,
    cacheFolder: cacheFolder(env),
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
            : await writeWhitelist(fleet, material?.publicKeys ?? [], corpusFolder),
        logFile: join(writer.folder, FILES.backendLog),
        env: {
          ...env,
          CONFIG_NETWORK_NAME: request.network,
          REQUESTS_PER_PK_HOURLY: env.REQUESTS_PER_PK_HOURLY ?? String(hourlyLimit),
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
    // Both at once: starting waits for a process, signing for the processor.
    const [backend, source] = await bothOrNeither(
      start(),
      payloads
        ? packPayloads(
            payloads.map((payload) => ({ read: () => payloadBytes(payload) })),
            corpusFolder,
            job.order === 'random' ? 'random' : 'in order',
            transport.forwarded,
          )
        : signCorpus({
            job,
            templates: templates!,
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
    });
    const k6PlanPath = await writeK6Plan(k6Plan, corpusFolder);
    const memory = k6Memory(k6Plan, await sourceBytes(source));
    const sizes = source.kind === 'corpus' ? source.templates : source.payloads;
    const bodyBytesOf = await bodySizes(k6Plan);
    const bodies = source.kind === 'corpus' ? source.count : sizes.length;
    let bodyBytes = 0;
    for (let i = 0; i < bodies; i++) bodyBytes += bodyBytesOf(i);
    const meanBodyBytes = bodyBytes / bodies;
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
        submissions: source.kind === 'corpus' ? source.count : sizes.length,
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
      memory,
      storageFolder: backend === null ? null : storageFolder,
      notes,
      hostile: material && {
        material,
        target: {
          url,
          embedded:
            hourlyLimit === null
              ? null
              : {
                  hourlyLimit,
                  signatures: env.VERIFY_SIGNATURE_DISABLED === '1' ? 'unchecked' : 'checked',
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

function backendNotes(env: NodeJS.ProcessEnv): string[] {
  const set = BACKEND_SWITCHES.filter((name) => env[name] !== undefined);
  if (set.length === 0) return [];
  const words = set.map((name) => `${name}=${env[name]}`).join(', ');
  return [`the embedded backend follows the environment: ${words}`];
}

/** What the embedded backend allows a submitter in an hour. */
function hourlyLimitOf({ REQUESTS_PER_PK_HOURLY }: NodeJS.ProcessEnv, isReplay: boolean): number {
  // A wrong number is the backend's to refuse.
  if (REQUESTS_PER_PK_HOURLY !== undefined) return Number(REQUESTS_PER_PK_HOURLY);
  return isReplay ? NO_LIMIT : HOURLY_LIMIT;
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
  fleet: Fleet;
  corpusFolder: string;
  screen: Screen;
  signal: AbortSignal;
}): Promise<K6Plan['source']> {
  const { job, templates, fleet, corpusFolder, screen, signal } = options;
  const volume = volumeOf(loadShape(job.request));
  const startedMs = performance.now();
  const folder = join(corpusFolder, 'signed');
  const index = await writeCorpus({
    folder,
    fleet,
    templates,
    count: volume.submissions,
    network: job.request.network,
    seed: job.request.seed,
    createdAt: {
      startSeconds: Math.floor(Date.now() / 1000),
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
