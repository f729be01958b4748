/**
 * A target that costs as little as it can: takes HTTP/1.1 posts with a Content-Length and answers each
 * `{"status":"ok"}`. A process of its own, started by bench/generator.ts with an IPC channel: it sends
 * `{ port }` once, and `{ count }`, the posts since the last question, for each message it gets.
 */
import { createServer, type AddressInfo } from 'node:net';

const BODY = '{"status":"ok"}';
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
);

let count = 0;

const server = createServer({ noDelay: true }, (socket) => {
  /** Bytes of the body under way that have not come yet. */
  let left = 0;
  let head: Buffer | null = null;
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    let bytes = chunk;
    let at = 0;
    while (at < bytes.length) {
      if (left > 0) {
        const taken = Math.min(left, bytes.length - at);
        at += taken;
        left -= taken;
      } else {
        if (head !== null) bytes = Buffer.concat([head, bytes.subarray(at)]);
        if (head !== null) at = 0;
        head = null;
        const end = bytes.indexOf('\r\n\r\n', at);
        if (end === -1) {
          head = Buffer.from(bytes.subarray(at));
          return;
        }
        left = Number(
          /^content-length: (\d+)$/im.exec(bytes.toString('latin1', at, end))?.[1] ?? 0,
        );
        at = end + 4;
      }
      if (left === 0) {
        count++;
        socket.write(ANSWER);
      }
    }
  });
});

server.listen(0, '127.0.0.1', () => {
  process.send!({ port: (server.address() as AddressInfo).port });
});
process.on('message', () => {
  process.send!({ count });
  count = 0;
});
process.on('disconnect', () => process.exit());
