/**
 * What a recorder before a target adds to a submission's latency: one load straight to the target, through a relay that only passes bytes on
 * (tcp-relay.ts: the floor of whatever stands between), and through `npm run stack -- record --forward`, in turns, at a rate that none
 * comes near, so that the differences are their own time. The target is the sink, which costs next to nothing: before a backend that works,
 * the disk has the time of its answer, too. And whether all that was accepted is in the recording, byte for byte. Recorder and relay run through
 * the whole bench, as they do before a backend, and have taken some thousand requests before they are measured: Node compiles as it goes.
 */
import { fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveK6 } from '../load/k6/binary.ts';
import { bodySizes, corpusSource, k6Memory, makeK6Plan, writeK6Plan } from '../load/k6/plan.ts';
import { startK6 } from '../load/k6/run.ts';
import { SampleAggregator } from '../load/k6/samples.ts';
import { distFile, projectRoot } from '../paths.ts';
import { writeCorpus } from '../producers/corpus.ts';
import { makeFleet } from '../producers/fleet.ts';
import { payloadBytes, readPayloadFolder } from '../producers/payloads.ts';
import { readTemplates, recordedPayloads } from '../producers/templates.ts';
import { LatencyHistogram } from '../results/histogram.ts';
import type { CorpusSource } from '../scenarios/lib/plan.ts';
import type { BenchLine } from './measure.ts';
import { postMs } from './post-time.ts';
import { type Sink, startSink } from './start-sink.ts';

const RATES = [100, 200];
const SECONDS = 5;
const WAYS = ['straight', 'relay', 'through'] as const;
type Way = (typeof WAYS)[number];
/** Each is a load; each way comes once in each place. */
const TURNS: readonly Way[] = [
  ...(['straight', 'relay', 'through'] as const),
  ...(['through', 'straight', 'relay'] as const),
  ...(['relay', 'through', 'straight'] as const),
];
const PRODUCERS = 500;
const VUS = 100;
const START = 1_767_225_600; // 2026-01-01T00:00:00Z

type Run = { latency: LatencyHistogram; accepted: number };
type Call = { k6Path: string; folder: string; source: CorpusSource; rate: number };

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  const { path: k6Path } = await resolveK6({ env: process.env });
  const folder = mkdtempSync(join(tmpdir(), 'bench-record-'));
  const sink = await startSink();
  const relay = await openRelay(sink);
  const recorder = await openRecorder(join(folder, 'recording'), sink);
  const urls: Record<Way, string> = { straight: sink.url, relay: relay.url, through: recorder.url };
  try {
    const count = Math.max(...RATES) * SECONDS;
    const index = await writeCorpus({
      folder: join(folder, 'corpus'),
      fleet: makeFleet({ seed: 'bench', count: PRODUCERS }),
      templates: await readTemplates(),
      count,
      network: 'testnet',
      seed: 'bench',
      createdAt: { startSeconds: START, perSecond: Math.max(...RATES) },
    });
    const source = corpusSource(join(folder, 'corpus'), index);
    const single = await oneAfterAnother(urls);
    for (const way of ['relay', 'through'] as const)
      report({
        bench: 'record',
        case: `one request of 32 KB after another ${NAMES[way]}, median`,
        value: single[way],
        unit: 'ms (less is better)',
        peer: 'the same straight to the target',
        peer_value: single.straight,
        ratio: Number((single[way] / single.straight).toFixed(2)),
      });
    const accepted = new Map<string, number>();
    let sent = 0;
    for (const rate of RATES) {
      const latency = Object.fromEntries(WAYS.map((way) => [way, new LatencyHistogram()])) as Record<Way, LatencyHistogram>; // prettier-ignore
      for (const way of TURNS) {
        // The hashes cost the sink some time: the same in each turn.
        sink.watchBodies();
        const done = await run({ k6Path, folder, source, rate, url: urls[way] });
        latency[way].addEncoded(done.latency.encode());
        const { digests } = await sink.takeDigests();
        if (way !== 'through') continue;
        if (digests.length < done.accepted)
          throw new Error(`${done.accepted} accepted, ${digests.length} bodies at the target`);
        sent += done.accepted;
        for (const digest of digests) accepted.set(digest, (accepted.get(digest) ?? 0) + 1);
      }
      const p95 = (way: Way): number => Number(latency[way].percentileMs(95).toFixed(3));
      for (const way of ['relay', 'through'] as const) {
        report({
          bench: 'record',
          case: `p95 of ${rate} submissions/s of 24 KB ${NAMES[way]}`,
          value: p95(way),
          unit: 'ms (less is better)',
          peer: 'the same load straight to the target',
          peer_value: p95('straight'),
          ratio: Number((p95(way) / p95('straight')).toFixed(2)),
        });
        report({
          bench: 'record',
          case: `added to the p95 of ${rate} submissions/s ${NAMES[way]}`,
          value: Number((p95(way) - p95('straight')).toFixed(3)),
          unit: `ms (less is better${way === 'through' ? '; 1 at most' : ''})`,
          peer: null,
          peer_value: null,
          ratio: null,
        });
      }
    }
    await recorder.stop();
    const recorded = await countRecorded(recorder.out, accepted);
    report({
      bench: 'record',
      case: 'submissions in the recording, byte for byte',
      value: recorded,
      unit: 'submissions',
      peer: 'accepted answers of these loads',
      peer_value: sent,
      ratio: Number((recorded / sent).toFixed(6)),
    });
  } finally {
    recorder.kill();
    relay.stop();
    sink.process.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}

