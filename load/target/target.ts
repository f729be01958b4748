/** What a load may be aimed at: the address rule, and the question "are you an uptime backend?". */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { leadsToThisMachine } from '../../system/loopback.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { ClosedEarly, postToTarget, ProxyError, type TargetAnswer } from './request.ts';
import type { WeightedTarget } from './targets.ts';
import { redact, secretsOf } from '../../scenarios/lib/secrets.ts';
import { PLAIN_TRANSPORT, redactUrl, type Transport } from './transport.ts';

export const SUBMIT_PATH = '/v1/submit';

/**
 * The address to POST to: `http://host:port`, with or without `/v1/submit`, with a path before it where a
 * proxy adds one, and with its query. The path never ends with `/`: `/v1/submit/` is another route, which answers 200 to anything
 * (o1-labs/uptime-service-backend, src/cmd/delegation_backend/main_bpu.go: its catch-all).
 */
export function submitUrl(target: string): string {
  const url = new URL(target);
  url.hash = '';
  const path = url.pathname.replace(/\/+$/, '');
  url.pathname = path.endsWith(SUBMIT_PATH) ? path : path + SUBMIT_PATH;
  return url.href;
}

/**
 * Addresses that `target`'s host stands for.
 * @throws UserError (exit 5) if the name is unknown
 */
async function addressesOf(target: string): Promise<string[]> {
  const host = new URL(target).hostname.replace(/^\[|\]$/g, '');
  if (isIP(host)) return [host];
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (cause) {
    throw new UserError(
      `the host of the target, ${host}, has no address (${(cause as Error).message})`,
      {
        hint: 'check the spelling of its address, and the name service',
        cause,
      },
    );
  }
}

/**
 * A load goes to this machine unless the user says otherwise. Through a proxy every target is another machine: the
 * proxy looks its name up.
 * @param confirm asks the user at a terminal; absent where there is none
 * @throws UserError (exit 2) for a remote target that nobody allowed
 */
export async function checkAddress(
  target: string,
  {
    allowRemote,
    confirm,
    proxy = null,
  }: {
    allowRemote: boolean;
    confirm?: (question: string) => Promise<boolean>;
    proxy?: string | null;
  },
): Promise<void> {
  if (allowRemote) return;
  const remote =
    proxy === null
      ? (await addressesOf(target)).filter((address) => !leadsToThisMachine(address))
      : [`through the proxy ${new URL(proxy).host}`];
  if (remote.length === 0) return;
  const { host } = new URL(target);
  if (await confirm?.(`${host} is another machine (${remote[0]}). Send the load there?`)) return;
  throw new UserError(`the target ${host} is not this machine (${remote[0]})`, {
    hint: 'add --allow-remote if its owner expects this load',
    exitCode: EXIT.usage,
  });
}

const PROBE_TIMEOUT_MS = 10_000;

/**
 * Posts `{}` to the submit route: a backend answers 400 with its own words before it checks anything else.
 * (`GET /` proves nothing: many servers answer it, and a proxy may hide it.)
 * @param transport as k6 will have it, secrets included: what stands before the backend may ask for them
 * @returns `otherFamily` as in {@link TargetAnswer}
 * @throws UserError (exit 5) if nothing listens, or something else does, or not in this way
 */
