/** An error as the user should see it. Pure. */
import type { ErrorText } from '../system/ending.ts';
import { EXIT, UserError } from '../user-error.ts';

/** Calls of a fault that are named: enough to find it, in one line. */
const CALLS = 3;

/** What the machine lacks, by the system's code of an error: no fault of ours, wherever it comes up. */
const LACKS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: make room, or write to a folder on another one',
  EDQUOT: "this user's share of the disk is used up: make room, or write to a folder elsewhere",
  EACCES: 'this user may not: change the rights, or write to a folder of your own',
  EPERM: 'this user may not: change the rights, or write to a folder of your own',
  ENOTDIR: 'a file stands where a folder is needed: name another path',
  EISDIR: 'a folder stands where a file is needed: name another path',
  ENAMETOOLONG: 'choose a shorter name',
  ELOOP: 'links lead in a circle: name another path',
  EFBIG:
    'files may not become that large here: ulimit -f says how large, ulimit -f unlimited lifts it',
  EROFS: 'the disk can only be read: write to a folder on another one',
  EMFILE: 'too many files are open: ulimit -n says how many may be, ulimit -n 65536 allows more',
  ENFILE: 'the whole machine has too many files open: end what holds them',
};

/** Paths that the user named wrongly. */
const WRONG_PATH = ['ENOTDIR', 'EISDIR', 'ENAMETOOLONG', 'ELOOP'];

/** `error: …` a problem, then what to do. */
export function describeError(error: unknown): ErrorText {
  if (error instanceof UserError) {
    const problems = error.message.split('\n').map((problem) => `error: ${problem}\n`);
    const hint = error.hint === '' ? '' : `what to do: ${error.hint}\n`;
    return { text: problems.join('') + hint, exitCode: error.exitCode };
  }
  const lacks = LACKS[(error as NodeJS.ErrnoException | null)?.code ?? ''];
  if (lacks !== undefined && error instanceof Error)
    return {
      text: `error: a file could not be written or opened: ${oneLine(error.message)}\nwhat to do: ${lacks}\n`,
      exitCode: WRONG_PATH.includes((error as NodeJS.ErrnoException).code!)
        ? EXIT.usage
        : EXIT.broken,
    };
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
