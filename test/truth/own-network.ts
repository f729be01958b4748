/** A network namespace with its own loopback and its own range of local ports: the load runs inside, the target listens there, this process outside. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:net';

export type OwnNetwork = {
  /** @returns a socket that listens inside, for one target of this process */
  listen(): Promise<{ socket: Server; port: number }>;
  /** The words that run a command inside. */
  through: string[];
  stop(): Promise<void>;
};

/** Holds the namespace, and makes sockets of it that it gives away. It ends with its parent, or when that says so. */
const HOLDER = `
  const { createServer } = require('node:net');
  process.on('message', (port) => {
    const server = createServer();
    server.listen(port, '127.0.0.1', () => process.send('socket', server, () => server.close()));
  });
  process.on('disconnect', () => process.exit());
  process.send('ready');
`;

/**
 * @param ports how many local ports there are
 * @returns null: this user may not make one, or the programs for it (util-linux, iproute2) are not here
 */
export async function makeOwnNetwork(ports: number): Promise<OwnNetwork | null> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return null;
  const first = 40_000;
  const setUp = [
    'ip link set lo up',
    `echo "${first} ${first + ports - 1}" > /proc/sys/net/ipv4/ip_local_port_range`,
    // A port of the loopback is free again after a second, else after a minute, as towards another machine.
    'echo 0 > /proc/sys/net/ipv4/tcp_tw_reuse',
  ].join(' && ');
  const holder = spawn(
    'unshare',
    ['--net', 'sh', '-c', `${setUp} && exec "$0" -e "$1"`, process.execPath, HOLDER],
    { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] },
  );
  const isThere = await Promise.race([
    once(holder, 'message').then(() => true),
    once(holder, 'exit').then(() => false),
  ]).catch(() => false);
  if (!isThere) return null;
  // Not of its range.
  let port = 8080;
  return {
    async listen() {
      holder.send(++port);
      const [, socket] = (await once(holder, 'message')) as [string, Server];
      return { socket, port };
    },
    through: ['nsenter', `--net=/proc/${holder.pid}/ns/net`],
    async stop() {
      const ended = once(holder, 'exit');
      holder.disconnect();
      await ended;
    },
  };
}
