/**
 * What a recorder before a target adds to a submission's latency: one load through `npm run stack -- record --forward` and straight to
 * the target, in turns (A B B A), at a rate that neither comes near, so that the difference is the recorder's own time. The target
 * is the sink, which costs next to nothing: before a backend that works, the disk has the time of its answer, too. And whether
 * all that was accepted is in the recording, byte for byte.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveK6 } from '../load/k6/binary.ts';
import { bodySizes, corpusSource, k6Memory, makeK6Plan, writeK6Plan } from '../load/k6/plan.ts';
import { startK6 } from '../load/k6/run.ts';
import { SampleAggregator } from '../load/k6/samples.ts';
import { distFile } from '../paths.ts';
import { writeCorpus } from '../producers/corpus.ts';
import { makeFleet } from '../producers/fleet.ts';
import { payloadBytes, readPayloadFolder } from '../producers/payloads.ts';
import { readTemplates, recordedPayloads } from '../producers/templates.ts';
import { LatencyHistogram } from '../results/histogram.ts';
import type { CorpusSource } from '../scenarios/lib/plan.ts';
import type { BenchLine } from './measure.ts';
import { type Sink, startSink } from './start-sink.ts';

const RATES = [100, 200];
const SECONDS = 5;
/** Each is a load. */
const TURNS = ['straight', 'through', 'through', 'straight', 'straight', 'through'] as const;
const PRODUCERS = 500;
const VUS = 100;
const START = 1_767_225_600; // 2026-01-01T00:00:00Z

type Way = (typeof TURNS)[number];
type Run = { latency: LatencyHistogram; accepted: number };

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  const { path: k6Path } = await resolveK6({ env: process.env });
  const folder = mkdtempSync(join(tmpdir(), 'bench-record-'));
  const sink = await startSink();
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
    const call = { k6Path, folder, source };
    const single = await oneAfterAnother(folder, sink);
    report({
      bench: 'record',
      case: 'one request of 32 KB after another through the recorder, median',
      value: single.through,
      unit: 'ms (less is better)',
      peer: 'the same straight to the target',
      peer_value: single.straight,
      ratio: Number((single.through / single.straight).toFixed(2)),
    });
    let accepted = 0;
    let recorded = 0;
    for (const rate of RATES) {
      const sums: Record<Way, LatencyHistogram> = {
        straight: new LatencyHistogram(),
        through: new LatencyHistogram(),
      };
      for (const [turn, way] of TURNS.entries()) {
        if (way === 'straight') {
          const { latency } = await run({ ...call, rate, url: sink.url });
          sums.straight.addEncoded(latency.encode());
          continue;
        }
        const out = join(folder, `recording-${rate}-${turn}`);
        sink.watchBodies();
        await sink.takeDigests();
        const done = await runThrough({ ...call, rate, out, sink });
        sums.through.addEncoded(done.latency.encode());
        accepted += done.accepted;
        recorded += done.recorded;
      }
      const p95 = (way: Way): number => Number(sums[way].percentileMs(95).toFixed(3));
      report({
        bench: 'record',
        case: `p95 of ${rate} submissions/s of 24 KB, through the recorder`,
        value: p95('through'),
        unit: 'ms (less is better)',
        peer: 'the same load straight to the target',
        peer_value: p95('straight'),
        ratio: Number((p95('through') / p95('straight')).toFixed(2)),
      });
      report({
        bench: 'record',
        case: `added to the p95 of ${rate} submissions/s`,
        value: Number((p95('through') - p95('straight')).toFixed(3)),
        unit: 'ms (less is better; 1 at most)',
        peer: null,
        peer_value: null,
        ratio: null,
      });
    }
    report({
      bench: 'record',
      case: 'submissions in the recordings, byte for byte',
      value: recorded,
      unit: 'submissions',
      peer: 'accepted answers of these loads',
      peer_value: accepted,
      ratio: Number((recorded / accepted).toFixed(6)),
    });
  } finally {
    sink.process.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Call = { k6Path: string; folder: string; source: CorpusSource; rate: number };

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

/** A load through a recorder, and how many of its submissions are in the recording as the target got them. */
async function runThrough({
  out,
  sink,
  ...call
}: Call & { out: string; sink: Sink }): Promise<Run & { recorded: number }> {
  const { recorder, ended, url } = await openRecorder(out, sink);
  try {
    sink.watchBodies();
    const done = await run({ ...call, url });
    const { digests } = await sink.takeDigests();
    recorder.kill('SIGINT');
    await ended;
    const received = new Set(digests);
    const { payloads, notes } = await readPayloadFolder(out);
    let recorded = 0;
    for (const payload of payloads) {
      const digest = createHash('sha256').update(await payloadBytes(payload)).digest('hex'); // prettier-ignore
      if (received.delete(digest)) recorded++;
    }
    if (recorded < done.accepted)
      throw new Error(
        `${done.accepted} accepted, ${digests.length} different bodies at the target, ${payloads.length} in the recording, ${recorded} of them alike; ${notes.join('; ')}`,
      );
    return { ...done, recorded };
  } finally {
    if (recorder.exitCode === null) recorder.kill('SIGKILL');
  }
}

/** A recorder before the sink, in a process of its own. */
async function openRecorder(
  out: string,
  sink: Sink,
): Promise<{ recorder: ChildProcess; ended: Promise<unknown>; url: string }> {
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
  return { recorder, ended, url };
}

const SINGLE = 2000;

/** Single requests in turns from one connection each way: the recorder's own time, which other programs disturb least. */
async function oneAfterAnother(folder: string, sink: Sink): Promise<Record<Way, number>> {
  const { recorder, ended, url } = await openRecorder(join(folder, 'recording-single'), sink);
  const [payload] = await recordedPayloads();
  const body = await payloadBytes(payload);
  const agent = new Agent({ keepAlive: true });
  const timeOf = async (to: string): Promise<number> => {
    const startedMs = performance.now();
    const sent = request(to, { method: 'POST', agent, headers: { 'Content-Length': body.length } });
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
    await once(answer, 'end');
    return performance.now() - startedMs;
  };
  const times: Record<Way, number[]> = { straight: [], through: [] };
  for (let i = -200; i < SINGLE; i++) {
    const pair = { straight: await timeOf(sink.url), through: await timeOf(url) };
    if (i < 0) continue;
    times.straight.push(pair.straight);
    times.through.push(pair.through);
  }
  agent.destroy();
  recorder.kill('SIGINT');
  await ended;
  const median = (list: number[]): number =>
    Number(list.sort((a, b) => a - b)[list.length >> 1].toFixed(3));
  return { straight: median(times.straight), through: median(times.through) };
}
