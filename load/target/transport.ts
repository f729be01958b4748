/**
 * How requests reach the target, and what they carry beside the body: headers, secrets, TLS, proxy, HTTP version. The
 * same description goes to k6 (load/k6/run.ts) and to the question before the run (load/target/request.ts), so both see the
 * same target.
 *
 * k6 2.2 takes a client certificate as an option of the script (`tlsAuth`), and has none for the rest (grafana/k6,
 * internal/js/runner.go): Go's own variables decide it. SSL_CERT_FILE and SSL_CERT_DIR name the roots, on every Unix
 * but macOS (golang/go, src/crypto/x509/root_unix.go); HTTP_PROXY and HTTPS_PROXY the proxy, never for a target on
 * loopback (golang.org/x/net, http/httpproxy: useProxy); GODEBUG=http2client=0 forbids HTTP/2.
 */
import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { TransportFacts } from '../../results/types.ts';
import type { AddressBlock } from '../../scenarios/lib/forwarded.ts';
import { certificatesIn, pemOf, withoutMark } from '../../system/pem.ts';
import { readRegularFileSync } from '../../system/regular-file.ts';
import { isSecretHeader, isSecretName, withoutUser } from '../../system/secret-names.ts';

export type HttpVersion = '1.1' | '2';

export type Transport = {
  /** By lower-case name. */
  headers: Record<string, string>;
  /** Sent like the others, and never written into results, logs or a command line. */
  secretHeaders: Record<string, string>;
  /** The only roots that count, `pem` in the form that k6 takes, too; null: the system's. */
  ca: { path: string; pem: string } | null;
  /** The client's certificate and key, as PEM. */
  client: { certPath: string; keyPath: string; cert: string; key: string } | null;
  insecureSkipTlsVerify: boolean;
  /** `http://host:port`, with `user:password@` before the host where the proxy asks for it; null: none. */
  proxy: string | null;
  /** null: HTTP/2 where the target offers it over TLS, else 1.1. */
  http: HttpVersion | null;
  /** Of a name's addresses, k6 takes those of IPv4 where there are any; true: those of IPv6. */
  prefersIpv6: boolean;
  /** Where the producers' addresses for X-Forwarded-For come from; null: the header is not sent. */
  forwarded: AddressBlock | null;
};

export const PLAIN_TRANSPORT: Transport = {
  headers: {},
  secretHeaders: {},
  ca: null,
  client: null,
  insecureSkipTlsVerify: false,
  proxy: null,
  http: null,
  prefersIpv6: false,
  forwarded: null,
};

/** The options of the command line, as texts. */
export type TransportOptions = {
  header: readonly string[];
  headerEnv: readonly string[];
  bearerEnv: string | undefined;
  ca: string | undefined;
  cert: string | undefined;
  key: string | undefined;
  insecureSkipTlsVerify: boolean;
  proxy: string | undefined;
  /** The proxy came from a place that others can read: the command line. */
  proxyIsPublic: boolean;
  http: HttpVersion | undefined;
  xForwardedFor: boolean;
  forwardedNetwork: string;
};

/** RFC 9110, 5.6.2: token. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110, 5.5, without the bytes above ASCII, which k6 and Node would encode differently. */
const HEADER_VALUE = /^[\t\x20-\x7e]*$/;
/** RFC 6750, 2.1: b64token. */
const BEARER_TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

const HOP_BY_HOP =
  'it concerns one connection only (RFC 9110, 7.6.1), and the HTTP client sets it itself';
const SECRET =
  'its value is a secret, and everybody on this machine can read a command line: use --bearer-env or --header-env';
const REFUSED: Record<string, string> = {
  connection: HOP_BY_HOP,
  'keep-alive': HOP_BY_HOP,
  'proxy-connection': HOP_BY_HOP,
  te: HOP_BY_HOP,
  trailer: HOP_BY_HOP,
  'transfer-encoding': HOP_BY_HOP,
  upgrade: HOP_BY_HOP,
  'proxy-authenticate': HOP_BY_HOP,
  'proxy-authorization': 'it is for the proxy: put user:password@ into MINA_LOAD_PROXY',
  'content-length': 'it follows from each body; a wrong one is sent by the scenario hostile',
};
const REFUSED_IN_PUBLIC: Record<string, string> = { authorization: SECRET, cookie: SECRET };

