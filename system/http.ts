/**
 * HTTP requests of the toolkit's own: downloads, Prometheus, agents. (The load itself is k6's, load/target/.)
 *
 *     const response = await httpFetch(url, { env, timeoutMs: 5000, signal, headers, redirect: 'error' });
 *
 * It is `fetch`, with two differences: it goes through the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY of `env` name, as every
 * other program of the machine does (Node's own fetch does so since 24 only, and only when asked: nodejs/node#57165), and what it throws
 * says in one line why ({@link reasonOf}), with the proxy it went through. This machine is never asked for through a proxy.
 */
import type * as Undici from 'undici';
import type { Dispatcher, RequestInit, Response } from 'undici';
import { isLoopbackAddress } from './loopback.ts';
import { EXIT, UserError } from '../user-error.ts';

export type HttpRequest = Omit<RequestInit, 'dispatcher'> & {
  /** Its proxies are used. Default: this process's. */
  env?: NodeJS.ProcessEnv;
  /** From the request to the last byte of the body; without it the caller's `signal` is the only limit. */
  timeoutMs?: number;
};

/** A request that failed; its message names the reason and, where there was one, the proxy. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
}

/** A proxy and the variable that names it. */
export type Proxy = { variable: string; url: URL };

/** Whether requests to `url` would stay on this machine, as far as its name says. */
function isThisMachine({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return host === 'localhost' || host.endsWith('.localhost') || isLoopbackAddress(host);
}

/**
 * The proxies of an environment, by the scheme of what is asked for. As curl, lower case goes before upper case; an empty variable
 * counts as not set; `host:port` alone means http.
 * @throws UserError (exit 2) that names the variable, but not its value: it may hold a password
 */
export function proxiesOf(env: NodeJS.ProcessEnv): { http: Proxy | null; https: Proxy | null } {
  const named = (scheme: string): Proxy | null => {
    const variable = [`${scheme}_proxy`, `${scheme}_proxy`.toUpperCase()].find((name) => env[name]);
    if (variable === undefined) return null;
    const text = env[variable]!.trim();
    const whole = text.includes('://') ? text : `http://${text}`;
    if (URL.canParse(whole)) {
      const url = new URL(whole);
      if (/^https?:$/.test(url.protocol) && url.hostname !== '') return { variable, url };
    }
    throw new UserError(`${variable} names no http or https proxy`, {
      hint: `write ${variable}=http://HOST:PORT, or leave it out; NO_PROXY names hosts that need none`,
      exitCode: EXIT.usage,
    });
  };
  return { http: named('http'), https: named('https') };
}

type Route = {
  dispatcher: Dispatcher;
  isDirect: (url: URL) => boolean;
  proxies: ReturnType<typeof proxiesOf>;
};

/** By the settings that it was made from: connections are kept for the next request. */
const routes = new Map<string, Route>();

/** The way of each request. @throws UserError for a proxy that is none */
function routeOf(
  env: NodeJS.ProcessEnv,
  { Agent, Dispatcher: Base, EnvHttpProxyAgent }: typeof Undici,
): Route {
  const proxies = proxiesOf(env);
  const noProxy = env.no_proxy || env.NO_PROXY || '';
  const key = JSON.stringify([proxies.http?.url, proxies.https?.url, noProxy]);
  const known = routes.get(key);
  if (known !== undefined) return known;
  const direct = new Agent();
  const proxied = new EnvHttpProxyAgent({
    httpProxy: proxies.http?.url.href ?? '',
    httpsProxy: proxies.https?.url.href ?? '',
    noProxy,
    // A plain request names its whole URL to the proxy, which CONNECT is often forbidden for.
    proxyTunnel: false,
  });
  // EnvHttpProxyAgent sends https through HTTP_PROXY where there is no HTTPS_PROXY, which neither curl nor Go does.
  const isDirect = (url: URL): boolean =>
    isThisMachine(url) || (url.protocol === 'https:' ? proxies.https : proxies.http) === null;
  /** Chosen for each request, so that a redirect to this machine takes no proxy either. */
  class ByOrigin extends Base {
    override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) {
      const way = isDirect(new URL(String(options.origin))) ? direct : proxied;
      return way.dispatch(options, handler);
    }
  }
  const route = { dispatcher: new ByOrigin(), isDirect, proxies };
  routes.set(key, route);
  return route;
}

/**
 * @returns the answer, whatever its status; its body ends with an error when `timeoutMs` is over
 * @throws HttpError; the reason of `signal` when it is aborted; UserError for a proxy variable that names none
 */
export async function httpFetch(url: string | URL, request: HttpRequest = {}): Promise<Response> {
  const { env = process.env, timeoutMs, signal, ...init } = request;
  signal?.throwIfAborted();
  // Loaded where it is used: it takes a tenth of a second.
  const undici = await import('undici');
  const route = routeOf(env, undici);
  const timeout = timeoutMs === undefined ? null : AbortSignal.timeout(timeoutMs);
  const signals = [signal ?? [], timeout ?? []].flat();
  try {
    return await undici.fetch(url, {
      ...init,
      ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
      dispatcher: route.dispatcher,
    });
  } catch (cause) {
    signal?.throwIfAborted();
    const target = new URL(url);
    const proxy = route.isDirect(target)
      ? null
      : route.proxies[target.protocol === 'https:' ? 'https' : 'http'];
    const reason = timeout?.aborted === true ? `no answer within ${timeoutMs} ms` : reasonOf(cause);
    throw new HttpError(
      proxy === null ? reason : `${reason} (${proxy.variable} is ${proxy.url.origin})`,
      { cause },
    );
  }
}

/** The innermost reason of a failed request, in one line: fetch says only "fetch failed" and hides why. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof HttpError) return error.message;
  // Node collects the attempts of several addresses; each has the same code.
  const inner: unknown =
    error.cause ?? (error instanceof AggregateError ? error.errors[0] : undefined);
  if (inner instanceof Error) return reasonOf(inner);
  const { code } = error as NodeJS.ErrnoException;
  return error.message === '' ? (code ?? error.name) : error.message;
}
