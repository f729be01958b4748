/**
 * What somebody watches: its files are read each second, once for all viewers. Nothing else is asked, so what a terminal started is watched like what the
 * console started, and a console that was started anew goes on where it was.
 */
import { setTimeout } from 'node:timers/promises';

const LOOK_MS = 1000;
/** It is kept so long after its last viewer: a reload must not read a day's files again. */
const KEEP_MS = 60_000;

export type Followed = {
  /** Reads what is new; several at once read once. */
  read(): Promise<void>;
  /** Counts what the files said anew; a viewer of an older round has nothing. */
  readonly round: number;
  /** How far its files were read: the id of an event. */
  readonly position: string;
  /** Another one where a message would say something new. */
  readonly mark: string;
  /** @param since position of what the viewer has; undefined, or any other text: it has nothing */
  message(since: string | undefined): object;
};

export class Followers<One extends Followed> {
  readonly #make: (id: string, folder: string) => One;
  readonly #lookMs: number;
  readonly #followed = new Map<string, { one: One; viewers: number; leftAt: number }>();
  readonly #sweep: NodeJS.Timeout;

  /** @param make of what has this id and lies in this folder @param lookMs between two looks at its files */
  constructor(make: (id: string, folder: string) => One, lookMs = LOOK_MS) {
    this.#make = make;
    this.#lookMs = lookMs;
    this.#sweep = setInterval(() => this.#forget(), KEEP_MS).unref();
  }

  stop(): void {
    clearInterval(this.#sweep);
  }

  #forget(): void {
    for (const [folder, { viewers, leftAt }] of this.#followed)
      if (viewers === 0 && performance.now() - leftAt > KEEP_MS) this.#followed.delete(folder);
  }

  #of(id: string, folder: string) {
    let found = this.#followed.get(folder);
    if (found === undefined) {
      found = { one: this.#make(id, folder), viewers: 0, leftAt: 0 };
      this.#followed.set(folder, found);
    }
    return found;
  }

  /** As it is now. */
  async once(id: string, folder: string): Promise<One> {
    const found = this.#of(id, folder);
    found.leftAt = performance.now();
    await found.one.read();
    return found.one;
  }

  /**
   * Sends what a viewer does not have, then what comes, until `signal`.
   * @param lastId of the last event that it got; undefined or any other text: it has nothing
   * @param send a message, and the id of its event @param beat called where there was nothing to send
   */
  async follow(
    { id, folder, lastId, signal }: { id: string; folder: string; lastId: string | undefined; signal: AbortSignal }, // prettier-ignore
    send: (message: object, eventId: string) => Promise<void>,
    beat: () => Promise<void>,
  ): Promise<void> {
    const found = this.#of(id, folder);
    const { one } = found;
    found.viewers++;
    let since = lastId;
    let { round } = one;
    let sent = '';
    try {
      while (!signal.aborted) {
        await one.read();
        if (one.round !== round) [since, round] = [undefined, one.round];
        const { mark, position } = one;
        if (mark === sent) await beat();
        else {
          await send(one.message(since), position);
          [since, sent] = [position, mark];
        }
        // Takes its listener back: a viewer of a day must not leave one a second.
        await setTimeout(this.#lookMs, undefined, { signal }).catch(() => undefined);
      }
    } finally {
      found.viewers--;
      found.leftAt = performance.now();
    }
  }
}
