/**
 * The leaderboard's API over the coordinator's tables.
 * Source: o1-labs/delegation-program-leaderboard at 49ac4a8, api/minanet_app/flask_api.py, db_health.py.
 *
 * `faithful` keeps the original's trap: a query that fails (say, no table) is answered 200 with `-1`. Else it is answered as a connection that
 * cannot be made: 500.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type pg from 'pg';
import {
  BACKEND_WORDS,
  openPool,
  type PostgresConfig,
  type SettingWords,
} from '../../system/postgres.ts';
import { UserError } from '../../user-error.ts';
import { type Clock, SYSTEM_CLOCK } from '../coordinator/clock.ts';
import { NO_DATA, type Question, readPath, type Refusal } from './route.ts';

export type LeaderboardOptions = {
  database: PostgresConfig;
  words?: SettingWords;
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: any free one. */
  port?: number;
  faithful?: boolean;
  /** DB_RETRY_ATTEMPTS, default 3; pauses of 2, 4, … s between. */
  attempts?: number;
  /** DEBUG: /health/debug answers. */
  debug?: boolean;
  clock?: Clock;
  log: (line: string) => void;
};

export type Leaderboard = { url: string; port: number; stop(): Promise<void> };

const SERVICE = 'delegation-program-leaderboard-api';
const CONNECTIONS = 10;
const STATEMENT_MS = 60_000;

const QUERIES = {
  all: `SELECT block_producer_key, score, score_percent FROM nodes WHERE application_status = true AND score IS NOT NULL ORDER BY score DESC`,
  one: `SELECT n.block_producer_key, h.score, h.score_percent FROM score_history h JOIN nodes n ON n.id = h.node_id
    WHERE n.block_producer_key = $1 ORDER BY h.score_at DESC LIMIT 1`,
  allBefore: `WITH recent AS (SELECT score_at FROM score_history WHERE score_at < $1::timestamp ORDER BY score_at DESC LIMIT 1)
    SELECT n.block_producer_key, h.score, h.score_percent FROM recent r JOIN score_history h ON h.score_at = r.score_at
    JOIN nodes n ON n.id = h.node_id ORDER BY h.score DESC`,
  oneBefore: `WITH recent AS (SELECT score_at FROM score_history WHERE score_at < $1::timestamp ORDER BY score_at DESC LIMIT 1)
    SELECT n.block_producer_key, h.score, h.score_percent FROM recent r JOIN score_history h ON h.score_at = r.score_at
    JOIN nodes n ON n.id = h.node_id AND n.block_producer_key = $2`,
};

/** @throws UserError where the port is not to be had; the database may come later */
export async function startLeaderboard(options: LeaderboardOptions): Promise<Leaderboard> {
  const { host = '127.0.0.1', port = 0 } = options;
  const work = new Work(options);
  const server = createServer((request, response) => {
    work.answer(request, response).catch((error: unknown) => {
      options.log(`ERROR ${(error as Error).message}`);
      if (!response.headersSent)
        send(response, 500, {
          error: 'Internal Server Error',
          error_message: 'Something went wrong we are working on it.',
        });
    });
  });
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new UserError(
      `the leaderboard cannot listen on ${host}:${port}: ${(cause as Error).message}`,
      {
        hint: 'choose another port (0: any free one), and an address of this machine',
        cause,
      },
    );
  }
  const bound = (server.address() as AddressInfo).port;
  return {
    port: bound,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    async stop() {
      work.stop();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
      await work.closePool();
    },
  };
}

/** As Flask's jsonify writes it: keys in their order, a line break at the end. */
function send(response: ServerResponse, status: number, body: unknown): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}

/** No connection after all attempts. */
class Unreachable extends Error {}

class Work {
  readonly #options: LeaderboardOptions;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  #pool: Promise<pg.Pool> | null = null;

  constructor(options: LeaderboardOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
  }

  stop(): void {
    this.#stopping.abort();
  }

