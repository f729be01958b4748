/** Everything before the first submission, step after step: target, decision, k6, folder, corpus, backend, plan. */
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostFacts, type HostFacts } from '../monitor/host-facts.ts';
import { distFile, toolkitVersion } from '../paths.ts';
import type { Fleet } from '../producers/fleet.ts';
import type { Plan } from '../results/types.ts';
import { createRun, ensureResultsFolder, FILES, runId, type RunWriter } from '../results/writer.ts';
import type { K6Plan, PayloadSource } from '../scenarios/lib/plan.ts';
import type { Leftovers } from '../system/leftovers.ts';
import type { Screen } from '../system/screen.ts';
import { UserError } from '../user-error.ts';
import { ciFacts } from './ci-facts.ts';
import { type Content, contentOf, makeSource, type Sending } from './content.ts';
import { decide, type Decision } from './decide.ts';
import { type EmbeddedBackend, startEmbedded, writeWhitelist } from './embedded.ts';
import { type Facts, gatherFacts } from './facts.ts';
import { type FaultWay, plannedFaults, startWay } from './faults.ts';
import type { Feed } from './feeder/feed.ts';
import type { SimulatedNetwork } from './fleet-record.ts';
import type { HostileTarget } from './hostile/beside.ts';
import { type HostileMaterial, hostileMaterial } from './hostile/material.ts';
import type { LoadJob, Surroundings } from './job.ts';
import { type K6Binary, type K6Progress, resolveK6 } from './k6/binary.ts';
import { bodyPlaces, bodySizes, k6Memory, makeK6Plan, seedNumber, writeK6Plan } from './k6/plan.ts';
import type { Part } from './parts.ts';
import { type Made, Steps } from './steps.ts';
import { checkStorage } from './storage-choice.ts';
import { checkRoom } from './storage-need.ts';
import { askTargets, checkAddress, checkIsBackend, submitUrl } from './target/target.ts';
import { transportNotes } from './target/targets.ts';
import { type Transport, transportFacts } from './target/transport.ts';
import { offsetsFile } from './timed-starts.ts';
import { describePlan, estimateOf } from './volume.ts';

/** A run that is ready to start; whoever gets it ends it with `release`. */
export type PreparedRun = {
  decision: Decision;
  plan: Plan;
  writer: RunWriter & { readonly id: string };
  k6: K6Binary;
  k6Plan: K6Plan;
  k6PlanPath: string;
  bundlePath: string;
  /** null: the target is the user's own. `isShared`: with other runs, which store there too. */
  backend: (EmbeddedBackend & { isShared: boolean }) | null;
  /** Body size of submission `index`, in bytes; to be asked once, when it was answered. */
  bodyBytesOf: (index: number) => number;
  /** The job's, with what the question before the run found out. */
  transport: Transport;
  /** Go's memory settings for k6. */
  memory: ReturnType<typeof k6Memory>;
  /** Of a simulated network; null in all others. */
  network: SimulatedNetwork | null;
  /** Hands out what is signed while the load runs; null: all was signed beforehand, or recorded. */
  feed: Feed | null;
  /** Where there are hostile requests beside the load, so many a second; else null. */
  hostile: { material: HostileMaterial; target: HostileTarget; perSecond: number } | null;
  /** Proxies before the targets; null: no fault is on the way. */
  way: FaultWay | null;
  /** Of a load whose figures are kept apart, with the place of submission `index`'s; null: it is not. */
  parts: { list: Part[]; of: (index: number) => number } | null;
  /** What the reader of the results should know. */
  notes: string[];
  /** Stops what was started and removes what the run needed only while it ran. @returns what failed */
  release(): Promise<string[]>;
};

/** What a run of several takes from those that it belongs to. */
export type Given = {
  facts: Facts;
  /** Of a list of keys. */
  fleet: Fleet | null;
  /** Shared by all of them; null: the target is the user's own. */
  backend: EmbeddedBackend | null;
  /** The job's, with what the question before the first run found out. */
  transport: Transport;
};

type Needs = {
  job: LoadJob;
  surroundings: Omit<Surroundings, 'interrupts'> & { leftovers: Leftovers };
  startedAt: Date;
  given: Given | null;
};

