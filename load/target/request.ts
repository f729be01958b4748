/**
 * One POST to a target, over the transport that k6 will use: proxy, TLS with its roots and client certificate, the
 * HTTP version. Node's `fetch` takes none of these, so the connection is opened here.
 */
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
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
  /** Where an answer 3xx leads; null: it does not say. */
  location: string | null;
  /** The name has addresses of the family that k6 would take, and none of them answered: one of the other family did. */
  otherFamily: boolean;
};

type AnswerOnly = Omit<TargetAnswer, 'otherFamily'>;

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
  const way: Way = { prefersIpv6: transport.prefersIpv6, opened, signal };
  const onAbort = () => {
    for (const socket of opened) socket.destroy(signal.reason as Error);
  };
  signal.addEventListener('abort', onAbort);
  try {
    if (to.protocol === 'http:') {
      const { socket, otherFamily } =
        transport.proxy === null ? await openTo(to, way) : await openProxy(transport.proxy, way);
      return {
        ...(await post11(socket, to, body, headers, transport.proxy, signal)),
        otherFamily,
      };
    }
    const { socket: tunnel, otherFamily } =
      transport.proxy === null ? await openTo(to, way) : await openTunnel(to, transport.proxy, way);
    const socket = await secure(tunnel, to, transport, opened, signal);
    const answer =
      socket.alpnProtocol === 'h2'
        ? await post2(socket, to, body, headers, signal)
        : await post11(socket, to, body, headers, null, signal);
    return { ...answer, otherFamily };
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
        signal.aborted
          ? (signal.reason as Error)
          : new ClosedEarly('the connection was closed early'),
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

/** What every step of a connection needs. */
type Way = {
  prefersIpv6: boolean;
  opened: Duplex[];
  signal: AbortSignal;
};
type Opened = { socket: net.Socket; otherFamily: boolean };

/** The connection broke before any answer. */
export class ClosedEarly extends Error {}

async function connectTo(
  options: net.TcpNetConnectOpts,
  { opened, signal }: Way,
): Promise<net.Socket> {
  signal.throwIfAborted();
  const socket = net.connect(options);
  opened.push(socket);
  await settled(socket, 'connect', signal);
  return socket;
}

/** The system's name service takes no signal. */
const addressesOf = (host: string, signal: AbortSignal): Promise<LookupAddress[]> =>
  new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    lookup(host, { all: true }).then(resolve, reject);
  });

/**
 * To the address that k6 would take: it looks the name up itself and takes the addresses of one family where there are any, unlike Node and
 * Go, which try the other one as well (grafana/k6, lib/netext/resolver.go). Where that one does not answer, the other family is tried here, so
 * that the answer can say so.
 */
async function openTo(url: URL, way: Way): Promise<Opened> {
  const host = hostOf(url);
  const port = portOf(url);
  if (net.isIP(host) !== 0)
    return { socket: await connectTo({ host, port }, way), otherFamily: false };
  const addresses = await addressesOf(host, way.signal);
  const wanted = way.prefersIpv6 ? 6 : 4;
  const first = addresses.find(({ family }) => family === wanted);
  const second = addresses.find(({ family }) => family !== wanted);
  const to = (address: LookupAddress) => connectTo({ host: address.address, port }, way);
  if (first === undefined) return { socket: await to(second!), otherFamily: false };
  try {
    return { socket: await to(first), otherFamily: false };
  } catch (error) {
    if (second === undefined || way.signal.aborted) throw error;
    const socket = await to(second).catch(() => {
      // Of the two, what k6 would see.
      throw error as Error;
    });
    return { socket, otherFamily: true };
  }
}

async function openProxy(proxy: string, way: Way): Promise<Opened> {
  const url = new URL(proxy);
  try {
    // Go dials it, and tries every address.
    const socket = await connectTo({ host: hostOf(url), port: portOf(url) }, way);
    return { socket, otherFamily: false };
  } catch (cause) {
    if (way.signal.aborted) throw cause;
    throw new ProxyError((cause as NodeJS.ErrnoException).code ?? (cause as Error).message, {
      cause,
    });
  }
}

const basicOf = ({ username, password }: URL): string =>
  `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;

const proxyAuthorization = (proxy: string): Record<string, string> => {
  const url = new URL(proxy);
  return url.username === '' ? {} : { 'proxy-authorization': basicOf(url) };
};

/** A connection to `to` through a tunnel that the proxy makes (CONNECT). */
async function openTunnel(to: URL, proxy: string, way: Way): Promise<Opened> {
  const opened = await openProxy(proxy, way);
  const authority = `${to.hostname}:${portOf(to)}`;
  const request = http.request({
    createConnection: () => opened.socket,
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...proxyAuthorization(proxy) },
  });
  const status = await new Promise<number>((resolve, reject) => {
    const fail = (error: Error) =>
      reject(way.signal.aborted ? (way.signal.reason as Error) : new ProxyError(error.message));
    request.once('connect', ({ statusCode = 0 }) => resolve(statusCode));
    request.once('error', fail);
    request.once('close', () => fail(new Error('it closed the connection')));
    request.end();
  });
  if (status !== 200) throw new ProxyError(`it answered ${status} to CONNECT`);
  return opened;
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
): Promise<AnswerOnly> {
  const request = http.request({
    createConnection: () => socket,
    method: 'POST',
    path: proxy === null ? to.pathname + to.search : to.href,
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
    let hasAnswer = false;
    request.once('response', (response) => {
      hasAnswer = true;
      readStart(response).then((text) => {
        // RFC 9110, 15.5.8: only a proxy asks for its own credentials.
        if (response.statusCode === 407) reject(new ProxyError('it answered 407'));
        else
          resolve({
            status: response.statusCode!,
            body: text,
            httpVersion: '1.1',
            location: response.headers.location ?? null,
          });
      }, fail);
    });
    // 101: nobody asked for another protocol, and there is no answer after it.
    request.once('upgrade', (_, socket) => {
      hasAnswer = true;
      socket.destroy();
      resolve({ status: 101, body: '', httpVersion: '1.1', location: null });
    });
    request.once('close', () => {
      if (!hasAnswer) fail(new ClosedEarly('the connection was closed early'));
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
): Promise<AnswerOnly> {
  const session = http2.connect(to.origin, { createConnection: () => socket });
  try {
    return await new Promise((resolve, reject) => {
      const fail = (error: unknown) =>
        reject(signal.aborted ? (signal.reason as Error) : (error as Error));
      session.once('error', fail);
      const stream = session.request({
        ':method': 'POST',
        ':path': to.pathname + to.search,
        ':authority': host ?? to.host,
        ...headers,
      });
      stream.once('error', fail);
      let hasAnswer = false;
      stream.once('response', () => (hasAnswer = true));
      stream.once('response', ({ ':status': status, location }) => {
        readStart(stream).then(
          (text) =>
            resolve({ status: status!, body: text, httpVersion: '2', location: location ?? null }),
          fail,
        );
      });
      // What breaks after its head shows to the reader of its text.
      for (const one of [stream, session])
        one.once('close', () => {
          if (!hasAnswer) fail(new ClosedEarly('the connection was closed early'));
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
