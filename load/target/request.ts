/**
 * One POST to a target, over the transport that k6 will use: proxy, TLS with its roots and client certificate, the
 * HTTP version. Node's `fetch` takes none of these, so the connection is opened here.
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { HttpVersion, Transport } from './transport.ts';

export type TargetAnswer = {
  status: number;
  /** The first 4 KB. */
  body: string;
  httpVersion: HttpVersion;
};

/** The proxy failed, not the target. */
export class ProxyError extends Error {}

const BODY_BYTES = 4096;
const ALPN: Record<HttpVersion, string> = { '1.1': 'http/1.1', '2': 'h2' };

/**
 * Posts `body` to `url`.
 * @throws the signal's reason; ProxyError; errors of node:net and node:tls, with their codes
 */
export async function postToTarget(
  url: string,
  body: string,
  transport: Transport,
  signal: AbortSignal,
): Promise<TargetAnswer> {
  const to = new URL(url);
  const headers = {
    'content-type': 'application/json',
    ...transport.headers,
    ...transport.secretHeaders,
  };
  const opened: Duplex[] = [];
  const onAbort = () => {
    for (const socket of opened) socket.destroy(signal.reason as Error);
  };
  signal.addEventListener('abort', onAbort);
  try {
    if (to.protocol === 'http:') {
      const socket = await openTo(transport.proxy ?? url, transport.proxy !== null, opened, signal);
      return await post11(socket, to, body, headers, transport.proxy, signal);
    }
    const tunnel = await openTunnel(to, transport.proxy, opened, signal);
    const socket = await secure(tunnel, to, transport, opened, signal);
    return socket.alpnProtocol === 'h2'
      ? await post2(socket, to, body, headers, signal)
      : await post11(socket, to, body, headers, null, signal);
  } finally {
    signal.removeEventListener('abort', onAbort);
    for (const socket of opened) {
      socket.on('error', () => undefined);
      socket.destroy();
    }
  }
}

/** Resolves at `event`, rejects at an error, an abort, or a close before it. */
function settled(socket: Duplex, event: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = () =>
      reject(
        signal.aborted ? (signal.reason as Error) : new Error('the connection was closed early'),
      );
    socket.once(event, () => {
      socket.off('close', onClose);
      resolve();
    });
    socket.once('error', reject);
    socket.once('close', onClose);
  });
}

const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');
const portOf = (url: URL): number => Number(url.port || (url.protocol === 'https:' ? 443 : 80));

async function openTo(
  address: string,
  isProxy: boolean,
  opened: Duplex[],
  signal: AbortSignal,
): Promise<net.Socket> {
  signal.throwIfAborted();
  const url = new URL(address);
  const socket = net.connect({ host: hostOf(url), port: portOf(url) });
  opened.push(socket);
  try {
    await settled(socket, 'connect', signal);
  } catch (cause) {
    if (!isProxy || signal.aborted) throw cause;
    throw new ProxyError((cause as NodeJS.ErrnoException).code ?? (cause as Error).message, {
      cause,
    });
  }
  return socket;
}

