/** What the server counts for `GET /metrics`, and the page that is made of it when it is asked for. */
import {
  createHistogram,
  type Histogram,
  type Labels,
  type Metric,
  METRICS_TYPE,
  metricsText,
} from './metrics.ts';

export { METRICS_TYPE };

/** What is read at the moment of the question. */
export type Gauges = {
  connections: number;
  bodiesBytes: number;
  bodiesLimitBytes: number;
  bodiesWaiting: number;
  checksWaiting: number;
  checkThreads: number;
  saving: number;
  counts: { stored: number; keptEarlier: number; storageFailures: number };
};

export type ServerFigures = {
  /** Of bodies that came whole. */
  bodyBytes: number;
  /** From the head of a submission to its answer. */
  readonly submissionSeconds: Histogram;
  /** The check of a signature, with the wait for a thread. */
  readonly checkSeconds: Histogram;
  /** Until a storage kept a submission, or had another one of its second. */
  storageSeconds(storage: string): Histogram;
  /** @param answer its name */
  answered(status: number, answer: string): void;
  text(gauges: Gauges): string;
};

const PREFIX = 'uptime_backend';

export function createServerFigures(): ServerFigures {
  const answers = new Map<string, { labels: Labels; count: number }>();
  const storages = new Map<string, Histogram>();
  const submissionSeconds = createHistogram();
  const checkSeconds = createHistogram();
  return {
    bodyBytes: 0,
    submissionSeconds,
    checkSeconds,
    storageSeconds(storage) {
      let known = storages.get(storage);
      if (known === undefined) storages.set(storage, (known = createHistogram()));
      return known;
    },
    answered(status, answer) {
      const known = answers.get(answer);
      if (known !== undefined) known.count++;
      else answers.set(answer, { labels: { status: String(status), answer }, count: 1 });
    },
    text(gauges) {
      const { counts } = gauges;
      const one = (
        kind: 'counter' | 'gauge',
        name: string,
        help: string,
        value: number,
      ): Metric => ({ name: `${PREFIX}_${name}`, help, kind, series: [[{}, value]] });
      const { user, system } = process.cpuUsage();
      return metricsText([
        {
          name: `${PREFIX}_submissions_total`,
          help: 'Answers to submissions.',
          kind: 'counter',
          series: [...answers.values()].map(({ labels, count }) => [labels, count] as const),
        },
        one('counter', 'stored_total', 'Submissions that all storages kept.', counts.stored),
        one(
          'counter',
          'kept_earlier_total',
          'Times a storage had another submission of the same submitter and second.',
          counts.keptEarlier,
        ),
        one('counter', 'storage_failures_total', 'Failed writes.', counts.storageFailures),
        one('counter', 'body_bytes_total', 'Bytes of bodies that came whole.', this.bodyBytes),
        one('gauge', 'connections', 'Open connections.', gauges.connections),
        one(
          'gauge',
          'bodies_under_way_bytes',
          'Bytes that bodies and their requests hold.',
          gauges.bodiesBytes,
        ),
        one(
          'gauge',
          'bodies_limit_bytes',
          'Beyond this no further body is read.',
          gauges.bodiesLimitBytes,
        ),
        one('gauge', 'bodies_waiting', 'Bodies that wait for room.', gauges.bodiesWaiting),
        one(
          'gauge',
          'signature_checks_waiting',
          'Signatures that are being checked or wait for it.',
          gauges.checksWaiting,
        ),
        one(
          'gauge',
          'signature_check_threads',
          'Threads that check signatures; 0: the main thread does.',
          gauges.checkThreads,
        ),
        one(
          'gauge',
          'connections_saving',
          'Connections with a submission that is being stored.',
          gauges.saving,
        ),
        {
          name: `${PREFIX}_submission_seconds`,
          help: 'From the head of a submission to its answer.',
          kind: 'histogram',
          series: [[{}, submissionSeconds]],
        },
        {
          name: `${PREFIX}_signature_check_seconds`,
          help: 'The check of a signature, with the wait for a thread.',
          kind: 'histogram',
          series: [[{}, checkSeconds]],
        },
        {
          name: `${PREFIX}_storage_seconds`,
          help: 'Until a storage had kept a submission.',
          kind: 'histogram',
          series: [...storages].map(([storage, histogram]) => [{ storage }, histogram] as const),
        },
        {
          name: 'process_cpu_seconds_total',
          help: 'CPU time of this process, all threads.',
          kind: 'counter',
          series: [[{}, (user + system) / 1e6]],
        },
        {
          name: 'process_resident_memory_bytes',
          help: 'Resident memory of this process.',
          kind: 'gauge',
          series: [[{}, process.memoryUsage.rss()]],
        },
      ]);
    },
  };
}