/** `Name: value` as it may stand in plan and report: without the value of a secret. */
export function shownHeader(text: string): string {
  const colon = text.indexOf(':');
  const name = text.slice(0, colon);
  return isSecretHeader(name, text.slice(colon + 1).trim()) ? `${name}: ***` : text;
}

/** Headers that may stand in plan and report, and those that may not; the latter take the same way as those of --header-env. */
function apart(
  given: Record<string, string>,
  fromVariables: Record<string, string>,
): Pick<Transport, 'headers' | 'secretHeaders'> {
  const entries = Object.entries(given);
  return {
    headers: Object.fromEntries(entries.filter((entry) => !isSecretHeader(...entry))),
    secretHeaders: {
      ...fromVariables,
      ...Object.fromEntries(entries.filter((entry) => isSecretHeader(...entry))),
    },
  };
}

/** The name of an environment variable, as shells take it. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Checks the options and reads the files they name.
 * @param platform process.platform: where Go looks for roots depends on it
 * @returns the transport, and every problem found (the transport is of use only when there is none)
 */
export function readTransport(
  options: TransportOptions,
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform,
): { transport: Transport; problems: string[] } {
  const problems: string[] = [];
  const given = readHeaders(options.header, problems);
  const fromVariables = readSecretHeaders(options, env, problems);
  for (const name of Object.keys(fromVariables))
    if (Object.hasOwn(given, name))
      problems.push(`the header ${name} is given twice, once by --header`);
  const { headers, secretHeaders } = apart(given, fromVariables);
  if (options.xForwardedFor && Object.hasOwn({ ...headers, ...secretHeaders }, 'x-forwarded-for'))
    problems.push('--x-forwarded-for and a --header of this name exclude each other');
  const forwarded = parseAddressBlock(options.forwardedNetwork);
  if (forwarded === null)
    problems.push(
      `--forwarded-network must be an IPv4 network such as 10.0.0.0/8, but is "${options.forwardedNetwork}"`,
    );
  if (options.ca !== undefined && options.insecureSkipTlsVerify)
    problems.push('--ca and --insecure-skip-tls-verify exclude each other');
  const transport: Transport = {
    headers,
    secretHeaders,
    ca: options.ca === undefined ? null : readCa(options.ca, platform, problems),
    client: readClient(options, problems),
    insecureSkipTlsVerify: options.insecureSkipTlsVerify,
    proxy:
      options.proxy === undefined
        ? null
        : readProxy(options.proxy, options.proxyIsPublic, problems),
    http: options.http ?? null,
    prefersIpv6: false,
    forwarded: options.xForwardedFor ? forwarded : null,
  };
  return { transport, problems };
}

function readHeaders(texts: readonly string[], problems: string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const text of texts) {
    const colon = text.indexOf(':');
    const name = text.slice(0, colon).toLowerCase();
    const value = text.slice(colon + 1).trim();
    const refused = REFUSED[name] ?? REFUSED_IN_PUBLIC[name];
    if (colon < 1 || !TOKEN.test(name))
      problems.push(
        // It may be a secret without its colon: `X-Api-Key=…`.
        `--header must be "Name: value", but is "${isSecretName(text) ? `${/^[\w-]*/.exec(text)![0]}…` : text}"`,
      );
    // Of a secret the message shows the name only.
    else if (refused !== undefined) problems.push(`--header cannot set ${name}: ${refused}`);
    else if (!HEADER_VALUE.test(value))
      problems.push(`--header ${name} must have a value of printable ASCII`);
    else if (Object.hasOwn(headers, name))
      problems.push(`--header ${name} is given twice; one header may hold "a, b"`);
    else headers[name] = value;
  }
  return headers;
}

