/** What the tests of the hostile sender share: its context, short times, and servers that are not as they should be. */
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import {
  HOSTILE_CASES,
  type HostileCase,
  type HostileContext,
} from '../../../load/hostile/cases.ts';
import { hostileMaterial } from '../../../load/hostile/material.ts';
import {
  type HostileOptions,
  type HostileRun,
  startHostile,
} from '../../../load/hostile/sender.ts';

/** Every connection that this process ever opened: a server cannot tell a client that is gone from one that only ended its side. */
const clients: Socket[] = [];
subscribe('net.client.socket', (message) => {
  clients.push((message as { socket: Socket }).socket);
});
export const openClients = (): number => clients.filter(({ closed }) => !closed).length;

export const SEED = 'test';

export async function hostileContext(
  change: Partial<HostileContext> = {},
): Promise<HostileOptions['context']> {
  const hourlyLimit = change.hourlyLimit === undefined ? 4 : change.hourlyLimit;
  return {
    material: await hostileMaterial({ seed: SEED, network: 'testnet', hourlyLimit }),
    headers: [],
    whitelist: 'on',
    signatures: 'checked',
    fresh: true,
    faithful: true,
    durationMs: null,
    direct: true,
    nowMs: Date.now,
    slowMs: 200,
    holdMs: 200,
    ...change,
    hourlyLimit,
  };
}

/** One round of all cases, fast. */
export const startRound = async (
  url: string,
  change: Partial<HostileOptions> = {},
): Promise<HostileRun> =>
  startHostile({
    url,
    cases: HOSTILE_CASES,
    context: await hostileContext(),
    ratePerSecond: 1000,
    seed: SEED,
    timeoutMs: 30_000,
    rounds: 1,
    ...change,
  });

export const caseNamed = (name: string): HostileCase => {
  const found = HOSTILE_CASES.find((hostile) => hostile.name === name);
  if (found === undefined) throw new Error(`no hostile case ${name}`);
  return found;
};

export type FakeServer = {
  url: string;
  server: Server;
  /** Connections that it ever took. */
  readonly taken: number;
  stop(): Promise<void>;
};

/** A server on loopback that does with each connection what it is told. */
export async function fakeServer(onConnection: (socket: Socket) => void): Promise<FakeServer> {
  const sockets = new Set<Socket>();
  let taken = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    taken++;
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    socket.resume();
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    server,
    get taken() {
      return taken;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answers the same to whatever comes first on a connection, and ends it. */
export const always =
  (answer: string) =>
  (socket: Socket): void => {
    socket.once('data', () => socket.end(answer));
    socket.once('end', () => socket.end());
    socket.on('data', () => undefined);
  };
