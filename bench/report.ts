/**
 * What pictures and reports of a finished run cost, from its folder to the last file: a run of an hour and one of a week, each in a process
 * of its own, whose time and memory are read at its end. The seconds of both are the same 997 histograms again and again, so that the folders
 * are made soon; each line is read and decoded all the same. Peer: matplotlib, which draws the same four figures of the hour's samples
 * (bench/plots.ts).
 */
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'; // prettier-ignore
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { LatencyHistogram } from '../results/histogram.ts';
import { distFile } from '../paths.ts';
import type { Summary } from '../results/types.ts';
import type { BenchLine } from './measure.ts';

const PER_SECOND = 160;
const HOUR_S = 3600;
const WEEK_S = 7 * 24 * HOUR_S;
/** Prime, so that no step of the axis sees the same seconds as the next. */
const DIFFERENT = 997;
const BATCH = 2000;

function latencies(): string[] {
  return Array.from({ length: DIFFERENT }, (_, second) => {
    const histogram = new LatencyHistogram();
    for (let i = 0; i < PER_SECOND; i++)
      histogram.record(10_000 * Math.exp(1.5 * Math.sin(i * 12.9898 + second) ** 3));
    return JSON.stringify(histogram.ofSecond());
  });
}

function summaryOf(seconds: number, startT: number): Summary {
  const histogram = new LatencyHistogram();
  for (let i = 0; i < 100_000; i++)
    histogram.record(10_000 * Math.exp(1.5 * Math.sin(i * 12.9898) ** 3));
  const sent = seconds * PER_SECOND;
  const figures = histogram.figures();
  return {
    format: 1,
    id: '2026-01-01T00-00-00Z-load',
    scenario: 'load',
    startedAt: new Date(startT).toISOString(),
    endedAt: new Date(startT + seconds * 1000).toISOString(),
    loadMs: seconds * 1000,
    interrupted: false,
    figures: {
      sent,
      accepted: sent,
      answers: { '200': sent },
      errorRate: 0,
      submissionsPerSecond: PER_SECOND,
      bytesSent: 46_000 * sent,
      bytesReceived: 200 * sent,
      latency: figures,
      felt: figures,
      failedIterations: 0,
      processes: {},
    },
    gates: [{ name: 'p95<800ms', state: 'pass', value: 40, limit: 800, unit: 'ms' }],
    notes: [],
    verdict: { passed: true, exitCode: 0, sentence: 'PASSED', reasons: [] },
  };
}

/** A folder with the two long files of a run, and its summary. */
function makeRun(folder: string, seconds: number): void {
  const some = latencies();
  const startT = Date.UTC(2026, 0, 1);
  const [samples, resources] = ['samples', 'resources'].map((name) =>
    openSync(join(folder, `${name}.ndjson`), 'w'),
  );
  for (let from = 0; from < seconds; from += BATCH) {
    let [sampleLines, readings] = ['', ''];
    for (let second = from; second < Math.min(seconds, from + BATCH); second++) {
      const t = startT + second * 1000;
      const failed = second % 97 === 0 ? 5 : 0;
      const latency = some[second % DIFFERENT];
      sampleLines += `{"t":${t},"elapsedS":${second},"vus":500,"sent":${PER_SECOND},"started":${PER_SECOND},"answers":{"200":${PER_SECOND - failed}${failed > 0 ? ',"503":5' : ''}},"bytesSent":${46_000 * PER_SECOND},"bytesReceived":${200 * PER_SECOND},"latency":${latency},"felt":${latency}}\n`;
      for (const [i, name] of ['backend', 'k6', 'toolkit'].entries())
        readings += `{"t":${t},"kind":"process","name":"${name}","rootPid":${4000 + i},"processes":1,"intervalMs":1000,"cpuCores":${0.3 * (i + 1)},"cpuPercentOfMachine":${7.5 * (i + 1)},"waitedCores":0.01,"rssBytes":${1e8 * (i + 1) + second},"threads":11,"openFiles":40,"readBytesPerSecond":0,"writeBytesPerSecond":${1e6 * i}}\n`;
      readings += `{"t":${t},"kind":"host","cores":4,"cpuCores":1.9,"cpuPercentOfMachine":47.5,"memoryUsedBytes":5000000000,"memoryTotalBytes":16000000000,"load1":1.2,"loopbackBytesPerSecond":9000000}\n`;
    }
    writeSync(samples, sampleLines);
    writeSync(resources, readings);
  }
  writeFileSync(join(folder, 'summary.json'), JSON.stringify(summaryOf(seconds, startT)));
  closeSync(samples);
  closeSync(resources);
}

/** The process reports about itself: GNU's time is not everywhere. */
const PROBE = `process.on('exit', () => process.stderr.write(
  '\\nUSED ' + process.resourceUsage().maxRSS + ' ' + process.resourceUsage().userCPUTime + '\\n'))`;

type Used = { seconds: number; megabytes: number; cpuSeconds: number };

async function measure(folder: string): Promise<Used> {
  const startedAt = performance.now();
  const { stderr } = await execa(process.execPath, [
    '--import',
    `data:text/javascript,${encodeURIComponent(PROBE)}`,
    distFile('cli.js'),
    'report',
    folder,
  ]);
  const seconds = (performance.now() - startedAt) / 1000;
  const [, kilobytes = NaN, microseconds = NaN] = /USED (\d+) (\d+)/.exec(stderr) ?? [];
  return {
    seconds,
    megabytes: (Number(kilobytes) * 1024) / 1e6,
    cpuSeconds: Number(microseconds) / 1e6,
  };
}

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  for (const [name, seconds] of [
    ['an hour', HOUR_S],
    ['a week', WEEK_S],
  ] as const) {
    const folder = mkdtempSync(join(tmpdir(), 'mina-bench-report-'));
    try {
      makeRun(folder, seconds);
      const bytes = statSync(join(folder, 'samples.ndjson')).size + statSync(join(folder, 'resources.ndjson')).size; // prettier-ignore
      const figures = await measure(folder);
      const line = (what: string, value: number, unit: string) =>
        report({
          bench: 'report',
          case: `${what} of ${name} (${Math.round(bytes / 1e6)} MB): all pictures as PNG and SVG, report.md, report.html, junit.xml`,
          value,
          unit: `${unit} (less is better)`,
          peer: null,
          peer_value: null,
          ratio: null,
        });
      line('time', figures.seconds, 'seconds');
      line('CPU of all threads', figures.cpuSeconds, 'seconds');
      line('most memory', figures.megabytes, 'MB');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
