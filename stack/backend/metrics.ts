/**
 * Figures in Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). While requests are served only numbers
 * are added up; the text is made when it is asked for.
 */

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export type Labels = Readonly<Record<string, string>>;

/** Seconds; the bounds of Prometheus' own clients, and one more below. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export type Histogram = {
  record(seconds: number): void;
  /** Values up to each bound and in all, as Prometheus counts them, and their sum. */
  read(): { buckets: [bound: number, count: number][]; count: number; sum: number };
};

export function createHistogram(bounds: readonly number[] = BOUNDS): Histogram {
  /** Of each bound alone; the last for what is beyond all. */
  const counts = new Float64Array(bounds.length + 1);
  let sum = 0;
  return {
    record(seconds) {
      let at = 0;
      while (at < bounds.length && seconds > bounds[at]) at++;
      counts[at]++;
      sum += seconds;
    },
    read() {
      let count = 0;
      const buckets = bounds.map((bound, i): [number, number] => [bound, (count += counts[i])]);
      return { buckets, count: count + counts[bounds.length], sum };
    },
  };
}

type Kind = 'counter' | 'gauge' | 'histogram';
/** One metric with all its series. */
export type Metric =
  | {
      name: string;
      help: string;
      kind: 'counter' | 'gauge';
      series: readonly (readonly [Labels, number])[];
    }
  | {
      name: string;
      help: string;
      kind: 'histogram';
      series: readonly (readonly [Labels, Histogram])[];
    };

/** The whole page. */
export const metricsText = (metrics: readonly Metric[]): string =>
  metrics
    .map((metric) => head(metric.name, metric.help, metric.kind) + seriesText(metric))
    .join('');

const head = (name: string, help: string, kind: Kind): string =>
  `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${kind}\n`;

function seriesText(metric: Metric): string {
  const { name } = metric;
  if (metric.kind !== 'histogram')
    return metric.series.map(([labels, value]) => line(name, labels, value)).join('');
  return metric.series
    .map(([labels, histogram]) => {
      const { buckets, count, sum } = histogram.read();
      return [
        ...buckets.map(([bound, below]) =>
          line(`${name}_bucket`, { ...labels, le: String(bound) }, below),
        ),
        line(`${name}_bucket`, { ...labels, le: '+Inf' }, count),
        line(`${name}_sum`, labels, sum),
        line(`${name}_count`, labels, count),
      ].join('');
    })
    .join('');
}

const line = (name: string, labels: Labels, value: number): string =>
  `${name}${labelText(labels)} ${value}\n`;

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

/** The format knows three escapes. */
const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