  async closePool(): Promise<void> {
    const pool = await this.#pool?.catch(() => null);
    await pool?.end();
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path, ...query] = (request.url ?? '/').split('?');
    this.#options.log(`INFO ${request.method} ${path}`);
    // Before anything else: also of pages that are not there.
    if (query.join('?').replaceAll('&', '') !== '')
      return send(response, 400, {
        error: 'Query parameters are not allowed',
        error_message: 'This application does not support query parameters in requests.',
      });
    const decoded = decode(path) ?? '';
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD, OPTIONS');
      return send(response, request.method === 'OPTIONS' ? 200 : 405, {});
    }
    switch (decoded) {
      case '/health':
        return send(response, 200, { service: SERVICE, status: 'healthy', timestamp: this.#now() });
      case '/health/ready':
        return this.#ready(response);
      case '/health/debug':
        return this.#debug(response);
      case '/uptimescore':
        response.setHeader('location', '/uptimescore/');
        return send(response, 308, {});
      default: {
        const question = readPath(decoded);
        if ('status' in question) return refuse(response, question);
        return this.#scores(response, question);
      }
    }
  }

  async #scores(response: ServerResponse, question: Question): Promise<void> {
    let client: pg.PoolClient;
    try {
      client = await this.#connect();
    } catch (error) {
      this.#options.log(`ERROR ${(error as Error).message}`);
      return down(response);
    }
    try {
      const { rows } = await client.query<[string | null, number | null, string | null]>({
        ...queryOf(question),
        rowMode: 'array',
      });
      client.release();
      if (rows.length === 0) return refuse(response, NO_DATA);
      send(
        response,
        200,
        // All of them strings, as Python's str() has them.
        rows.map(([key, score, percent]) => ({
          block_producer_key: key ?? 'None',
          score: String(score ?? 'None'),
          score_percent: percent ?? 'None',
        })),
      );
    } catch (error) {
      client.release(true);
      this.#options.log(`ERROR Error: ${(error as Error).message}`);
      if (this.#options.faithful) send(response, 200, -1);
      else down(response);
    }
  }

  async #ready(response: ServerResponse): Promise<void> {
    const database = await this.#health();
    const isReady = database.status === 'healthy';
    send(response, isReady ? 200 : 503, {
      database,
      service: SERVICE,
      status: isReady ? 'ready' : 'not_ready',
      timestamp: this.#now(),
    });
  }

  async #debug(response: ServerResponse): Promise<void> {
    if (!this.#options.debug)
      return send(response, 403, {
        error: 'Debug information not available in production mode',
      });
    const { host, port, database, user } = this.#options.database;
    send(response, 200, {
      database_config: { database, host, port, retry_attempts: this.#attempts, user },
      database_health: await this.#health(),
      debug_mode: true,
      service: SERVICE,
      timestamp: this.#now(),
    });
  }

  async #health() {
    const startedMs = performance.now();
    const health = {
      connection: false,
      error: null as string | null,
      query_test: false,
      response_time_ms: 0,
      status: 'unhealthy',
    };
    try {
      const client = await this.#connect();
      health.connection = true;
      try {
        await client.query('SELECT 1');
        health.query_test = true;
        health.status = 'healthy';
        client.release();
      } catch (error) {
        client.release(true);
        throw error;
      }
    } catch (error) {
      health.error = (error as Error).message;
    }
    health.response_time_ms = Number((performance.now() - startedMs).toFixed(2));
    return health;
  }

  /** @throws Unreachable */
  async #connect(): Promise<pg.PoolClient> {
    for (let attempt = 1; ; attempt++)
      try {
        this.#pool ??= openPool(this.#options.database, this.#options.words ?? BACKEND_WORDS, {
          connections: CONNECTIONS,
          statementMs: STATEMENT_MS,
        });
        return await (await this.#pool).connect();
      } catch (error) {
        const pool = await this.#pool?.catch(() => null);
        this.#pool = null;
        void pool?.end().catch(() => undefined);
        this.#options.log(
          `WARNING Database connection attempt ${attempt} failed: ${(error as Error).message}`,
        );
        if (attempt >= this.#attempts)
          throw new Unreachable(
            `Database connection failed after ${attempt} attempts: ${(error as Error).message}`,
            { cause: error },
          );
        await this.#clock.sleep(2 ** attempt * 1000, this.#stopping.signal);
      }
  }

  get #attempts(): number {
    return this.#options.attempts ?? 3;
  }

  /** As Python's isoformat(). */
  #now = (): string => new Date(this.#clock.now()).toISOString().replace('Z', '000+00:00');
}

/** @returns null: no percent-encoded text */
function decode(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}

const refuse = (response: ServerResponse, { status, error, message }: Refusal): void =>
  send(response, status, { Error: error, Error_message: message });

const down = (response: ServerResponse): void =>
  send(response, 500, {
    Error: 'Something went wrong',
    Error_message: 'System is down. Please try again later.',
  });

function queryOf({ key, before }: Question): { text: string; values: unknown[] } {
  const time = before?.toISOString().replace('T', ' ').replace('Z', '');
  if (before === undefined)
    return key === undefined
      ? { text: QUERIES.all, values: [] }
      : { text: QUERIES.one, values: [key] };
  return key === undefined
    ? { text: QUERIES.allBefore, values: [time] }
    : { text: QUERIES.oneBefore, values: [time, key] };
}
