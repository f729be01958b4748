/**
 * The verifier as a service that stays warm: whoever coordinates asks it for a window, and it does the updater's work on it. HTTP on loopback.
 *
 *     GET  /health                                200 {"status":"ok"}
 *     POST /windows {"startMs":…,"endMs":…}       200, and at the end of the work one line of JSON: {"report":…} or {"error":"…"}
 *
 * The answer begins at once and has a space now and then, so that no time limit between ends it while proofs are checked. Who goes away ends the work on its
 * window.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import * as z from 'zod';
import type { Updater } from './updater/updater.ts';

export type VerifierService = { url: string; stop(): Promise<void> };

const SPACE_EVERY_MS = 10_000;
const WINDOW = z.object({ startMs: z.number(), endMs: z.number() });

export async function startVerifierService(
  updater: Pick<Updater, 'name' | 'updateWindow' | 'callsOf'>,
  {
    host,
    port,
    log,
    spaceEveryMs = SPACE_EVERY_MS,
  }: { host: string; port: number; log: (line: string) => void; spaceEveryMs?: number },
): Promise<VerifierService> {
  const stopping = new AbortController();
  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => {
      log(`error: ${(error as Error).stack}`);
      response.destroy();
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET' && request.url === '/health')
      return void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"status":"ok"}\n');
    if (request.method !== 'POST' || request.url !== '/windows')
      return void response.writeHead(404).end();
    const window = WINDOW.safeParse(parsed(await text(request)));
    if (!window.success) return void response.writeHead(400).end();
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    response.writeHead(200, { 'content-type': 'application/json' });
    const spaces = setInterval(() => response.write(' '), spaceEveryMs);
    const { startMs, endMs } = window.data;
    const name = `${new Date(startMs).toISOString()} to ${new Date(endMs).toISOString()}`;
    try {
      const signal = AbortSignal.any([gone.signal, stopping.signal]);
      const beganMs = Date.now();
      const report = await updater.updateWindow(startMs, endMs, signal);
      log(
        `info: ${name}: ${JSON.stringify({ ...report, calls: updater.callsOf(startMs, endMs), beganMs, endedMs: Date.now() })}`,
      );
      response.end(`${JSON.stringify({ report })}\n`);
    } catch (error) {
      const { message } = error as Error;
      log(`error: ${name}: ${message}`);
      response.end(`${JSON.stringify({ error: message })}\n`);
    } finally {
      clearInterval(spaces);
    }
  }

  server.listen(port, host);
  await once(server, 'listening');
  const { port: listening } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${listening}`,
    async stop() {
      stopping.abort(new Error('the verifier stops'));
      server.close();
      server.closeIdleConnections();
      await once(server, 'close');
    },
  };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
