/**
 * End-to-end runs that the console starts, as the program that a terminal would start. One at a time, and none beside a load: the console holds the
 * lock of its results while one runs. What a terminal starts holds none, for several runs may stand side by side on purpose.
 */
import { join } from 'node:path';
import { holderOf } from '../../e2e/lock.ts';
import { type LoadLock, takeLoadLock } from '../../load/one-at-a-time.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { type Child, type CommandProgram, complaintOf, endChild, startChild, untilSeen } from './child.ts'; // prettier-ignore
import type { E2eFolders } from './e2e-folders.ts';
import type { Started } from './loads.ts';
import { SEPARATOR } from './run-list.ts';

/** Its state is the first that it makes. */
const STATE_MS = 30_000;
/** After Ctrl-C at the console it stops its components, keeps logs and tables, and removes what it made. */
const END_MS = 10 * 60_000;

export class E2eRuns {
  readonly #folders: E2eFolders;
  readonly #program: (words: readonly string[]) => CommandProgram;
  readonly #lock: () => LoadLock;
  #child: Child | null = null;
  #id: string | null = null;
  #isStarting = false;

  /** @param program of `e2e` with these words @param lock takes that of the results; throws UserError while something runs there */
  constructor(
    folders: E2eFolders,
    program: (words: readonly string[]) => CommandProgram,
    { results, url }: { results: string; url: () => string },
  ) {
    this.#folders = folders;
    this.#program = program;
    this.#lock = () => takeLoadLock(results, url(), 'e2e');
  }

  /** What the program of this run says; empty: somebody else started it, or it is over. */
  linesOf(id: string): string[] {
    return this.#child?.exitCode === null && this.#id === id ? this.#child.lines : [];
  }

  /** The one that this console started; `id` null: it has no state yet. null: none. */
  current(): { id: string | null; lines: string[] } | null {
    return this.#child?.exitCode === null ? { id: this.#id, lines: this.#child.lines } : null;
  }

  /** @param name of the run */
  async start(name: string, words: readonly string[]): Promise<Started> {
    if (this.#isStarting || this.#child?.exitCode === null)
      return { kind: 'refused', message: 'an end-to-end run is running', hint: 'watch it, or stop it first' }; // prettier-ignore
    this.#isStarting = true;
    try {
      return await this.#spawn(name, words);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { kind: 'refused', message: error.message, hint: error.hint };
    } finally {
      this.#isStarting = false;
    }
  }

  async #spawn(name: string, words: readonly string[]): Promise<Started> {
    const lock = this.#lock();
    let child: Child;
    try {
      child = await startChild(this.#program(words));
    } catch (error) {
      lock.release();
      throw error;
    }
    this.#child = child;
    this.#id = null;
    void child.ended.finally(() => lock.release());
    const state = join(this.#folders.root, name, 'state');
    const isOurs = () => holderOf(state)?.pid === child.program.pid;
    const find = () => this.#folders.ids().find((id) => id.startsWith(`${name}${SEPARATOR}`) && this.#folders.placeOf(id)?.state) ?? null; // prettier-ignore
    const id = await untilSeen(child, STATE_MS, () => (isOurs() ? find() : null));
    if (id === null && child.exitCode !== null) return { kind: 'refused', ...complaintOf(child) };
    this.#id = id;
    if (id !== null) lock.setRun(join(this.#folders.root, ...id.split(SEPARATOR)));
    return { kind: 'started', id };
  }

  /**
   * Ends it as Ctrl-C does at its terminal: its components are stopped, logs kept, and what it made goes.
   * @throws UserError if nobody works on it
   */
  stop(id: string): void {
    const state = this.#folders.placeOf(id)?.state ?? null;
    const holder = state === null ? null : holderOf(state);
    if (holder === null)
      throw new UserError(`nobody works on the run ${id}`, { hint: 'look at its results', exitCode: EXIT.usage }); // prettier-ignore
    process.kill(holder.pid, 'SIGINT');
  }

  /** As that of loads. */
  async end(onWait: () => void, atOnce: AbortSignal): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null) return;
    onWait();
    await endChild(child, END_MS, atOnce);
  }
}
