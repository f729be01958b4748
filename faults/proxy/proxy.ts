/**
 * A TCP proxy before a target, with faults that are put on and taken off. It changes no byte of what goes through; where a fault is about
 * single requests it looks where they begin (requests.ts).
 *
 * Which requests a share picks follows from the seed and the order in which they come.
 */
import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { Lane, type Weather } from './lane.ts';
import { type Piece, RequestSplitter } from './requests.ts';
import type { RequestToxic, Toxic } from './toxic.ts';

export type Way = { host: string; port: number };

/** A toxic that is on, and how many requests or connections it struck. */
type On = { toxic: Toxic; struck: number };

/** What a client reads from a proxy that answers in the target's place. */
export const answerBody = (status: number): string =>
  JSON.stringify({ error: `a fault of the load test answers ${status}; the target has not seen this request` }); // prettier-ignore

/** Mulberry32 (Tommy Ettinger, public domain): uniform from 0 to 1. */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One direction of a narrow way, which all connections share. */
class Link {
  #freeMs = 0;
  take(bytes: number, bytesPerSecond: number, nowMs: number): number {
    this.#freeMs = Math.max(this.#freeMs, nowMs) + (bytes * 1000) / bytesPerSecond;
    return this.#freeMs;
  }
}

const isOfRequests = (toxic: Toxic): toxic is RequestToxic => 'share' in toxic;

export class FaultProxy {
  readonly #to: Way;
  readonly #random: () => number;
  readonly #on = new Map<number, On>();
  readonly #connections = new Set<Connection>();
  readonly #links = { up: new Link(), down: new Link() };
  #server: Server | null = null;
  #port = 0;

  /** @param seed any integer */
  constructor(to: Way, seed: number) {
    this.#to = to;
    this.#random = generator(seed);
  }

  /** On 127.0.0.1. */
  get port(): number {
    return this.#port;
  }

