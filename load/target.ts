/** What a load may be aimed at: the address rule, and the question "are you an uptime backend?". */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { EXIT, UserError } from '../user-error.ts';

export const SUBMIT_PATH = '/v1/submit';

/**
 * The address to POST to: `http://host:port`, with or without `/v1/submit`, with a path before it where a
 * proxy adds one. Never ends with `/`: `/v1/submit/` is another route, which answers 200 to anything
 * (o1-labs/uptime-service-backend, src/cmd/delegation_backend/main_bpu.go: its catch-all).
 */
export function submitUrl(target: string): string {
  const url = new URL(target);
  url.hash = '';
  url.search = '';
  const path = url.pathname.replace(/\/+$/, '');
  url.pathname = path.endsWith(SUBMIT_PATH) ? path : path + SUBMIT_PATH;
  return url.href;
}

/** 127.0.0.0/8, ::1, and the same written as IPv4-mapped IPv6. */
export function isLoopbackAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, '');
  if (isIP(plain) === 4) return plain.startsWith('127.');
  return plain === '::1';
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
        hint: 'check the spelling of --target and the name service',
        cause,
      },
    );
  }
}

/**
 * A load goes to this machine unless the user says otherwise.
 * @param confirm asks the user at a terminal; absent where there is none
 * @throws UserError (exit 2) for a remote target that nobody allowed
 */
export async function checkAddress(
  target: string,
  {
    allowRemote,
    confirm,
  }: { allowRemote: boolean; confirm?: (question: string) => Promise<boolean> },
): Promise<void> {
  if (allowRemote) return;
  const remote = (await addressesOf(target)).filter((address) => !isLoopbackAddress(address));
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
 * @throws UserError (exit 5) if nothing listens, or something else does
 */
export async function checkIsBackend(target: string, timeoutMs = PROBE_TIMEOUT_MS): Promise<void> {
  const url = submitUrl(target);
  let status: number;
  let body: string;
  try {
    const answer = await fetch(url, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    status = answer.status;
    body = (await answer.text()).slice(0, 4096);
  } catch (error) {
    throw unreachable(url, error, timeoutMs);
  }
  if (status === 400 && /^\{"error":"[^"]+"\}\s*$/.test(body)) return;
  if (status === 503)
    throw new UserError(`the target ${url} says that it is unavailable (503)`, {
      hint: 'wait until GET /health answers 200, then start again',
    });
  const shown = body.replace(/\s+/g, ' ').slice(0, 60);
  throw new UserError(
    `the target ${url} is no uptime backend: it answered ${status} "${shown}" to an empty submission`,
    { hint: 'give the address of the backend itself, such as http://127.0.0.1:8080' },
  );
}

function unreachable(url: string, error: unknown, timeoutMs: number): UserError {
  const cause = (error as { cause?: unknown }).cause;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ECONNREFUSED')
    return new UserError(`nothing listens at the target ${new URL(url).host}`, {
      hint: 'start the backend first, or leave out --target to load the embedded one',
      cause: error,
    });
  if ((error as Error).name === 'TimeoutError')
    return new UserError(`the target ${url} did not answer within ${timeoutMs / 1000} s`, {
      hint: 'is it overloaded already, or is a firewall between?',
      cause: error,
    });
  const reason = (cause as Error | undefined)?.message ?? (error as Error).message;
  return new UserError(`the target ${url} could not be reached (${code ?? reason})`, {
    hint: 'check its address, its port and whether it wants http or https',
    cause: error,
  });
}
