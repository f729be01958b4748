/**
 * The words of an answer that was not the expected one, so that the same refusal counts as one whatever numbers and keys it names.
 * Pure (no I/O, no `k6/*`, no `node:*`): the scenario sends a number for the words and writes the words into k6's log once, and the
 * toolkit brings the two together.
 */

/** Characters of an answer that are looked at: a proxy's page may be long. */
const MOST_CHARACTERS = 300;

/**
 * What an answer says, in one line: the text of `"error"` or `"message"` where the body is JSON as the uptime backend's
 * (uptime-service-backend, src/delegation_backend/submit.go: `{"error": "…"}`), else the body itself without mark-up.
 * @param body an answer's body, or k6's own words where there was no answer
 */
export function wordsOf(body: string): string {
  const text = body.slice(0, 4096);
  const said = errorOf(text) ?? text.replace(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/gi, ' ');
  return said.replace(/\s+/g, ' ').trim().slice(0, MOST_CHARACTERS);
}

function errorOf(text: string): string | null {
  if (!text.trimStart().startsWith('{')) return null;
  try {
    const { error, message } = JSON.parse(text) as { error?: unknown; message?: unknown };
    if (typeof error === 'string') return error;
    return typeof message === 'string' ? message : null;
  } catch {
    return null;
  }
}

/** The same words with what differs from one answer to the next left out: addresses' ports, numbers, keys, hashes. */
const shapeOf = (words: string): string =>
  words.replace(/[A-Za-z0-9+/=_-]{24,}/g, '…').replace(/\d+/g, '0');

/** A number (u32) for words of one shape: FNV-1a over UTF-16 units. */
export function reasonOf(words: string): number {
  const shape = shapeOf(words);
  let hash = 0x811c9dc5;
  for (let i = 0; i < shape.length; i++)
    hash = Math.imul(hash ^ shape.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

/** How words and their number stand together in k6's log. @param status of the answer; 0: there was none */
export const reasonLine = (reason: number, status: number, words: string): string =>
  `${status === 0 ? 'no answer' : `status ${status}`} [reason ${reason.toString(16).padStart(8, '0')}]: ${words}`;

/** Inverse of {@link reasonLine}; null for any other line. */
export function parseReasonLine(line: string): { reason: number; words: string } | null {
  const match = /^(?:no answer|status \d+) \[reason ([0-9a-f]{8})\]: (.*)$/s.exec(line);
  return match === null ? null : { reason: parseInt(match[1], 16), words: match[2] };
}
