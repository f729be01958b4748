/** The entry of every command: `node dist/cli.js COMMAND …`. Finds the command, runs it, ends with its code. */
import { EXIT, UserError } from '../user-error.ts';
import { COMMANDS } from './commands.ts';
import { HelpRequested, parseCommandLine, whereTheUserStands } from './parse.ts';

/** Writes an error as the user should see it: `error: …` a problem, then what to do. */
export function describeError(error: unknown): { text: string; exitCode: number } {
  if (error instanceof UserError) {
    const problems = error.message.split('\n').map((problem) => `error: ${problem}\n`);
    const hint = error.hint === '' ? '' : `what to do: ${error.hint}\n`;
    return { text: problems.join('') + hint, exitCode: error.exitCode };
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    text: `error: a fault of this toolkit, not of yours: ${detail}\nwhat to do: please report it with these lines\n`,
    exitCode: EXIT.broken,
  };
}

async function main(words: readonly string[]): Promise<number> {
  const [name = '', ...args] = words;
  const load = COMMANDS[name];
  if (!load)
    throw new UserError(name === '' ? 'no command was given' : `there is no command "${name}"`, {
      hint: `use one of: ${Object.keys(COMMANDS).join(', ')} (npm run load -- --help)`,
      exitCode: EXIT.usage,
    });
  const command = await load();
  const parsed = parseCommandLine(command, args, process.env);
  return command.run({
    ...parsed,
    cwd: whereTheUserStands(process.env),
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
  });
}

// `npm run … | head`: whoever read has seen enough. A list may end there; a load goes on and keeps its verdict.
const GOES_ON = ['load', 'stack', 'monitor'];
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (!GOES_ON.includes(process.argv[2] ?? '')) process.exit(EXIT.passed);
});

/**
 * Ends the process when all was written (on Windows a pipe is written later): a library may hold a socket or a timer
 * for ever, as cassandra-driver does after an outage, and a schedule waits for the exit code.
 */
async function end(): Promise<never> {
  const written = (stream: NodeJS.WriteStream) =>
    new Promise<void>((resolve) => stream.write('', () => resolve()));
  await Promise.all([written(process.stdout), written(process.stderr)]);
  process.exit();
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof HelpRequested) process.stdout.write(error.text);
  else {
    const { text, exitCode } = describeError(error);
    process.stderr.write(text);
    process.exitCode = exitCode;
  }
}
await end();
