/** An error as the user should see it. Pure. */
import type { ErrorText } from '../system/ending.ts';
import { EXIT, UserError } from '../user-error.ts';

/** Calls of a fault that are named: enough to find it, in one line. */
const CALLS = 3;

/** `error: …` a problem, then what to do. */
export function describeError(error: unknown): ErrorText {
  if (error instanceof UserError) {
    const problems = error.message.split('\n').map((problem) => `error: ${problem}\n`);
    const hint = error.hint === '' ? '' : `what to do: ${error.hint}\n`;
    return { text: problems.join('') + hint, exitCode: error.exitCode };
  }
  return {
    text: `error: a fault of this toolkit, not of yours: ${faultOf(error)}\nwhat to do: please report it with these lines\n`,
    exitCode: EXIT.broken,
  };
}

/** Message and the innermost calls, in one line. */
function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(String(error));
  const calls = [...(error.stack ?? '').matchAll(/^ +at (.*)$/gm)]
    .map(([, call]) => call)
    .filter((call) => !call.includes('node:'))
    .slice(0, CALLS);
  const where = calls.length === 0 ? '' : ` (at ${calls.join(' < ')})`;
  return `${error.name}: ${oneLine(error.message)}${where}`;
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
