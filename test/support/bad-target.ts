/**
 * A target that is a backend on first sight (it refuses an empty submission as one) and then behaves badly in one way.
 * On node:net: node:http would hide what happens before a body was read, and after.
 */
import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';

export const BAD_WAYS = [
  /** 200 `{"status":"ok"}` at once, and nothing is kept. */
  'lies',
  /** Reads all, and never answers. */
  'stalls',
  /** Resets the connection when the body was read. */
  'resets',
  /** Answers 200 `{"status":"ok"}` at the head of a request and closes, the body unread. */
  'answers early',
  /** 200 with another body than the backend's. */
  'another body',
  /** 500 after the body. */
  'fails',
] as const;
export type BadWay = (typeof BAD_WAYS)[number];

const answer = (status: string, body: string, more = ''): string =>
  `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;

const OK = '{"status":"ok"}';
/** How the backend refuses a body without a submission: what the toolkit asks before a run. */
const PROBED = answer('400 Bad Request', '{"error":"One of required fields wasn\'t provided"}');
/** A body that is no more than a question. */
const PROBE_BYTES = 16;

export type BadTarget = {
  url: string;
  /** Submissions whose body was read to its end (of `answers early`: whose head was). */
  submissions(): number;
  stop(): Promise<void>;
};

export async function startBadTarget(way: BadWay): Promise<BadTarget> {
  let submissions = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    // A test that fails before it stops its target must still end.
    socket.unref();
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    let head = '';
    /** Bytes of the body still to come; null: in the head. */
    let left: number | null = null;
    let isProbe = false;
    let over = false;

    const finish = () => {
      left = null;
      if (isProbe) {
        socket.write(PROBED);
        return;
      }
      submissions++;
      switch (way) {
        case 'lies':
          socket.write(answer('200 OK', OK));
          break;
        case 'stalls':
          break;
        case 'resets':
          over = true;
          socket.resetAndDestroy();
          break;
        case 'another body':
          socket.write(answer('200 OK', 'delegation backend service'));
          break;
        case 'fails':
          socket.write(answer('500 Internal Server Error', ''));
          break;
        case 'answers early':
          break;
      }
    };

    socket.on('data', (chunk) => {
      let at = 0;
      while (at < chunk.length && !over) {
        if (left === null) {
          // The end of a head may lie in two pieces, so it is looked for in the text of both.
          const before = head.length;
          head += chunk.toString('latin1', at);
          const end = head.indexOf('\r\n\r\n');
          if (end === -1) return;
          at += end + 4 - before;
          const length = Number(/^content-length: *(\d+)/im.exec(head.slice(0, end))?.[1] ?? 0);
          head = '';
          isProbe = length <= PROBE_BYTES;
          left = length;
          if (way === 'answers early' && !isProbe) {
            over = true;
            submissions++;
            // What comes of the body is thrown away: a reset would take the answer with it.
            socket.end(answer('200 OK', OK, 'Connection: close\r\n'));
            return;
          }
          if (left === 0) finish();
          continue;
        }
        const taken = Math.min(left, chunk.length - at);
        at += taken;
        left -= taken;
        if (left === 0) finish();
      }
    });
  });
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    submissions: () => submissions,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
