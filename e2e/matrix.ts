/** Runs of all combinations of some options: `storage=postgres,cassandra s3=filesystem,versitygw era=berkeley,mesa`. Pure. */
import { didYouMean } from '../system/suggest.ts';

export type Combination = Record<string, string>;

/**
 * @param words `OPTION=VALUE,VALUE…` each
 * @param known options that may vary
 * @returns every combination, the first option varying slowest; or what is wrong with the words
 */
export function combinationsOf(
  words: readonly string[],
  known: readonly string[],
): { combinations: Combination[] } | { problems: string[] } {
  const problems: string[] = [];
  const dimensions = new Map<string, string[]>();
  for (const word of words) {
    const at = word.indexOf('=');
    const name = word.slice(0, Math.max(0, at)).replace(/^--/, '');
    const values = word
      .slice(at + 1)
      .split(',')
      .filter((value) => value !== '');
    if (at < 1 || values.length === 0)
      problems.push(`--matrix takes OPTION=VALUE,VALUE…, but was given "${word}"`);
    else if (!known.includes(name))
      problems.push(
        `--matrix has no option "${name}"${didYouMean(name, known)}; it takes ${known.join(', ')}`,
      );
    else if (dimensions.has(name)) problems.push(`--matrix says "${name}" twice`);
    else if (new Set(values).size < values.length)
      problems.push(`--matrix says a value of "${name}" twice`);
    else dimensions.set(name, values);
  }
  if (problems.length > 0) return { problems };
  let combinations: Combination[] = [{}];
  for (const [name, values] of dimensions)
    combinations = combinations.flatMap((before) =>
      values.map((value) => ({ ...before, [name]: value })),
    );
  return { combinations };
}

/** `storage=postgres s3=versitygw`. */
export const combinationName = (combination: Combination): string =>
  Object.entries(combination)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