/**
 * Checks all that can be wrong before anything is written, then writes and starts what the run needs.
 * When it fails, or `signal` is aborted, nothing is left behind.
 * @throws UserError; `signal.reason`
 */
export async function prepareRun(
  job: LoadJob,
  surroundings: Needs['surroundings'],
  signal: AbortSignal,
  given: Given | null = null,
): Promise<PreparedRun> {
  const needs = { job, surroundings, startedAt: new Date(), given };
  const { made, release } = await STEPS.run(needs, signal);
  const { decision, plan, writer, k6, k6Plan, backend, sending, content, notes } = made;
  surroundings.leftovers.keep(writer.folder);
  if (!job.keep) for (const folder of made.temporary) surroundings.leftovers.add(folder);
  const blocks = content.given?.blocks ?? null;
  return {
    decision,
    plan,
    writer,
    k6,
    k6Plan,
    k6PlanPath: made.k6PlanPath,
    bundlePath: distFile('scenarios', `${decision.scenario}.js`),
    backend,
    way: made.way,
    transport: made.transport,
    bodyBytesOf: made.bodyBytesOf,
    feed: sending.feed,
    network: decision.network && blocks ? { plan: decision.network, ...blocks } : null,
    memory: made.memory,
    notes,
    parts: made.parts,
    hostile: made.material && {
      material: made.material,
      perSecond: decision.hostilePerSecond!,
      target: hostileTarget(job, decision, k6Plan.url),
    },
    release,
  };
}

/**
 * The target, the storage, and the place for results: is all of it there? Asks the user where it is another machine.
 * @returns the job's transport, with what the question to the targets found out
 */
export async function checkSurroundings(
  job: LoadJob,
  { screen, env, confirm }: Pick<Surroundings, 'screen' | 'env' | 'confirm'>,
): Promise<Transport> {
  const { transport, targets } = job;
  await ensureResultsFolder(job.resultsFolder);
  for (const { url } of targets)
    await checkAddress(url, { allowRemote: job.allowRemote, confirm, proxy: transport.proxy });
  for (const note of transportNotes(transport, targets, env)) screen.line(`note: ${note}`);
  const found = await askTargets(targets, transport);
  if (job.storage !== null) await checkStorage(job.storage, env);
  return found;
}

type Way = { transport: Transport };

async function surroundingsAreThere({ job, surroundings, given }: Needs): Promise<Made<Way>> {
  if (given === null) return { made: { transport: await checkSurroundings(job, surroundings) } };
  // Of several runs the first one's question is enough; whether the target still answers is not known by it.
  for (const { url } of job.targets) await checkIsBackend(url, given.transport);
  return { made: { transport: given.transport } };
}

type Decided = { decision: Decision; notes: string[]; listed: Fleet | null };

async function decided({ job, surroundings, given }: Needs): Promise<Made<Decided>> {
  const { screen, env, keys } = surroundings;
  const { facts, fleet } = given ?? (await gatherFacts(job, env, keys));
  const decision = decide(job, facts);
  for (const note of decision.notes) screen.line(`note: ${note}`);
  checkRoom(job.resultsFolder, decision.stored);
  return { made: { decision, notes: [...decision.notes], listed: fleet } };
}

async function contentIsThere({
  job,
  startedAt,
  decision,
  listed,
}: Needs & Decided): Promise<Made<{ content: Content; material: HostileMaterial | null }>> {
  const { seed, network } = job.request;
  const content = await contentOf(job, decision, listed, startedAt);
  const hourlyLimit = decision.backend?.hourlyLimit ?? job.hourlyLimit;
  const material =
    decision.hostilePerSecond === null
      ? null
      : await hostileMaterial({ seed, network, hourlyLimit });
  return { made: { content, material } };
}

async function k6IsThere(
  { job, surroundings }: Needs,
  signal: AbortSignal,
): Promise<Made<{ k6: K6Binary; host: HostFacts }>> {
  const { env, cwd, screen } = surroundings;
  const k6 = await resolveK6({
    ...(job.k6Flag !== null && { flag: job.k6Flag }),
    env,
    cwd,
    onProgress: (progress) => showK6Progress(screen, progress),
    signal,
  });
  screen.line(`k6 ${k6.version} (${k6.source}: ${k6.path})`);
  return { made: { k6, host: await hostFacts() } };
}