const NAMES = {
  relay: 'through a relay that passes bytes on',
  through: 'through the recorder',
} as const;

/** @param bodies SHA-256 -> how often the target got it @returns how many of these are in the recording */
async function countRecorded(out: string, bodies: ReadonlyMap<string, number>): Promise<number> {
  const left = new Map(bodies);
  const { payloads, notes } = await readPayloadFolder(out);
  let recorded = 0;
  for (const payload of payloads) {
    const digest = createHash('sha256').update(await payloadBytes(payload)).digest('hex'); // prettier-ignore
    const of = left.get(digest) ?? 0;
    if (of === 0) continue;
    left.set(digest, of - 1);
    recorded++;
  }
  const all = [...bodies.values()].reduce((sum, count) => sum + count, 0);
  if (recorded < all)
    throw new Error(`${all} bodies at the target, ${payloads.length} in the recording, ${recorded} of them alike; ${notes.join('; ')}`); // prettier-ignore
  return recorded;
}

/** One load, measured as `npm run load` does. @throws Error unless every submission is accepted */
async function run({ k6Path, folder, source, rate, url }: Call & { url: string }): Promise<Run> {
  const plan = makeK6Plan({
    url,
    load: {
      executor: 'constant-arrival-rate',
      vus: VUS,
      iterations: null,
      durationMs: SECONDS * 1000,
      think: { minMs: 0, maxMs: 0 },
      rate: { starts: rate, timeUnitMs: 1000 },
      requestTimeoutMs: 10_000,
      gracefulStopMs: 11_000,
      // Connections are made in it.
      warmUpMs: 1000,
    },
    source,
    seed: 'bench',
  });
  const aggregator = new SampleAggregator({
    lease: plan.load.lease,
    count: source.count,
    expectedStatus: 200,
    bodyBytesOf: await bodySizes(plan),
    warmUpMs: 1000,
  });
  const running = await startK6({
    k6Path,
    bundlePath: distFile('scenarios', 'arrival.js'),
    planPath: await writeK6Plan(plan, folder),
    runFolder: folder,
    memory: k6Memory(plan, 60_000 + source.count * 272),
    onSampleBytes: (chunk) => aggregator.push(chunk),
  });
  const end = await running.done;
  aggregator.end();
  const { accepted } = aggregator.totals;
  // Starts that a busy machine dropped are no fault; answers that are not right are.
  if (end.outcome !== 'finished' || accepted === 0 || accepted < aggregator.totals.sent)
    throw new Error(`the bench run is not clean: ${end.sentence}; ${accepted} accepted`);
  return { latency: aggregator.latency, accepted };
}

type OpenRecorder = {
  url: string;
  out: string;
  /** Ends it in order. */
  stop(): Promise<void>;
  kill(): void;
};

/** A recorder before the sink, in a process of its own. */
async function openRecorder(out: string, sink: Sink): Promise<OpenRecorder> {
  const words = ['stack', 'record', '--out', out, '--port', '0', '--forward', new URL(sink.url).origin]; // prettier-ignore
  const recorder = spawn(process.execPath, [distFile('cli.js'), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(recorder, 'close');
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    recorder.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      const found = /http:\/\/\S+\/v1\/submit/.exec(text);
      if (found !== null) resolve(found[0]);
    });
    recorder.once('close', () => reject(new Error(`the recorder ended: ${text}`)));
  });
  return {
    url,
    out,
    async stop() {
      recorder.kill('SIGINT');
      await ended;
    },
    kill() {
      if (recorder.exitCode === null) recorder.kill('SIGKILL');
    },
  };
}

async function openRelay(sink: Sink): Promise<{ url: string; stop(): void }> {
  const { port: target } = new URL(sink.url);
  const relay = fork(join(projectRoot, 'bench', 'tcp-relay.ts'), [target], {
    execArgv: ['--import', 'tsx'],
  });
  const [{ port }] = (await once(relay, 'message')) as [{ port: number }];
  const url = new URL(sink.url);
  url.port = String(port);
  return { url: url.href, stop: () => relay.disconnect() };
}

const SINGLE = 2000;
const WARM_UP = 1000;

/** Single requests in turns from one connection each way: their own time, which other programs disturb least. */
async function oneAfterAnother(urls: Readonly<Record<Way, string>>): Promise<Record<Way, number>> {
  const [payload] = await recordedPayloads();
  const body = await payloadBytes(payload);
  const agent = new Agent({ keepAlive: true });
  const times: Record<Way, number[]> = { straight: [], relay: [], through: [] };
  for (let i = -WARM_UP; i < SINGLE; i++)
    for (const way of WAYS) {
      const ms = await postMs(urls[way], body, agent);
      if (i >= 0) times[way].push(ms);
    }
  agent.destroy();
  const median = (list: number[]): number =>
    Number(list.sort((a, b) => a - b)[list.length >> 1].toFixed(3));
  return {
    straight: median(times.straight),
    relay: median(times.relay),
    through: median(times.through),
  };
}
