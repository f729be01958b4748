/** The charts of a run: their names, which are those of the picture files, and their titles. Pure. */
export const CHART_NAMES = [
  'breakpoint',
  'fleet',
  'throughput',
  'latency',
  'heatmap',
  'resources',
  'distribution',
  'rate-latency',
  'asked',
  'io',
  'stored',
  'stage-lags',
] as const;
export type ChartName = (typeof CHART_NAMES)[number];

/** Drawn where they are asked for (`plot --all`), and folded away in a page that shows charts. */
const FOR_A_CLOSER_LOOK: readonly string[] = [
  'rate-latency',
  'asked',
  'io',
  'stored',
] satisfies ChartName[];

/** What a report shows. @param more of the run's scenario: its own pictures, whichever they are */
export const isUsualChart = (name: string, more: readonly string[] = []): boolean =>
  !FOR_A_CLOSER_LOOK.includes(name) || more.includes(name);

export const CHART_TITLES: Record<ChartName, string> = {
  breakpoint: 'The highest rate that holds: what was tried, and the knee',
  fleet: 'The fleet: who submitted which block when',
  throughput: 'Throughput: submissions and their answers over time',
  latency: 'Latency of expected answers over time',
  heatmap: 'How many answers took how long over time',
  resources: 'CPU and memory of each process over time',
  distribution: 'Distribution of the latency of expected answers',
  'rate-latency': 'Latency against the rate: where the knee is',
  asked: 'What was asked for, and what came of it',
  io: 'Bytes over time: bodies, answers, storage, network',
  stored: 'Accepted and stored while the load ran',
  'stage-lags': 'From sent to shown: how long after it was sent each stage came',
};
