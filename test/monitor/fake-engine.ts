/**
 * A container engine on a unix socket that answers in the form of the Docker Engine API v1.44 (reference
 * pages "Inspect a container", "Get container stats", "Get container logs"; Podman's compat API gives the
 * same). What it answers is set by a test.
 */
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { scratchFolder } from '../support/scratch.ts';

export type FakeContainer = {
  id: string;
  pid: number;
  running?: boolean;
  restarting?: boolean;
  startedAt?: string;
  exitCode?: number;
  tty?: boolean;
  hostNetwork?: boolean;
  stats?: object;
  /** Pieces of the log as they are sent. */
  log?: Buffer[];
};

export class FakeEngine {
  readonly containers = new Map<string, FakeContainer>();
  readonly asked: string[] = [];
  /** Answers nothing any more, but keeps the connections. */
  hangs = false;
  readonly socket = join(scratchFolder(), 'engine.sock');
  url = `unix://${this.socket}`;
  readonly #onRequest: RequestListener = (request, response) => {
    this.asked.push(request.url!);
    if (!this.hangs) this.#answer(new URL(request.url!, 'http://engine'), response);
  };
  #server = createServer(this.#onRequest);

  constructor(t: TestContext) {
    t.after(() => {
      this.#server.close();
      this.#server.closeAllConnections();
    });
  }

  async start(): Promise<this> {
    this.#server.listen(this.socket);
    await once(this.#server, 'listening');
    return this;
  }

  /** On loopback over TLS instead of the socket. */
  async startTls(options: ServerOptions): Promise<this> {
    this.#server = createTlsServer(options, this.#onRequest);
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.url = `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  #answer(url: URL, response: ServerResponse): void {
    const json = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify(body)}\n`);
    };
    const [, name, what] = /^\/containers\/([^/]+)\/(json|stats|logs)$/.exec(url.pathname) ?? [];
    const container =
      this.containers.get(name) ?? [...this.containers.values()].find(({ id }) => id === name);
    if (container === undefined) return json(404, { message: `No such container: ${name}` });
    const { id, pid, running = true, exitCode = 0, tty = false, hostNetwork = false } = container;
    const { restarting = false, startedAt = '2026-01-02T03:04:05.678901234Z' } = container;
    if (what === 'json')
      return json(200, {
        Id: id,
        Created: '2026-01-02T03:04:05.678901234Z',
        State: {
          Status: running ? 'running' : 'exited',
          Running: running,
          Paused: false,
          Restarting: restarting,
          OOMKilled: exitCode === 137,
          Dead: false,
          Pid: running ? pid : 0,
          ExitCode: exitCode,
          Error: '',
          StartedAt: startedAt,
        },
        Name: `/${name}`,
        HostConfig: { NetworkMode: hostNetwork ? 'host' : 'bridge' },
        Config: { Tty: tty },
      });
    if (what === 'stats')
      return json(
        200,
        running ? container.stats! : { read: '0001-01-01T00:00:00Z', cpu_stats: {} },
      );
    response.writeHead(200, { 'content-type': 'application/vnd.docker.multiplexed-stream' });
    for (const piece of container.log ?? []) response.write(piece);
    if (url.searchParams.get('follow') !== '1' || !running) response.end();
  }
}

/** An answer of `GET /containers/ID/stats?stream=false&one-shot=true` on cgroup v2. */
export const statsAnswer = (read: string, cpuNs: number, memory = 6_537_216) => ({
  read,
  preread: '0001-01-01T00:00:00Z',
  pids_stats: { current: 3, limit: 18446744073709552000 },
  blkio_stats: {
    io_service_bytes_recursive: [
      { major: 254, minor: 0, op: 'read', value: 7_593_984 },
      { major: 254, minor: 0, op: 'write', value: 100 },
    ],
    io_serviced_recursive: null,
  },
  num_procs: 0,
  storage_stats: {},
  cpu_stats: {
    cpu_usage: { total_usage: cpuNs, usage_in_kernelmode: 1, usage_in_usermode: 2 },
    system_cpu_usage: 9_492_140_000_000,
    online_cpus: 4,
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  },
  precpu_stats: { cpu_usage: { total_usage: 0 }, throttling_data: {} },
  memory_stats: {
    usage: memory,
    stats: { active_anon: 6_537_000, inactive_file: 1_000_000 },
    limit: 67_108_864,
  },
  networks: {
    eth0: { rx_bytes: 5338, rx_packets: 36, tx_bytes: 648, tx_packets: 8 },
    eth5: { rx_bytes: 4641, rx_packets: 26, tx_bytes: 690, tx_packets: 9 },
  },
});
