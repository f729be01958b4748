/**
 * Figures of a process from a Prometheus server: its instant query API (`GET /api/v1/query`,
 * prometheus.io/docs/prometheus/latest/querying/api), asked once an interval. What is watched is decided by
 * the name of each query: `NAME.cpu` is in cores, `NAME.rss` in bytes.
 */
import { cpus } from 'node:os';
import type { ProcessReading } from '../results/types.ts';
import { polledSource, present, rounded, type MonitorSource, type Poll } from './source.ts';

const FIGURES = {
  cpu: 'cpuCores',
  rss: 'rssBytes',
  threads: 'threads',
  files: 'openFiles',
  processes: 'processes',
} as const satisfies Record<string, keyof ProcessReading>;
type Figure = keyof typeof FIGURES;

const MOST_ANSWER_BYTES = 1024 * 1024;

export type PrometheusQuery = { name: string; figure: Figure; expression: string };

/** `backend.cpu=sum(rate(process_cpu_seconds_total{job="backend"}[30s]))`; or what is wrong with it. */
export function parsePrometheusQuery(text: string): PrometheusQuery | { problem: string } {
  const match = /^([^=]+)\.([a-z]+)=(.+)$/s.exec(text);
  const figures = Object.keys(FIGURES);
  if (!match || !figures.includes(match[2]))
    return {
      problem: `must be NAME.FIGURE=EXPRESSION with one of ${figures.map((figure) => `.${figure}`).join(', ')}, such as backend.cpu=sum(rate(process_cpu_seconds_total[30s])), but is "${text}"`,
    };
  return { name: match[1], figure: match[2] as Figure, expression: match[3] };
}

/** @returns what is wrong with the server's URL, to stand after the option; null: nothing */
export function prometheusUrlProblem(text: string): string | null {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text))
    return `must be a URL such as http://127.0.0.1:9090, but is "${text}"`;
  const { username, password, search } = new URL(text);
  if (username !== '' || password !== '')
    return 'must not hold a user or a password: a token stands in an environment variable (--prometheus-token-env)';
  return search === '' ? null : 'must not hold a query: expressions stand in --prometheus-query';
}

/**
 * The one value of an answer; undefined where there is no series, or the value is no number.
 * @throws Error if the query failed, or gave more than one series
 */
export function parseInstant(answer: unknown): number | undefined {
  const { status, error, data } = (answer ?? {}) as {
    status?: unknown;
    error?: unknown;
    data?: { resultType?: unknown; result?: unknown };
  };
  if (status !== 'success') throw new Error(typeof error === 'string' ? error : 'no success');
  const { resultType, result } = data ?? {};
  let value: unknown;
  if (resultType === 'scalar') value = (result as [number, string])[1];
  else if (resultType === 'vector') {
    const series = result as { value: [number, string] }[];
    if (series.length > 1)
      throw new Error(`${series.length} series; make it one, e.g. with sum(…)`);
    value = series[0]?.value[1];
  } else throw new Error(`it gives a ${String(resultType)}, not one value`);
  const number = typeof value === 'string' ? Number(value) : NaN;
  return Number.isFinite(number) && number >= 0 ? number : undefined;
}

async function limitedText(response: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MOST_ANSWER_BYTES) throw new Error('the answer is longer than 1 MiB');
  }
  return text;
}

export type PrometheusOptions = {
  url: string;
  queries: readonly PrometheusQuery[];
  /** Sent as `Authorization: Bearer`; null: none. */
  token: string | null;
  /** Of the machine of what is watched, for percents; default: none are told. */
  cores?: number;
};

/** All queries of a tick run at once. One that fails is noted; the figures of the others stand. */
export function prometheusSource({ url, queries, token, cores }: PrometheusOptions): MonitorSource {
  const base = url.replace(/\/$/, '');
  const troubles = new Map<PrometheusQuery, string>();

  async function ask({ expression }: PrometheusQuery, signal: AbortSignal) {
    const response = await fetch(
      `${base}/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`,
      {
        headers: token === null ? {} : { authorization: `Bearer ${token}` },
        redirect: 'error',
        signal,
      },
    );
    const text = await limitedText(response);
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      throw new Error(`answer ${response.status}, which is no JSON`);
    }
    return parseInstant(answer);
  }

  async function read({ t, signal, note }: Poll): Promise<ProcessReading[]> {
    const lines = new Map<string, ProcessReading>();
    const results = await Promise.allSettled(queries.map((query) => ask(query, signal)));
    // Nothing answers: one note for the source, not one a query.
    const failed = results.filter((result) => result.status === 'rejected');
    if (failed.length === results.length) {
      troubles.clear();
      throw failed[0].reason as Error;
    }
    results.forEach((result, i) => {
      const query = queries[i];
      const { name, figure } = query;
      const value = result.status === 'fulfilled' ? result.value : undefined;
      const trouble =
        result.status === 'rejected'
          ? (result.reason as Error).message
          : value === undefined
            ? 'there is no value'
            : undefined;
      if (trouble !== undefined && trouble !== troubles.get(query))
        note(`query ${name}.${figure}: ${trouble}`);
      if (trouble === undefined) troubles.delete(query);
      else troubles.set(query, trouble);
      if (value === undefined) return;
      const line = lines.get(name) ?? { t, kind: 'process' as const, name };
      line[FIGURES[figure]] = rounded(value, figure === 'cpu' ? 4 : 0);
      if (figure === 'cpu' && cores !== undefined)
        line.cpuPercentOfMachine = rounded((value / cores) * 100, 2);
      lines.set(name, line);
    });
    return [...lines.values()].map(present);
  }

  return polledSource({ name: 'prometheus', read });
}

/** Of this machine, if the server runs here: what is watched by it then most likely does as well. */
export const coresIfLocal = (url: string): number | undefined =>
  ['localhost', '127.0.0.1', '[::1]'].includes(new URL(url).hostname) ? cpus().length : undefined;
