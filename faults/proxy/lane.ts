/** One direction of one connection: what comes in goes out in its order, at once or when it is due. */
import type { Socket } from 'node:net';

/** More than this waits at the sender. */
const MOST_WAITING = 256 * 1024;

/** What the faults that are on do to every lane of a proxy. */
export type Weather = {
  /** Nothing goes through. */
  isStalled(): boolean;
  /** When bytes that come now are due, on the clock of `performance.now()`; 0: at once. */
  dueMs(bytes: number): number;
};

type Waiting = { bytes: Buffer; dueMs: number } | 'end';

export class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #weather: Weather;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isFull = false;
  #isOver = false;

  constructor(from: Socket, to: Socket, weather: Weather) {
    this.#from = from;
    this.#to = to;
    this.#weather = weather;
    to.on('drain', () => {
      this.#isFull = false;
      this.go();
    });
  }

  push(bytes: Buffer): void {
    if (this.#isOver) return;
    // What comes later goes later, whatever the delay was in the meantime.
    this.#lastDueMs = Math.max(this.#lastDueMs, this.#weather.dueMs(bytes.length));
    this.#waiting.push({ bytes, dueMs: this.#lastDueMs });
    this.#waitingBytes += bytes.length;
    this.go();
  }

  /** The sender sends nothing more. */
  end(): void {
    if (this.#isOver) return;
    this.#waiting.push('end');
    this.go();
  }

  /** Sends what is due. Also to be called when the weather has changed. */
  go(): void {
    clearTimeout(this.#timer);
    while (
      !this.#isOver &&
      !this.#isFull &&
      this.#waiting.length > 0 &&
      !this.#weather.isStalled()
    ) {
      const next = this.#waiting[0];
      if (next === 'end') {
        this.#isOver = true;
        this.#to.end();
        break;
      }
      const inMs = next.dueMs - performance.now();
      if (inMs > 0) {
        this.#timer = setTimeout(() => this.go(), Math.ceil(inMs));
        break;
      }
      this.#waiting.shift();
      this.#waitingBytes -= next.bytes.length;
      this.#isFull = !this.#to.write(next.bytes);
    }
    if (this.#waitingBytes > MOST_WAITING) this.#from.pause();
    else if (this.#from.isPaused()) this.#from.resume();
  }

  /** Sends nothing more. */
  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }
}
