/**
 * The bodies under way, bounded in bytes. What counts is what has come of a body, not what was announced: a client that sends slowly
 * holds next to nothing. When the room is full, no further body is read (its bytes wait in the connection, so the client is slowed),
 * except those that lack least, up to a reserve: they end, are answered, and leave. A client that keeps others waiting and
 * sends next to nothing itself is refused.
 *
 * Pure: the clock and the timer are arguments.
 */

/** A body and its request count this much beside its bytes: measured, some 20 KB of objects. It also bounds their number. */
export const REQUEST_BYTES = 32 * 1024;

export type RoomOptions = {
  limitBytes: number;
  /** What may be read beyond the limit, so that a body can always end: at least the largest body. */
  reserveBytes: number;
  /** A client that keeps others waiting is slow if it sends less than this a second … */
  slowBytesPerS?: number;
  /** … over at least this time in which it could have sent. */
  slowMs?: number;
  nowMs: () => number;
  /** Calls `action` each `ms`, until the result is called. */
  every: (ms: number, action: () => void) => () => void;
};

/** What the room does to a body. */
export type BodyControl = {
  pause(): void;
  resume(): void;
  /** It is slow and others wait: refuse it. {@link BodySeat.leave} follows. */
  refuse(): void;
};

export type BodySeat = {
  /** A part of the body has come. */
  arrived(bytes: number): void;
  /** Once it is answered or its connection is gone; again: nothing. */
  leave(): void;
};

export type BodyRoom = {
  /** Of bodies that are here and their requests. */
  readonly usedBytes: number;
  readonly limitBytes: number;
  /** Bodies that wait for room. */
  readonly waiting: number;
  /** @param length announced. The body may be read until `control.pause` is called, which may be at once */
  enter(length: number, control: BodyControl): BodySeat;
};

type Seat = {
  /** Bytes that have not come yet. */
  left: number;
  /** What it holds of the room. */
  held: number;
  received: number;
  isPaused: boolean;
  /** What it was let go on with beyond the limit; 0: nothing. */
  reserved: number;
  /** Since when it may send, and for how long it could before. */
  openSinceMs: number;
  openMs: number;
  control: BodyControl;
};

const SLOW_BYTES_PER_S = 64 * 1024;
const SLOW_MS = 2000;
const LOOK_MS = 500;

export function createBodyRoom({
  limitBytes,
  reserveBytes,
  slowBytesPerS = SLOW_BYTES_PER_S,
  slowMs = SLOW_MS,
  nowMs,
  every,
}: RoomOptions): BodyRoom {
  /** Not whole yet. */
  const partial = new Set<Seat>();
  /** In the order in which they came to wait. */
  const paused = new Set<Seat>();
  let used = 0;
  let reserved = 0;
  let stopLooking: (() => void) | null = null;

  function pause(seat: Seat): void {
    seat.isPaused = true;
    seat.openMs += nowMs() - seat.openSinceMs;
    paused.add(seat);
    seat.control.pause();
    stopLooking ??= every(LOOK_MS, refuseSlow);
  }

  function resume(seat: Seat): void {
    seat.isPaused = false;
    seat.openSinceMs = nowMs();
    paused.delete(seat);
    seat.control.resume();
  }

  function serve(): void {
    for (const seat of paused) {
      if (used >= limitBytes) break;
      resume(seat);
    }
    if (paused.size > 0) favour();
    else {
      stopLooking?.();
      stopLooking = null;
    }
  }

  /** Lets go on those that lack least: they are through first. */
  function favour(): void {
    // A body beyond the reserve alone would wait for ever.
    while (paused.size > 0) {
      let least: Seat | null = null;
      for (const seat of paused) if (least === null || seat.left < least.left) least = seat;
      const wanted = least!.left + REQUEST_BYTES;
      if (reserved > 0 && reserved + wanted > reserveBytes) return;
      reserved += wanted;
      least!.reserved = wanted;
      resume(least!);
    }
  }

  function refuseSlow(): void {
    const now = nowMs();
    for (const seat of [...partial]) {
      if (paused.size === 0) return;
      if (seat.isPaused) continue;
      const openMs = seat.openMs + now - seat.openSinceMs;
      if (openMs >= slowMs && seat.received * 1000 < slowBytesPerS * openMs) seat.control.refuse();
    }
  }

  return {
    get usedBytes() {
      return used;
    },
    limitBytes,
    get waiting() {
      return paused.size;
    },
    enter(length, control) {
      const seat: Seat = {
        left: length,
        held: REQUEST_BYTES,
        received: 0,
        isPaused: false,
        reserved: 0,
        openSinceMs: nowMs(),
        openMs: 0,
        control,
      };
      used += REQUEST_BYTES;
      let isHere = true;
      if (length > 0) partial.add(seat);
      if (used > limitBytes && length > 0) {
        pause(seat);
        favour();
      }
      return {
        arrived(bytes) {
          if (!isHere) return;
          seat.received += bytes;
          seat.left -= bytes;
          seat.held += bytes;
          used += bytes;
          if (seat.left <= 0) partial.delete(seat);
          else if (used > limitBytes && seat.reserved === 0 && !seat.isPaused) {
            pause(seat);
            favour();
          }
        },
        leave() {
          if (!isHere) return;
          isHere = false;
          partial.delete(seat);
          paused.delete(seat);
          used -= seat.held;
          reserved -= seat.reserved;
          serve();
        },
      };
    },
  };
}