export async function checkIsBackend(
  target: string,
  transport: Transport = PLAIN_TRANSPORT,
  timeoutMs = PROBE_TIMEOUT_MS,
): Promise<Pick<TargetAnswer, 'otherFamily'>> {
  const url = submitUrl(target);
  let answer: TargetAnswer;
  try {
    answer = await postToTarget(url, '{}', transport, AbortSignal.timeout(timeoutMs));
  } catch (error) {
    throw unreachable(url, error, timeoutMs, transport);
  }
  const { status, body, httpVersion, location, otherFamily } = answer;
  if (transport.http === '2' && httpVersion !== '2')
    throw new UserError(`the target ${url} does not offer HTTP/2`, {
      hint: 'leave out --http 2, or ask for it at what stands before the backend',
    });
  if (status === 400 && /^\{"error":"[^"]+"\}\s*$/.test(body)) return { otherFamily };
  if (status === 503)
    throw new UserError(`the target ${url} says that it is unavailable (503)`, {
      hint: 'wait until GET /health answers 200, then start again',
    });
  const shown = redact(body, secretsOf(transport.secretHeaders)).replace(/\s+/g, ' ').slice(0, 60);
  throw new UserError(
    `the target ${url} is no uptime backend: it answered ${status} "${shown}" to an empty submission`,
    {
      hint:
        status === 401 || status === 403
          ? 'does what stands before it want a token (--bearer-env, --header-env) or a client certificate (--cert, --key)?'
          : location !== null
            ? `it leads to ${location}, and a load follows nobody: is that the target?`
            : 'give the address of the backend itself, such as http://127.0.0.1:8080',
    },
  );
}

/**
 * Asks every target as {@link checkIsBackend} does, and finds out to which addresses of a name the load has to go: `localhost` may be
 * 127.0.0.1 and ::1, and a backend listen on one of them only.
 * @returns the transport with which k6 reaches them all
 * @throws UserError (exit 2) if there is none
 */
export async function askTargets(
  targets: readonly WeightedTarget[],
  transport: Transport,
  timeoutMs = PROBE_TIMEOUT_MS,
): Promise<Transport> {
  const missed = async (asked: Transport): Promise<string[]> => {
    const urls: string[] = [];
    for (const { url } of targets)
      if ((await checkIsBackend(url, asked, timeoutMs)).otherFamily) urls.push(url);
    return urls;
  };
  const onlyIpv6 = await missed(transport);
  if (onlyIpv6.length === 0) return transport;
  const otherWay = { ...transport, prefersIpv6: !transport.prefersIpv6 };
  const onlyIpv4 = await missed(otherWay);
  if (onlyIpv4.length === 0) return otherWay;
  throw new UserError(
    `the target ${onlyIpv6[0]} answers at its IPv6 address only, and ${onlyIpv4[0]} at its IPv4 address only`,
    {
      hint: 'write the addresses in place of the names, such as http://[::1]:8080 and http://127.0.0.1:8080',
      exitCode: EXIT.usage,
    },
  );
}

/** What Node says of a certificate that it does not trust (nodejs.org/api/tls.html, X509 certificate error codes). */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function unreachable(
  url: string,
  error: unknown,
  timeoutMs: number,
  { proxy, ca, client }: Transport,
): UserError {
  const { code, message, name } = error as NodeJS.ErrnoException;
  if (error instanceof ProxyError)
    return new UserError(`the proxy ${redactUrl(proxy!)} does not lead to the target: ${message}`, {
      hint: 'check --proxy, and whether the proxy may reach the target (407: it asks for user:password@ in MINA_LOAD_PROXY)',
      cause: error,
    });
  if (code === 'ECONNREFUSED')
    return new UserError(`nothing listens at the target ${new URL(url).host}`, {
      hint: 'start the backend first, or leave out --target to load the embedded one',
      cause: error,
    });
  if (name === 'TimeoutError')
    return new UserError(`the target ${url} did not answer within ${timeoutMs / 1000} s`, {
      hint: 'is it overloaded already, or is a firewall between?',
      cause: error,
    });
  if (code !== undefined && UNTRUSTED.has(code))
    return new UserError(
      `the certificate of the target ${url} is signed by nobody that ${ca === null ? 'this machine trusts' : `${ca.path} knows`} (${code})`,
      { hint: 'name the CA that signed it with --ca FILE', cause: error },
    );
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'CERT_HAS_EXPIRED')
    return new UserError(`the certificate of the target ${url} does not hold: ${message}`, {
      hint: 'write the host into --target as the certificate has it, or renew the certificate',
      cause: error,
    });
  if (/alert/i.test(`${code} ${message}`) && /certificate|unknown[ _]ca|handshake/i.test(message))
    return new UserError(`the target ${url} ended the TLS handshake (${code ?? message})`, {
      hint:
        client === null
          ? 'it may want a client certificate: --cert FILE --key FILE'
          : `does it know the CA that signed ${client.certPath}?`,
      cause: error,
    });
  if (error instanceof ClosedEarly || code === 'ECONNRESET')
    return new UserError(`the target ${url} closed the connection without an answer`, {
      hint: 'is it a backend, does it want http or https, and what does its log say?',
      cause: error,
    });
  if (code?.startsWith('HPE_'))
    return new UserError(
      `what listens at the target ${url} does not answer in HTTP (${message.replace(/^Parse Error: */, '')})`,
      {
        hint: 'give the address of the backend itself, such as http://127.0.0.1:8080',
        cause: error,
      },
    );
  if (/application[ _]protocol/i.test(`${code} ${message}`))
    return new UserError(`the target ${url} speaks no HTTP version that was asked for`, {
      hint: 'leave out --http: the version is then agreed with the target',
      cause: error,
    });
  return new UserError(`the target ${url} could not be reached (${code ?? message})`, {
    hint: 'check its address, its port and whether it wants http or https',
    cause: error,
  });
}
