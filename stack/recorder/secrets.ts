/** What a recording must not hold: credentials in headers and in addresses. Pure. */
import { isSecretHeader, isSecretName } from '../../system/secret-names.ts';

export const REMOVED = '(removed)';

/** Name and value in turns, as node has them, in pairs; the values of secrets replaced. */
export function shownHeaders(raw: readonly string[]): [string, string][] {
  const shown: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2)
    shown.push([raw[i], isSecretHeader(raw[i], raw[i + 1]) ? REMOVED : raw[i + 1]]);
  return shown;
}

/** A request target without the values of secret parameters, and without a user and password. */
export function shownTarget(target: string): string {
  const bare = target.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?@]*@/i, '$1');
  const at = bare.indexOf('?');
  if (at === -1) return bare;
  const query = bare
    .slice(at + 1)
    .split('&')
    .map((part) => {
      const equals = part.indexOf('=');
      if (equals === -1) return part;
      const name = part.slice(0, equals);
      return isSecretName(decoded(name)) ? `${name}=${REMOVED}` : part;
    });
  return `${bare.slice(0, at)}?${query.join('&')}`;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
