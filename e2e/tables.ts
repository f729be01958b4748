/** Reads the tables of a run over and over, also where PostgreSQL is away for a while. */
import type { Client } from 'pg';
import {
  destroyClient,
  failureOf,
  openClient,
  type PostgresConfig,
  URL_WORDS,
} from '../system/postgres.ts';
import { UserError } from '../user-error.ts';

const USE = { statementMs: 60_000, applicationName: 'mina-e2e' };
/** A server that is started again is away for seconds. */
const AWAY_MS = 60_000;

export type Tables = {
  /** @returns null: PostgreSQL is away. @throws what it says of the statement; UserError where it stays away */
  read<T>(action: (client: Client) => Promise<T>): Promise<T | null>;
  close(): Promise<void>;
};

export function openTables(config: PostgresConfig, signal: AbortSignal): Tables {
  let client: Client | null = null;
  let awaySinceMs: number | null = null;
  const forget = (one: Client): void => {
    if (client === one) client = null;
    destroyClient(one);
  };
  return {
    async read(action) {
      signal.throwIfAborted();
      try {
        client ??= await openClient(config, URL_WORDS, USE, forget, signal);
        const result = await action(client);
        awaySinceMs = null;
        return result;
      } catch (error) {
        signal.throwIfAborted();
        if (client !== null) forget(client);
        awaySinceMs ??= performance.now();
        const isAway = error instanceof UserError || failureOf(error) !== 'refused';
        if (!isAway || performance.now() - awaySinceMs > AWAY_MS) throw error;
        return null;
      }
    },
    async close() {
      await client?.end().catch(() => undefined);
    },
  };
}