function readSecretHeaders(
  { headerEnv, bearerEnv }: TransportOptions,
  env: NodeJS.ProcessEnv,
  problems: string[],
): Record<string, string> {
  const headers: Record<string, string> = {};
  const add = (option: string, name: string, variable: string, pattern: RegExp, scheme = '') => {
    const value = env[variable];
    if (!VARIABLE.test(variable))
      // It may be the secret itself, put in the wrong place: it is not shown.
      problems.push(
        `${option} must name an environment variable, and what it was given is no such name`,
      );
    else if (value === undefined || value === '')
      problems.push(
        `the environment variable ${variable} of ${option} is ${value === '' ? 'empty' : 'not set'}`,
      );
    else if (!pattern.test(value))
      problems.push(
        `the environment variable ${variable} of ${option} holds a character that may not stand there (a line end?)`,
      );
    else if (Object.hasOwn(headers, name)) problems.push(`${option} sets ${name} a second time`);
    else headers[name] = scheme + value;
  };
  if (bearerEnv !== undefined)
    add('--bearer-env', 'authorization', bearerEnv, BEARER_TOKEN, 'Bearer ');
  for (const text of headerEnv) {
    const equals = text.indexOf('=');
    const name = text.slice(0, equals).toLowerCase();
    if (equals < 1 || !TOKEN.test(name))
      problems.push('--header-env must be Name=VARIABLE, such as X-Api-Key=API_KEY');
    else if (REFUSED[name] !== undefined)
      problems.push(`--header-env cannot set ${name}: ${REFUSED[name]}`);
    else add('--header-env', name, text.slice(equals + 1), HEADER_VALUE);
  }
  return headers;
}

/** The environment variables that hold secrets: nobody else gets them. */
export const secretVariables = ({
  bearerEnv,
  headerEnv,
}: Pick<TransportOptions, 'bearerEnv' | 'headerEnv'>): string[] => [
  ...(bearerEnv === undefined ? [] : [bearerEnv]),
  ...headerEnv.map((text) => text.slice(text.indexOf('=') + 1)),
];

/** All roots of a system have some 200 KB. */
const MOST_PEM_BYTES = 10_000_000;

/** @returns the text of a file, or null with a problem noted */
function readText(option: string, path: string, problems: string[]): string | null {
  try {
    const bytes = readRegularFileSync(path, { what: option, maxBytes: MOST_PEM_BYTES });
    return withoutMark(bytes.toString('utf8'));
  } catch (error) {
    problems.push((error as Error).message);
    return null;
  }
}

/** The certificates of a PEM file; empty, with a problem noted, if there are none or one is broken. */
function certificatesOf(
  option: string,
  path: string,
  text: string,
  problems: string[],
): X509Certificate[] {
  const certificates = certificatesIn(text);
  if (!('problem' in certificates)) return certificates;
  problems.push(`${option} ${path} ${certificates.problem}`);
  return [];
}

function readCa(path: string, platform: NodeJS.Platform, problems: string[]): Transport['ca'] {
  if (platform === 'darwin' || platform === 'win32')
    problems.push(
      `--ca has no effect on ${platform === 'darwin' ? 'macOS' : 'Windows'}, where k6 asks the system's own store: add the CA there`,
    );
  const text = readText('--ca', path, problems);
  if (text === null) return null;
  const certificates = certificatesOf('--ca', path, text, problems);
  return certificates.length === 0 ? null : { path, pem: pemOf(certificates) };
}

function readClient(
  { cert: certPath, key: keyPath }: TransportOptions,
  problems: string[],
): Transport['client'] {
  if (certPath === undefined && keyPath === undefined) return null;
  if (certPath === undefined || keyPath === undefined) {
    problems.push('--cert and --key belong together: a client certificate needs its private key');
    return null;
  }
  const cert = readText('--cert', certPath, problems);
  const key = readText('--key', keyPath, problems);
  if (cert === null || key === null) return null;
  const certificates = certificatesOf('--cert', certPath, cert, problems);
  const certificate = certificates.at(0);
  if (/ENCRYPTED/.test(key)) {
    problems.push(
      `--key ${keyPath} is encrypted, which k6 cannot read: decrypt it into a file of mode 0600 (openssl pkey)`,
    );
    return null;
  }
  let privateKey;
  try {
    privateKey = createPrivateKey(key);
  } catch {
    problems.push(`--key ${keyPath} holds no private key in PEM`);
    return null;
  }
  if (certificate === undefined) return null;
  if (!certificate.checkPrivateKey(privateKey)) {
    problems.push(`--key ${keyPath} does not fit the certificate ${certPath}`);
    return null;
  }
  return { certPath, keyPath, cert: pemOf(certificates), key };
}

