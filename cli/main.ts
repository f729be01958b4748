/** The entry of every command: `node dist/cli.js COMMAND …`. Finds the command, runs it, ends with its code. */
import { takeChargeOfEnding } from '../system/ending.ts';
import { whereTheUserStands } from '../paths.ts';
import { homeFolder } from '../system/home.ts';
import { sweepSecretFolders } from '../system/secret-folder.ts';
import { EXIT, UserError } from '../user-error.ts';
import type { Command } from './command.ts';
import { COMMANDS, loadCommand } from './commands.ts';
import { describeError } from './describe-error.ts';
import { HelpRequested, type Parsed, parseCommandLine } from './parse.ts';
import { didYouMean } from '../system/suggest.ts';

/** What is printed is what the command was called for. */
let printsResult = false;

const ending = takeChargeOfEnding(describeError, (code) => {
  // `npm run producers | head`: whoever read has seen enough. What does more than print goes on.
  if (code === 'EPIPE' && printsResult) process.exit(EXIT.passed);
});

// The canvas looks for the user's fonts when it is loaded, and throws where the user has no home. The pictures bring their own.
if (homeFolder(process.env) === null) process.env.DISABLE_SYSTEM_FONTS_LOAD = '1';

async function main(words: readonly string[]): Promise<number> {
  const [name = '', ...args] = words;
  if (!Object.hasOwn(COMMANDS, name)) {
    throw new UserError(
      name === ''
        ? 'no command was given'
        : `there is no command "${name}"${didYouMean(name, Object.keys(COMMANDS))}`,
      {
        hint: `use one of: ${Object.keys(COMMANDS).join(', ')} (npm run load -- --help)`,
        exitCode: EXIT.usage,
      },
    );
  }
  const loaded = await loadCommand(name, args);
  const command = loaded.command;
  const parsed = parseCommandLine(command, loaded.args, process.env);
  printsResult = doesPrint(command, parsed);
  sweepSecretFolders();
  const exitCode = await command.run({
    ...parsed,
    cwd: whereTheUserStands(process.env),
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
  });
  if (printsResult) await checkOutput();
  return exitCode;
}

const doesPrint = ({ prints }: Command, call: Parsed): boolean =>
  typeof prints === 'function' ? prints(call) : prints === 'its result';

/** @throws UserError where what was printed is not whole */
async function checkOutput(): Promise<void> {
  await ending.allWritten();
  if (ending.lostOutput !== null && ending.lostOutput !== 'EPIPE')
    throw new UserError(`standard output cannot be written (${ending.lostOutput})`, {
      hint: 'is the disk full? What was written is not whole',
    });
}

// No `await` here: at the top of a module, one that never ends would end the process with Node's own code 13.
main(process.argv.slice(2)).then(
  (exitCode) => ending.end(exitCode),
  (error: unknown) => {
    if (error instanceof HelpRequested) {
      process.stdout.write(error.text);
      return checkOutput().then(
        () => ending.end(EXIT.passed),
        (lost: unknown) => ending.fail(lost),
      );
    }
    return ending.fail(error);
  },
);
