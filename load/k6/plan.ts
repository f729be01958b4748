/** Makes what a run hands to k6: the plan's file, packed payloads, and how much memory k6 may use. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { CorpusIndex } from '../../mina/envelope.ts';
import { RECORD } from '../../mina/envelope.ts';
import { parseSubmission } from '../../mina/submission.ts';
import type { LoadShape } from '../../results/types.ts';
import {
  type Apart,
  leaseOf,
  leaseSpreadOf,
  payloadOf,
  type CorpusSource,
  type K6Plan,
  type K6Target,
  type PayloadSource,
} from '../../scenarios/lib/plan.ts';
import { addressOf, type AddressBlock, KEY_END } from '../../scenarios/lib/forwarded.ts';
import { PLAIN_TRANSPORT, type Transport } from '../target/transport.ts';

/** The backend's answer to a submission it took (uptime-service-backend, src/delegation_backend/submit.go). */
export const ACCEPTED_ANSWER = { status: 200, body: '{"status":"ok"}' } as const;

/** The toolkit's seed, any text, as k6 has it. */
export const seedNumber = (seed: string): number =>
  createHash('sha256').update(seed).digest().readInt32LE(0);

/** A run's plan for k6. `seed` is the toolkit's seed, any text. */
export function makeK6Plan(call: {
  url: string;
  load: LoadShape;
  source: K6Plan['source'];
  seed: string;
  /** Of two submissions of one producer (load/producers-apart.ts); absent: nothing is to be kept apart. */
  apart?: Apart | undefined;
  /** Of a shape with `timed`: load/timed-starts.ts. */
  offsetsPath?: string | undefined;
  expected?: K6Plan['expected'];
  headers?: Record<string, string>;
  targets?: K6Target[];
  transport?: Pick<Transport, 'client' | 'insecureSkipTlsVerify' | 'forwarded'>;
}): K6Plan {
  const { load } = call;
  const { client, insecureSkipTlsVerify, forwarded } = call.transport ?? PLAIN_TRANSPORT;
  return {
    format: 1,
    url: call.url,
    targets: call.targets !== undefined && call.targets.length > 1 ? call.targets : null,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'mina-delegation-load-test',
      ...call.headers,
    },
    tls: {
      client:
        client === null
          ? null
          : { certPath: resolve(client.certPath), keyPath: resolve(client.keyPath) },
      insecureSkipVerify: insecureSkipTlsVerify,
    },
    forwarded,
    load: { ...load, lease: leaseOf(load, call.apart), leaseSpread: leaseSpreadOf(call.apart) },
    expected: call.expected ?? ACCEPTED_ANSWER,
    seed: seedNumber(call.seed),
    ...(call.offsetsPath !== undefined && { offsetsPath: resolve(call.offsetsPath) }),
    bodyCacheBytes: bodyCacheBytes(call.source, load.vus),
    source: call.source,
  };
}

/** The corpus in `folder` (corpus.json, read already) as a source. */
export const corpusSource = (folder: string, index: CorpusIndex): CorpusSource => ({
  kind: 'corpus',
  bodiesPath: resolve(folder, 'bodies.bin'),
  envelopesPath: resolve(folder, 'envelopes.bin'),
  count: index.count,
  templates: index.templates,
});

/**
 * Packs recorded bodies, as they are, into `payloads.bin` of `folder`. One file in memory at a time.
 * @param forwarded where each submitter's X-Forwarded-For comes from; null: none
 * @throws Error of node:fs if one cannot be read or the pack not be written
 */
export async function packPayloads(
  payloads: Iterable<{ read(): Promise<Uint8Array> }>,
  folder: string,
  order: PayloadSource['order'],
  forwarded: AddressBlock | null = null,
): Promise<PayloadSource> {
  const bodiesPath = resolve(folder, 'payloads.bin');
  const file = await open(bodiesPath, 'w');
  const places: PayloadSource['payloads'] = [];
  const addresses: string[] = [];
  let offset = 0;
  try {
    for (const payload of payloads) {
      const body = await payload.read();
      await file.writeFile(body);
      places.push({ offset, bytes: body.length });
      if (forwarded !== null) {
        const key = Buffer.from(parseSubmission(body).submitter, 'latin1');
        addresses.push(addressOf(forwarded, key, key.length - KEY_END));
      }
      offset += body.length;
    }
  } finally {
    await file.close();
  }
  if (places.length === 0) throw new RangeError('packPayloads: no payloads');
  return {
    kind: 'payloads',
    bodiesPath,
    payloads: places,
    ...(forwarded !== null && { forwarded: addresses }),
    order,
  };
}

