/** What a request does to a running load: its pace, or a refusal in one sentence. Pure but for what it is given. */
import type { ControlLine } from '../../results/types.ts';
import { formatNumber } from '../../results/units.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { AskedRate } from '../feeder/pacer.ts';
import type { ControlRequest } from './protocol.ts';

/** The pace of a running load, as far as it can be changed. */
export type Pace = {
  /** null: it is not steerable. */
  turns: { readonly perSecond: AskedRate; change(perSecond: AskedRate): AskedRate } | null;
  /** Of an open model; absent: VUs at their own pace. */
  mostPerSecond?: number | undefined;
};

const refuse = (problem: string, hint: string): UserError =>
  new UserError(problem, { hint, exitCode: EXIT.usage });

export class Steering {
  readonly #pace: Pace;
  /** What held before the pause; undefined: it does not pause. */
  #before: { perSecond: AskedRate } | undefined;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  get isSteerable(): boolean {
    return this.#pace.turns !== null;
  }

  get isPaused(): boolean {
    return this.#before !== undefined;
  }

  /** null: VUs at their own pace, or that of the plan. */
  get askedPerSecond(): AskedRate {
    return this.#pace.turns?.perSecond ?? null;
  }

  get mostPerSecond(): number | null {
    return this.#pace.mostPerSecond ?? null;
  }

  /** The pace at the beginning. @returns null: it is not steerable */
  begins(t: number): ControlLine | null {
    const { turns } = this.#pace;
    return (
      turns && { t, action: 'begin', fromPerSecond: 0, toPerSecond: turns.perSecond, by: 'load' }
    );
  }

  /** @param t ms since 1970. @returns what was done. @throws UserError (exit 2) for what cannot be */
  act(request: Exclude<ControlRequest, { action: 'status' }>, t: number): ControlLine {
    const { turns, mostPerSecond } = this.#pace;
    const { by } = request;
    if (request.action === 'stop') return { t, action: 'stop', by };
    if (turns === null)
      throw refuse(
        'this load was not started as a steerable one, so its pace stays as it was planned',
        'start one with --steerable (of the scenarios load, arrival and soak); npm run ctl -- stop ends this one',
      );
    switch (request.action) {
      case 'rate': {
        const { perSecond } = request;
        if (mostPerSecond !== undefined && perSecond > mostPerSecond)
          throw refuse(
            `at most ${formatNumber(mostPerSecond)} submissions/s can be asked of this load, but ${formatNumber(perSecond)} were`,
            'its producers and VUs are for 4 times the --rate it began with: start one with a higher --rate',
          );
        this.#before = undefined;
        return this.#change(request.action, perSecond, t, by);
      }
      case 'free':
        if (mostPerSecond !== undefined)
          throw refuse(
            'this load is an open model, which has no pace without a rate',
            'ask for one: npm run ctl -- rate 300/s',
          );
        this.#before = undefined;
        return this.#change(request.action, null, t, by);
      case 'pause': {
        if (this.#before !== undefined)
          throw refuse('this load pauses already', 'npm run ctl -- resume goes on');
        this.#before = { perSecond: turns.perSecond };
        return this.#change(request.action, 0, t, by);
      }
      case 'resume': {
        if (this.#before === undefined)
          throw refuse('this load does not pause', 'npm run ctl -- status shows its pace');
        const { perSecond } = this.#before;
        this.#before = undefined;
        return this.#change(request.action, perSecond, t, by);
      }
    }
  }

  #change(
    action: ControlLine['action'],
    toPerSecond: AskedRate,
    t: number,
    by: string,
  ): ControlLine {
    const fromPerSecond = this.#pace.turns!.change(toPerSecond);
    return { t, action, fromPerSecond, toPerSecond, by };
  }
}
