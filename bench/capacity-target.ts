/**
 * An uptime backend that answers at most so many submissions a second, one after another, as a target with one busy resource
 * does: what comes faster waits in a queue without end. It goes by the clock alone, so its capacity is the same on every machine that can
 * answer so many at all. Nothing is checked or stored.
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

export type CapacityOptions = {
  /** Once submissions have come for so long without a pause, the capacity is another. */
  throttle?: { afterMs: number; perSecond: number };
  /** After a pause so many are answered at once, beyond the capacity: a token bucket's allowance. */
  burst?: number;
};

/** Without a submission for so long, a load is over. */
const PAUSE_MS = 400;

/** @param perSecond the capacity */
export async function startCapacityTarget(
  perSecond: number,
  { throttle, burst = 0 }: CapacityOptions = {},
): Promise<CapacityTarget> {
  let freeAtMs = 0;
  let [beganMs, lastMs] = [-Infinity, -Infinity];
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
      const now = performance.now();
      if (now - lastMs > PAUSE_MS) beganMs = now;
      lastMs = now;
      const isThrottled = throttle !== undefined && now - beganMs >= throttle.afterMs;
      const today = isThrottled ? throttle.perSecond : perSecond;
      // A bucket fills up to its allowance and no further.
      freeAtMs = Math.max(freeAtMs, now - (burst * 1000) / perSecond) + 1000 / today;
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
