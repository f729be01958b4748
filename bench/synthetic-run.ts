/**
 * Made-up runs that look like real ones: latencies are log-normal with a slow tail, CPU and memory wander,
 * readings jitter. The same description gives the same run on every machine (no clock, no Math.random).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LatencyHistogram } from '../results/histogram.ts';
import { figuresOfSamples } from '../results/figures.ts';
import { ratesOf } from '../results/rates.ts';
import { fillAbsent } from '../results/migrations.ts';
import type { Run } from '../results/reader.ts';
import type {
  AnswerClass,
  BreakpointFigures,
  BreakpointTrial,
  MarkLine,
  Plan,
  Reconcile,
  ResourceLine,
  SampleLine,
  Summary,
} from '../results/types.ts';

export type RunDescription = {
  seconds: number;
  vus: number;
  /** Mean requests per second. */
  rate: number;
  medianMs: number;
  /** Share of requests by class other than 200, at a second. */
  errors: (second: number) => Partial<Record<AnswerClass, number>>;
  /** Seconds without a sample line. */
  missing: (second: number) => boolean;
  /** Readings that failed. */
  unread: (second: number) => boolean;
  /** Added to the latency at a second, in milliseconds. */
  slowMs: (second: number) => number;
  targetUrl: string;
  /** Watched processes, with their mean CPU in cores. */
  processes: Record<string, number>;
};

const USUAL: RunDescription = {
  seconds: 60,
  vus: 500,
  rate: 160,
  medianMs: 12,
  errors: () => ({}),
  missing: () => false,
  unread: () => false,
  slowMs: () => 0,
  targetUrl: 'http://127.0.0.1:8080/v1/submit',
  processes: { backend: 0.7, k6: 0.35, toolkit: 0.06 },
};

const START_T = Date.UTC(2026, 0, 2, 3, 4, 5);
const BODY_BYTES = 46_200;