const basicOf = ({ username, password }: URL): string =>
  `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;

const proxyAuthorization = (proxy: string): Record<string, string> => {
  const url = new URL(proxy);
  return url.username === '' ? {} : { 'proxy-authorization': basicOf(url) };
};

/** A connection to `to`, if need be through a tunnel that the proxy makes (CONNECT). */
async function openTunnel(
  to: URL,
  proxy: string | null,
  opened: Duplex[],
  signal: AbortSignal,
): Promise<net.Socket> {
  const socket = await openTo(proxy ?? to.href, proxy !== null, opened, signal);
  if (proxy === null) return socket;
  const authority = `${to.hostname}:${portOf(to)}`;
  const request = http.request({
    createConnection: () => socket,
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...proxyAuthorization(proxy) },
  });
  const status = await new Promise<number>((resolve, reject) => {
    request.once('connect', ({ statusCode = 0 }) => resolve(statusCode));
    request.once('error', reject);
    request.end();
  });
  if (status !== 200) throw new ProxyError(`it answered ${status} to CONNECT`);
  return socket;
}

async function secure(
  socket: net.Socket,
  to: URL,
  { ca, client, insecureSkipTlsVerify, http: version }: Transport,
  opened: Duplex[],
  signal: AbortSignal,
): Promise<tls.TLSSocket> {
  const host = hostOf(to);
  const secured = tls.connect({
    socket,
    ca: ca === null ? systemRoots() : ca.pem,
    ...(client !== null && { cert: client.cert, key: client.key }),
    rejectUnauthorized: !insecureSkipTlsVerify,
    // What the certificate is checked against; an address is no server name (RFC 6066, 3).
    host,
    ...(net.isIP(host) === 0 && { servername: host }),
    ALPNProtocols: version === null ? [ALPN['2'], ALPN['1.1']] : [ALPN[version]],
  });
  opened.push(secured);
  await settled(secured, 'secureConnect', signal);
  return secured;
}

/** Go's places, in its order (golang/go, src/crypto/x509/root_linux.go). */
const ROOT_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** Node brings roots of its own; k6 takes the system's, to which an administrator may have added some. */
function systemRoots(): string[] {
  const { SSL_CERT_FILE: own } = process.env;
  for (const file of own ? [own] : ROOT_FILES)
    try {
      return [...tls.rootCertificates, readFileSync(file, 'utf8')];
    } catch {
      // Another system keeps them elsewhere.
    }
  return [...tls.rootCertificates];
}

async function post11(
  socket: Duplex,
  to: URL,
  body: string,
  headers: Record<string, string>,
  proxy: string | null,
  signal: AbortSignal,
): Promise<TargetAnswer> {
  const request = http.request({
    createConnection: () => socket,
    method: 'POST',
    path: proxy === null ? to.pathname : to.href,
    headers: {
      host: to.host,
      'content-length': Buffer.byteLength(body),
      connection: 'close',
      ...headers,
      ...(proxy !== null && proxyAuthorization(proxy)),
    },
  });
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) =>
      reject(signal.aborted ? (signal.reason as Error) : (error as Error));
    request.once('error', fail);
    // An upgrade that nobody asked for: no other answer comes.
    request.once('upgrade', ({ statusCode }: http.IncomingMessage) =>
      resolve({ status: statusCode!, body: '', httpVersion: '1.1' }),
    );
    request.once('response', (response) => {
      readStart(response).then((text) => {
        // RFC 9110, 15.5.8: only a proxy asks for its own credentials.
        if (response.statusCode === 407) reject(new ProxyError('it answered 407'));
        else resolve({ status: response.statusCode!, body: text, httpVersion: '1.1' });
      }, fail);
    });
    request.end(body);
  });
}

async function post2(
  socket: tls.TLSSocket,
  to: URL,
  body: string,
  { host, ...headers }: Record<string, string>,
  signal: AbortSignal,
): Promise<TargetAnswer> {
  const session = http2.connect(to.origin, { createConnection: () => socket });
  try {
    return await new Promise((resolve, reject) => {
      const fail = (error: unknown) =>
        reject(signal.aborted ? (signal.reason as Error) : (error as Error));
      session.once('error', fail);
      const stream = session.request({
        ':method': 'POST',
        ':path': to.pathname,
        ':authority': host ?? to.host,
        ...headers,
      });
      stream.once('error', fail);
      stream.once('response', ({ ':status': status }) => {
        readStart(stream).then(
          (text) => resolve({ status: status!, body: text, httpVersion: '2' }),
          fail,
        );
      });
      stream.end(body);
    });
  } finally {
    session.destroy();
  }
}

async function readStart(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text += chunk.toString('utf8');
    if (text.length >= BODY_BYTES) break;
  }
  return text.slice(0, BODY_BYTES);
}