type Folders = {
  writer: PreparedRun['writer'];
  corpusFolder: string;
  /** Aborted when the embedded backend ends while submissions are signed. */
  died: AbortController;
  /** Folders that only the run itself needs. */
  temporary: string[];
};

/** From here on there is something to be removed. */
async function foldersAreMade({
  job,
  surroundings,
  startedAt,
  given,
  decision,
}: Needs & Decided): Promise<Made<Folders>> {
  const { leftovers } = surroundings;
  const writer = createRun(job.resultsFolder, runId(startedAt, decision.scenario));
  leftovers.add(writer.folder);
  surroundings.onFolder?.(writer.folder);
  const corpusFolder = join(writer.folder, 'corpus');
  const temporary = [corpusFolder];
  if (given === null) temporary.push(storageFolderOf(writer));
  const made = { writer, corpusFolder, temporary, died: new AbortController() };
  const discard = async () => {
    writer.close();
    await rm(writer.folder, { recursive: true, force: true });
    leftovers.keep(writer.folder);
  };
  try {
    await mkdir(corpusFolder);
  } catch (error) {
    await discard();
    throw error;
  }
  return {
    made,
    discard,
    ...(!job.keep && {
      undo: async () => {
        for (const folder of temporary) await rm(folder, { recursive: true, force: true });
      },
    }),
  };
}

const storageFolderOf = (writer: RunWriter): string => join(writer.folder, 'storage');

type Backend = Pick<PreparedRun, 'backend'>;

async function backendIsUp(
  needs: Needs & Decided & Folders & { content: Content; material: HostileMaterial | null },
): Promise<Made<Backend>> {
  const { job, surroundings, given, decision, content, material, writer, corpusFolder } = needs;
  if (decision.backend === null) return { made: { backend: null } };
  const shared = given?.backend ?? null;
  if (shared !== null) return { made: { backend: { ...shared, isShared: true } } };
  const { fleet, submitters } = content;
  const backend = await startEmbedded({
    settings: decision.backend,
    network: job.request.network,
    isDownAtTimes: decision.faults.some(
      ({ fault }) => fault.of === 'component' && fault.isDown === true,
    ),
    port: job.port,
    storageFolder: storageFolderOf(writer),
    whitelist:
      fleet === null
        ? null
        : await writeWhitelist(
            fleet,
            [...(material?.publicKeys ?? []), ...submitters],
            corpusFolder,
          ),
    logFile: join(writer.folder, FILES.backendLog),
    env: surroundings.env,
  });
  for (const note of backend.process.notes) surroundings.screen.line(note);
  void backend.process.exited.then(({ code, signal: by }) =>
    needs.died.abort(
      new UserError(
        `the embedded backend ended while the run was prepared (${by ? `signal ${by}` : `exit code ${code}`})`,
        { hint: 'try again; npm run stack -- up shows what it says' },
      ),
    ),
  );
  return {
    made: { backend: { ...backend, isShared: false } },
    undo: () => backend.process.stop(),
  };
}

async function sourceIsThere(
  {
    job,
    surroundings,
    decision,
    content,
    corpusFolder,
    died,
  }: Needs & Decided & Folders & { content: Content },
  signal: AbortSignal,
): Promise<Made<{ sending: Sending }>> {
  const sending = await makeSource({
    job,
    decision,
    content,
    folder: corpusFolder,
    screen: surroundings.screen,
    // A backend that ends while submissions are signed ends the signing.
    signal: AbortSignal.any([signal, died.signal]),
  });
  const { feed } = sending;
  return {
    made: { sending },
    ...(feed && { undo: () => feed.stop().finally(() => feed.close()) }),
  };
}

type OnTheWay = { way: FaultWay | null };

async function wayIsThere({
  job,
  decision,
  backend,
}: Needs & Decided & Backend): Promise<Made<OnTheWay>> {
  const urls = backend === null ? job.targets.map(({ url }) => url) : [backend.process.url];
  const way = await startWay(decision.faults, urls, seedNumber(job.request.seed));
  return { made: { way }, ...(way !== null && { undo: () => way.proxies.stop() }) };
}

type Planned = Pick<
  PreparedRun,
  'plan' | 'k6Plan' | 'k6PlanPath' | 'memory' | 'bodyBytesOf' | 'parts'
