/** A run in one line, for a chat. Pure. */
import { formatMs, formatNumber } from '../results/units.ts';
import type { Outcome } from './outcome.ts';

const LONGEST = 600;

/** Line ends, control characters, and those that turn the direction of the text. */
// eslint-disable-next-line no-control-regex
const UNSEEN = /[\s\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/g;

/** @returns without a line end */
export function printLine({ id, passed, sentence, figures, ci }: Outcome): string {
  const { latency, submissionsPerSecond: rate } = figures;
  const facts = [
    `${passed ? '✅' : '❌'} ${id}: ${sentence}`,
    ...(latency === null ? [] : [`p95 ${formatMs(latency.p95Ms)}`]),
    ...(rate === null ? [] : [`${formatNumber(rate)} submissions/s`]),
  ];
  return chatLine(facts, ci.url);
}

/** @param url comes whole at the end. @returns without a line end */
export function chatLine(facts: readonly string[], url: string | undefined): string {
  const text = facts.join(' · ').replace(UNSEEN, ' ').trim();
  const characters = [...text];
  const short =
    characters.length <= LONGEST ? text : `${characters.slice(0, LONGEST - 1).join('')}…`;
  return url === undefined ? short : `${short} · ${url}`;
}
