/**
 * Where a running load is asked to change its pace: a server on 127.0.0.1 with one path, which takes a request of protocol.ts as JSON and
 * the token of the run's control file as `Authorization: Bearer`. A page in a browser has neither that token nor this content type
 * without asking first, and the server answers no such question.
 *
 * | status | means |
 * |---|---|
 * | 200 | done; the load's state |
 * | 400, 413, 415 | no request that could be meant |
 * | 401 | no token, or another one |
 * | 404, 405 | another path or method |
 * | 409 | refused: `problem` and `hint` |
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { UserError } from '../../user-error.ts';
import {
  CONTROL_FILE,
  type ControlFile,
  type ControlRequest,
  controlRequest,
  type ControlState,
} from './protocol.ts';

const MOST_BYTES = 4096;
const MINE = 0o600;

/**
 * @param call.folder of the run: gets the control file
 * @param call.act does what is asked. @throws UserError for what cannot be
 * @returns how it ends; the file is gone then
 * @throws Error if no port can be had, or the file cannot be written
 */
export async function startControl(call: {
  folder: string;
  id: string;
  act: (request: ControlRequest) => ControlState;
}): Promise<{ stop(): Promise<void> }> {
  const token = randomBytes(32).toString('hex');
  const expected = Buffer.from(`Bearer ${token}`);
  const path = join(call.folder, CONTROL_FILE);

  const answer = async (request: IncomingMessage): Promise<{ status: number; body: object }> => {
    const say = (status: number, problem: string) => ({ status, body: { problem, hint: '' } });
    if (request.url !== '/') return say(404, 'not found');
    if (request.method !== 'POST') return say(405, 'only POST');
    const given = Buffer.from(request.headers.authorization ?? '');
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      return say(401, 'the token is another one');
    if (request.headers['content-type'] !== 'application/json')
      return say(415, 'not application/json');
    const bytes = await bodyOf(request);
    if (bytes === null) return say(413, `more than ${MOST_BYTES} bytes`);
    const parsed = controlRequest.safeParse(jsonOf(bytes));
    if (!parsed.success) return say(400, parsed.error.issues[0].message);
    try {
      return { status: 200, body: call.act(parsed.data) };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { status: 409, body: { problem: error.message, hint: error.hint ?? '' } };
    }
  };

  const server = createServer((request, response) => {
    answer(request).then(
      ({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
        response.end(JSON.stringify(body));
      },
      () => response.destroy(),
    );
  });
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  // The load goes on as long as it does by itself.
  server.unref();
  const { port } = server.address() as AddressInfo;
  const file: ControlFile = { format: 1, id: call.id, pid: process.pid, url: `http://127.0.0.1:${port}/`, token }; // prettier-ignore
  const close = async () => {
    rmSync(path, { force: true });
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  try {
    writeFileSync(path, `${JSON.stringify(file)}\n`, { mode: MINE, flag: 'wx' });
  } catch (error) {
    await close();
    throw error;
  }
  let stopped: Promise<void> | undefined;
  return { stop: () => (stopped ??= close()) };
}

/** @returns null: it is too large */
async function bodyOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
