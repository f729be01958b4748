/**
 * Figures of a process from a Prometheus server: its instant query API (`GET /api/v1/query`,
 * prometheus.io/docs/prometheus/latest/querying/api), asked once an interval. What is watched is decided by
 * the name of each query: `NAME.cpu` is in cores, `NAME.rss` in bytes.
 */
import { cpus } from 'node:os';
import type { ProcessReading } from '../results/types.ts';
import { httpFetch } from '../system/http.ts';
import { leadsToThisMachine } from '../system/loopback.ts';
import {
  polledSource,
  present,
  reasonOf,
  rounded,
  type MonitorSource,
  type Poll,
} from './source.ts';
import { withoutUser } from '../system/secret-names.ts';

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
    return `must be a URL such as http://127.0.0.1:9090, but is "${withoutUser(text)}"`;
  const { username, password, search } = new URL(text);
  if (username !== '' || password !== '')
    return 'must not hold a user or a password: they stand in an environment variable (--prometheus-user-env VARIABLE with USER:PASSWORD, or --prometheus-token-env)';
  return search === '' ? null : 'must not hold a query: expressions stand in --prometheus-query';
}

/** The server answered, and there is no figure in it. */
class NoFigure extends Error {}

/** A sample or a scalar: its time and its value as text (the API's "Expression query result formats"). */
const isSample = (value: unknown): value is [number, string] =>
  Array.isArray(value) && value.length === 2 && typeof value[1] === 'string';

/**
 * The one value of an answer.
 * @throws NoFigure that says why there is none: the query failed, gave no series or several, something else than numbers, or a warning
 *   (the value may then be that of a part of the data)
 */
export function parseInstant(answer: unknown): number {
  const { status, error, data, warnings } = (
    typeof answer === 'object' && answer !== null ? answer : {}
  ) as {
    status?: unknown;
    error?: unknown;
    data?: { resultType?: unknown; result?: unknown } | null;
    warnings?: unknown;
  };
  if (status !== 'success') throw new NoFigure(typeof error === 'string' ? error : 'no success');
  const { resultType, result } = data ?? {};
  let sample: unknown;
  if (resultType === 'scalar') sample = result;
  else if (resultType === 'vector' && Array.isArray(result)) {
    const series = result as { value?: unknown; histogram?: unknown }[];
    if (series.length === 0) throw new NoFigure('there is no series of it now');
    if (series.length > 1)
      throw new NoFigure(`${series.length} series; make it one, e.g. with sum(…)`);
    if (series[0].histogram !== undefined)
      throw new NoFigure('it gives a histogram; make it a number, e.g. with histogram_sum(…)');
    sample = series[0].value;
  } else throw new NoFigure(`it gives a ${String(resultType)}, not one value`);
  if (!isSample(sample)) throw new NoFigure('its value has an unknown form');
  const number = sample[1].trim() === '' ? NaN : Number(sample[1]);
  if (!Number.isFinite(number) || number < 0)
    throw new NoFigure(`its value is "${sample[1].slice(0, 40)}", which is no figure`);
  if (Array.isArray(warnings) && warnings.length > 0)
    throw new NoFigure(`the server warns: ${String(warnings[0]).slice(0, 200)}`);
  return number;
}

/** The value of `Authorization` for a token (RFC 6750), and for `USER:PASSWORD` (RFC 7617, in UTF-8). */
export const bearer = (token: string | null): string | null =>
  token === null ? null : `Bearer ${token}`;
export const basic = (userAndPassword: string): string =>
  `Basic ${Buffer.from(userAndPassword, 'utf8').toString('base64')}`;

type HttpResponse = Awaited<ReturnType<typeof httpFetch>>;

/** Why an answer that is no JSON of Prometheus's cannot be read. */
function answerProblem(response: HttpResponse, text: string): string {
  const { status, headers } = response;
  if (status >= 300 && status < 400)
    return `answer ${status}, which leads elsewhere (${headers.get('location') ?? 'it does not say where'})`;
  if (status === 401 || status === 403)
    return `answer ${status}: does it ask for --prometheus-user-env or --prometheus-token-env?`;
  const isPage = /^\s*<(!doctype|html)/i.test(text);
  return `answer ${status}, which is ${isPage ? 'a web page' : 'no JSON'}`;
}

async function limitedText(response: HttpResponse): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of (response.body ?? []) as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MOST_ANSWER_BYTES) throw new Error('the answer is longer than 1 MiB');
  }
  return text;
}

export type PrometheusOptions = {
  url: string;
  queries: readonly PrometheusQuery[];
  /** Sent as `Authorization`, and nowhere but to `url`; null: none. */
  authorization: string | null;
  /** Names the proxy, if any; default: this process's. */
  env?: NodeJS.ProcessEnv;
  /** Of the machine of what is watched, for percents; default: none are told. */
  cores?: number;
};

/** All queries of a tick run at once. One that fails is noted; the figures of the others stand. */
export function prometheusSource({
  url,
  queries,
  authorization,
  env = process.env,
  cores,
}: PrometheusOptions): MonitorSource {
  const base = url.replace(/\/$/, '');
  const troubles = new Map<PrometheusQuery, string>();

  async function ask({ expression }: PrometheusQuery, signal: AbortSignal): Promise<number> {
    const response = await httpFetch(
      `${base}/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`,
      {
        env,
        headers: authorization === null ? {} : { authorization },
        redirect: 'manual',
        signal,
      },
    );
    const text = await limitedText(response);
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      throw new Error(answerProblem(response, text));
    }
    return parseInstant(answer);
  }

  async function read({ t, signal, note }: Poll): Promise<ProcessReading[]> {
    const lines = new Map<string, ProcessReading>();
    const results = await Promise.allSettled(queries.map((query) => ask(query, signal)));
    // Nothing answers: one note for the source, not one a query.
    const failed = results.filter(
      (result) => result.status === 'rejected' && !(result.reason instanceof NoFigure),
    ) as PromiseRejectedResult[];
    if (failed.length === results.length) {
      troubles.clear();
      throw failed[0].reason as Error;
    }
    results.forEach((result, i) => {
      const query = queries[i];
      const { name, figure } = query;
      const value = result.status === 'fulfilled' ? result.value : undefined;
      const trouble = result.status === 'rejected' ? reasonOf(result.reason) : undefined;
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
  isLocal(new URL(url).hostname.replace(/^\[|\]$/g, '')) ? cpus().length : undefined;

const isLocal = (host: string): boolean => host === 'localhost' || leadsToThisMachine(host);
