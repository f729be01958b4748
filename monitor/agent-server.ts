/**
 * The monitor as an agent: it watches on its own machine and gives its readings to who asks, as JSON lines.
 *
 *     GET /v1/readings   a stream without end: `hello`, then readings as they come, and `beat`s between
 *     GET /v1/clock      {"t": milliseconds since 1970}, to align times
 *
 * Plain HTTP: over a network put `ssh -L PORT:127.0.0.1:PORT HOST` or a TLS proxy before it, since token and
 * readings are else to be read on the way. With a token each request needs `Authorization: Bearer TOKEN`
 * (RFC 6750); without one it listens on loopback only.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus, hostname } from 'node:os';
import { createInterface } from 'node:readline';
import type { ResourceLine } from '../results/types.ts';
import { isLoopbackAddress } from '../system/loopback.ts';
import { UserError, EXIT } from '../user-error.ts';
import { systemClock, type MonitorClock } from './source.ts';

/** First line of a stream. */
export type AgentHello = {
  kind: 'hello';
  format: 1;
  t: number;
  intervalMs: number;
  host: string;
  cores: number;
};
/** Between readings, so that a dead connection shows. */
export type AgentBeat = { kind: 'beat'; t: number };
/** Answer to `{"clock": ID}` on the standard input of `--stdio`. */
export type AgentClock = { kind: 'clock'; id: number; t: number };

export type Agent = {
  emit: (line: ResourceLine) => void;
  stop(): Promise<void>;
};

const MOST_LISTENERS = 32;
/** A listener that leaves this much unread is cut off: it must not fill the agent's memory. */
const MOST_UNREAD_BYTES = 4 * 1024 * 1024;

export const SHORTEST_TOKEN = 16;

const isLoopback = (host: string): boolean => host === 'localhost' || isLoopbackAddress(host);

/** Equal or not in a time that does not depend on where they differ, nor on the length. */
export function isToken(given: string, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text, 'utf8').digest();
  return timingSafeEqual(digest(given), digest(token));
}

const helloOf = (intervalMs: number, t: number): AgentHello => ({
  kind: 'hello',
  format: 1,
  t,
  intervalMs,
  host: hostname(),
  cores: cpus().length,
});

export type AgentOptions = {
  host: string;
  /** 0: any free one. */
  port: number;
  /** null: whoever reaches the port may read; on loopback only. */
  token: string | null;
  intervalMs: number;
  clock?: MonitorClock;
};

/** @throws UserError if it may not or cannot listen there */
export async function serveAgent({
  host,
  port,
  token,
  intervalMs,
  clock = systemClock,
}: AgentOptions): Promise<Agent & { url: string }> {
  if (token === null && !isLoopback(host))
    throw new UserError(`the agent does not listen on ${host} without a token`, {
      hint: 'give --token-env VARIABLE, or leave --host away and reach it by ssh -L PORT:127.0.0.1:PORT HOST',
      exitCode: EXIT.usage,
    });
  if (token !== null && token.length < SHORTEST_TOKEN)
    throw new UserError(`the agent's token is shorter than ${SHORTEST_TOKEN} characters`, {
      hint: 'make one: openssl rand -hex 32',
      exitCode: EXIT.usage,
    });

  const listeners = new Set<ServerResponse>();
  const send = (response: ServerResponse, line: object) => {
    response.write(`${JSON.stringify(line)}\n`);
    if (response.writableLength > MOST_UNREAD_BYTES) response.destroy();
  };
  const refuse = (response: ServerResponse, status: number, error: string) => {
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(status === 401 && { 'www-authenticate': 'Bearer' }),
      ...(status === 405 && { allow: 'GET' }),
    });
    response.end(`${JSON.stringify({ error })}\n`);
  };
  const mayRead = (request: IncomingMessage) => {
    const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    return token === null || (given !== undefined && isToken(given, token));
  };
  /** A web page in a browser on this machine must not read it by a name that leads to 127.0.0.1. */
  const isAskedByName = (request: IncomingMessage) =>
    token === null &&
    !isLoopback((request.headers.host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, ''));

  const server = createServer((request, response) => {
    response.on('error', () => undefined);
    if (isAskedByName(request)) return refuse(response, 403, 'ask for it by a loopback address');
    if (!mayRead(request)) return refuse(response, 401, 'a bearer token is needed');
    if (request.method !== 'GET') return refuse(response, 405, 'only GET');
    const path = (request.url ?? '').split('?', 1)[0];
    if (path === '/v1/clock') {
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(`${JSON.stringify({ t: clock.epochMs() })}\n`);
      return;
    }
    if (path !== '/v1/readings') return refuse(response, 404, '/v1/readings or /v1/clock');
    if (listeners.size >= MOST_LISTENERS) return refuse(response, 503, 'too many listeners');
    response.writeHead(200, {
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no', // a proxy shall pass each line on at once
    });
    request.socket.setNoDelay(true);
    listeners.add(response);
    response.on('close', () => listeners.delete(response));
    send(response, helloOf(intervalMs, clock.epochMs()));
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new UserError(
      `the agent cannot listen on ${host}:${port} (${(cause as NodeJS.ErrnoException).code ?? (cause as Error).message})`,
      { hint: 'give another --port or --host', cause },
    );
  }
  const { address, port: actual, family } = server.address() as AddressInfo;
  const beat = setInterval(() => {
    for (const listener of listeners) send(listener, { kind: 'beat', t: clock.epochMs() });
  }, intervalMs);
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`,
    emit(line) {
      for (const listener of listeners) send(listener, line);
    },
    async stop() {
      clearInterval(beat);
      const closed = once(server, 'close');
      server.close();
      for (const listener of listeners) listener.end();
      // Whoever does not take the end is left.
      setTimeout(() => server.closeAllConnections(), 500).unref();
      await closed;
    },
  };
}

/**
 * The same over standard input and output, as `--agent ssh://…` starts it at the other end.
 * @param onEnd called when the input ends: the other end has gone
 */
export function stdioAgent({
  intervalMs,
  input,
  output,
  onEnd,
  clock = systemClock,
}: {
  intervalMs: number;
  input: NodeJS.ReadableStream;
  output: NodeJS.WritableStream;
  onEnd: () => void;
  clock?: MonitorClock;
}): Agent {
  const send = (line: object) => void output.write(`${JSON.stringify(line)}\n`);
  send(helloOf(intervalMs, clock.epochMs()));
  const beat = setInterval(() => send({ kind: 'beat', t: clock.epochMs() }), intervalMs);
  const lines = createInterface({ input });
  lines.on('line', (line) => {
    const id = /^\{"clock":(\d{1,9})\}$/.exec(line)?.[1];
    if (id !== undefined) send({ kind: 'clock', id: Number(id), t: clock.epochMs() });
  });
  lines.on('close', onEnd);
  return {
    emit: send,
    stop() {
      clearInterval(beat);
      lines.close();
      return Promise.resolve();
    },
  };
}
