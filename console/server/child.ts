/** A command that the console started, as a terminal would: what it says, and how it ended. */
import { type RunningProgram, startProgram } from '../../system/run-program.ts';
import { EXIT } from '../../user-error.ts';

const MOST_LINES = 100;
const LINE_CHARACTERS = 400;
const LOOK_MS = 50;

export type CommandProgram = {
  file: string;
  args: readonly string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
};

export type Child = {
  readonly program: RunningProgram;
  /** The last ones. */
  readonly lines: string[];
  /** null: it runs. */
  exitCode: number | null;
  readonly ended: Promise<void>;
};

export async function startChild(command: CommandProgram): Promise<Child> {
  const lines: string[] = [];
  let rest = '';
  const hear = (chunk: Buffer) => {
    const parts = (rest + chunk.toString('utf8')).split('\n');
    rest = parts.pop()!.slice(-LINE_CHARACTERS);
    for (const line of parts) lines.push(line.slice(0, LINE_CHARACTERS));
    if (lines.length > MOST_LINES) lines.splice(0, lines.length - MOST_LINES);
  };
  const program = await startProgram({ ...command, stdout: hear, stderr: hear });
  const child: Child = {
    program,
    lines,
    exitCode: null,
    ended: program.ended.then(({ exitCode }) => {
      if (rest !== '') lines.push(rest);
      child.exitCode = exitCode ?? EXIT.broken;
    }),
  };
  return child;
}

/** Why it ended, in its own words. */
export function complaintOf({ lines, exitCode }: Child): { message: string; hint: string } {
  const error = lines.findLast((line) => line.startsWith('error: ')) ?? lines.at(-1) ?? '';
  const hint = lines.findLast((line) => line.startsWith('what to do: ')) ?? '';
  return {
    message: error.replace(/^error: /, '') || `it ended with exit code ${exitCode}`,
    hint: hint.replace(/^what to do: /, ''),
  };
}

/** @returns what `look` finds first; null: the program ended, or the time is over */
export async function untilSeen<T>(
  child: Child,
  limitMs: number,
  look: () => T | null,
): Promise<T | null> {
  const endMs = performance.now() + limitMs;
  while (performance.now() < endMs && child.exitCode === null) {
    const seen = look();
    if (seen !== null) return seen;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return null;
}

/** Ends it as Ctrl-C does at its terminal. @param atOnce when it is aborted, a second one follows */
export async function endChild(
  child: Child,
  killAfterMs: number,
  atOnce: AbortSignal,
): Promise<void> {
  const again = () => child.program.signal('SIGINT');
  atOnce.addEventListener('abort', again);
  await child.program.stop({ signal: 'SIGINT', killAfterMs });
  atOnce.removeEventListener('abort', again);
}

/** A command of this same build. */
export function commandProgram(
  cli: string,
  words: readonly string[],
  { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv },
): CommandProgram {
  // npm's own words about this command say nothing of that one.
  const rest = Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^npm_(config_|lifecycle_|command$)/.test(name)),
  );
  return { file: process.execPath, args: [cli, ...words], cwd, env: rest };
}
