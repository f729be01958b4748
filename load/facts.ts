/** What a decision needs to know and only reading can tell. One function for the run and for the dry run, which reads no private key. */
import { ENVELOPE } from '../mina/envelope.ts';
import { ERAS } from '../mina/eras.ts';
import {
  type ChainOrigin,
  chooseEra,
  chooseForkEras,
  type ChosenEra,
} from '../producers/chain-origin.ts';
import { type ChainRequest, readChain, readHeaders } from '../producers/chain-templates.ts';
import { type Fleet, makeFleet } from '../producers/fleet.ts';
import { localPorts } from '../system/local-ports.ts';
import { openFilesLimit } from '../system/open-files.ts';
import { countProducers, type KeyAccess, readProducers } from '../producers/key-source.ts';
import type { NetworkPlan } from '../producers/network-plan.ts';
import { type Payload, readPayloadFolder } from '../producers/payloads.ts';
import { readSources, type SubmissionTemplate } from '../producers/templates.ts';
import { checkBackendEnv } from '../stack/backend/config.ts';
import { networkSubmissions } from './given-submissions.ts';
import { forkOf } from './hard-fork.ts';
import { isEmbedded, type LoadJob } from './job.ts';
import { type MemoryRoom, memoryRoom } from './memory-limit.ts';
import type { PartedTemplates } from './parts.ts';
import type { Definition } from './scenarios/definition.ts';
import { definitionOf } from './scenarios/index.ts';
import { freeBytes } from './storage-need.ts';

/** One of the bodies that are sent, with how often it is chosen, in proportion to the others. */
export type BodyFact = { bytes: number; snarkWorkBytes: number; weight: number };

/** Plain data, without a secret. */
export type Facts = {
  /** Keys in the list of producers; null: there is no list. */
  producers: number | null;
  /** Recorded requests; null: none are sent as they are, or by others. */
  payloads: readonly Payload[] | null;
  /** What the folder of the payloads holds and was left out, a sentence each; absent: nothing. */
  payloadNotes?: readonly string[];
  /** At least one. */
  bodies: readonly BodyFact[];
  /** Variables of the user's shell that change what the embedded backend checks; absent: not set. */
  backendSwitches: Readonly<Record<string, string>>;
  memory: MemoryRoom;
  /** Bytes left on the file system of the results; null: not known. */
  freeBytes: number | null;
  /** Files that a process may have open at once; null: not known, or no limit. */
  openFilesLimit: number | null;
  /** Ports that this machine may take for its own connections to one target; null: not known. */
  localPorts: number | null;
  /** Of new blocks; null: none are made. */
  era: ChosenEra | null;
};

/** Text of a body beside block, snark work and envelope. */
const FRAME_BYTES = 60;

const BACKEND_SWITCHES = [
  'REQUESTS_PER_PK_HOURLY',
  'VERIFY_SIGNATURE_DISABLED',
  'VERIFY_SIGNATURE_LAX',
  'BACKEND_CHECK_THREADS',
];

type Asked = Pick<
  LoadJob,
  'request' | 'producersFile' | 'payloads' | 'chain' | 'order' | 'resultsFolder' | 'targets'
>;

/**
 * @param keys how key files are opened; null: private keys are not read, only counted
 * @returns the facts, and the fleet of a list of keys
 * @throws UserError for files that cannot be read, or hold what they must not
 */
export async function gatherFacts(
  job: Asked,
  env: NodeJS.ProcessEnv,
  keys: KeyAccess | null,
  definition = definitionOf(job.request.scenario),
): Promise<{ facts: Facts; fleet: Fleet | null }> {
  const { request, producersFile } = job;
  if (isEmbedded(job)) checkBackendEnv(env);
  const { kind } = definition.source(request);
  const folder =
    kind === 'recorded' || kind === 'by others' ? await readPayloadFolder(job.payloads!) : null;
  const payloads = folder?.payloads ?? null;
  let fleet: Fleet | null = null;
  let producers: number | null = null;
  if (producersFile !== null && keys !== null) {
    fleet = await readProducers(producersFile, keys);
    producers = fleet.producers.length;
  } else if (producersFile !== null) producers = await countProducers(producersFile);
  const era = await eraOf(job, kind);
  const facts: Facts = {
    producers,
    payloads,
    ...(folder !== null && folder.notes.length > 0 && { payloadNotes: folder.notes }),
    bodies: await bodiesOf(definition, job, { producers, payloads, era }),
    backendSwitches: Object.fromEntries(
      BACKEND_SWITCHES.flatMap((name) => (env[name] ? [[name, env[name]]] : [])),
    ),
    memory: memoryRoom(),
    freeBytes: await freeBytes(job.resultsFolder),
    openFilesLimit: await openFilesLimit(env),
    localPorts: localPorts(),
    era,
  };
  return { facts, fleet };
}

