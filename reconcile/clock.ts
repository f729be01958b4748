/**
 * How far the target's clock is ahead of the generator's, from what it stored. Pure.
 *
 * An entry of second s whose request lasted from b to e says that the difference is above s - e and below s + 1 - b. One whose body was
 * sent several times says that of one of its sends, nobody knows of which; and each accepted send says that its submitter has an
 * entry in the second in which the target took it. Each of these is a voter with one or more ranges, and the true difference lies in one of the ranges of
 * each voter but those of what was lost or altered. So it lies where most voters agree; the first and the last entries of a
 * body decide where its sends are dense. This is Marzullo's way to find a time that most sources agree on ("Maintaining the Time in a
 * Distributed System", 1984, section 2.4), with voters that may have several ranges.
 */

/** Least and most difference in ms; positive: the target is ahead. */
export type ClockRange = readonly [leastMs: number, mostMs: number];

/** Beginning and end of a request, ms since 1970 by the generator's clock. */
export type RequestTimes = readonly [beginMs: number, endMs: number];

/** What one entry of second `second` says of a request that it belongs to. */
const rangeOf = (second: number, [beginMs, endMs]: RequestTimes): [least: number, most: number] => [
  second * 1000 - endMs,
  second * 1000 + 1000 - beginMs,
];

/** Of those who disagree with the most, so many hundredths may agree by chance: who is that near to the most is believed as well. */
const CHANCE = 0.05;
/** Ranges of all voters together; where there would be more, evenly chosen voters are asked. */
const MOST_RANGES = 4_000_000;

export class ClockVotes {
  #starts = new Float64Array(1024);
  #ends = new Float64Array(1024);
  #ranges = 0;
  #voters = 0;

  get voters(): number {
    return this.#voters;
  }

  /** An entry that belongs to this request. */
  entry(second: number, times: RequestTimes): void {
    this.#voters++;
    this.#push(...rangeOf(second, times));
  }

  /** A voter who agrees with each difference that is in one of `ranges`; with none within the bounds, no voter. */
  anyOf(ranges: Iterable<ClockRange>, [least, most]: ClockRange): void {
    let from = NaN;
    let to = NaN;
    // Nearly in order as they come; where a slow answer is among them, they are not.
    for (const [start, end] of [...ranges].sort((a, b) => a[0] - b[0])) {
      if (end < least || start > most) continue;
      // Ranges that touch are one: a voter has one voice.
      if (start <= to) to = Math.max(to, Math.min(most, end));
      else {
        if (!Number.isNaN(from)) this.#push(from, to);
        else this.#voters++;
        from = Math.max(least, start);
        to = Math.min(most, end);
      }
    }
    if (!Number.isNaN(from)) this.#push(from, to);
  }

