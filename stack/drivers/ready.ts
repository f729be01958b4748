/** The ways in which a component says that it serves. */
import { httpFetch } from '../../system/http.ts';
import type { Ready } from './driver.ts';

const WITHIN_MS = 60_000;

/** @param statuses that mean ready; default: 200 */
export const readyByHttp = (
  url: string,
  { withinMs = WITHIN_MS, statuses = [200] }: { withinMs?: number; statuses?: number[] } = {},
): Ready => ({
  what: url,
  withinMs,
  async ask(signal) {
    const response = await httpFetch(url, { signal, redirect: 'manual' });
    await response.body?.cancel();
    return statuses.includes(response.status);
  },
});

/** A line of its log. @returns what to ask, and what takes the lines */
export function readyByLine(
  pattern: RegExp,
  { withinMs = WITHIN_MS }: { withinMs?: number } = {},
): { ready: Ready; onLine: (line: string) => void } {
  let isSeen = false;
  return {
    ready: { what: `a line like ${pattern}`, withinMs, ask: () => Promise.resolve(isSeen) },
    onLine(line) {
      isSeen ||= pattern.test(line);
    },
  };
}

/** For what has no sign of its own. */
export const readyAtOnce: Ready = {
  what: 'started',
  withinMs: WITHIN_MS,
  ask: () => Promise.resolve(true),
};
