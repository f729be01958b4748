/**
 * How long the pictures of a run of an hour take (3,600 seconds of samples with their histograms), from
 * parsed lines to the bytes of the files. Peer: the same four figures in matplotlib, from the same numbers,
 * where `python3` has it; it starts once and is timed inside, without its import.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chartsOf, type ChartDefinition } from '../plots/charts.ts';
import { chartData } from '../plots/data.ts';
import { registerFonts, renderPng, renderSvg } from '../plots/render.ts';
import { LatencyHistogram } from '../results/histogram.ts';
import type { Run } from '../results/reader.ts';
import type { ResourceLine, SampleLine } from '../results/types.ts';
import { bestSeconds, type BenchLine } from './measure.ts';

const SECONDS = 3600;
const PER_SECOND = 160;

/** An hour of 160 submissions a second, without chance: latencies sweep over a wave. */
function hour(): Run {
  const samples: SampleLine[] = [];
  const resources: ResourceLine[] = [];
  for (let elapsedS = 0; elapsedS < SECONDS; elapsedS++) {
    const t = Date.UTC(2026, 0, 1) + elapsedS * 1000;
    const histogram = new LatencyHistogram();
    for (let i = 0; i < PER_SECOND; i++) {
      const ms = 10 * Math.exp(1.5 * Math.sin(i * 12.9898 + elapsedS) ** 3) + (i === 7 ? 80 : 0);
      histogram.record(ms * 1000);
    }
    const latency = histogram.ofSecond();
    const failed = elapsedS % 97 === 0 ? 5 : 0;
    samples.push({
      t,
      elapsedS,
      vus: 500,
      sent: PER_SECOND,
      answers: { '200': PER_SECOND - failed, ...(failed > 0 && { '503': failed }) },
      bytesSent: 46_000 * PER_SECOND,
      bytesReceived: 200 * PER_SECOND,
      latency,
      felt: latency,
    });
    for (const [i, name] of ['backend', 'k6', 'toolkit'].entries())
      resources.push({
        t,
        kind: 'process',
        name,
        rootPid: i + 1,
        processes: 1,
        cpuCores: 0.3 * (i + 1) + 0.05 * Math.sin(elapsedS / (i + 7)),
        rssBytes: 1e8 * (i + 1) + 1e4 * elapsedS,
      });
  }
  return {
    folder: '',
    plan: null,
    samples,
    resources,
    logs: [],
    reconcile: null,
    summary: null,
    notes: [],
  };
}

/** Those that the peer draws, too. */
const FOUR: readonly string[] = ['throughput', 'latency', 'resources', 'distribution'];

/** Reads the numbers on standard input, draws the four figures, writes the seconds of each round. */
const MATPLOTLIB = `
import io, json, sys, time
import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
data = json.load(sys.stdin)
x = range(len(data['sent']))
def draw():
    for rows in (('sent',), ('p50', 'p90', 'p95', 'p99', 'max'), ('cpu', 'memory'), ('p95',)):
        figure, axes = plt.subplots(len(rows) if rows[0] == 'cpu' else 1, 1, figsize=(12, 7), squeeze=False)
        for i, row in enumerate(rows):
            axis = axes[i if rows[0] == 'cpu' else 0][0]
            if rows == ('p95',):
                axis.hist(data[row], bins=120)
            elif row in ('cpu', 'memory'):
                for series in data[row]:
                    axis.plot(x, series)
            else:
                axis.plot(x, data[row])
        figure.savefig(io.BytesIO(), format='png', dpi=200)
        plt.close(figure)
draw()
times = []
for _ in range(3):
    started = time.perf_counter()
    draw()
    times.append(time.perf_counter() - started)
print(min(times))
`;

/** @returns seconds for the four figures, or null where python3 or matplotlib is missing */
async function matplotlibSeconds(run: Run): Promise<number | null> {
  const child = spawn('python3', ['-c', MATPLOTLIB], {
    stdio: ['pipe', 'pipe', 'ignore'],
    timeout: 60_000,
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  // A python3 that ends at its import closes the pipe: that is an answer, not a fault.
  child.stdin.on('error', () => undefined);
  const names = ['backend', 'k6', 'toolkit'];
  const readings = names.map((name) =>
    run.resources.filter((line) => line.kind === 'process' && line.name === name),
  );
  const of = (figure: 'cpuCores' | 'rssBytes') =>
    readings.map((lines) => lines.map((line) => (line.kind === 'process' ? line[figure] : null)));
  const percentile = (name: 'p50' | 'p90' | 'p95' | 'p99' | 'max') =>
    run.samples.map((line) => line.latency![name]);
  child.stdin.end(
    JSON.stringify({
      sent: run.samples.map((line) => line.sent),
      p50: percentile('p50'),
      p90: percentile('p90'),
      p95: percentile('p95'),
      p99: percentile('p99'),
      max: percentile('max'),
      cpu: of('cpuCores'),
      memory: of('rssBytes'),
    }),
  );
  const exitCode = await once(child, 'close').then(
    ([code]) => code as number | null,
    () => null, // python3 is not there
  );
  return exitCode === 0 ? Number(output) : null;
}

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  registerFonts();
  const run = hour();
  const line = (name: string, value: number, peerValue: number | null) =>
    report({
      bench: 'plots',
      case: name,
      value,
      unit: 'seconds (less is better)',
      peer: peerValue === null ? null : 'matplotlib',
      peer_value: peerValue,
      ratio: peerValue === null ? null : value / peerValue,
    });

  let definitions: ChartDefinition[] = [];
  line(
    'downsampling of one hour (3,600 histograms merged)',
    bestSeconds(() => (definitions = chartsOf(chartData(run)))),
    null,
  );
  for (const definition of definitions) {
    line(
      `${definition.name}, PNG`,
      bestSeconds(() => renderPng(definition)),
      null,
    );
    line(
      `${definition.name}, SVG`,
      bestSeconds(() => renderSvg(definition)),
      null,
    );
  }
  const four = bestSeconds(() =>
    chartsOf(chartData(run))
      .filter(({ name }) => FOUR.includes(name))
      .map((definition) => renderPng(definition)),
  );
  line('four pictures of one hour, PNG', four, await matplotlibSeconds(run));
}