  #push(start: number, end: number): void {
    if (this.#ranges === this.#starts.length) {
      this.#starts = larger(this.#starts);
      this.#ends = larger(this.#ends);
    }
    this.#starts[this.#ranges] = start;
    this.#ends[this.#ranges++] = end;
  }

  /**
   * @param expectedMs of several places where as many agree, the one nearest to it is taken
   * @returns null: there was no voter
   */
  result(expectedMs = 0): ClockRange | null {
    if (this.#ranges === 0) return null;
    const starts = this.#starts.subarray(0, this.#ranges).sort();
    const ends = this.#ends.subarray(0, this.#ranges).sort();
    let most = 0;
    sweep(starts, ends, (count) => (most = Math.max(most, count)));
    const enough = most - Math.floor((this.#voters - most) * CHANCE);
    let best: ClockRange | null = null;
    let begin: number | null = null;
    let isPeak = false;
    const distance = ([least, greatest]: ClockRange): number =>
      Math.max(0, least - expectedMs, expectedMs - greatest);
    sweep(starts, ends, (count, at) => {
      if (count >= enough) {
        begin ??= at;
        isPeak ||= count === most;
      } else if (begin !== null) {
        const region = [begin, at] as const;
        if (isPeak && (best === null || distance(region) < distance(best))) best = region;
        begin = null;
        isPeak = false;
      }
    });
    return best;
  }
}

/** Calls `visit` at each place where the number of ranges that hold it changes, with the number behind it. */
function sweep(
  starts: Float64Array,
  ends: Float64Array,
  visit: (count: number, at: number) => void,
): void {
  let open = 0;
  for (let s = 0, e = 0; e < ends.length;) {
    // Ranges hold their ends: who begins where another one ends meets it.
    if (s < starts.length && starts[s] <= ends[e]) visit(++open, starts[s++]);
    else visit(--open, ends[e++]);
  }
}

function larger(array: Float64Array): Float64Array<ArrayBuffer> {
  const twice = new Float64Array(array.length * 2);
  twice.set(array);
  return twice;
}

/** Sends of one body, in order of their begins, and the seconds of its entries. */
export type RepeatedBody = { sends: readonly RequestTimes[]; seconds: readonly number[] };

/** An accepted send of a body that was sent several times. */
export type AcceptedSend = {
  times: RequestTimes;
  /** @returns the first second from `from` to `to` at which the storage has an entry of its submitter; null: none */
  readonly takenWithin: (from: number, to: number) => number | null;
};

/**
 * The difference of the clocks from bodies that were sent several times: the entries of each in order against its sends, and each accepted
 * send against the seconds that its submitter has.
 * @param within where it is looked for
 * @returns null: nothing to see it by
 */
export function clockOfRepeated(
  bodies: readonly RepeatedBody[],
  accepted: readonly AcceptedSend[],
  within: ClockRange,
): ClockRange | null {
  const [least, most] = within;
  const votes = new ClockVotes();
  const widthMs = most - least + 1000;
  const longest = bodies.map(({ sends }) =>
    sends.reduce((so, [beginMs, endMs]) => Math.max(so, endMs - beginMs), 0),
  );
  const ranges = bodies.reduce((sum, { sends, seconds }, i) => {
    if (sends.length === 0) return sum;
    const spanMs = sends[sends.length - 1][0] - sends[0][0] + 1;
    const met = Math.min(sends.length, (sends.length / spanMs) * (widthMs + longest[i]) + 1);
    return sum + met * seconds.length;
  }, 0);
  const step = Math.max(1, Math.ceil(ranges / MOST_RANGES));
  let turn = 0;
  bodies.forEach(({ sends, seconds }, i) => {
    for (const second of seconds)
      if (turn++ % step === 0)
        votes.anyOf(rangesOfEntry(second, sends, longest[i], within), within);
  });
  const sendStep = Math.max(1, Math.ceil((accepted.length * widthMs) / 1000 / MOST_RANGES));
  for (let i = 0; i < accepted.length; i += sendStep)
    votes.anyOf(rangesOfSend(accepted[i], within), within);
  return votes.result((least + most) / 2);
}

/** By which differences each send of a body explains an entry of `second`. */
function* rangesOfEntry(
  second: number,
  sends: readonly RequestTimes[],
  longestMs: number,
  [least, most]: ClockRange,
): Generator<ClockRange> {
  // Begins are in order: from the last one that can have met it under the least difference.
  let low = 0;
  for (let high = sends.length; low < high;) {
    const middle = (low + high) >> 1;
    if (second * 1000 + 1000 - sends[middle][0] >= least) low = middle + 1;
    else high = middle;
  }
  for (let i = low - 1; i >= 0 && second * 1000 - sends[i][0] - longestMs <= most; i--)
    yield rangeOf(second, sends[i]);
}

/** Which differences put a send into a second that its submitter has. */
function* rangesOfSend(
  { times, takenWithin }: AcceptedSend,
  [least, most]: ClockRange,
): Generator<ClockRange> {
  const to = Math.floor((times[1] + most) / 1000);
  for (let from = Math.floor((times[0] + least) / 1000); from <= to;) {
    const second = takenWithin(from, to);
    if (second === null) return;
    yield rangeOf(second, times);
    from = second + 1;
  }
}
