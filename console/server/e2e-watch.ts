/** An end-to-end run that somebody watches: its state while there is one, its events as they are added, and what its end wrote down. */
import { join } from 'node:path';
import { EVENTS_FILE, type E2eEvent } from '../../e2e/events.ts';
import { STEPS } from '../../e2e/steps/index.ts';
import type { E2eMessage } from '../live/e2e-message.ts';
import { e2ePositionText, E2eView, parseE2ePosition } from '../live/e2e-view.ts';
import { filesOf, marksOf, type E2ePlace } from './e2e-folders.ts';
import type { Followed } from './followers.ts';
import { Tail } from './tail.ts';

const AT_ONCE = 500;

const newView = (): E2eView => new E2eView(STEPS.map(({ name, title }) => ({ name, title })));

const isEvent = (value: unknown): value is E2eEvent => {
  const { at_ms: at, kind, fields } = (value ?? {}) as Partial<Record<keyof E2eEvent, unknown>>;
  return typeof at === 'number' && typeof kind === 'string' && typeof fields === 'object' && fields !== null; // prettier-ignore
};

export class WatchedE2e implements Followed {
  readonly #placeNow: () => E2ePlace | null;
  readonly #linesNow: () => readonly string[];
  #view = newView();
  #events: { path: string; tail: Tail } | null = null;
  #reading: Promise<void> | null = null;
  #round = 0;
  #mark = '';

  /** @param placeNow where it lies: its state goes, and its results come @param linesNow what its program said */
  constructor(placeNow: () => E2ePlace | null, linesNow: () => readonly string[]) {
    this.#placeNow = placeNow;
    this.#linesNow = linesNow;
  }

  get round(): number {
    return this.#round;
  }

  get position(): string {
    return e2ePositionText(this.#view.position);
  }

  get mark(): string {
    return `${this.#mark} ${this.position}`;
  }

  message(since: string | undefined): E2eMessage {
    return this.#view.message(parseE2ePosition(since), Date.now());
  }

  read(): Promise<void> {
    this.#reading ??= this.#readNow().finally(() => (this.#reading = null));
    return this.#reading;
  }

  async #readNow(): Promise<void> {
    const place = this.#placeNow();
    if (place === null) return;
    // The state's events go on after those that were kept.
    const path = join((place.state ?? place.results)!, EVENTS_FILE);
    if (this.#events?.path !== path || (await this.#events.tail.isReplaced())) {
      if (this.#events !== null) this.#round++;
      this.#view = newView();
      this.#events = { path, tail: new Tail(path) };
    }
    const view = this.#view;
    for await (const piece of this.#events.tail.lines())
      for (const [i, { text, place: bytes }] of piece.entries()) {
        if (i % AT_ONCE === AT_ONCE - 1) await new Promise((turn) => setImmediate(turn));
        try {
          const event: unknown = JSON.parse(text);
          if (isEvent(event)) view.addEvent(event, bytes);
        } catch {
          // A line that is broken says nothing.
        }
      }
    view.files = filesOf(place);
    view.lines = this.#linesNow();
    // Of one that is under way time goes on.
    const second = view.files.isHeld ? Math.floor(Date.now() / 1000) : 0;
    this.#mark = [second, view.lines.length, place.results, ...marksOf(place)].join();
  }
}
