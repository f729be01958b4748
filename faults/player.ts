/**
 * Plays the turns of a load's faults: each begins and ends at its time after the load's beginning, and every one that is on when the load
 * ends, however it ends, is undone. What really happened is reported event by event.
 */
import type { Fault, Held, Undo } from './fault.ts';
import type { Proxies } from './proxy/client.ts';
import type { FaultTurn } from './schedule.ts';

export type FaultEvent = {
  /** ms since 1970. */
  t: number;
  /** Which of the turns, from 0. */
  turn: number;
  fault: string;
  /** `failed`: it could not be made; `stuck`: it could not be undone. */
  state: 'begun' | 'ended' | 'failed' | 'stuck';
  /** Of an end: how many requests or connections it struck, where it picks them. */
  struck?: number;
  /** Why it failed. */
  problem?: string;
};

/** What faults are done to. */
export type Place = { proxies: Pick<Proxies, 'add'> | null; backend: Held | null };

export type PlayerCall = {
  turns: readonly FaultTurn[];
  place: Place;
  onEvent(event: FaultEvent): void;
  /** A fault that could not be undone: the target is not what it was. */
  onBroken(sentence: string): void;
};

type Ending = () => Promise<number | undefined>;

export class FaultPlayer {
  readonly #call: PlayerCall;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Turns that are on, or on their way there. */
  readonly #on = new Map<number, Promise<Ending | null>>();
  readonly #ends = new Map<number, Promise<void>>();
  #isStopped = false;
  #hasBegun = false;

  constructor(call: PlayerCall) {
    this.#call = call;
  }

  /** Names of the faults that are on now. */
  get on(): string[] {
    return [...this.#on.keys()].map((turn) => this.#call.turns[turn].text);
  }

  /** Before the load: begins what is on from its beginning, and resolves when it is. */
  async begin(): Promise<void> {
    await Promise.all(
      this.#call.turns.map(({ fromMs }, turn) =>
        fromMs === 0 ? this.#start(turn) : Promise.resolve(),
      ),
    );
  }

  /** The load has begun so long ago. Later calls do nothing. */
  loadHasBegun(agoMs: number): void {
    if (this.#hasBegun || this.#isStopped) return;
    this.#hasBegun = true;
    for (const [turn, { fromMs, untilMs }] of this.#call.turns.entries()) {
      if (fromMs > 0) this.#after(fromMs - agoMs, () => void this.#start(turn));
      this.#after(untilMs - agoMs, () => void this.#end(turn));
    }
  }

  /** Ends what is on, and begins nothing more. Resolves when all is as it was, as far as that was possible. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    await Promise.all([...this.#on.keys()].map((turn) => this.#end(turn)));
    await Promise.all(this.#ends.values());
  }

  #after(ms: number, call: () => void): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        call();
      },
      Math.max(0, ms),
    );
    this.#timers.add(timer);
  }

  #start(turn: number): Promise<unknown> {
    if (this.#isStopped) return Promise.resolve();
    // The end of the turn before may still be under way: a backend that comes up slowly.
    const { fault, value } = this.#call.turns[turn];
    const before = [...this.#ends.values()];
    const begun = Promise.all(before)
      .then(() => {
        this.#event(turn, 'begun');
        return this.#make(fault, value);
      })
      .catch((error: unknown) => {
        this.#event(turn, 'failed', { problem: (error as Error).message });
        return null;
      });
    this.#on.set(turn, begun);
    return begun;
  }

  async #make(fault: Fault, value: string | null): Promise<Ending> {
    const { proxies, backend } = this.#call.place;
    if (fault.of === 'component') {
      const undo: Undo = await fault.begin(backend!);
      return async () => {
        await undo();
        return undefined;
      };
    }
    const toxic = fault.read(value);
    if ('problem' in toxic) throw new RangeError(toxic.problem);
    const remove = await proxies!.add(toxic);
    return async () => {
      const struck = await remove();
      return 'share' in toxic ? struck : undefined;
    };
  }

  #end(turn: number): Promise<void> {
    const known = this.#ends.get(turn);
    if (known !== undefined) return known;
    const begun = this.#on.get(turn);
    if (begun === undefined) return Promise.resolve();
    const ended = begun
      .then(async (ending) => {
        if (ending === null) return;
        const struck = await ending();
        this.#event(turn, 'ended', struck === undefined ? {} : { struck });
      })
      .catch((error: unknown) => {
        const problem = (error as Error).message;
        this.#event(turn, 'stuck', { problem });
        this.#call.onBroken(
          `the fault ${this.#call.turns[turn].text} could not be undone (${problem})`,
        );
      })
      .finally(() => this.#on.delete(turn));
    this.#ends.set(turn, ended);
    return ended;
  }

  #event(
    turn: number,
    state: FaultEvent['state'],
    more: Pick<FaultEvent, 'struck' | 'problem'> = {},
  ): void {
    this.#call.onEvent({ t: Date.now(), turn, fault: this.#call.turns[turn].text, state, ...more });
  }
}
