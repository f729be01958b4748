/**
 * What a submission costs k6: submissions per second of k6's CPU against a local sink, with the whole measuring
 * pipeline on, beside k6 at its cheapest, the obvious k6 script, Locust, and vegeta with bodies as `npm run corpus` writes
 * them; and k6's memory at 500 VUs.
 * 31 blocks, bodies of 17 to 75 KB, mean 46 KB. In one case two blocks are current at a time, as in a network whose
 * producers submit the tip of their chain; in the other all 31 come in random order, as in the program's load test:
 * then a body is hardly ever in the processor's cache when it is sent.
 * The cases take turns, so that a change in the machine's speed meets all of them; medians.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveK6 } from '../load/k6/binary.ts';
import { programsOnPath } from '../system/programs-on-path.ts';
import { bodySizes, corpusSource, k6Memory, makeK6Plan, writeK6Plan } from '../load/k6/plan.ts';
import { hermeticK6Env } from '../load/k6/probe.ts';
import { startK6 } from '../load/k6/run.ts';
import { SampleAggregator } from '../load/k6/samples.ts';
import { ENVELOPE, RECORD } from '../mina/envelope.ts';
import { distFile, projectRoot } from '../paths.ts';
import { type CorpusJob, writeCorpus } from '../producers/corpus.ts';
import { exportSubmissions } from '../producers/export.ts';
import { makeFleet } from '../producers/fleet.ts';
import { sizedTemplates } from '../producers/sized-templates.ts';
import { recordedPayloads } from '../producers/templates.ts';
import type { CorpusSource, K6Plan } from '../scenarios/lib/plan.ts';
import { UserError } from '../user-error.ts';
import type { BenchLine } from './measure.ts';
import { type Sink, startSink } from './start-sink.ts';
import { attackArgs, bodiesSent, findVegeta, readVegetaResults, targetsText } from './vegeta.ts';

const VUS = 100;
const MANY_VUS = 500;
const SECONDS = 8;
const ROUNDS = 2;
const TEMPLATES = 31;
const SMALLEST = 17_000;
const LARGEST = 75_000;
const MEAN = (SMALLEST + LARGEST) / 2;
/** Past its end the corpus is sent again. */
const RECORDS = 100_000;
/** Bodies of vegeta, a file each; it holds them all in memory (230 MB), and past the last it sends them again. */
const VEGETA_BODIES = 5000;
/** As many of them are looked at before it is measured. */
const VEGETA_PROBES = 1000;
const PRODUCERS = 1000;
const START = 1_767_225_600; // 2026-01-01T00:00:00Z
const POLL_MS = 50;

