/**
 * An uptime backend that answers at most so many submissions a second, one after another, as a target with one busy resource
 * does: what comes faster waits in a queue without end. Nothing is checked or stored.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { performance } from 'node:perf_hooks';

export type CapacityTarget = {
  url: string;
  /** Submissions answered up to now. */
  readonly answered: number;
  stop(): Promise<void>;
};

/** What the backend answers to a body that is no submission: load/target/target.ts asks with one before each run. */
const QUESTION_ANSWER = { status: 400, body: '{"error":"Error decoding payload"}' };

/** @param perSecond the capacity */
export async function startCapacityTarget(perSecond: number): Promise<CapacityTarget> {
  let freeAtMs = 0;
  let answered = 0;
  const server = createServer((req, res) => {
    let bytes = 0;
    req.on('data', (chunk: Buffer) => (bytes += chunk.length));
    req.on('end', () => {
      const answer = (status: number, body: string): void => {
        res.writeHead(status, { 'content-type': 'text/plain', 'content-length': body.length });
        res.end(body);
      };
      if (bytes < 1000) return answer(QUESTION_ANSWER.status, QUESTION_ANSWER.body);
      freeAtMs = Math.max(freeAtMs, performance.now()) + 1000 / perSecond;
      setTimeout(
        () => {
          answered++;
          answer(200, '{"status":"ok"}');
        },
        Math.max(0, freeAtMs - performance.now()),
      ).unref(); // what is still queued when a test ends must not hold it up
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    get answered() {
      return answered;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
