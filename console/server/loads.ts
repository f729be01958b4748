/** Loads that the console starts, as the program that a terminal would start. One at a time; all it knows of one is its folder. */
import { controlRun } from '../../load/control/client.ts';
import { isOnThisMachine, runningLoad } from '../../load/one-at-a-time.ts';
import { type RunningProgram, startProgram } from '../../system/run-program.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { RunFolders } from './run-list.ts';

const MOST_LINES = 100;
const LINE_CHARACTERS = 400;
/** A folder is made once k6 is there, which may have to be fetched. */
const FOLDER_MS = 30_000;
const LOOK_MS = 50;
/** After Ctrl-C at the console: k6 ends, the storage is looked into, the report is written. */
const END_MS = 120_000;

export type LoadProgram = {
  file: string;
  args: readonly string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
};

type Child = {
  program: RunningProgram;
  lines: string[];
  /** null: it runs. */
  exitCode: number | null;
  ended: Promise<void>;
};

export type Started =
  /** `id` null: it takes long to prepare, and has no folder yet. */
  { kind: 'started'; id: string | null } | { kind: 'refused'; message: string; hint: string };

export class Loads {
  readonly #folders: RunFolders;
  readonly #program: (words: readonly string[]) => LoadProgram;
  #child: Child | null = null;
  #isStarting = false;

  /** @param program of a load with these words */
  constructor(folders: RunFolders, program: (words: readonly string[]) => LoadProgram) {
    this.#folders = folders;
    this.#program = program;
  }

  /** What the program that prepares this run says; empty: somebody else started it, or it is over. */
  linesOf(id: string): string[] {
    return this.#child !== null && this.#child.exitCode === null && this.#folders.runningId() === id
      ? this.#child.lines
      : [];
  }

  /** The load that runs in these results, whoever started it. */
  current(): { id: string | null; since: string; startedHere: boolean; lines: string[] } | null {
    const load = runningLoad(this.#folders.root);
    if (load === null) return null;
    const startedHere = this.#child?.program.pid === load.pid;
    return {
      id: this.#folders.runningId(),
      since: load.since,
      startedHere,
      lines: startedHere ? this.#child!.lines : [],
    };
  }

  async start(words: readonly string[]): Promise<Started> {
    const running = runningLoad(this.#folders.root);
    if (running !== null || this.#isStarting || this.#child?.exitCode === null)
      return {
        kind: 'refused',
        message: `a load is running${running === null ? '' : ` since ${running.since.slice(0, 19).replace('T', ' ')} UTC`}`,
        hint: 'watch it, or stop it first',
      };
    this.#isStarting = true;
    try {
      return await this.#spawn(words);
    } finally {
      this.#isStarting = false;
    }
  }

  async #spawn(words: readonly string[]): Promise<Started> {
    const lines: string[] = [];
    let rest = '';
    const hear = (chunk: Buffer) => {
      const parts = (rest + chunk.toString('utf8')).split('\n');
      rest = parts.pop()!.slice(-LINE_CHARACTERS);
      for (const line of parts) lines.push(line.slice(0, LINE_CHARACTERS));
      if (lines.length > MOST_LINES) lines.splice(0, lines.length - MOST_LINES);
    };
    const program = await startProgram({ ...this.#program(words), stdout: hear, stderr: hear });
    const child: Child = {
      program,
      lines,
      exitCode: null,
      ended: program.ended.then(({ exitCode }) => {
        if (rest !== '') lines.push(rest);
        child.exitCode = exitCode ?? EXIT.broken;
      }),
    };
    this.#child = child;
    const endMs = performance.now() + FOLDER_MS;
    while (performance.now() < endMs) {
      if (child.exitCode !== null) {
        const error = lines.findLast((line) => line.startsWith('error: ')) ?? lines.at(-1) ?? '';
        const hint = lines.findLast((line) => line.startsWith('what to do: ')) ?? '';
        // It may have been so short that its folder is whole already.
        const id = error.startsWith('error: ') ? null : this.#idIn(lines);
        if (id !== null) return { kind: 'started', id };
        return {
          kind: 'refused',
          message:
            error.replace(/^error: /, '') || `the load ended with exit code ${child.exitCode}`,
          hint: hint.replace(/^what to do: /, ''),
        };
      }
      if (runningLoad(this.#folders.root)?.pid === program.pid) {
        const id = this.#folders.runningId();
        if (id !== null) return { kind: 'started', id };
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return { kind: 'started', id: null };
  }

  #idIn(lines: readonly string[]): string | null {
    const path = lines.findLast((line) => line.startsWith('results: '))?.slice('results: '.length);
    const id = path?.split(/[/\\]/).at(-1) ?? null;
    return id !== null && this.#folders.folderOf(id) !== null ? id : null;
  }

  /**
   * Ends the run gracefully, as Ctrl-C at its terminal: its results are whole. @param id of the run, or of the session it belongs to
   * @throws UserError if it does not run, or runs elsewhere
   */
  async stop(id: string): Promise<void> {
    const load = runningLoad(this.#folders.root);
    const running = this.#folders.runningId();
    if (load === null || running === null || !`${running}~`.startsWith(`${id}~`))
      throw new UserError(`the run ${id} is over`, { hint: 'look at its results', exitCode: EXIT.usage }); // prettier-ignore
    if (!isOnThisMachine(load))
      throw new UserError(`the run ${id} is one of another machine, ${load.host}`, {
        hint: 'stop it there',
        exitCode: EXIT.usage,
      });
    const folder = this.#folders.folderOf(running);
    try {
      if (folder === null) throw new Error('it has no folder yet');
      // Its results say who ended it.
      await controlRun(folder, { action: 'stop', by: 'console' });
    } catch {
      // It prepares, and does not listen yet.
      process.kill(load.pid, 'SIGINT');
    }
  }

  /**
   * Ends the load that the console started, gracefully. @param onWait called where there is one
   * @param atOnce when it is aborted, nothing is waited for any longer
   */
  async end(onWait: () => void, atOnce: AbortSignal): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null) return;
    onWait();
    const again = () => child.program.signal('SIGINT');
    atOnce.addEventListener('abort', again);
    await child.program.stop({ signal: 'SIGINT', killAfterMs: END_MS });
    atOnce.removeEventListener('abort', again);
  }
}

/** The command line of this same build. */
export const loadProgram = (
  cli: string,
  { cwd, env, results }: { cwd: string; env: NodeJS.ProcessEnv; results: string },
): ((words: readonly string[]) => LoadProgram) => {
  // npm's own words about this command say nothing of that one.
  const rest = Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^npm_(config_|lifecycle_|command$)/.test(name)),
  );
  return (words) => ({
    file: process.execPath,
    args: [cli, 'load', ...words, `--results=${results}`],
    cwd,
    env: rest,
  });
};
