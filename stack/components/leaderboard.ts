/** The leaderboard's API over the coordinator's tables. */
import { READY_MS } from '../drivers/ready.ts';
import { postgresUrl, readHttpUrl } from './addresses.ts';
import { commandProgram } from './backend.ts';
import type { Definition, PlanContext, PlanParts } from './component.ts';

/** Source: o1-labs/delegation-program-leaderboard at 49ac4a8, api/minanet_app. */
const originalVariables = (
  { addresses: { postgres } }: PlanContext,
  host: string,
  port: number,
): Record<string, string> => ({
  SNARK_HOST: postgres!.host,
  SNARK_PORT: String(postgres!.port),
  SNARK_USER: postgres!.user,
  SNARK_PASSWORD: postgres!.password,
  SNARK_DB: postgres!.database,
  API_HOST: host,
  API_PORT: String(port),
  // Both must be set; answers are kept for so many seconds.
  SWAGGER_HOST: `${host}:${port}`,
  CACHE_TIMEOUT: '1',
});

const CONTAINER_PORT = 5000;

export const leaderboard: Definition = {
  name: 'leaderboard',
  summary: 'answers who has which score',
  needs: ['postgres'],
  takes: [],
  kinds: ['embedded', 'command', 'image', 'url'],
  port: 55_000,
  containerPort: CONTAINER_PORT,
  address: (_, { host, port }) => ({ kind: 'http', url: `http://${host}:${port}` }),
  read: readHttpUrl,
  plan(context): PlanParts {
    const { use, port, addresses, settings, network } = context;
    if (use.kind === 'url') return { kind: 'nothing' };
    const ready = {
      kind: 'http' as const,
      url: `http://127.0.0.1:${port}/health`,
      statuses: [200],
      withinMs: READY_MS,
    };
    if (use.kind === 'image')
      return {
        kind: 'container',
        container: {
          image: use.image,
          args: [],
          network,
          ports: network === 'host' ? [] : [{ host: port, container: CONTAINER_PORT }],
          volumes: [],
        },
        variables:
          network === 'host'
            ? originalVariables(context, '127.0.0.1', port)
            : originalVariables(context, '0.0.0.0', CONTAINER_PORT),
        ready,
        preparations: [],
      };
    const process = {
      kind: 'process' as const,
      inherits: true,
      ready,
      folders: [],
      preparations: [],
    };
    if (use.kind === 'command')
      return {
        ...process,
        program: commandProgram(use.command),
        variables: originalVariables(context, '127.0.0.1', port),
      };
    return {
      ...process,
      program: {
        kind: 'dist',
        file: 'cli.js',
        args: [
          ...['stack', 'leaderboard', '--database', postgresUrl(addresses.postgres!)],
          ...['--host', '127.0.0.1', '--port', String(port)],
          ...(settings.faithful ? ['--faithful'] : []),
        ],
      },
      variables: { PGPASSWORD: addresses.postgres!.password },
    };
  },
};
