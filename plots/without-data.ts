/** Charts of a run in which nothing would stand: a report leaves them out, and says why. Pure. */
import type { ChartData } from './data.ts';
import { ratePoints } from './more-charts.ts';
import type { ChartName } from './names.ts';

const NO_LATENCY = 'no answer was as expected, so no latency was measured';

/** Of charts that every run has; the others are there only with their data. How much was sent is a fact, even where it is nothing. */
const EMPTY: Partial<Record<ChartName, (data: ChartData) => string | null>> = {
  latency: ({ latencies }) => (latencies.length === 0 ? NO_LATENCY : null),
  heatmap: ({ latencies }) => (latencies.length === 0 ? NO_LATENCY : null),
  distribution: ({ latency }) => (latency === null ? NO_LATENCY : null),
  'rate-latency': (data) => {
    if (data.latencies.length === 0) return NO_LATENCY;
    return ratePoints(data).length === 0 ? 'no second after the warm-up was whole' : null;
  },
  resources: ({ processes, hostCpu }) =>
    processes.length === 0 && hostCpu.length === 0 ? 'no process was read' : null,
  io: ({ rates, disks = [], network = [] }) =>
    rates.length === 0 && disks.length === 0 && network.length === 0 ? 'no byte was sent' : null,
};

/** @returns why nothing would stand in it; null: something does */
export const whyEmpty = (name: ChartName, data: ChartData): string | null =>
  EMPTY[name]?.(data) ?? null;
