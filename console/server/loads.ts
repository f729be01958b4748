/** Loads that the console starts, as the program that a terminal would start. One at a time; all it knows of one is its folder. */
import { controlRun } from '../../load/control/client.ts';
import {
  inWords,
  isOnThisMachine,
  type RunningLoad,
  runningLoad,
} from '../../load/one-at-a-time.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { type Child, type CommandProgram, complaintOf, endChild, startChild, untilSeen } from './child.ts'; // prettier-ignore
import type { RunFolders } from './run-list.ts';

/** A folder is made once k6 is there, which may have to be fetched. */
const FOLDER_MS = 30_000;
/** After Ctrl-C at the console: k6 ends, the storage is looked into, the report is written. */
const END_MS = 120_000;

export type Started =
  /** `id` null: it takes long to prepare, and has no folder yet. */
  { kind: 'started'; id: string | null } | { kind: 'refused'; message: string; hint: string };

/** What runs in the results: a load, or an end-to-end run that this or another console started. */
export type RunsNow = {
  what: RunningLoad['what'];
  id: string | null;
  since: string;
  startedHere: boolean;
  lines: string[];
};

/** Why nothing else may start beside it; null: nothing runs. */
function busyWords(resultsFolder: string): { message: string; hint: string } | null {
  const running = runningLoad(resultsFolder);
  if (running === null) return null;
  const since = running.since.slice(0, 19).replace('T', ' ');
  return {
    message: `${inWords(running.what)} is running since ${since} UTC`,
    hint: 'watch it, or stop it first',
  };
}

export class Loads {
  readonly #folders: RunFolders;
  readonly #program: (words: readonly string[]) => CommandProgram;
  #child: Child | null = null;
  /** Of the run that the child writes, as soon as it is known. */
  #id: string | null = null;
  #isStarting = false;

  /** @param program of a load with these words */
  constructor(folders: RunFolders, program: (words: readonly string[]) => CommandProgram) {
    this.#folders = folders;
    this.#program = program;
  }

  /** What the program that prepares this run says, or said before it broke; empty: somebody else started it, or it is over. */
  linesOf(id: string): string[] {
    const child = this.#child;
    if (child === null) return [];
    if (child.exitCode === null && this.#folders.runningId() === id) this.#id = id;
    return this.#id === id && child.exitCode !== EXIT.passed ? child.lines : [];
  }

  /** What runs in these results, whoever started it. */
  current(): RunsNow | null {
    const load = runningLoad(this.#folders.root);
    if (load === null) return null;
    const startedHere = this.#child?.program.pid === load.pid;
    return {
      what: load.what,
      id: this.#folders.runningId(),
      since: load.since,
      startedHere,
      lines: startedHere ? this.#child!.lines : [],
    };
  }

  async start(words: readonly string[]): Promise<Started> {
    const busy = busyWords(this.#folders.root);
    if (busy !== null || this.#isStarting || this.#child?.exitCode === null)
      return {
        kind: 'refused',
        ...(busy ?? { message: 'a load is running', hint: 'watch it, or stop it first' }),
      };
    this.#isStarting = true;
    try {
      return await this.#spawn(words);
    } finally {
      this.#isStarting = false;
    }
  }

  async #spawn(words: readonly string[]): Promise<Started> {
    const child = await startChild(this.#program(words));
    this.#child = child;
    this.#id = null;
    const id = await untilSeen(child, FOLDER_MS, () =>
      runningLoad(this.#folders.root)?.pid === child.program.pid ? this.#folders.runningId() : null,
    );
    this.#id = id;
    if (id !== null || child.exitCode === null) return { kind: 'started', id };
    const { lines } = child;
    const hasFailed = (lines.findLast((line) => line.startsWith('error: ')) ?? lines.at(-1) ?? '').startsWith('error: '); // prettier-ignore
    // It may have been so short that its folder is whole already.
    const ended = hasFailed ? null : this.#idIn(lines);
    return ended === null
      ? { kind: 'refused', ...complaintOf(child) }
      : { kind: 'started', id: ended };
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
    await endChild(child, END_MS, atOnce);
  }
}
