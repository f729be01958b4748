/** Targets that speak TLS, HTTP/1.1 and HTTP/2, and a proxy on the way; all on loopback, on any free port. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { projectRoot } from '../../paths.ts';

/** A file of test/fixtures/tls. */
export const tlsFile = (name: string): string => join(projectRoot, 'test/fixtures/tls', name);
const tlsText = (name: string): string => readFileSync(tlsFile(name), 'utf8');

export type SeenRequest = {
  httpVersion: string;
  headers: Record<string, string | string[] | undefined>;
  /** Common name of the client's certificate; undefined: it showed none. */
  client: string | undefined;
  body: string;
};

export type TestTarget = {
  port: number;
  /** Submissions; the question before the run stands in `probes`. */
  requests: SeenRequest[];
  probes: SeenRequest[];
  stop: () => Promise<void>;
};

/** The answer to submission n, from 1; default: the backend's 200. */
export type Answer = (request: SeenRequest, n: number) => { status: number; body: string };
const ACCEPT: Answer = () => ({ status: 200, body: '{"status":"ok"}' });

type AnyServer = Server | http2.Http2SecureServer;

async function listening(server: AnyServer): Promise<{ port: number; stop: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  (server as net.Server).on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/**
 * A target that answers `{}` as a backend does, and all else with `answer`.
 * @param tls null: plain HTTP/1.1
 */
export async function startTestTarget(
  tls: { wantsClient?: boolean; http2?: boolean } | null,
  answer: Answer = ACCEPT,
): Promise<TestTarget> {
  const requests: SeenRequest[] = [];
  const probes: SeenRequest[] = [];
  const onRequest = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ) => {
    const pieces: Buffer[] = [];
    request.on('error', () => undefined);
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const socket = 'stream' in request ? request.stream.session!.socket : request.socket;
      // A session's socket is a proxy, which `in` does not see through.
      const peer = (socket as Partial<TLSSocket>).getPeerCertificate?.();
      const seen: SeenRequest = {
        httpVersion: request.httpVersion,
        headers: { ...request.headers },
        client: peer?.subject?.CN as string | undefined,
        body: Buffer.concat(pieces).toString('latin1'),
      };
      const isProbe = seen.body === '{}';
      (isProbe ? probes : requests).push(seen);
      const { status, body } = isProbe
        ? { status: 400, body: `{"error":"One of required fields wasn't provided"}` }
        : answer(seen, requests.length);
      (response as ServerResponse).writeHead(status, { 'content-type': 'application/json' });
      (response as ServerResponse).end(body);
    });
  };
  if (tls === null) {
    const { port, stop } = await listening(http.createServer(onRequest));
    return { port, requests, probes, stop };
  }
  const { wantsClient = false, http2: offersHttp2 = true } = tls;
  const options = {
    cert: tlsText('server.cert.pem'),
    key: tlsText('server.key.pem'),
    ca: tlsText('ca.cert.pem'),
    requestCert: wantsClient,
    rejectUnauthorized: wantsClient,
  };
  const server = offersHttp2
    ? http2.createSecureServer({ ...options, allowHTTP1: true }, onRequest)
    : https.createServer(options, onRequest);
  server.on('tlsClientError', () => undefined);
  const { port, stop } = await listening(server);
  return { port, requests, probes, stop };
}

export type TestProxy = {
  port: number;
  /** What each request or tunnel was for, `host:port`, in order. */
  seen: { kind: 'request' | 'tunnel'; to: string; authorization: string | undefined }[];
  stop: () => Promise<void>;
};

/** A proxy that leads every host and port of `ports` to a port of this machine. */
export async function startTestProxy(
  ports: Record<string, number>,
  password?: string,
): Promise<TestProxy> {
  const seen: TestProxy['seen'] = [];
  const tunnels = new Set<Socket>();
  const mayPass = (authorization: string | undefined): boolean =>
    password === undefined || authorization === `Basic ${Buffer.from(password).toString('base64')}`;
  const server = http.createServer((request, response) => {
    const url = new URL(request.url!);
    const to = `${url.hostname}:${url.port || 80}`;
    const authorization = request.headers['proxy-authorization'];
    seen.push({ kind: 'request', to, authorization });
    if (!mayPass(authorization)) {
      request.resume();
      response.writeHead(407).end();
      return;
    }
    const headers = { ...request.headers };
    delete headers['proxy-authorization'];
    const onward = http.request(
      {
        host: '127.0.0.1',
        port: ports[to],
        method: request.method!,
        path: url.pathname,
        headers,
      },
      (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  server.on('connect', (request, socket: Socket) => {
    const authorization = request.headers['proxy-authorization'];
    seen.push({ kind: 'tunnel', to: request.url!, authorization });
    socket.on('error', () => undefined);
    if (!mayPass(authorization)) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const onward = net.connect(ports[request.url!], '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    tunnels.add(onward);
    onward.on('error', () => socket.destroy()).on('close', () => tunnels.delete(onward));
    socket.on('close', () => onward.destroy());
  });
  const { port, stop } = await listening(server);
  return {
    port,
    seen,
    async stop() {
      for (const tunnel of tunnels) tunnel.destroy();
      await stop();
    },
  };
}
