/** Listens on loopback, IPv4 and IPv6 alike, on the first port that is free on both. */
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { EXIT, UserError } from '../../user-error.ts';

const ADDRESSES = ['127.0.0.1', '::1'];
const MOST_PORTS = 100;
const MOST_CONNECTIONS = 500;

/** How long a request may take to arrive; an event stream is an answer, and may take a day. */
type ArrivalLimits = { headersMs: number; wholeMs: number };
const LIMITS: ArrivalLimits = { headersMs: 10_000, wholeMs: 30_000 };

export type Listening = { port: number; url: string; close(): Promise<void> };

type Fetch = (request: Request, env: object) => Response | Promise<Response>;

/** @returns null: this machine has no such address. @throws the error of listen() */
async function listenAt(
  fetch: Fetch,
  { host, port, limits }: { host: string; port: number; limits: ArrivalLimits },
): Promise<Server | null> {
  // A request that comes drop by drop holds nothing for long.
  const serverOptions = {
    headersTimeout: limits.headersMs,
    requestTimeout: limits.wholeMs,
    connectionsCheckingInterval: Math.ceil(limits.headersMs / 4),
  };
  const server = createAdaptorServer({ fetch, overrideGlobalObjects: false, serverOptions }) as Server; // prettier-ignore
  server.maxConnections = MOST_CONNECTIONS;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, () => resolve());
    });
    return server;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (host === '::1' && ['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(code)) return null;
    throw error;
  }
}

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

async function listenOn(fetch: Fetch, port: number, limits: ArrivalLimits): Promise<Server[]> {
  const servers: Server[] = [];
  try {
    for (const host of ADDRESSES) {
      const [first] = servers;
      const one = await listenAt(fetch, { host, port: first === undefined ? port : portOf(first), limits }); // prettier-ignore
      if (one !== null) servers.push(one);
    }
    return servers;
  } catch (error) {
    await Promise.all(servers.map(close));
    throw error;
  }
}

const portOf = (server: Server): number => (server.address() as { port: number }).port;

/**
 * @param port 0: any free one
 * @throws UserError (exit 5) if no port from there on is free
 */
export async function listen(
  fetch: Fetch,
  port: number,
  limits: ArrivalLimits = LIMITS,
): Promise<Listening> {
  const last = Math.min(port + MOST_PORTS, 65_535);
  for (let one = port; one <= last; one++) {
    try {
      const servers = await listenOn(fetch, one, limits);
      const found = portOf(servers[0]);
      return {
        port: found,
        url: `http://127.0.0.1:${found}`,
        close: async () => void (await Promise.all(servers.map(close))),
      };
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE') continue;
      throw new UserError(`nothing can listen on 127.0.0.1:${one} (${code})`, {
        hint: 'give another port with --port, e.g. above 1023',
        exitCode: EXIT.broken,
        cause: error,
      });
    }
  }
  throw new UserError(`no port from ${port} to ${last} is free`, { hint: 'give another one with --port' }); // prettier-ignore
}
