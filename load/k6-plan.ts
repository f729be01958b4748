/** Makes what a run hands to k6: the plan's file, packed payloads, and how much memory k6 may use. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { CorpusIndex } from '../mina/envelope.ts';
import { RECORD } from '../mina/envelope.ts';
import type { LoadShape } from '../results/types.ts';
import {
  bodyCacheBytes,
  leaseOf,
  payloadOf,
  type CorpusSource,
  type K6Plan,
  type PayloadSource,
} from '../scenarios/lib/plan.ts';

/** The backend's answer to a submission it took (uptime-service-backend, src/delegation_backend/submit.go). */
export const ACCEPTED = { status: 200, body: '{"status":"ok"}' } as const;

/** A run's plan for k6. `seed` is the toolkit's seed, any text. */
export function makeK6Plan(call: {
  url: string;
  load: LoadShape;
  source: K6Plan['source'];
  seed: string;
  expected?: K6Plan['expected'];
  headers?: Record<string, string>;
}): K6Plan {
  const { load } = call;
  return {
    format: 1,
    url: call.url,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'mina-delegation-load-test',
      ...call.headers,
    },
    load: { ...load, lease: leaseOf(load) },
    expected: call.expected ?? ACCEPTED,
    seed: createHash('sha256').update(call.seed).digest().readInt32LE(0),
    bodyCacheBytes: bodyCacheBytes(load.vus),
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
 * @throws Error of node:fs if one cannot be read or the pack not be written
 */
export async function packPayloads(
  payloads: Iterable<{ read(): Promise<Uint8Array> }>,
  folder: string,
  order: PayloadSource['order'],
): Promise<PayloadSource> {
  const bodiesPath = resolve(folder, 'payloads.bin');
  const file = await open(bodiesPath, 'w');
  const places: PayloadSource['payloads'] = [];
  let offset = 0;
  try {
    for (const payload of payloads) {
      const body = await payload.read();
      await file.writeFile(body);
      places.push({ offset, bytes: body.length });
      offset += body.length;
    }
  } finally {
    await file.close();
  }
  if (places.length === 0) throw new RangeError('packPayloads: no payloads');
  return { kind: 'payloads', bodiesPath, payloads: places, order };
}

/** Writes the plan into `folder`. @returns its path */
export async function writeK6Plan(plan: K6Plan, folder: string): Promise<string> {
  const path = join(resolve(folder), 'k6-plan.json');
  await writeFile(path, `${JSON.stringify(plan, null, 1)}\n`);
  return path;
}

/** @returns a function that gives the size of submission i's body, for the bytes sent; 4 bytes of memory a record */
export async function bodySizes(plan: K6Plan): Promise<(index: number) => number> {
  const { source } = plan;
  if (source.kind === 'payloads')
    return (index) => source.payloads[payloadOf(plan, source, index)]!.bytes;
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
  return (index) => source.templates[templates[index % source.count]!]?.bytes ?? 0;
}

const MB = 2 ** 20;

/**
 * Go's memory settings for k6, and what it will use. Go collects when the heap has grown by GOGC percent or
 * the memory nears GOMEMLIMIT; so a high GOGC makes k6 fast (100 VUs: 7,400 submissions per CPU second at GOGC=100,
 * 9,000 at 400) and the limit keeps it small.
 *
 * What lives, by measurement (`npm run bench -- generator`): 60 MB of program; the corpus twice (k6's file
 * cache and that of k6/experimental/fs, lib/fsext and internal/js/modules/k6/experimental/fs); per VU 0.4 MB of
 * script engine, its bodies kept ready, and k6's string copy of the body under way. The limit leaves half as
 * much again for the garbage, or the collector would run all the time.
 */
export function k6Memory(plan: K6Plan, corpusBytes: number): { goGc: number; limitBytes: number } {
  const { source, load } = plan;
  const bodies = (source.kind === 'corpus' ? source.templates : source.payloads).map(
    ({ bytes }) => bytes,
  );
  const largest = Math.max(...bodies);
  const all = bodies.reduce((sum, bytes) => sum + bytes, 0);
  const kept = Math.min(all, Math.max(largest, plan.bodyCacheBytes));
  const live = 60 * MB + 2 * corpusBytes + load.vus * (0.4 * MB + kept + largest);
  return { goGc: 400, limitBytes: Math.ceil(1.5 * live) };
}