/** Mulberry32: 32 bits of state, uniform in [0, 1). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A run as the reader would give it; `folder` does not exist. */
export function syntheticRun(description: Partial<RunDescription> = {}): Run {
  const run = { ...USUAL, ...description };
  const random = randomOf(7);
  // Six uniform numbers: near enough to a normal distribution of mean 0 and deviation 0.7.
  const normal = () => random() + random() + random() + random() + random() + random() - 3;

  const samples: SampleLine[] = [];
  for (let second = 0; second < run.seconds; second++) {
    const rampUp = Math.min(1, (second + 1) / 3);
    const sent = Math.max(0, Math.round(run.rate * rampUp * (1 + 0.08 * normal())));
    const answers: Record<AnswerClass, number> = {};
    const latency = new LatencyHistogram();
    const felt = new LatencyHistogram();
    const shares = Object.entries(run.errors(second));
    for (let i = 0; i < sent; i++) {
      let at = random();
      const answer = shares.find(([, share]) => (at -= share ?? 0) < 0)?.[0] ?? '200';
      answers[answer] = (answers[answer] ?? 0) + 1;
      if (answer !== '200') continue;
      const tail = random() < 0.02 ? 4 : 1;
      const ms = run.medianMs * Math.exp(0.5 * normal()) * tail + run.slowMs(second) * random();
      const feltMs = ms + 0.05 + (random() < 0.05 ? 0.4 : 0);
      latency.record(ms * 1000);
      felt.record(feltMs * 1000);
    }
    if (run.missing(second)) continue;
    samples.push({
      t: START_T + second * 1000,
      elapsedS: second,
      vus: run.vus,
      sent,
      answers,
      bytesSent: sent * BODY_BYTES,
      bytesReceived: sent * 180,
      latency: latency.ofSecond(),
      felt: felt.ofSecond(),
    });
  }

  const resources: ResourceLine[] = [];
  const memory = Object.fromEntries(Object.keys(run.processes).map((name) => [name, 90e6]));
  for (let second = 0; second <= run.seconds; second++) {
    const t = START_T + second * 1000 + Math.round(40 * random());
    let total = 0;
    Object.entries(run.processes).forEach(([name, mean], i) => {
      const cpuCores = Math.max(0, mean * (1 + 0.1 * normal()));
      total += cpuCores;
      memory[name] += (2e6 * (random() + 0.2) * (i + 1) * 60) / (run.seconds + 60);
      resources.push({
        t,
        kind: 'process',
        name,
        rootPid: 4000 + i,
        processes: 1,
        rssBytes: Math.round(memory[name]),
        ...(second > 0 && !run.unread(second) && { cpuCores, cpuPercentOfMachine: cpuCores * 25 }),
      });
    });
    resources.push({
      t,
      kind: 'host',
      cores: 4,
      memoryTotalBytes: 16e9,
      memoryUsedBytes: 5e9,
      ...(second > 0 && { cpuCores: total + 0.1, cpuPercentOfMachine: (total + 0.1) * 25 }),
    });
  }

  const counted = figuresOfSamples(samples, resources);
  const { sent: started, accepted } = counted;
  const figures = { ...counted, ...ratesOf({ started, accepted }, run.seconds * 1000) };
  const passed = figures.errorRate !== null && figures.errorRate <= 0.01;
  const id = '2026-01-02T03-04-05Z-load';
  const plan: Plan = {
    format: 1,
    id,
    scenario: 'load',
    plannedAt: '2026-01-02T03:03:58Z',
    options: {
      scenario: { value: 'load', source: 'default' },
      vus: { value: run.vus, source: 'flag' },
      duration: { value: `${run.seconds}s`, source: 'flag' },
      think: { value: '1s-5s', source: 'default' },
      k6: { value: null, source: 'default' },
      'results-dir': { value: 'results', source: 'environment' },
    },
    seed: 'mina',
    target: { url: run.targetUrl, embedded: true },
    load: {
      executor: 'constant-vus',
      vus: run.vus,
      iterations: null,
      durationMs: run.seconds * 1000,
      think: { minMs: 1000, maxMs: 5000 },
      requestTimeoutMs: 60_000,
      gracefulStopMs: 61_000,
    },
    corpus: {
      submissions: 12_000,
      producers: 1000,
      templates: 2,
      meanBodyBytes: BODY_BYTES,
      maxBodyBytes: 64_300,
      network: 'testnet',
    },
    estimate: {
      submissions: run.rate * run.seconds,
      peakRatePerSecond: run.rate,
      bytesSent: run.rate * run.seconds * BODY_BYTES,
      k6MemoryBytes: 600e6,
      durationMs: run.seconds * 1000,
    },
    versions: { toolkit: '0.1.0', node: '20.20.2', k6: '2.2.0', platform: 'linux x64' },
    host: { cpu: 'Example CPU 3.0 GHz', cores: 4, memoryBytes: 16e9, os: 'Linux 6.8', swap: null },
  };
  const reconcile: Reconcile = {
    format: 1,
    planned: 12_000,
    sent: figures.sent,
    answers: figures.answers,
    accepted: figures.accepted,
    unknown: 3,
    resent: 0,
    stored: figures.accepted,
    notStored: 0,
  };
  const summary: Summary = {
    format: 1,
    id,
    scenario: 'load',
    startedAt: new Date(START_T).toISOString(),
    endedAt: new Date(START_T + run.seconds * 1000).toISOString(),
    loadMs: run.seconds * 1000,
    interrupted: false,
    figures,
    gates: [
      {
        name: 'error rate at most 1 %',
        state: figures.errorRate === null ? 'no data' : passed ? 'pass' : 'fail',
        value: figures.errorRate === null ? null : figures.errorRate * 100,
        limit: 1,
        unit: '%',
      },
      {
        name: 'no iteration of the generator failed',
        state: figures.sent === 0 ? 'no data' : 'pass',
        value: figures.sent === 0 ? null : 0,
        limit: 0,
        unit: 'iterations',
      },
    ],
    notes: [],
    verdict: {
      passed,
      exitCode: passed ? 0 : figures.sent === 0 ? 3 : 99,
      sentence: `${passed ? 'PASSED' : 'FAILED'}: ${figures.accepted} of ${figures.sent} submissions were accepted.`,
    },
  };
  return {
    folder: join('/', 'no', 'such', id),
    plan: fillAbsent('plan', plan),
    samples,
    resources,
    logs: [],
    reconcile,
    summary: fillAbsent('summary', summary),
    notes: [],
  };
}

