/** Options of what is watched beside processes, the same for `monitor` and `load`. */
import { agentSource, Names } from '../monitor/agent.ts';
import { httpLink, parseAgentUrl, sshLink, type AgentAddress } from '../monitor/agent-link.ts';
import { containerSource } from '../monitor/container.ts';
import { postgresSource, postgresUrlProblem } from '../monitor/postgres.ts';
import {
  coresIfLocal,
  parsePrometheusQuery,
  prometheusSource,
  prometheusUrlProblem,
  type PrometheusQuery,
} from '../monitor/prometheus.ts';
import type { MonitorSource } from '../monitor/source.ts';
import type { OptionSpec, OptionValues } from '../system/option.ts';

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

export const SOURCE_OPTIONS: readonly OptionSpec[] = [
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
    name: 'postgres',
    type: 'text',
    argument: 'URL',
    check: postgresUrlProblem,
    repeatable: true,
    help: 'a database whose own figures are read (connections, commits, hits, size), postgres://USER@HOST/DATABASE; the password from PGPASSWORD or PGPASSFILE; may be given several times',
  },
];

const textsOf = (value: OptionValues[string]): string[] => (value as string[] | undefined) ?? [];

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
  const databases = textsOf(values.postgres);

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
  databases.forEach((url, i) => {
    if (databases.indexOf(url) < i) problems.push(`--postgres ${url} is given twice`);
  });

  return {
    problems,
    secretVariables,
    count: containers.length + agents.length + databases.length + (expressions.length > 0 ? 1 : 0),
    make() {
      const names = new Names([...taken, ...expressions.map(({ name }) => name)]);
      return [
        ...containers.map(({ name, container }) => containerSource({ name, container, env })),
        ...agents.map(({ label, address }) =>
          agentSource({
            link:
              address.kind === 'http' ? httpLink(address.url, agentToken) : sshLink(address, env),
            label,
            names,
          }),
        ),
        ...(server !== undefined && expressions.length > 0
          ? [
              prometheusSource({
                url: server,
                queries: expressions,
                token: serverToken,
                cores: coresIfLocal(server),
              }),
            ]
          : []),
        ...databases.map((url) => postgresSource(url, env)),
      ];
    },
  };
}