>;

async function planIsWritten({
  job,
  surroundings,
  startedAt,
  decision,
  content,
  sending,
  backend,
  corpusFolder,
  died,
  writer,
  k6,
  host,
  transport,
}: Needs &
  Way &
  Decided &
  Folders &
  Backend & {
    content: Content;
    sending: Sending;
    k6: K6Binary;
    host: HostFacts;
  }): Promise<Made<Planned>> {
  const { request } = job;
  const { shape, volume, offsetsMs } = decision;
  const { source, feed } = sending;
  const targets = job.targets.map(({ url, weight }) => ({ url: submitUrl(url), weight }));
  const url = targets[0]?.url ?? submitUrl(backend!.process.url);
  const k6Plan = makeK6Plan({
    url,
    targets,
    transport,
    headers: transport.headers,
    load: shape,
    source,
    seed: request.seed,
    apart: decision.apart,
    offsetsPath: offsetsMs === null ? undefined : join(corpusFolder, 'offsets.bin'),
  });
  if (offsetsMs !== null) await writeFile(k6Plan.offsetsPath!, offsetsFile(offsetsMs));
  const k6PlanPath = await writeK6Plan(k6Plan, corpusFolder);
  const memory = k6Memory(k6Plan, await sourceBytes(source));
  const sizes = source.kind === 'payloads' ? source.payloads : source.templates;
  const { count, bodyBytesOf, meanBodyBytes } = await bodiesOf(k6Plan, feed);
  const plan: Plan = {
    format: 1,
    id: writer.id,
    scenario: decision.scenario,
    plannedAt: startedAt.toISOString(),
    options: job.options,
    seed: request.seed,
    target: { url, embedded: backend !== null, ...(targets.length > 1 && { targets }) },
    transport: transportFacts(transport),
    load: shape,
    corpus: {
      submissions: count,
      producers: content.fleet?.producers.length ?? 0,
      templates: sizes.length,
      meanBodyBytes,
      maxBodyBytes: sizes.reduce((most, { bytes }) => Math.max(most, bytes), 0),
      network: request.network,
    },
    // Of the corpus as it became; that of the decision is of the bodies it is made from.
    estimate: estimateOf({ shape, volume, meanBodyBytes, k6MemoryBytes: memory.residentBytes }),
    versions: {
      toolkit: toolkitVersion(),
      node: process.versions.node,
      k6: k6.version,
      platform: `${process.platform} ${process.arch}`,
    },
    gates: decision.gates.map(({ expression }) => expression),
    ...ciFacts(surroundings.env),
    ...(decision.pictures.length > 0 && { pictures: [...decision.pictures] }),
    ...(decision.faults.length > 0 && { faults: plannedFaults(decision.faults) }),
    host,
  };
  writer.plan(plan);
  surroundings.screen.line(describePlan(plan));
  died.signal.throwIfAborted();
  const parts = content.parts && { list: content.parts, of: await partsOf(k6Plan) };
  return { made: { plan, k6Plan, k6PlanPath, memory, bodyBytesOf, parts } };
}

const STEPS = Steps.from<Needs>()
  .step(surroundingsAreThere)
  .step(decided)
  .step(contentIsThere)
  .step(k6IsThere)
  .step(foldersAreMade)
  // Both at once: starting waits for a process, signing for the processor.
  .together(backendIsUp, sourceIsThere)
  .step(wayIsThere)
  .step(planIsWritten);

function hostileTarget(
  { transport, hourlyLimit }: LoadJob,
  { backend, shape }: Decision,
  url: string,
): HostileTarget {
  return {
    url,
    hourlyLimit: backend?.hourlyLimit ?? hourlyLimit,
    embedded: backend && {
      signatures: backend.checksSignatures ? 'checked' : 'unchecked',
      faithful: backend.faithful,
      durationMs: shape.durationMs,
    },
    headers: { ...transport.headers, ...transport.secretHeaders },
  };
}

/** @returns a function that gives the part of submission i */
async function partsOf(k6Plan: K6Plan): Promise<(index: number) => number> {
  const placeOf = await bodyPlaces(k6Plan);
  const templates = k6Plan.source.kind === 'corpus' ? k6Plan.source.templates : [];
  return (index) => templates[placeOf(index)].group!;
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