  /** @param port 0: any free one. @throws Error of the system if it cannot listen */
  async listen(port: number): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#connect(client)); // prettier-ignore
    server.listen({ port, host: '127.0.0.1', backlog: 4096 });
    await once(server, 'listening');
    this.#server = server;
    this.#port = (server.address() as { port: number }).port;
  }

  async #deafen(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = new Promise((resolve) => server.close(resolve));
    this.#resetAll();
    await closed;
  }

  #resetAll(): number {
    const count = this.#connections.size;
    for (const connection of this.#connections) connection.reset();
    return count;
  }

  /** @param id of the caller's choice, for {@link remove} */
  async add(id: number, toxic: Toxic): Promise<void> {
    const on = { toxic, struck: 0 };
    this.#on.set(id, on);
    if (toxic.kind === 'refuse') await this.#deafen();
    if (toxic.kind === 'reset' && toxic.share === 1) on.struck += this.#resetAll();
  }

  /** @returns how many requests or connections it struck. @throws Error if it cannot listen again */
  async remove(id: number): Promise<number> {
    const on = this.#on.get(id);
    this.#on.delete(id);
    if (this.#server === null && this.#find('refuse') === undefined && this.#port !== 0)
      await this.listen(this.#port);
    for (const connection of this.#connections) connection.go();
    return on?.struck ?? 0;
  }

  async stop(): Promise<void> {
    this.#on.clear();
    await this.#deafen();
  }

  #find<Kind extends Toxic['kind']>(kind: Kind): Extract<Toxic, { kind: Kind }> | undefined {
    for (const { toxic } of this.#on.values())
      if (toxic.kind === kind) return toxic as Extract<Toxic, { kind: Kind }>;
    return undefined;
  }

  #weather(direction: 'up' | 'down'): Weather {
    return {
      isStalled: () => this.#find('stall') !== undefined,
      dueMs: (bytes) => {
        const nowMs = performance.now();
        const latency = direction === 'up' ? this.#find('latency') : undefined;
        const bandwidth = this.#find('bandwidth');
        const late = latency === undefined ? 0 : nowMs + latency.minMs + this.#random() * (latency.maxMs - latency.minMs); // prettier-ignore
        if (bandwidth === undefined) return late;
        return Math.max(late, this.#links[direction].take(bytes, bandwidth.bytesPerSecond, nowMs));
      },
    };
  }

  /** What becomes of a request that begins; null: it passes. */
  #fate(): RequestToxic | null {
    for (const on of this.#on.values()) {
      const { toxic } = on;
      if (!isOfRequests(toxic) || this.#random() >= toxic.share) continue;
      on.struck++;
      return toxic;
    }
    return null;
  }

  #connect(client: Socket): void {
    const whole = [...this.#on.values()].find(({ toxic }) => toxic.kind === 'reset' && toxic.share === 1); // prettier-ignore
    if (whole !== undefined) {
      whole.struck++;
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const connection = new Connection(client, this.#to, { up: this.#weather('up'), down: this.#weather('down') }, () => this.#fate()); // prettier-ignore
    this.#connections.add(connection);
    client.once('close', () => this.#connections.delete(connection));
  }
}

/** What has been shut down cannot be reset any more: libuv refuses (uv_tcp_close_reset), and Node leaves the handle open. */
function resetNow(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else if (!socket.destroyed) socket.resetAndDestroy();
}

/** A client's connection, and the one to the target that belongs to it. */
class Connection {
  readonly #client: Socket;
  readonly #target: Socket;
  readonly #up: Lane;
  readonly #down: Lane;
  readonly #requests = new RequestSplitter();
  readonly #fateOf: () => RequestToxic | null;
  /** Of the request that is being read. */
  #fate: RequestToxic | null = null;
  #bodySeen = 0;
  #isCut = false;

  constructor(
    client: Socket,
    to: Way,
    weather: { up: Weather; down: Weather },
    fateOf: () => RequestToxic | null,
  ) {
    this.#client = client;
    this.#fateOf = fateOf;
    const target = createConnection({ ...to, allowHalfOpen: true, noDelay: true });
    this.#target = target;
    this.#up = new Lane(client, target, weather.up);
    this.#down = new Lane(target, client, weather.down);
    client.on('data', (chunk) => {
      for (const piece of this.#requests.push(chunk)) this.#pass(piece);
    });
    target.on('data', (chunk) => this.#down.push(chunk));
    client.on('end', () => this.#up.end());
    target.on('end', () => this.#down.end());
    // What breaks on one side breaks on the other: a target that refuses, a client that gives up.
    client.on('error', () => this.reset());
    target.on('error', () => this.reset());
    client.once('close', () => this.#end());
    target.once('close', (hadError) => {
      if (hadError) this.reset();
    });
  }

  #pass(piece: Piece): void {
    if (this.#client.destroyed) return;
    if (piece.begins) {
      this.#fate = this.#fateOf();
      this.#bodySeen = 0;
    }
    const fate = this.#fate;
    if (fate === null) this.#up.push(piece.bytes);
    else if (fate.kind === 'reset') this.reset();
    else if (fate.kind === 'status') {
      if (piece.ends) this.#answer(fate.status);
    } else this.#cut(piece);
  }

  /** The whole request has come, so the connection can be used again. */
  #answer(status: number): void {
    this.#fate = null;
    const body = answerBody(status);
    const head = `HTTP/1.1 ${status} Fault\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`; // prettier-ignore
    this.#down.push(Buffer.from(head + body));
  }

  #cut({ bytes, bodyBytes, inBody }: Piece): void {
    const half = Math.floor(bodyBytes / 2);
    const headBytes = bytes.length - inBody;
    const room = half - this.#bodySeen;
    this.#bodySeen += inBody;
    if (inBody < room) return this.#up.push(bytes);
    this.#isCut = true;
    this.#up.stop();
    this.#down.stop();
    // A FIN behind what it got: the target is to see the half, not a reset that throws it away.
    this.#target.end(bytes.subarray(0, headBytes + room), () => this.#target.destroy());
    resetNow(this.#client);
  }

  go(): void {
    this.#up.go();
    this.#down.go();
  }

  reset(): void {
    resetNow(this.#client);
    this.#target.destroy();
    this.#up.stop();
    this.#down.stop();
  }

  #end(): void {
    this.#up.stop();
    this.#down.stop();
    if (!this.#isCut) this.#target.destroy();
  }
}
