/**
 * Which backend answers: the embedded one, the original, or neither. Asked without leaving anything behind: four questions that change
 * nothing, and a submission that is empty and so refused by both.
 *
 * The two answer alike, byte for byte, wherever a handler of theirs is asked. What tells them apart is the HTTP library below: Go's
 * gives a method that it doesn't know to the handler and answers HTTP/1.0 to a client of HTTP/1.0; node's parser refuses the one, and
 * says HTTP/1.1 to the other. A proxy before the backend answers these two itself.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { SUBMIT_PATH } from './target.ts';

export type Identity = {
  kind: 'embedded' | 'original' | 'recorder' | 'unseen backend' | 'none';
  /** A sentence without a stop. */
  found: string;
};

type Reply = { version: string; status: number; body: string };

/** What the questions brought; null: no answer. */
export type Evidence = {
  root: Reply | null;
  health: Reply | null;
  online: Reply | null;
  /** To `{}`. */
  empty: Reply | null;
  /** To a client of HTTP/1.0. */
  old: Reply | null;
  /** To a method that nobody knows. */
  method: Reply | null;
};

const SERVICE = 'delegation backend service';
const INCOMPLETE = `{"error":"One of required fields wasn't provided"}`;

/** Pure. */
export function identityOf({ root, health, online, empty, old, method }: Evidence): Identity {
  if ([root, health, empty].every((reply) => reply === null))
    return { kind: 'none', found: 'nothing answers there' };
  if (empty?.status === 200)
    return { kind: 'none', found: 'it takes an empty submission, which no uptime backend does' };
  if (empty?.status !== 400 || empty.body.trim() !== INCOMPLETE)
    return {
      kind: 'none',
      found: `it is no uptime backend: it answers ${empty === null ? 'nothing' : empty.status} to an empty submission`,
    };
  if (health?.status === 503)
    return { kind: 'unseen backend', found: 'an uptime backend that says it is unavailable (503)' };
  const listsSubmitters = online?.status === 200 && online.body.trimStart().startsWith('[');
  const ofGo = old?.version === '1.0' && method?.status === 200 && method.body === SERVICE;
  const ofNode = old?.version === '1.1' && method?.status === 400;
  if (ofGo)
    return {
      kind: 'original',
      found: `the original backend (Go), ${
        listsSubmitters
          ? 'later than v2.0.5: it has /v1/online'
          : 'v2.0.5 or earlier: it has no /v1/online'
      }`,
    };
  if (ofNode && listsSubmitters)
    return { kind: 'embedded', found: 'the embedded backend of this toolkit' };
  if (ofNode && online?.body === SERVICE)
    return {
      kind: 'recorder',
      found:
        'a recorder of this toolkit (stack record), or an embedded backend of an earlier version',
    };
  return {
    kind: 'unseen backend',
    found: 'an uptime backend behind a proxy, which hides whether it is the original',
  };
}

const MOST_BYTES = 65_536;

/** @param target with or without /v1/submit @param timeoutMs of each question */
export async function identifyTarget(target: string, timeoutMs: number): Promise<Identity> {
  const url = new URL(target);
  const base = url.pathname.replace(/\/+$/, '').replace(new RegExp(`${SUBMIT_PATH}$`), '');
  const ask = (method: string, path: string, { version = '1.1', body = '' } = {}) =>
    askRaw(
      url,
      `${method} ${base}${path} HTTP/${version}\r\nHost: ${url.host}\r\nConnection: close\r\n` +
        (body === ''
          ? ''
          : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`) +
        `\r\n${body}`,
      timeoutMs,
    );
  const [root, health, online, empty, old, method] = await Promise.all([
    ask('GET', '/'),
    ask('GET', '/health'),
    ask('GET', '/v1/online'),
    ask('POST', SUBMIT_PATH, { body: '{}' }),
    ask('GET', '/health', { version: '1.0' }),
    ask('ASKING', '/'),
  ]);
  return identityOf({ root, health, online, empty, old, method });
}

/** One request on a connection of its own, as it stands. @returns null without an answer */
async function askRaw(url: URL, text: string, timeoutMs: number): Promise<Reply | null> {
  const isTls = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || (isTls ? 443 : 80));
  const socket: Socket = isTls
    ? connectTls({ host, port, servername: host })
    : connectTcp({ host, port });
  let got = '';
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    socket.setEncoding('latin1');
    socket.on('data', (part: string) => {
      got += part;
      if (got.length > MOST_BYTES) done();
    });
    socket.on('error', done);
    socket.on('close', done);
    socket.on('end', done);
    socket.write(text);
  });
  socket.destroy();
  const match = /^HTTP\/(1\.[01]) (\d{3})[^]*?\r\n\r\n([^]*)$/.exec(got);
  return match === null ? null : { version: match[1], status: Number(match[2]), body: match[3] };
}
