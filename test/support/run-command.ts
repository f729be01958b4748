/** A command as `cli/main.ts` runs it, but inside this process: words in; exit code and what it wrote out. */
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Command } from '../../cli/command.ts';
import { loadCommand } from '../../cli/commands.ts';
import { describeError } from '../../cli/describe-error.ts';
import { parseCommandLine } from '../../cli/parse.ts';
import { type CliResult, USUAL_ENV } from './cli.ts';

export type Place = { cwd?: string; env?: NodeJS.ProcessEnv; stdin?: string | Buffer };

/** What the command throws is an exit code and text, as for a user. */
export async function runCommand(
  command: Command,
  args: readonly string[],
  { cwd = process.cwd(), env = {}, stdin }: Place = {},
): Promise<CliResult> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const written = Promise.all([text(stdout), text(stderr)]);
  let exitCode: number;
  try {
    const parsed = parseCommandLine(command, args, env, cwd);
    exitCode = await command.run({
      ...parsed,
      cwd,
      stdout,
      stderr,
      env,
      ...(stdin !== undefined && { stdin: Readable.from([Buffer.from(stdin)]) }),
    });
  } catch (error) {
    const described = describeError(error);
    stderr.write(described.text);
    exitCode = described.exitCode;
  }
  stdout.end();
  stderr.end();
  const [out, err] = await written;
  return { exitCode, stdout: out, stderr: err };
}

/**
 * As `runCli` of ./cli.ts, but inside this process, which saves a second of CPU: for whatever no signal and no end of a process belongs to.
 * @param words the command's name first
 */
export async function runHere(
  [name, ...args]: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<CliResult> {
  const place = { env: { ...process.env, ...USUAL_ENV, ...env } };
  const loaded = await loadCommand(name, args);
  return runCommand(loaded.command, loaded.args, place);
}
