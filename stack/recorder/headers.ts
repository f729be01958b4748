/** Which headers a proxy passes on (RFC 9110, section 7.6.1). Pure. */

const HOP_BY_HOP = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate'],
  ...['proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
]);
/** Answered by the recorder itself; and the target has a name of its own. */
const OF_THE_REQUEST = new Set(['expect', 'host']);

/** @param raw name and value in turns @returns those that go on, in their order */
function passedOn(raw: readonly string[], more: ReadonlySet<string>): string[] {
  const named = new Set<string>();
  for (let i = 0; i < raw.length; i += 2)
    if (raw[i].toLowerCase() === 'connection')
      for (const name of raw[i + 1].split(',')) named.add(name.trim().toLowerCase());
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i].toLowerCase();
    if (HOP_BY_HOP.has(name) || named.has(name) || more.has(name)) continue;
    kept.push(raw[i], raw[i + 1]);
  }
  return kept;
}

export const requestHeaders = (raw: readonly string[]): string[] => passedOn(raw, OF_THE_REQUEST);
export const answerHeaders = (raw: readonly string[]): string[] => passedOn(raw, new Set());
