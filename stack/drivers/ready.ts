/** The ways in which a component says that it serves: a question as data, so that whoever starts it again later asks the same. */
import { connect } from 'node:net';
import { httpFetch } from '../../system/http.ts';
import { lastLinesOf } from '../../system/follow-file.ts';

export type ReadyQuestion = (
  | { kind: 'http'; url: string; /** That mean ready. */ statuses: readonly number[] }
  /** A line of its log, as a regular expression. */
  | { kind: 'line'; pattern: string }
  /** A port of 127.0.0.1 that takes connections. */
  | { kind: 'port'; port: number }
  /** Statements are answered. */
  | { kind: 'postgres'; port: number; user: string; database: string; password: string }
  /** Its superuser is let in: the port is open some seconds before. */
  | { kind: 'cassandra'; port: number; username: string; password: string }
  /** For what has no sign of its own. */
  | { kind: 'at once' }
) & { withinMs: number };

/** Asked again and again while it starts. It may throw: not yet. */
export type Ready = {
  /** In words, for what did not become ready: `http://127.0.0.1:8080/health`. */
  what: string;
  ask: (signal: AbortSignal) => Promise<boolean>;
  withinMs: number;
};

export const READY_MS = 60_000;

/** More lines than a component writes between two looks. */
const LINES = 10_000;

/** @param log `from`: byte of the file at which it was started */
export function readyOf(
  question: ReadyQuestion,
  { logFile, from }: { logFile: string; from: number },
): Ready {
  const { withinMs } = question;
  switch (question.kind) {
    case 'http':
      return {
        what: question.url,
        withinMs,
        async ask(signal) {
          const response = await httpFetch(question.url, { signal, redirect: 'manual' });
          await response.body?.cancel();
          return question.statuses.includes(response.status);
        },
      };
    case 'line': {
      const pattern = new RegExp(question.pattern);
      return {
        what: `a line like ${pattern}`,
        withinMs,
        ask: () =>
          Promise.resolve(lastLinesOf(logFile, LINES, from).some((line) => pattern.test(line))),
      };
    }
    case 'port':
      return {
        what: `port ${question.port}`,
        withinMs,
        ask: (signal) => takesConnections(question.port, signal),
      };
    case 'postgres':
      return {
        what: `database ${question.database} on port ${question.port}`,
        withinMs,
        ask: () => answersStatements(question),
      };
    case 'cassandra':
      return { what: `port ${question.port}`, withinMs, ask: () => letsIn(question) };
    case 'at once':
      return { what: 'started', withinMs, ask: () => Promise.resolve(true) };
  }
}

/** @param signal how long it is asked */
export function takesConnections(port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const done = (answer: boolean): void => {
      signal.removeEventListener('abort', no);
      socket.destroy();
      resolve(answer);
    };
    const no = (): void => done(false);
    signal.addEventListener('abort', no);
    socket.once('connect', () => done(true));
    socket.once('error', no);
  });
}

const CONNECT_MS = 2000;

async function answersStatements(
  server: Pick<
    Extract<ReadyQuestion, { kind: 'postgres' }>,
    'port' | 'user' | 'database' | 'password'
  >,
): Promise<boolean> {
  const { default: pg } = await import('pg');
  const { port, user, database, password } = server;
  const client = new pg.Client({
    ...{ host: '127.0.0.1', port, user, database, password, ssl: false },
    connectionTimeoutMillis: CONNECT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function letsIn(node: { port: number; username: string; password: string }) {
  const { default: cassandra } = await import('cassandra-driver');
  const client = new cassandra.Client({
    contactPoints: [`127.0.0.1:${node.port}`],
    localDataCenter: 'datacenter1',
    authProvider: new cassandra.auth.PlainTextAuthProvider(node.username, node.password),
  });
  try {
    await client.connect();
    await client.execute('SELECT key FROM system.local');
    return true;
  } finally {
    await client.shutdown();
  }
}
