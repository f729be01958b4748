/** "did you mean …?" for words of the user that are nothing: one phrase, everywhere. Pure. */
import { closest, distance } from 'fastest-levenshtein';

/** More edits than these are another word. Two letters that changed places, as in `vsu`, are two edits. */
const MOST_EDITS = 3;
const LEAST_SIMILARITY = 0.3;

/** To stand behind the word: ` (did you mean up?)`; empty where no name is near. @param prefix of every name, as one types it: `--` */
export function didYouMean(word: string, names: readonly string[], prefix = ''): string {
  const near = nearName(word, names);
  return near === null ? '' : ` (did you mean ${prefix}${near}?)`;
}

/** @returns the name that `word` may have been meant for; null: none is near */
function nearName(word: string, names: readonly string[]): string | null {
  if (names.length === 0 || word.length < 2) return null;
  const small = word.toLowerCase();
  const near = closest(small, names);
  const edits = distance(small, near);
  const length = Math.max(word.length, near.length);
  return edits <= MOST_EDITS && (length - edits) / length > LEAST_SIMILARITY ? near : null;
}
