/**
 * Who may ask and who may change. The console listens on loopback, but every page of the web that the user has open can send requests
 * there, so each request has to show where it comes from:
 *
 * - Host: a name of this machine. A page of another site that has its own name lead here (DNS rebinding) sends its own name; a request
 *   without one is nobody's.
 * - Origin and Sec-Fetch-Site: a browser says them, no page can change them. Only our own page may ask; others may open it.
 * - A change is a POST of JSON, which no form can send, with the token that only the terminal showed.
 *
 * Pure.
 */
import { timingSafeEqual } from 'node:crypto';

/** Any port: a tunnel, or a container's map of ports, may have another one. `startsWith('127.')` would take 127.0.0.1.evil.example. */
const HOST = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/;

export type Asked = {
  method: string;
  path: string;
  header: (name: string) => string | undefined;
};

export type Refusal = { status: 400 | 401 | 403 | 405 | 415; message: string; hint: string };

const refusal = (status: Refusal['status'], message: string, hint: string): Refusal => ({
  status,
  message,
  hint,
});

const isSafe = (method: string): boolean => method === 'GET' || method === 'HEAD';

/** @param token null: nothing may be changed. @returns null: it may */
export function refusalOf({ method, path, header }: Asked, token: string | null): Refusal | null {
  const host = header('host');
  if (host === undefined || host === '')
    return refusal(400, 'the request names no host', 'send the header Host');
  if (!HOST.test(host.toLowerCase()))
    return refusal(403, `the host "${host.slice(0, 80)}" is not this machine`, 'open the address that the console printed'); // prettier-ignore
  const origin = header('origin');
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`)
    return refusal(403, `pages of ${origin.slice(0, 80)} may not ask here`, 'use the console’s own page'); // prettier-ignore
  const site = header('sec-fetch-site');
  // The page itself may be opened by a link of another one: it shows nothing to that one.
  const isOpened = isSafe(method) && path === '/' && header('sec-fetch-mode') === 'navigate';
  if (site !== undefined && !['same-origin', 'none'].includes(site) && !isOpened)
    return refusal(403, 'pages of another site may not ask here', 'use the console’s own page');
  if (isSafe(method)) return null;
  if (method !== 'POST')
    return refusal(405, `${method} is not known here`, 'see /api/openapi.json');
  if (token === null)
    return refusal(403, 'this console only shows results', 'start it without --read-only');
  const type = (header('content-type') ?? '').split(';')[0].trim().toLowerCase();
  if (type !== 'application/json')
    return refusal(415, 'a change is a POST of JSON', 'send the header Content-Type: application/json'); // prettier-ignore
  const given = /^Bearer (\S+)$/i.exec(header('authorization') ?? '')?.[1];
  if (given === undefined || !isSame(given, token))
    return refusal(401, 'the token is missing, or of another start of the console', 'open the address that the terminal printed, or send its token as Authorization: Bearer TOKEN'); // prettier-ignore
  return null;
}

function isSame(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}
