/** The targets of a run as the user writes them, by weight, and what they and the transport ask of each other. */
import { isLoopbackAddress } from '../../system/loopback.ts';
import { isSecretName, withoutUser } from '../../system/secret-names.ts';
import { redactUrl, type Transport } from './transport.ts';

/** One of the targets, with its share of the load. */
export type WeightedTarget = { url: string; weight: number };

/** A `=` in a query belongs to it, but for a second one in its last parameter that has a number after it. */
const TARGET = /^(?<url>[^?]*?)(?:=(?<weight>[^=/?]*))?$/s;
const TARGET_WITH_QUERY = /^(?<url>.*?\?.*?)(?:(?<=[?&][^=&]*=[^=&]*)=(?<weight>\d+(?:\.\d+)?))?$/s;

/**
 * `URL` or `URL=WEIGHT` (a positive number; 1 where it is absent).
 * @returns a problem as text that goes after the option's name, if it is neither
 */
export function parseTarget(text: string): WeightedTarget | { problem: string } {
  const match = (text.includes('?') ? TARGET_WITH_QUERY : TARGET).exec(text)!;
  const { url, weight = '1' } = match.groups as { url: string; weight?: string };
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    return {
      problem: `must be a URL such as http://127.0.0.1:8080, but is "${withoutUser(text)}"`,
    };
  const { username, password, searchParams } = new URL(url);
  if (username !== '' || password !== '')
    return {
      problem: `must not hold a name or a password (${redactUrl(url)}): use --bearer-env or --header-env`,
    };
  const secret = [...searchParams.keys()].find(isSecretName);
  if (secret !== undefined)
    return {
      problem: `must not hold a secret, and its query has "${secret}": the address of a target stands in plan and report; use --header-env`,
    };
  const number = Number(weight);
  if (!/^\d+(\.\d+)?$/.test(weight) || !(number > 0))
    return {
      problem: `must have a weight of more than 0, such as ${url}=2, but has "${weight}"`,
    };
  return { url, weight: number };
}

/** Loopback as Go's proxy rule has it: the name or the address as it is written, nothing looked up. */
export function isLoopbackHost(url: string): boolean {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  return host === 'localhost' || isLoopbackAddress(host);
}

/** What a transport and the targets of a run do not allow together. */
export function checkTargets(transport: Transport, targets: readonly WeightedTarget[]): string[] {
  const { ca, client, insecureSkipTlsVerify, proxy, http } = transport;
  const problems: string[] = [];
  const tls: Record<string, boolean> = {
    '--ca': ca !== null,
    '--cert': client !== null,
    '--insecure-skip-tls-verify': insecureSkipTlsVerify,
    '--http 2': http === '2',
  };
  const isTls = targets.some(({ url }) => url.startsWith('https:'));
  for (const [option, isGiven] of Object.entries(tls))
    if (isGiven && !isTls) problems.push(`${option} needs a --target with https`);
  if (http === '2')
    for (const { url } of targets)
      if (isTls && !url.startsWith('https:'))
        problems.push(`--http 2 needs https, and the target ${url} has none`);
  if (proxy !== null && targets.length === 0)
    problems.push('--proxy belongs to a --target; the embedded backend is on this machine');
  if (proxy !== null)
    for (const { url } of targets)
      if (isLoopbackHost(url))
        problems.push(
          `--proxy has no effect on the target ${url}: k6 sends nothing for this machine through a proxy`,
        );
  return problems;
}

/** What the user should know before such a load, one sentence each. */
export function transportNotes(
  transport: Transport,
  targets: readonly WeightedTarget[],
  env: NodeJS.ProcessEnv,
): string[] {
  const notes: string[] = [];
  if (transport.insecureSkipTlsVerify)
    notes.push("--insecure-skip-tls-verify: nobody checks the target's certificate");
  const open = targets.filter(({ url }) => url.startsWith('http:') && !isLoopbackHost(url));
  if (Object.keys(transport.secretHeaders).length > 0 && open.length > 0)
    notes.push(`secrets go to ${new URL(open[0].url).host} without TLS: others may read them`);
  const unused = ['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy'].find(
    (name) => env[name],
  );
  if (
    unused !== undefined &&
    transport.proxy === null &&
    targets.some(({ url }) => !isLoopbackHost(url))
  )
    notes.push(`${unused} of the environment is not used; --proxy sets a proxy`);
  return notes;
}