function readProxy(text: string, isPublic: boolean, problems: string[]): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.protocol !== 'http:' || url.pathname !== '/' || url.search !== '')
    problems.push(
      `--proxy must be http://HOST:PORT, but is "${url === null ? withoutUser(text) : redactUrl(text)}"`,
    );
  else if (isPublic && (url.username !== '' || url.password !== ''))
    problems.push(
      '--proxy holds a password, and everybody on this machine can read a command line: set MINA_LOAD_PROXY instead',
    );
  else return url.href.replace(/\/$/, '');
  return null;
}

/** A URL without the name and the password in it. */
export function redactUrl(text: string): string {
  const url = new URL(text);
  if (url.username === '' && url.password === '') return text;
  url.username = '***';
  url.password = '';
  return url.href.replace(/\/$/, '');
}

/** `10.0.0.0/8` -> its first address and how many there are; null if it is no IPv4 network. */
export function parseAddressBlock(text: string): AddressBlock | null {
  const [address, bits = '', more] = text.split('/');
  if (more !== undefined || isIP(address) !== 4 || !/^\d{1,2}$/.test(bits) || Number(bits) > 32)
    return null;
  const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(bits));
  return { first: number - (number % size), size };
}

/** What a plan says of it: everything but the secrets. */
export const transportFacts = (transport: Transport): TransportFacts => ({
  http: transport.http,
  proxy: transport.proxy === null ? null : redactUrl(transport.proxy),
  ca: transport.ca?.path ?? null,
  clientCertificate: transport.client?.certPath ?? null,
  insecureSkipTlsVerify: transport.insecureSkipTlsVerify,
  headers: transport.headers,
  secretHeaders: Object.keys(transport.secretHeaders),
  forwardedNetwork:
    transport.forwarded === null
      ? null
      : `${formatAddress(transport.forwarded.first)}/${32 - Math.log2(transport.forwarded.size)}`,
});

const formatAddress = (number: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');

/**
 * The environment in which k6 reaches its target as `transport` says, whatever the user's own says.
 * @param env the environment so far; its proxies, and with a CA its roots, are taken out
 * @param caPath where `ca.pem` stands as a file
 */
export function transportEnv(
  env: NodeJS.ProcessEnv,
  { ca, proxy, http, prefersIpv6 }: Pick<Transport, 'ca' | 'proxy' | 'http' | 'prefersIpv6'>,
  caPath: string | null = ca?.path ?? null,
): NodeJS.ProcessEnv {
  const goDebug = (env.GODEBUG ?? '')
    .split(',')
    .filter((entry) => entry !== '' && !entry.startsWith('http2client='));
  if (http === '1.1') goDebug.push('http2client=0');
  const rest = Object.entries(env).filter(
    ([name]) =>
      !/^(https?|no|all)_proxy$/i.test(name) &&
      // A CGI's variable: with it Go ignores HTTP_PROXY.
      name !== 'REQUEST_METHOD' &&
      name !== 'GODEBUG' &&
      !(caPath !== null && /^SSL_CERT_(FILE|DIR)$/.test(name)),
  );
  return {
    ...Object.fromEntries(rest),
    ...(goDebug.length > 0 && { GODEBUG: goDebug.join(',') }),
    // Go reads the folders of the system even beside a file of ours: no folder, no roots but ours.
    ...(caPath !== null && { SSL_CERT_FILE: caPath, SSL_CERT_DIR: '/dev/null' }),
    // grafana/k6, lib/types/dns.go.
    ...(prefersIpv6 && { K6_DNS: 'policy=preferIPv6' }),
    ...(proxy !== null && { HTTP_PROXY: proxy, HTTPS_PROXY: proxy }),
  };
}
