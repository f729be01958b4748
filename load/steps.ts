/**
 * Things that are made one after another, each with how it is undone. When one fails, or the user interrupts, what was made is undone
 * in reverse order; when all are made, whoever gets them ends them the same way.
 */

/** What a step made. */
export type Made<Result> = {
  made: Result;
  /** Ends what runs and removes what is needed only for a while: at the end, or when a later step fails. */
  undo?: () => Promise<unknown>;
  /** Removes what stays when all goes well: only when a later step fails, after every `undo`. */
  discard?: () => Promise<unknown>;
};

/** A step, by what it needs of the steps before it. It rejects with the signal's reason when it is aborted. */
export type Step<Needs, Result> = (needs: Needs, signal: AbortSignal) => Promise<Made<Result>>;

/** How long an aborted step may take to stop. What it makes later is undone when it comes. */
const ABANDONED_AFTER_MS = 10_000;

type Undo = () => Promise<unknown>;

class Undone {
  readonly #undo: Undo[] = [];
  readonly #discard: Undo[] = [];

  add({ undo, discard }: Made<unknown>): void {
    if (undo) this.#undo.push(undo);
    if (discard) this.#discard.push(discard);
  }

  /** A later call does nothing. @returns what failed */
  async end(how: { discard: boolean }): Promise<string[]> {
    const problems: string[] = [];
    const all = async (steps: Undo[]) => {
      for (const step of steps.splice(0).reverse())
        await step().catch((error: Error) => problems.push(`cleaning up failed: ${error.message}`));
    };
    await all(this.#undo);
    if (how.discard) await all(this.#discard);
    return problems;
  }
}

/** @returns what the step made. @throws its error; the signal's reason, if it does not stop by itself within `graceMs` */
async function take<Result>(
  running: Promise<Made<Result>>,
  undone: Undone,
  signal: AbortSignal,
  graceMs: number,
): Promise<Result> {
  let stopWaiting = (): void => undefined;
  const abandoned = new Promise<null>((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const onAbort = () => (timer = setTimeout(() => resolve(null), graceMs));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    stopWaiting = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    };
  });
  try {
    const done = await Promise.race([running, abandoned]);
    if (done !== null) {
      undone.add(done);
      return done.made;
    }
    running
      .then(
        async ({ undo, discard }) => {
          await undo?.();
          await discard?.();
        },
        () => undefined,
      )
      .catch(() => undefined);
    throw signal.reason as Error;
  } finally {
    stopWaiting();
  }
}

/** Steps in their order; `Have` is what those up to now make. */
export class Steps<Needs extends object, Have extends object> {
  readonly #run: (needs: Needs, undone: Undone, signal: AbortSignal) => Promise<Have>;
  readonly #graceMs: number;

  private constructor(
    run: (needs: Needs, undone: Undone, signal: AbortSignal) => Promise<Have>,
    graceMs: number,
  ) {
    this.#run = run;
    this.#graceMs = graceMs;
  }

  static from<Needs extends object>(graceMs = ABANDONED_AFTER_MS): Steps<Needs, Needs> {
    return new Steps<Needs, Needs>((needs) => Promise.resolve(needs), graceMs);
  }

  step<Result extends object>(step: Step<Have, Result>): Steps<Needs, Have & Result> {
    return new Steps<Needs, Have & Result>(async (needs, undone, signal) => {
      const have = await this.#run(needs, undone, signal);
      signal.throwIfAborted();
      return { ...have, ...(await take(step(have, signal), undone, signal, this.#graceMs)) };
    }, this.#graceMs);
  }

  /** Two steps at once: when one fails the other is aborted. */
  together<A extends object, B extends object>(
    a: Step<Have, A>,
    b: Step<Have, B>,
  ): Steps<Needs, Have & A & B> {
    return new Steps<Needs, Have & A & B>(async (needs, undone, signal) => {
      const have = await this.#run(needs, undone, signal);
      signal.throwIfAborted();
      const failed = new AbortController();
      const either = AbortSignal.any([signal, failed.signal]);
      const one = async <Result>(step: Step<Have, Result>): Promise<Result> => {
        try {
          return await take(step(have, either), undone, either, this.#graceMs);
        } catch (error) {
          failed.abort(error);
          throw error;
        }
      };
      const [first, second] = await Promise.allSettled([one(a), one(b)]);
      // The first that failed; the other may only have been aborted by it.
      if (first.status === 'rejected' || second.status === 'rejected')
        throw (signal.aborted ? signal.reason : failed.signal.reason) as Error;
      return { ...have, ...first.value, ...second.value };
    }, this.#graceMs);
  }

  /**
   * @returns what all steps made, and how it is ended
   * @throws the error of the step that failed, when what was made is undone; `signal.reason`
   */
  async run(
    needs: Needs,
    signal: AbortSignal,
  ): Promise<{ made: Have; release: () => Promise<string[]> }> {
    const undone = new Undone();
    try {
      const made = await this.#run(needs, undone, signal);
      signal.throwIfAborted();
      return { made, release: () => undone.end({ discard: false }) };
    } catch (error) {
      await undone.end({ discard: true });
      throw error;
    }
  }
}
