/** Options of what is watched beside processes, the same for `monitor` and `load`. */
import { agentSource } from '../monitor/agent.ts';
import { SourceNames } from '../monitor/agent-readings.ts';
import { httpLink, parseAgentUrl, sshLink, type AgentAddress } from '../monitor/agent-link.ts';
import { containerSource } from '../monitor/container.ts';
import { postgresSource, postgresUrlProblem } from '../monitor/postgres.ts';
import {
  coresIfLocal,
  parsePrometheusQuery,
  prometheusSource,
  basic,
  bearer,
  prometheusUrlProblem,
  type PrometheusQuery,
} from '../monitor/prometheus.ts';
import type { MonitorSource } from '../monitor/source.ts';
import type { OptionSpec, OptionValues } from '../system/option.ts';
import { postgresConfigOf } from '../system/postgres.ts';
import { UserError } from '../user-error.ts';

type WatchedAgent = { label: string | null; address: AgentAddress };

/** `[NAME=]URL`; a name has no colon and no slash. */
function parseAgent(text: string): WatchedAgent | { problem: string } {
  const [, label, url] = /^(?:([^=:/?]+)=)?(.*)$/s.exec(text)!;
  const address = parseAgentUrl(url);
  return 'problem' in address ? address : { label: label ?? null, address };
}

const problemOf = (parsed: object): string | null =>
  'problem' in parsed ? (parsed.problem as string) : null;

const variableProblem = (text: string): string | null =>
  /^[A-Za-z_]\w*$/.test(text)
    ? null
    : 'must be the name of an environment variable, not the token itself';

const OPTIONS: readonly OptionSpec[] = [
  {
    name: 'agent',
    type: 'text',
    argument: '[NAME=]URL',
    check: (text) => problemOf(parseAgent(text)),
    repeatable: true,
    help: 'readings of another machine: http://HOST:PORT of a monitor with --serve, or ssh://USER@HOST/PATH/OF/TOOLKIT?pid=N (or container=NAME), which starts one there; NAME stands before its names; may be given several times',
  },
  {
    name: 'agent-token-env',
    type: 'text',
    argument: 'VARIABLE',
    check: variableProblem,
    help: 'the environment variable that holds the token of the agents',
  },
  {
    name: 'prometheus',
    type: 'text',
    argument: 'URL',
    check: prometheusUrlProblem,
    help: 'a Prometheus server that knows the target, asked at each interval for --prometheus-query',
  },
  {
    name: 'prometheus-query',
    type: 'text',
    argument: 'NAME.FIGURE=EXPRESSION',
    check: (text) => problemOf(parsePrometheusQuery(text)),
    repeatable: true,
    help: 'an expression with one value: NAME.cpu in cores, NAME.rss in bytes, also .threads, .files, .processes; may be given several times',
  },
  {
    name: 'prometheus-token-env',
    type: 'text',
    argument: 'VARIABLE',
    check: variableProblem,
    help: 'the environment variable that holds a bearer token for Prometheus',
  },
  {
    name: 'prometheus-user-env',
    type: 'text',
    argument: 'VARIABLE',
    check: variableProblem,
    help: 'the environment variable that holds USER:PASSWORD for a Prometheus that asks for them (basic authentication)',
  },
  {
    name: 'watch-postgres',
    formerly: 'postgres',
    type: 'text',
    argument: 'URL',
    check: postgresUrlProblem,
    repeatable: true,
    help: 'a database whose own figures are read (connections, commits, hits, size), postgres://USER@HOST/DATABASE[?sslmode=MODE]; the password from PGPASSWORD or PGPASSFILE; nothing in it is compared with the load (that is --storage); may be given several times',
  },
];

export const SOURCE_OPTIONS: readonly OptionSpec[] = OPTIONS.map((option) => ({
  ...option,
  group: 'monitor',
}));

const textsOf = (value: OptionValues[string]): string[] => (value as string[] | undefined) ?? [];

/** RFC 7617: a user without a colon, and no control characters in either. */
function userOf(
  values: OptionValues,
  env: NodeJS.ProcessEnv,
  problems: string[],
): { variable: string; text: string } | null {
  const variable = values['prometheus-user-env'] as string | undefined;
  if (variable === undefined) return null;
  const text = env[variable] ?? '';
  if (text === '')
    problems.push(`--prometheus-user-env: ${variable} is not set in the environment`);
  else if (!/^[^:\p{Cc}]+:[^\p{Cc}]*$/u.test(text))
    problems.push(`--prometheus-user-env: ${variable} must hold USER:PASSWORD`);
  return { variable, text };
}

