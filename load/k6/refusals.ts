/** What the answers said that were not the expected ones: their words from k6's log, their counts from its samples. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { CODE } from '../../scenarios/lib/reports.ts';
import { parseReasonLine } from '../../scenarios/lib/reasons.ts';
import { classOfCode } from '../../reconcile/answer-table.ts';
import type { Refusal } from '../../results/types.ts';
import type { ReasonCount } from './samples.ts';

/** Reasons that a summary keeps. */
const MOST_SHOWN = 20;
/** Words that are kept while the log is read: a target may answer with something new each time. */
const MOST_WORDS = 10_000;

/**
 * Reads the words of each reason from k6's log (JSON lines).
 * @returns by reason; of words with the same number the first. Empty where there is no log
 */
export async function wordsOfReasons(logPath: string): Promise<Map<number, string>> {
  const words = new Map<number, string>();
  try {
    for await (const line of createInterface({ input: createReadStream(logPath) })) {
      const found = line.includes('[reason ') ? parseReasonLine(messageOf(line)) : null;
      if (found !== null && !words.has(found.reason)) words.set(found.reason, found.words);
      if (words.size >= MOST_WORDS) break;
    }
  } catch {
    // k6 has not got so far as to open one, or the folder is gone: the counts stand without words.
  }
  return words;
}

function messageOf(line: string): string {
  try {
    const { msg } = JSON.parse(line) as { msg?: unknown };
    return typeof msg === 'string' ? msg : '';
  } catch {
    return '';
  }
}

/**
 * The most frequent refusals, at most 20. Answers of one class whose words are not known count together.
 * @param counts of SampleAggregator.reasons
 */
export function refusalsOf(
  counts: readonly ReasonCount[],
  words: ReadonlyMap<number, string>,
): Refusal[] {
  const sums = new Map<string, Refusal>();
  for (const { reason, code, count } of counts) {
    const answer = classOfCode(code & ~CODE.expected);
    const text = words.get(reason) ?? '';
    const key = `${answer} ${text}`;
    const known = sums.get(key);
    if (known === undefined) sums.set(key, { answer, text, count });
    else known.count += count;
  }
  return [...sums.values()].sort((a, b) => b.count - a.count).slice(0, MOST_SHOWN);
}