type Usage = { submissions: number; cpuSeconds: number; peakRssBytes: number };

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  if (process.platform !== 'linux')
    throw new UserError('the bench "generator" reads /proc, which only Linux has', {
      hint: 'run it on Linux, or in a Linux container',
    });
  const { path: k6Path } = await resolveK6({ env: process.env });
  const folder = mkdtempSync(join(tmpdir(), 'bench-generator-'));
  const sink = await startSink();
  try {
    const current = await signedCorpus(join(folder, 'current'), currentBlocks);
    const random = await signedCorpus(join(folder, 'random'), randomBlocks);
    const common = { sink, k6Path, folder, ...writePayloads(folder) };
    const cases: Record<string, () => Promise<Usage>> = {
      current: () => runOurs({ ...common, source: current, vus: VUS }),
      random: () => runOurs({ ...common, source: random, vus: VUS }),
      fixed: () =>
        runK6Peer(common, 'fixed-body.js', ['--no-thresholds', '--summary-mode=disabled']),
      obvious: () => runK6Peer(common, 'obvious.js', []),
    };
    const locust = programsOnPath('locust', process.env)[0];
    if (locust !== undefined) cases.locust = () => runLocust(common, locust);
    const vegeta = await findVegeta(process.env);
    if ('path' in vegeta) {
      const call = { ...common, vegeta: vegeta.path, targetsPath: await writeTargets(common) };
      await checkBodies(call);
      cases.vegeta = () => runVegeta(call);
    }

    const measured: Record<string, Usage[]> = {};
    for (let round = 0; round < ROUNDS; round++)
      for (const [name, run] of Object.entries(cases)) (measured[name] ??= []).push(await run());
    const perCpuSecond = (name: string): number =>
      median(measured[name].map(({ submissions, cpuSeconds }) => submissions / cpuSeconds));

    const ours = {
      current: 'two blocks current at a time',
      random: `${TEMPLATES} blocks in random order`,
    };
    const peers = {
      fixed: 'k6 posting one fixed body, no outputs',
      obvious: 'k6 script with SharedArray and JSON.stringify',
      locust: 'Locust, random recorded payloads, each read from its file, no waits',
      vegeta: `vegeta, ${VEGETA_BODIES} presigned bodies of "npm run corpus"`,
    };
    const missing: Record<string, string> = {
      locust: 'not on the PATH',
      vegeta: 'missing' in vegeta ? `not here: ${vegeta.missing}` : '',
    };
    for (const [our, blocks] of Object.entries(ours))
      for (const [name, peer] of Object.entries(peers)) {
        const value = perCpuSecond(our);
        const peerValue = cases[name] === undefined ? null : perCpuSecond(name);
        report({
          bench: 'generator',
          case: `${VUS} VUs, ${MEAN / 1000} KB, ${blocks}, no think time, measuring`,
          value: round(value, 0),
          unit: 'submissions/CPU second of the generator',
          peer: peerValue === null ? `${peer}: ${missing[name]}` : peer,
          peer_value: peerValue === null ? null : round(peerValue, 0),
          ratio: peerValue === null ? null : round(value / peerValue, 2),
        });
      }

    const many = await runOurs({ ...common, source: random, vus: MANY_VUS });
    report({
      bench: 'generator',
      case: `memory of k6, ${MANY_VUS} VUs, ${MEAN / 1000} KB, measuring`,
      value: round(many.peakRssBytes / 1e6 / MANY_VUS, 2),
      unit: 'MB per VU (less is better)',
      peer: null,
      peer_value: null,
      ratio: null,
    });
  } finally {
    sink.process.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Common = {
  sink: Sink;
  k6Path: string;
  folder: string;
  /** A list of them all. */
  payloadsPath: string;
  /** The same, a file each. */
  payloadsFolder: string;
};

/** Runs the `load` scenario as `npm run load` does, samples and all. */
async function runOurs(call: Common & { source: CorpusSource; vus: number }): Promise<Usage> {
  const { sink, k6Path, folder, source, vus } = call;
  const plan: K6Plan = makeK6Plan({
    url: sink.url,
    load: {
      executor: 'constant-vus',
      vus,
      iterations: null,
      durationMs: SECONDS * 1000,
      think: { minMs: 0, maxMs: 0 },
      requestTimeoutMs: 10_000,
      gracefulStopMs: 11_000,
    },
    source,
    seed: 'bench',
  });
  const aggregator = new SampleAggregator({
    lease: plan.load.lease,
    count: source.count,
    expectedStatus: 200,
    bodyBytesOf: await bodySizes(plan),
  });
  await sink.takeCount();
  const running = await startK6({
    k6Path,
    bundlePath: distFile('scenarios', 'load.js'),
    planPath: await writeK6Plan(plan, folder),
    runFolder: folder,
    memory: k6Memory(plan, corpusBytes(source)),
    onSampleBytes: (chunk) => aggregator.push(chunk),
  });
  const usage = watch(running.pid);
  const end = await running.done;
  aggregator.end();
  const submissions = await sink.takeCount();
  const { accepted, failedIterations } = aggregator.totals;
  if (end.outcome !== 'finished' || failedIterations > 0 || accepted !== submissions)
    throw new Error(
      `the bench run is not clean: ${end.sentence}; ${accepted} accepted, ${submissions} received`,
    );
  return { submissions, ...usage() };
}

/** @param args options of k6 beside those that all share */
async function runK6Peer(call: Common, script: string, args: string[]): Promise<Usage> {
  const { sink, k6Path, folder, payloadsPath } = call;
  const variables = {
    URL: sink.url,
    N: VUS,
    SECONDS,
    BYTES: MEAN,
    PAYLOADS: payloadsPath,
  };
  const config = join(folder, 'peer-config.json');
  writeFileSync(config, '{}');
  return runPeer(
    sink,
    k6Path,
    [
      'run',
      ...['--config', config, '--quiet', '--no-color', '--log-output=none', ...args],
      ...Object.entries(variables).flatMap(([name, value]) => ['-e', `${name}=${value}`]),
      join(projectRoot, 'bench', 'peers', script),
    ],
    { ...hermeticK6Env(process.env), GOGC: '400' },
  );
}

const runLocust = ({ sink, payloadsFolder }: Common, locust: string): Promise<Usage> =>
  runPeer(
    sink,
    locust,
    [
      ...['--headless', '--only-summary', '--loglevel', 'ERROR'],
      ...['--users', String(VUS), '--spawn-rate', String(VUS), '--run-time', `${SECONDS}s`],
      ...['--host', new URL(sink.url).origin],
      ...['--locustfile', join(projectRoot, 'bench', 'peers', 'locustfile.py')],
    ],
    { ...process.env, PAYLOADS: payloadsFolder },
  );

type VegetaCall = Common & { vegeta: string; targetsPath: string };

/** Bodies as `npm run corpus` writes them, a file each, of the sizes that all send. @returns the file of vegeta's targets */
async function writeTargets({ sink, folder }: Common): Promise<string> {
  const bodies = join(folder, 'bodies');
  const job = await corpusJob(VEGETA_BODIES, randomBlocks);
  await exportSubmissions({ ...job, folder: bodies, format: 'json' });
  const path = join(folder, 'targets.txt');
  const files = readdirSync(bodies).sort();
  writeFileSync(
    path,
    targetsText(
      sink.url,
      files.map((file) => join(bodies, file)),
    ),
  );
  return path;
}

/** That vegeta sends the signed bodies, each another one. @throws Error if not */
async function checkBodies(call: VegetaCall): Promise<void> {
  const { folder } = call;
  const bodies = join(folder, 'bodies');
  const signed = new Set(readdirSync(bodies).map((file) => sha256(join(bodies, file))));
  const outputPath = join(folder, 'vegeta-probe.bin');
  const pace = { workers: VUS, perSecond: VEGETA_PROBES };
  const { count, different } = await bodiesSent({ ...call, outputPath, ...pace, signed });
  if (signed.size !== VEGETA_BODIES || count !== VEGETA_PROBES || different !== VEGETA_PROBES)
    throw new Error(
      `vegeta sent ${different} different signed bodies in ${count} posts, of ${signed.size}; ` +
        `each of ${VEGETA_PROBES} posts was to have a body of its own, of ${VEGETA_BODIES}`,
    );
}

const sha256 = (path: string): string =>
  createHash('sha256').update(readFileSync(path)).digest('hex');

/** As fast as it can, from as many connections as the others have; its results are read when it has ended, and cost it nothing. */
async function runVegeta(call: VegetaCall): Promise<Usage> {
  const { sink, folder, vegeta, targetsPath } = call;
  const outputPath = join(folder, 'vegeta.bin');
  const pace = { workers: VUS, perSecond: 0, seconds: SECONDS };
  const usage = await runPeer(sink, vegeta, attackArgs({ targetsPath, outputPath, ...pace }), {
    ...process.env,
    GOGC: '400',
  });
  const { requests, accepted, errors } = await readVegetaResults(vegeta, outputPath, process.env);
  if (accepted !== usage.submissions || requests !== accepted)
    throw new Error(
      `the run of vegeta is not clean: ${requests} sent, ${accepted} accepted, ${usage.submissions} received; ${errors.join('; ')}`,
    );
  return usage;
}

async function runPeer(
  sink: Sink,
  file: string,
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<Usage> {
  await sink.takeCount();
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
  let stderr = '';
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (stderr = (stderr + text).slice(0, 2000)));
  const usage = watch(child.pid!);
  const [exitCode] = (await once(child, 'close')) as [number | null];
  const submissions = await sink.takeCount();
  if (exitCode !== 0 || submissions === 0)
    throw new Error(`${file} ended with ${exitCode} after ${submissions} posts: ${stderr}`);
  return { submissions, ...usage() };
}

/** Reads CPU and peak memory of a process until it is gone. The last reading is at most {@link POLL_MS} early. */
function watch(pid: number): () => Omit<Usage, 'submissions'> {
  let cpuSeconds = 0;
  let peakRssBytes = 0;
  const read = () => {
    try {
      // proc(5): after the name in brackets, fields 14 and 15 are user and system time in ticks of 10 ms.
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
      // Of a process that has ended but was not waited for, no memory is left to read.
      cpuSeconds = Math.max(cpuSeconds, (Number(fields[11]) + Number(fields[12])) / 100);
      if (peak !== undefined) peakRssBytes = Number(peak) * 1024;
    } catch {
      clearInterval(timer);
    }
  };
  const timer = setInterval(read, POLL_MS);
  return () => {
    clearInterval(timer);
    return { cpuSeconds, peakRssBytes };
  };
}

/** The sizes of the bodies, evenly spread. */
const sizes = Array.from({ length: TEMPLATES }, (_, i) =>
  Math.round(SMALLEST + ((LARGEST - SMALLEST) * i) / (TEMPLATES - 1)),
);

const corpusBytes = ({ count, templates }: CorpusSource): number =>
  count * RECORD.bytes + templates.reduce((sum, { bytes }) => sum + bytes, 0);

/** The tip of the chain moves on after this many submissions. */
const BLOCK_RECORDS = 2000;
const randomBlocks = (): number => Math.floor(Math.random() * TEMPLATES);
const currentBlocks = (record: number): number =>
  (Math.floor(record / BLOCK_RECORDS) + (Math.random() < 0.5 ? 1 : 0)) % TEMPLATES;

/** `count` submissions of all sizes, block by block as `blockOf` has it. */
async function corpusJob(count: number, blockOf: (record: number) => number): Promise<CorpusJob> {
  const named = sizes.map((bytes) => ({ name: String(bytes), bytes }));
  return {
    fleet: makeFleet({ seed: 'bench', count: PRODUCERS }),
    templates: sizedTemplates(await recordedPayloads(), named, 'bench'),
    count,
    network: 'testnet',
    seed: 'bench',
    createdAt: { startSeconds: START, perSecond: 1000 },
    given: { templates: Uint32Array.from({ length: count }, (_, record) => blockOf(record)) },
  };
}

async function signedCorpus(
  folder: string,
  blockOf: (record: number) => number,
): Promise<CorpusSource> {
  const job = await corpusJob(RECORDS, blockOf);
  return corpusSource(folder, await writeCorpus({ folder, ...job }));
}

/** The same sizes as objects of a submission's form, for the peers. @returns the file's path */
function writePayloads(folder: string): Pick<Common, 'payloadsPath' | 'payloadsFolder'> {
  const payloadsPath = join(folder, 'payloads.json');
  const payloadsFolder = join(folder, 'payloads');
  const payloads = sizes.map((bytes) => ({
    version: 1,
    data: {
      block: 'b'.repeat(bytes - 380),
      created_at: '2026-01-02T03:04:05Z',
      peer_id: 'p'.repeat(ENVELOPE.peerId.bytes),
    },
    signature: 's'.repeat(ENVELOPE.signature.bytes),
    submitter: 'S'.repeat(ENVELOPE.submitter.bytes),
  }));
  writeFileSync(payloadsPath, JSON.stringify(payloads));
  mkdirSync(payloadsFolder);
  for (const [i, payload] of payloads.entries())
    writeFileSync(join(payloadsFolder, `${i}.json`), JSON.stringify(payload));
  return { payloadsPath, payloadsFolder };
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));
