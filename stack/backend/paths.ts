/**
 * Which of the routes a request's target takes, as Go's ServeMux finds it (the original's go.mod says Go 1.21, so its older
 * rules hold: the escaped path is decoded first, and an unclean one is redirected).
 * Source: Go 1.26, src/net/http/servemux121.go and net/url/url.go; observed: test/vectors/backend-answers.json.
 */

export type Route =
  | { kind: 'submit' | 'health' | 'online' | 'metrics' | 'other' | 'bad' }
  | { kind: 'moved'; location: string };

/** @param target the request target: `/v1/submit?x=1`, `http://host/path`; one character a byte */
export function routeOf(target: string): Route {
  if (target === '/v1/submit') return { kind: 'submit' };
  const absolute = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?]*/.exec(target);
  const rest = absolute ? target.slice(absolute[0].length) : target;
  const questionMark = rest.indexOf('?');
  const query = questionMark === -1 ? '' : rest.slice(questionMark);
  const path = decodedPath(questionMark === -1 ? rest : rest.slice(0, questionMark));
  if (path === null) return { kind: 'bad' };
  const clean = cleanPath(path);
  // A lone question mark is not kept.
  if (clean !== path)
    return { kind: 'moved', location: escapedPath(clean) + (query === '?' ? '' : query) };
  if (path === '/v1/submit') return { kind: 'submit' };
  if (path === '/v1/online') return { kind: 'online' };
  if (path === '/metrics') return { kind: 'metrics' };
  return { kind: path === '/health' ? 'health' : 'other' };
}

/** @returns null for an escape that is none */
function decodedPath(path: string): string | null {
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return null;
  return path.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Go's path.Clean from the root, keeping a final slash. */
function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/'))
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  const clean = `/${parts.join('/')}`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}

const escapedPath = (path: string): string =>
  path.replace(
    /[^A-Za-z0-9\-_.~$&+,/:;=@]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