/** Writes `run` as a result folder. Parts that are null are left out. */
export function writeRun(folder: string, run: Run): void {
  mkdirSync(folder, { recursive: true });
  const lines = (rows: readonly unknown[]) =>
    rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const whole = { plan: run.plan, reconcile: run.reconcile, summary: run.summary };
  for (const [name, part] of Object.entries(whole))
    if (part) writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(part, null, 2)}\n`);
  writeFileSync(join(folder, 'samples.ndjson'), lines(run.samples));
  writeFileSync(join(folder, 'resources.ndjson'), lines(run.resources));
  if (run.logs.length > 0) writeFileSync(join(folder, 'logs.ndjson'), lines(run.logs));
}

/** A search on a target that answers 300 a second, with one trial that the generator could not send. */
/** The last load of a search, which confirms what was found: as long as a search has it without a word of the user. */
const CONFIRMING_SECONDS = 90;

function syntheticSearch(): BreakpointFigures {
  const rates = [50, 100, 200, 400, 283, 336, 309, 296, 302, 299, 305, 299, 297];
  const trials = rates.map((rate, i): BreakpointTrial => {
    const keepingUpShare = Math.min(1, 300 / rate);
    const isLast = i === rates.length - 1;
    const queueGrowth = Math.max(0, 1 - 300 / rate - 0.004);
    const outcome = i === 8 ? 'generator-limited' : queueGrowth > 0.002 ? 'failed' : 'held';
    const p95Ms = rate < 300 ? 8 / (1.02 - rate / 300) : 60 + 10_000 * (1 - keepingUpShare);
    return {
      folder: `trial-${i + 1}`,
      rate,
      outcome,
      failedGates: outcome === 'failed' ? ['queue-growth<=0.2%'] : [],
      keepingUpShare,
      queueGrowth,
      begunShare: i === 8 ? 0.93 : 1,
      ...(isLast && { confirmsForMs: CONFIRMING_SECONDS * 1000 }),
      errorRate: 0,
      p50Ms: p95Ms / 2,
      p95Ms,
      p99Ms: p95Ms * 1.4,
      backendCores: Math.min(1, rate / 300),
    };
  });
  return {
    rate: 301,
    low: 297,
    high: 306,
    blur: 0.003,
    end: 'precise',
    confirmedRate: 297,
    holdMs: 10_000,
    trials,
  };
}

/** A ramp of 10 lines, each of which stands for `secondsEach` seconds. */
function markedRun(secondsEach: number): Run {
  const run = syntheticRun({ seconds: 10, rate: 120, slowMs: (second) => Math.max(0, second - 5) * 900 }); // prettier-ignore
  const ms = 1000 * secondsEach;
  const at = (second: number) => START_T + second * ms;
  run.samples.forEach((line, i) => {
    Object.assign(line, { elapsedS: i * secondsEach, t: at(i), started: 20 * (i + 1), sent: 20 * (i + 1), late: i > 7 ? 4 : 0, dropped: i > 8 ? 2 : 0 }); // prettier-ignore
  });
  run.resources.forEach((line, i) => {
    line.t = START_T + (line.t - START_T) * secondsEach;
    if (line.kind === 'process' && line.name === 'backend' && line.cpuCores !== undefined)
      Object.assign(line, {
        cpuCores: i / 20,
        writeBytesPerSecond: 1e5 * i,
        readBytesPerSecond: 0,
      });
    if (line.kind === 'host') Object.assign(line, { loopbackBytesPerSecond: 8e6 });
  });
  run.resources.push({ t: at(8.1), kind: 'note', name: 'postgres', text: 'ended with signal SIGKILL' }); // prettier-ignore
  run.plan!.load = {
    ...run.plan!.load,
    executor: 'ramping-arrival-rate',
    durationMs: 10 * ms,
    rate: { starts: 20, timeUnitMs: 1000 },
    stages: [
      { durationMs: 3 * ms, target: 100 },
      { durationMs: 4 * ms, target: 100 },
      { durationMs: 3 * ms, target: 220 },
    ],
    warmUpMs: ms,
  };
  run.summary!.gates = [
    { name: 'p95<60ms', state: 'fail', value: 80, limit: 60, unit: 'ms' },
    { name: 'p99<500s', state: 'pass', value: 100, limit: 500_000, unit: 'ms' },
    { name: 'rate>=150/s', state: 'fail', value: 110, limit: 150, unit: '/s' },
    { name: 'backend-cpu<1', state: 'pass', value: 0.7, limit: 1, unit: '' },
    { name: 'error-rate<=1%', state: 'pass', value: 0, limit: 1, unit: '%' },
  ];
  const live = [1, 3, 5, 7, 9].map((second) => ({
    t: at(second),
    accepted: 100 * second,
    stored: 100 * second - (second === 7 ? 30 : 0),
    notStored: second === 7 ? 25 : 0,
    olderThanMs: 1000,
    tookMs: 20,
    cpuMs: 5,
  }));
  const control = [
    { t: at(0), action: 'begin', toPerSecond: 100, by: 'load' },
    { t: at(5), action: 'rate', toPerSecond: 180, by: 'console' },
    { t: at(5.2), action: 'pause', toPerSecond: 0, by: 'console' },
    { t: at(5.3), action: 'resume', toPerSecond: 180, by: 'console' },
  ];
  const logs = [{ t: at(6), shape: 'not kept', count: 3 }];
  // One that ends before the load, one within another, one of a moment, and one that goes on.
  const marks: MarkLine[] = [
    { id: '1', kind: 'fault', label: 'storage refuses writes', fromMs: at(4.3), toMs: at(6.5) },
    { id: '2', kind: 'fault', label: 'network +200 ms', fromMs: at(6), toMs: at(6.8) },
    { id: '3', kind: 'fault', label: 'backend stopped', fromMs: at(9.2) },
    { id: '2', kind: 'fault', label: 'network +200 ms', fromMs: at(6), toMs: at(6.9) },
  ];
  return Object.assign(run, { live, control, logs, marks });
}

/** The cases that the pictures must survive. */
export const SYNTHETIC_RUNS = {
  usual: () =>
    syntheticRun({
      errors: (second) =>
        second > 20 && second < 26 ? { '503': 0.3, 'error:1050': 0.1 } : { '429': 0.004 },
      missing: (second) => second === 40 || second === 41,
      unread: (second) => second >= 30 && second < 34,
      slowMs: (second) => (second > 20 && second < 28 ? 90 : 0),
    }),
  empty: () => {
    const run = syntheticRun({ seconds: 1, rate: 0 });
    return { ...run, samples: [], resources: [] };
  },
  second: () => syntheticRun({ seconds: 1, rate: 40, vus: 1 }),
  breakpoint: () => {
    const run = syntheticRun({ seconds: 30, rate: 297 });
    return { ...run, summary: { ...run.summary!, breakpoint: syntheticSearch() } };
  },
  failed: () =>
    syntheticRun({
      seconds: 30,
      errors: (second) =>
        second < 20
          ? { 'error:1212': 1 }
          : {
              'error:1220': 0.2,
              'error:1211': 0.2,
              '500': 0.1,
              '502': 0.1,
              '400': 0.1,
              '401': 0.1,
              '413': 0.05,
              'error:1050': 0.1,
              '504': 0.05,
            },
    }),
  outlier: () => syntheticRun({ seconds: 45, slowMs: (second) => (second === 30 ? 265_000 : 0) }),
  hour: () =>
    syntheticRun({
      seconds: 3600,
      rate: 14,
      vus: 150,
      medianMs: 600,
      errors: (second) => (second === 1800 ? { '503': 0.5 } : second > 3000 ? { '429': 0.02 } : {}),
      missing: (second) => second >= 1200 && second < 1260,
      unread: (second) => second >= 2000 && second < 2050,
    }),
  logged: () => {
    const run = syntheticRun({ seconds: 60 });
    const logs = [5, 6, 7, 8, 30, 31, 55].flatMap((second) => [
      { t: START_T + second * 1000, shape: 'filesystem did not keep <n>', count: 1 + (second % 3) },
      { t: START_T + (second + 3) * 1000, shape: 'expected', count: 9, allowed: true },
    ]);
    return { ...run, logs };
  },
  /** Ten seconds with all that can be marked in a chart, gates that hold and one that does not, and looks into the storage. */
  marked: () => markedRun(1),
  /** The same over ten hours. */
  markedLong: () => markedRun(3600),
  wide: () =>
    syntheticRun({
      targetUrl: `https://uptime.${'WWWWWWWWMMMMMMM.'.repeat(9)}example.org:8443/v1/submit`,
      processes: {
        'container uptime-service-backend-with-a-very-long-name-0123456789': 1.2,
        postgres: 0.4,
        'bäckend-λ-Ж': 0.2,
        cassandra: 0.6,
        'k6 (second machine)': 0.3,
        versitygw: 0.1,
        backend: 0.5,
        k6: 0.9,
      },
    }),
} as const;
