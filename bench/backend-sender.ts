/** The cheapest sender of signed submissions: whole requests made before, over connections that are kept, answers only counted. */
import { connect, type Socket } from 'node:net';

export type SignedBodies = {
  /** Head of the request and the body up to its envelope; one for each block. */
  heads: Uint8Array[];
  /** The rest of the body; one for each producer. */
  tails: Uint8Array[];
  headOf: (producer: number) => number;
};

export type Sender = {
  /** Sends for `ms` and waits for the last answers. `other`: the first answer that was not 200, else null. */
  send(ms: number): Promise<{ accepted: number; other: string | null }>;
  close(): void;
};

/** From an answer to the same producer's next submission: never within one second of the target's clock. */
const PAUSE_MS = 1000;
const STATUS_200 = Buffer.from('HTTP/1.1 200 ');
const END = Buffer.from('\r\n\r\n');

/** @param connections each has one submission under way */
export function startSender(port: number, connections: number, bodies: SignedBodies): Sender {
  const { heads, tails, headOf } = bodies;
  /** Who may submit, longest answered first; from when on. */
  const free = tails.map((_, producer) => ({ producer, fromMs: 0 }));
  let next = 0;
  const sockets = new Set<Socket>();

  /** One connection, until `endMs`. */
  async function sendOn(endMs: number, total: Total): Promise<void> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    sockets.add(socket);
    await new Promise<void>((resolve) => {
      let turn: (typeof free)[number];
      let answer: Buffer | null = null;
      const submit = (): void => {
        const now = performance.now();
        if (now >= endMs || total.other !== null) {
          socket.end();
          resolve();
          return;
        }
        if (next === free.length || free[next].fromMs > now) {
          setTimeout(submit, 5);
          return;
        }
        turn = free[next++];
        if (next > tails.length) {
          free.splice(0, next);
          next = 0;
        }
        socket.cork();
        socket.write(heads[headOf(turn.producer)]);
        socket.write(tails[turn.producer]);
        socket.uncork();
      };
      socket.on('data', (chunk: Buffer) => {
        const whole: Buffer = answer === null ? chunk : Buffer.concat([answer, chunk]);
        const head = whole.indexOf(END);
        const length = head === -1 ? 0 : lengthOf(whole, head);
        if (head === -1 || whole.length < head + END.length + length) {
          answer = whole;
          return;
        }
        answer = null;
        if (whole.indexOf(STATUS_200) === 0) total.accepted++;
        else total.other ??= whole.toString('latin1');
        free.push({ producer: turn.producer, fromMs: performance.now() + PAUSE_MS });
        submit();
      });
      const broken = (): void => {
        if (performance.now() < endMs) total.other ??= 'the connection ended';
        resolve();
      };
      socket.on('error', broken);
      socket.on('close', broken);
      socket.on('connect', submit);
    });
    sockets.delete(socket);
  }

  return {
    async send(ms) {
      const total: Total = { accepted: 0, other: null };
      const endMs = performance.now() + ms;
      await Promise.all(Array.from({ length: connections }, () => sendOn(endMs, total)));
      return total;
    },
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

type Total = { accepted: number; other: string | null };

const lengthOf = (bytes: Buffer, head: number): number =>
  Number(/^content-length: (\d+)\r?$/im.exec(bytes.toString('latin1', 0, head))?.[1] ?? 0);
