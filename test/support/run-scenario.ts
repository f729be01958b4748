/** One run of the real k6 with a bundle of dist/scenarios, as the load step does it: plan in, aggregator out. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { k6Memory, writeK6Plan, bodySizes } from '../../load/k6/plan.ts';
import { startK6, type K6End, type RunningK6 } from '../../load/k6/run.ts';
import { type AggregatorOptions, SampleAggregator } from '../../load/k6/samples.ts';
import { offsetsFile } from '../../load/timed-starts.ts';
import { scheduleOf, timedSchedule } from '../../load/schedule.ts';
import { distFile } from '../../paths.ts';
import type { LoadShape, SampleLine } from '../../results/types.ts';
import type { K6Plan } from '../../scenarios/lib/plan.ts';
import { k6Path } from './k6.ts';

export const shape = (change: Partial<LoadShape>): LoadShape => ({
  executor: 'shared-iterations',
  vus: 2,
  iterations: 20,
  durationMs: 20_000,
  think: { minMs: 0, maxMs: 0 },
  requestTimeoutMs: 10_000,
  gracefulStopMs: 11_000,
  ...change,
});

export type Request = { head: string; body: Buffer };

/** Writes the answer to a request, or does not; the socket is its own. */
export type Behaviour = (socket: Socket, request: Request, n: number) => void;

export const httpAnswer = (status: number, body: string): string =>
  `HTTP/1.1 ${status} Answer\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/**
 * A target that shows each byte it gets and answers as told; node:http would hide early answers and resets.
 * @param onHead called once a request's head is there, before its body; true: the body is not waited for
 */
export async function startTarget(
  behaviour: Behaviour,
  onHead: (socket: Socket, head: string) => boolean = () => false,
): Promise<{ url: string; requests: Request[]; server: Server; stop(): Promise<void> }> {
  const requests: Request[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    // A test that fails before it stops its target must still end.
    socket.unref();
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    let pieces: Buffer[] = [];
    let size = 0;
    /** Of the request that is being read; null before its head is whole. */
    let current: { head: string; end: number } | null = null;
    let left = false;
    socket.on('data', (chunk) => {
      if (left) return;
      pieces.push(chunk);
      size += chunk.length;
      while (size > 0) {
        if (current === null) {
          const bytes = Buffer.concat(pieces);
          pieces = [bytes];
          const headEnd = bytes.indexOf('\r\n\r\n');
          if (headEnd === -1) return;
          const head = bytes.toString('latin1', 0, headEnd);
          left = onHead(socket, head);
          if (left) return;
          const length = Number(/^content-length: (\d+)$/im.exec(head)![1]);
          current = { head, end: headEnd + 4 + length };
        }
        if (size < current.end) return;
        const { head, end } = current;
        const bytes = Buffer.concat(pieces);
        const request = { head, body: bytes.subarray(head.length + 4, end) };
        pieces = [Buffer.from(bytes.subarray(end))];
        size -= end;
        current = null;
        requests.push(request);
        behaviour(socket, request, requests.length);
      }
    });
  });
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/v1/submit`,
    requests,
    server,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

export type ScenarioRun = {
  end: K6End;
  aggregator: SampleAggregator;
  lines: SampleLine[];
  /** Messages of k6.log. */
  log: string[];
};

export async function runScenario({
  bundle,
  plan,
  folder,
  offsetsMs,
  onStarted,
  onSampleBytes,
  groups,
}: {
  bundle: 'smoke' | 'load' | 'replay' | 'ramp' | 'arrival' | 'spike' | 'fleet';
  plan: K6Plan;
  folder: string;
  /** Of a shape with `timed`; written to the plan's file of times. */
  offsetsMs?: Uint32Array;
  onStarted?: (running: RunningK6) => void;
  onSampleBytes?: () => void;
  groups?: AggregatorOptions['groups'];
}): Promise<ScenarioRun> {
  if (offsetsMs) writeFileSync(plan.offsetsPath!, offsetsFile(offsetsMs));
  const schedule = offsetsMs
    ? timedSchedule(offsetsMs, plan.load.durationMs)
    : scheduleOf(plan.load);
  const aggregator = new SampleAggregator({
    lease: plan.load.lease,
    count: plan.source.kind === 'corpus' ? plan.source.count : Infinity,
    expectedStatus: plan.expected.status,
    bodyBytesOf: await bodySizes(plan),
    schedule: schedule && { schedule, vus: plan.load.vus },
    ...(groups && { groups }),
  });
  const running = await startK6({
    k6Path: await k6Path(),
    bundlePath: distFile('scenarios', `${bundle}.js`),
    planPath: await writeK6Plan(plan, folder),
    runFolder: folder,
    memory: k6Memory(plan, 1e6),
    onSampleBytes(chunk) {
      aggregator.push(chunk);
      onSampleBytes?.();
    },
  });
  onStarted?.(running);
  const end = await running.done;
  aggregator.end();
  const log = readFileSync(join(folder, 'k6.log'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { msg: string }).msg);
  return { end, aggregator, lines: aggregator.takeSeconds(), log };
}