export type WatchedContainer = { name: string; container: string };

export type Sources = {
  /** New ones at each call: they hold what they read last. */
  make(): MonitorSource[];
  count: number;
  problems: string[];
  /** Names of the variables that hold secrets, which no program that is started needs. */
  secretVariables: string[];
};

/**
 * What the options ask for. Nothing is connected before a source is started.
 * @param taken names that other readings have already
 */
export function sourcesOf(
  values: OptionValues,
  env: NodeJS.ProcessEnv,
  containers: readonly WatchedContainer[],
  taken: readonly string[],
): Sources {
  const problems: string[] = [];
  const secretVariables: string[] = [];
  const agents = textsOf(values.agent)
    .map(parseAgent)
    .filter((agent): agent is WatchedAgent => !('problem' in agent));
  const expressions = textsOf(values['prometheus-query'])
    .map(parsePrometheusQuery)
    .filter((query): query is PrometheusQuery => !('problem' in query));
  const server = values.prometheus as string | undefined;
  const databases = textsOf(values['watch-postgres']);

  const tokenOf = (option: string, isUsed: boolean, needs: string): string | null => {
    const variable = values[option] as string | undefined;
    if (variable === undefined) return null;
    secretVariables.push(variable);
    if (!isUsed) problems.push(`--${option} has no effect without ${needs}`);
    const token = env[variable] ?? '';
    if (token === '') problems.push(`--${option}: ${variable} is not set in the environment`);
    else if (!/^[\x21-\x7e]+$/.test(token))
      problems.push(`--${option}: ${variable} holds characters that no header can carry`);
    return token;
  };
  const overHttp = agents.some(({ address }) => address.kind === 'http');
  const agentToken = tokenOf('agent-token-env', overHttp, '--agent http://…');
  const serverToken = tokenOf('prometheus-token-env', server !== undefined, '--prometheus');
  const serverUser = userOf(values, env, problems);
  if (serverUser !== null) secretVariables.push(serverUser.variable);
  if (serverUser !== null && server === undefined)
    problems.push('--prometheus-user-env has no effect without --prometheus');
  if (serverUser !== null && values['prometheus-token-env'] !== undefined)
    problems.push('--prometheus-user-env and --prometheus-token-env exclude each other');
  if (server !== undefined && expressions.length === 0)
    problems.push('--prometheus needs --prometheus-query NAME.cpu=EXPRESSION');
  if (server === undefined && expressions.length > 0)
    problems.push('--prometheus-query needs --prometheus URL');
  expressions.forEach(({ name, figure }, i) => {
    if (expressions.slice(0, i).some((one) => one.name === name && one.figure === figure))
      problems.push(`--prometheus-query ${name}.${figure} is given twice`);
    else if (taken.includes(name) && !expressions.slice(0, i).some((one) => one.name === name))
      problems.push(`--prometheus-query: the name ${name} is in use`);
  });
  const labels = agents.map(({ label }) => label).filter((label) => label !== null);
  labels.forEach((label, i) => {
    if (labels.indexOf(label) < i) problems.push(`two agents are named ${label}`);
  });
  for (const url of databases)
    try {
      postgresConfigOf(new URL(url), env);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push(`--watch-postgres ${url}: ${error.message}`);
    }
  databases.forEach((url, i) => {
    if (databases.indexOf(url) < i) problems.push(`--watch-postgres ${url} is given twice`);
  });

  return {
    problems,
    secretVariables,
    count: containers.length + agents.length + databases.length + (expressions.length > 0 ? 1 : 0),
    make() {
      const names = new SourceNames([...taken, ...expressions.map(({ name }) => name)]);
      return [
        ...containers.map(({ name, container }) => containerSource({ name, container, env })),
        ...agents.map(({ label, address }) =>
          agentSource({
            link:
              address.kind === 'http'
                ? httpLink(address.url, agentToken, env)
                : sshLink(address, env),
            label,
            names,
          }),
        ),
        ...(server !== undefined && expressions.length > 0
          ? [
              prometheusSource({
                url: server,
                queries: expressions,
                authorization: serverUser === null ? bearer(serverToken) : basic(serverUser.text),
                env,
                cores: coresIfLocal(server),
              }),
            ]
          : []),
        ...databases.map((url) => postgresSource(url, env)),
      ];
    },
  };
}
