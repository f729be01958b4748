/**
 * A relay that does nothing but pass bytes on, from one connection to another: what standing between costs anyone. A process of its own
 * (`node bench/tcp-relay.ts PORT`) with an IPC channel: it sends `{ port }` once, and ends when it is disconnected.
 */
import { type AddressInfo, connect, createServer } from 'node:net';

const to = Number(process.argv[2]);

const server = createServer({ noDelay: true }, (socket) => {
  const onward = connect({ port: to, host: '127.0.0.1', noDelay: true });
  for (const [from, other] of [
    [socket, onward],
    [onward, socket],
  ]) {
    from.on('error', () => other.destroy());
    from.pipe(other);
  }
});
server.listen(0, '127.0.0.1', () => {
  process.send!({ port: (server.address() as AddressInfo).port });
});
process.on('disconnect', () => process.exit());
