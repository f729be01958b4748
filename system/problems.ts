/** Many faults of one input, reported together. */
import { EXIT, UserError } from '../user-error.ts';

/** A wrong file can have a fault in each of a million lines: more than these are only counted. */
const SHOWN = 100;

/** Throws one UserError (exit 2) with a problem a line; does nothing when there are none. */
export function listProblems(problems: readonly string[], hint: string): void {
  if (problems.length === 0) return;
  const shown = problems.slice(0, SHOWN);
  const rest = problems.length - shown.length;
  if (rest > 0) shown.push(`and ${rest} more like these`);
  throw new UserError(shown.join('\n'), { hint, exitCode: EXIT.usage });
}
