/**
 * A target that costs as little as it can: takes HTTP/1.1 posts with a Content-Length and answers each
 * `{"status":"ok"}`. A process of its own, started by bench/start-sink.ts with an IPC channel: it sends
 * `{ port }` once, and `{ count, digests }`, the posts since the last question, for each message `count`.
 * After the message `digests` it takes the SHA-256 of each body until the next question; else there are none.
 */
import { createHash, type Hash } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';

const BODY = '{"status":"ok"}';
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
);

let count = 0;
/** SHA-256 in hex, each once; null: nobody asked. */
let digests: Set<string> | null = null;

const server = createServer({ noDelay: true }, (socket) => {
  /** Bytes of the body under way that have not come yet. */
  let left = 0;
  let head: Buffer | null = null;
  let hash: Hash | null = null;
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    let bytes = chunk;
    let at = 0;
    while (at < bytes.length) {
      if (left > 0) {
        const taken = Math.min(left, bytes.length - at);
        hash?.update(bytes.subarray(at, at + taken));
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
        hash = digests && createHash('sha256');
      }
      if (left === 0) {
        count++;
        if (hash !== null) digests?.add(hash.digest('hex'));
        socket.write(ANSWER);
      }
    }
  });
});

server.listen(0, '127.0.0.1', () => {
  process.send!({ port: (server.address() as AddressInfo).port });
});
process.on('message', (message) => {
  if (message === 'digests') digests = new Set();
  else {
    process.send!({ count, digests: [...(digests ?? [])] });
    count = 0;
    digests = null;
  }
});
process.on('disconnect', () => process.exit());