/** Writes the plan into `folder`. @returns its path */
export async function writeK6Plan(plan: K6Plan, folder: string): Promise<string> {
  const path = join(resolve(folder), 'k6-plan.json');
  await writeFile(path, `${JSON.stringify(plan, null, 1)}\n`);
  return path;
}

/** @returns a function that gives the size of submission i's body, for the bytes sent; 4 bytes of memory a record */
export async function bodySizes(plan: K6Plan): Promise<(index: number) => number> {
  const placeOf = await bodyPlaces(plan);
  const sizes = sizesOf(plan.source);
  return (index) => sizes[placeOf(index)] ?? 0;
}

/** @returns a function that gives the place of submission i's body among templates or payloads */
export async function bodyPlaces(plan: K6Plan): Promise<(index: number) => number> {
  const { source } = plan;
  if (source.kind === 'feeder')
    throw new RangeError('bodyPlaces: a feeder knows what it handed out');
  if (source.kind === 'payloads') return (index) => payloadOf(plan, source, index);
  const templates = new Uint32Array(source.count);
  // A multiple of the record, so no record is cut in two but by a short read: those are put together again.
  const stream = createReadStream(source.envelopesPath, { highWaterMark: RECORD.bytes * 4096 });
  let record = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    for (; at + RECORD.bytes <= bytes.length && record < source.count; at += RECORD.bytes)
      templates[record++] = bytes.readUInt32LE(at + RECORD.templateOffset);
    rest = bytes.subarray(at);
  }
  if (record < source.count)
    throw new Error(`${source.envelopesPath} holds ${record} of ${source.count} records`);
  return (index) => templates[index % source.count];
}

/** What Go may use of memory per VU, and at least in all: it stays below 1.6 MB per VU at 500 VUs, the program included. */
const HEAP_PER_VU = 1.45e6;
const HEAP_AT_LEAST = 500 * HEAP_PER_VU;
/** The collector needs half as much again as what lives, or it runs all the time. */
const ROOM = 1.5;
/** k6 itself: what lives of it, and its program in memory, which Go's limit does not count. */
const K6_LIVE = 60e6;
const K6_PROGRAM = 45e6;
/** A VU's script engine, without bodies. */
const VU_LIVE = 0.3e6;
const GOGC = 400;

const sizesOf = (source: K6Plan['source']): number[] =>
  (source.kind === 'payloads' ? source.payloads : source.templates).map(({ bytes }) => bytes);

/** A corpus may have more bodies than a call takes arguments. */
const largestOf = (sizes: readonly number[]): number =>
  sizes.reduce((most, bytes) => Math.max(most, bytes), 0);

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

/** Of what lives: all but the bodies that VUs keep ready. k6 holds files twice (lib/fsext, and k6/experimental/fs). */
const liveBytes = (vus: number, corpusBytes: number, largestBody: number): number =>
  K6_LIVE + 2 * corpusBytes + vus * (VU_LIVE + largestBody);

/** The bodies that a VU may keep ready: what the memory of {@link k6Memory} leaves, one body at least. */
function bodyCacheBytes(source: K6Plan['source'], vus: number): number {
  const sizes = sizesOf(source);
  const corpusBytes = sum(sizes) + (source.kind === 'corpus' ? source.count * RECORD.bytes : 0);
  const largest = largestOf(sizes);
  const heap = Math.max(HEAP_AT_LEAST, vus * HEAP_PER_VU);
  const left = (heap / ROOM - liveBytes(vus, corpusBytes, largest)) / vus;
  return Math.floor(Math.max(largest, left));
}

/**
 * Go's memory settings for k6, and what k6 will use at most. Go collects when the heap has grown by GOGC percent
 * or nears GOMEMLIMIT: the high GOGC makes k6 fast (one fixed body, 100 VUs: 7,400 submissions per CPU second at
 * GOGC=100, 8,300 at 200, 9,000 at 400), the limit keeps it small. Measured by `npm run bench -- generator`.
 * @param corpusBytes size of the files that k6 reads
 */
export function k6Memory(
  plan: K6Plan,
  corpusBytes: number,
): { goGc: number; limitBytes: number; residentBytes: number } {
  const { vus } = plan.load;
  const sizes = sizesOf(plan.source);
  const kept = Math.min(sum(sizes), plan.bodyCacheBytes);
  const live = liveBytes(vus, corpusBytes, largestOf(sizes)) + vus * kept;
  const limitBytes = Math.ceil(Math.max(HEAP_AT_LEAST, vus * HEAP_PER_VU, ROOM * live));
  const residentBytes = Math.min(limitBytes, live * (1 + GOGC / 100)) + K6_PROGRAM;
  return { goGc: GOGC, limitBytes, residentBytes };
}
