/** The database of a run: in a PostgreSQL of its own, or in a server that was given. */
import type { Client } from 'pg';
import {
  openClient,
  type PostgresConfig,
  postgresConfigOf,
  URL_WORDS,
} from '../system/postgres.ts';
import { UserError } from '../user-error.ts';
import { serviceAddresses } from './stacks.ts';
import type { OpenState } from './state.ts';
import { databaseNameOf } from './topology.ts';

const STATEMENT_MS = 60_000;

/** The server, and the database in it that its user may connect to. @throws UserError where ours does not run */
export async function serverConfig(
  open: OpenState,
  env: NodeJS.ProcessEnv,
): Promise<PostgresConfig> {
  const { database } = open.state.topology;
  if (database !== null) return postgresConfigOf(new URL(database), env);
  const { postgres } = await serviceAddresses(open, env);
  if (postgres === undefined)
    throw new UserError('the PostgreSQL of this run does not run', {
      hint: 'was it set up? npm run e2e -- setup',
    });
  return postgres;
}

export const runDatabase = async (
  open: OpenState,
  env: NodeJS.ProcessEnv,
): Promise<PostgresConfig> => ({
  ...(await serverConfig(open, env)),
  database: databaseNameOf(open.state.topology, open.state.owner),
});

/** One connection for `action` alone. */
export async function withDatabase<T>(
  config: PostgresConfig,
  signal: AbortSignal,
  action: (client: Client) => Promise<T>,
): Promise<T> {
  const use = { statementMs: STATEMENT_MS, applicationName: 'mina-e2e' };
  const client = await openClient(config, URL_WORDS, use, () => undefined, signal);
  try {
    return await action(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
