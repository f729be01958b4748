/** A component that is any program: a binary, a script of a checkout, with its environment and a sign that it serves. */
import { LineCutter } from '../../system/lines.ts';
import { NotStartedError, type RunningProgram, startProgram } from '../../system/run-program.ts';
import { UserError } from '../../user-error.ts';
import {
  type Component,
  type Driver,
  keepingLines,
  type Ready,
  STOP_MS,
  type StartOptions,
  untilReady,
} from './driver.ts';

export type CommandComponent = {
  name: string;
  file: string;
  args: readonly string[];
  /** The whole environment. */
  env: NodeJS.ProcessEnv;
  cwd?: string;
  url: string | null;
  ready: Ready;
  /** Also sees each line, e.g. for {@link Ready}. */
  onLine?: (line: string) => void;
};

export function commandDriver(command: CommandComponent): Driver {
  return { name: command.name, start: (options) => start(command, options) };
}

async function start(
  { name, file, args, env, cwd, url, ready, onLine }: CommandComponent,
  options: StartOptions,
): Promise<Component> {
  options.signal?.throwIfAborted();
  const lines = keepingLines((line) => {
    onLine?.(line);
    options.onLine(line);
  });
  const cutters = [new LineCutter(), new LineCutter()];
  const taken = (cutter: LineCutter) => (chunk: Buffer) => cutter.push(chunk).forEach(lines.onLine);
  let program: RunningProgram;
  try {
    const [stdout, stderr] = cutters.map(taken);
    program = await startProgram({ file, args, env, cwd, stdout, stderr });
  } catch (error) {
    if (!(error instanceof NotStartedError)) throw error;
    throw new UserError(`${name} did not start: ${file} (${error.code})`, {
      hint: 'is the path right, and may this user run it?',
      cause: error,
    });
  }
  const ended = program.ended.then(({ exitCode, signal }) => ({ exitCode, signal }));
  const stop = async (withinMs = STOP_MS): Promise<void> =>
    void (await program.stop({ signal: 'SIGTERM', killAfterMs: withinMs }));
  try {
    await untilReady(name, ready, ended, lines.last, options.signal);
  } catch (error) {
    await stop();
    throw error;
  }
  return { name, url, ended, stop };
}