/** A chain may leave slots empty, and lie before the beginning by some: so many slots for each block are enough. */
const SLOTS_PER_BLOCK = 3;
const SLOTS_BEFORE = 20;

/** The era of new blocks; null: recorded ones go as they are. @throws UserError for one that does not fit what it is made from */
async function eraOf(
  { request, payloads, chain }: Asked,
  kind: ReturnType<Definition['source']>['kind'],
): Promise<ChosenEra | null> {
  if (kind !== 'network' && chain === 0) return null;
  const { era, eraChosen: isChosen = false, network, fleet, durationMs, forkAtMs = null } = request;
  const sources = await readHeaders(await readSources(payloads ?? undefined), { mayDiffer: true });
  if (forkAtMs !== null) return chooseForkEras(sources, network);
  const { slotTimeMs } = ERAS.berkeley;
  const spanMs = !fleet ? chain * SLOTS_PER_BLOCK * slotTimeMs : durationMs * fleet.speedup;
  const fromMs = Date.now() - spanMs - SLOTS_BEFORE * slotTimeMs;
  return chooseEra(sources, { era: era ?? 'mesa', isChosen, network, fromMs });
}

/** The blocks of a load. @throws UserError if the payloads cannot be read or make no chain */
export const signedTemplates = (
  { payloads, chain, request }: Pick<LoadJob, 'payloads' | 'chain' | 'request'>,
  startedAt: Date,
  origin: ChainOrigin | null,
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
          origin,
          hardFork: forkOf(request),
          ...(makers && { makers }),
        },
  );

async function bodiesOf(
  definition: Definition,
  job: Asked,
  known: {
    producers: number | null;
    payloads: readonly Payload[] | null;
    era: ChosenEra | null;
  },
): Promise<BodyFact[]> {
  const { request, order } = job;
  const lengthOf = (range: { start: number; end: number } | undefined) =>
    range === undefined ? 0 : range.end - range.start;
  if (known.payloads !== null)
    return known.payloads.map(({ sizeBytes, snarkWork }) => ({
      bytes: sizeBytes,
      snarkWorkBytes: lengthOf(snarkWork),
      weight: 1,
    }));
  const network = definition.timed?.isTimed(request)
    ? definition.timed.starts(request, { ...known, era: known.era?.era ?? null }).network
    : null;
  const origin = known.era?.origin ?? null;
  if (network !== null) return networkBodies(job, network, origin);
  const signed = () => signedTemplates(job, new Date(), origin);
  if (definition.parts === undefined) return measured(await signed());
  const parted = await definition.parts.templates(request, {
    payloads: job.payloads,
    order,
    signed,
  });
  return measured(parted.templates, weightsOf(parted));
}

/** Bodies of a simulated network, whose size does not depend on who its makers are. */
async function networkBodies(
  { request, payloads }: Asked,
  network: NetworkPlan,
  origin: ChainOrigin | null,
): Promise<BodyFact[]> {
  const { producers, privateKeys } = makeFleet({ seed: request.seed, count: 1 });
  const [anybody] = producers;
  const { templates, given } = await networkSubmissions({
    network,
    fleet: {
      producers: Array.from({ length: network.shape.producers }, () => anybody),
      privateKeys,
    },
    payloadFolder: payloads,
    startedAt: new Date(),
    durationMs: request.durationMs,
    origin,
    blockBytes: request.fleet!.blockBytes,
  });
  const uses = templates.map(() => 0);
  for (const which of given.templates!) uses[which]++;
  return measured(templates, uses);
}

/** Weighted as bodies are drawn; within a part all are taken to be as likely. */
function weightsOf({ templates, mix }: PartedTemplates): number[] {
  const weights = templates.map(() => 0);
  for (const { weight, templates: places } of mix)
    for (const place of places) weights[place] += weight / places.length;
  return weights;
}

/** @param weights default: the templates' own; the blocks of a chain come one after another, each as often */
async function measured(
  templates: readonly SubmissionTemplate[],
  weights = templates.map(({ tip, weight }) => (tip === undefined ? weight : 1)),
): Promise<BodyFact[]> {
  const bodies: BodyFact[] = [];
  for (const [i, template] of templates.entries()) {
    const weight = weights[i];
    if (template.bodyBytes !== undefined) {
      // Not loaded: a body may have 50 MB.
      bodies.push({ bytes: template.bodyBytes, snarkWorkBytes: 0, weight });
      continue;
    }
    const { block, snarkWork } = await template.load();
    const snarkWorkBytes = snarkWork?.length ?? 0;
    bodies.push({
      bytes: block.length + snarkWorkBytes + ENVELOPE.bytes + FRAME_BYTES,
      snarkWorkBytes,
      weight,
    });
  }
  return bodies;
}
