/**
 * Counts the lines of a target's log, and groups those of level error by their shape. Memory is bounded whatever the target writes:
 * {@link MOST_GROUPS} shapes, {@link LINES_OF_A_SECOND} of them for each second that is not written yet. Pure: the clock is an argument.
 */
import type { LogFigures, LogGroup, LogLine } from '../../results/types.ts';
import { mayBeError, parseLine } from './line.ts';
import { hideSecrets, printable, shapeOf } from './shape.ts';

/** Different shapes; what comes after is counted as {@link OTHER_SHAPES}. */
export const MOST_GROUPS = 200;
/** Lines of logs.ndjson for one second. */
export const LINES_OF_A_SECOND = 20;
/** Lines of logs.ndjson in all. */
const MOST_LINES = 200_000;
/** Error lines of one second that are looked at one by one; what comes beyond is counted, as not allowed. */
export const LOOKED_AT_PER_SECOND = 5000;
/** A line's own time counts if it is so near to when it was read: else its clock or its zone is another one. */
const BEHIND_MS = 60_000;
const AHEAD_MS = 5_000;
/** The time of a line may be before that of one that was read earlier: a second waits so long for the rest. */
const GRACE_MS = 2_000;
const LONGEST_EXAMPLE = 300;
/** For the allow-list: a pattern of the user on a line of megabytes may take forever. */
const LONGEST_MATCHED = 4096;

export const OTHER_SHAPES = '(other shapes)';
export const TOO_MANY = '(more error lines in one second than are told apart)';

export type LogWatchOptions = {
  /** Error lines that match one of them are no errors of the run. */
  allow?: readonly RegExp[];
  /** Takes secrets of the run out of what is kept. */
  redact?: (text: string) => string;
  /** Ms since 1970. */
  now: () => number;
};

type Group = Omit<LogGroup, 'firstAt' | 'lastAt'> & { firstT: number; lastT: number };

export class LogWatch {
  readonly #allow: readonly RegExp[];
  readonly #redact: (text: string) => string;
  readonly #now: () => number;
  readonly #groups = new Map<string, Group>();
  /** Counts by group, by second, of seconds that are not written yet. */
  readonly #seconds = new Map<number, Map<string, number>>();
  #lines = 0;
  #errors = 0;
  #allowed = 0;
  #skippedBytes = 0;
  #lookedAtSecond = 0;
  #lookedAt = 0;
  #written = 0;

  constructor({ allow = [], redact = (text) => text, now }: LogWatchOptions) {
    this.#allow = allow;
    this.#redact = redact;
    this.#now = now;
  }

  /** Whether a line was ever read. */
  get lines(): number {
    return this.#lines;
  }

  /**
   * @param line without its line end
   * @param known what the source itself knows of the line: its time, and whether it is of level error
   */
  add(line: string, known: { t?: number | null; isError?: boolean } = {}): void {
    this.#lines++;
    if (!known.isError && !mayBeError(line)) return;
    const now = this.#now();
    const second = Math.floor(now / 1000);
    if (second !== this.#lookedAtSecond) [this.#lookedAtSecond, this.#lookedAt] = [second, 0];
    if (++this.#lookedAt > LOOKED_AT_PER_SECOND) {
      this.#count({ shape: TOO_MANY, level: 'error', allowed: false, example: '' }, now);
      return;
    }
    const parsed = parseLine(line);
    const level = parsed.errorLevel ?? (known.isError ? 'error' : null);
    if (level === null) return;
    const own = known.t ?? parsed.t;
    const t = own !== null && own >= now - BEHIND_MS && own <= now + AHEAD_MS ? own : now;
    const matched = line.slice(0, LONGEST_MATCHED);
    const clean = (text: string) => this.#redact(hideSecrets(text));
    this.#count(
      {
        shape: shapeOf(clean(parsed.message.slice(0, LONGEST_MATCHED))),
        level,
        allowed: this.#allow.some((pattern) => pattern.test(matched)),
        example: printable(clean(matched)).slice(0, LONGEST_EXAMPLE),
      },
      t,
    );
  }

  /** So many bytes of the log were passed over. */
  skipped(bytes: number): void {
    this.#skippedBytes += bytes;
  }

  #count(found: Pick<Group, 'shape' | 'level' | 'allowed' | 'example'>, t: number): void {
    if (found.allowed) this.#allowed++;
    else this.#errors++;
    let key = keyOf(found);
    let group = this.#groups.get(key);
    if (group === undefined) {
      const other = { ...found, shape: OTHER_SHAPES };
      const isFull = this.#groups.size >= MOST_GROUPS;
      if (isFull) key = keyOf(other);
      group = this.#groups.get(key);
      if (group === undefined) {
        group = { ...(isFull ? other : found), count: 0, firstT: t, lastT: t };
        this.#groups.set(key, group);
      }
    }
    group.count++;
    group.firstT = Math.min(group.firstT, t);
    group.lastT = Math.max(group.lastT, t);
    const second = Math.floor(t / 1000);
    const counts = this.#seconds.get(second) ?? new Map<string, number>();
    this.#seconds.set(second, counts);
    const others = keyOf({ shape: OTHER_SHAPES, allowed: found.allowed });
    // The last two places are those of all other shapes.
    const place = counts.has(key) || counts.size < LINES_OF_A_SECOND - 2 ? key : others;
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }

  /**
   * The lines for logs.ndjson that are due, each once; a straggler makes a second line of its second.
   * @param isEnd all of them
   */
  takeLines(isEnd = false): LogLine[] {
    const before = Math.floor((this.#now() - GRACE_MS) / 1000);
    const due = [...this.#seconds.keys()].filter((second) => isEnd || second < before);
    const lines = due
      .sort((a, b) => a - b)
      .flatMap((second) =>
        [...this.#seconds.get(second)!].map(([key, count]): LogLine => {
          const allowed = key.startsWith('1');
          return { t: second * 1000, shape: key.slice(1), count, ...(allowed && { allowed }) };
        }),
      );
    for (const second of due) this.#seconds.delete(second);
    const room = Math.max(0, MOST_LINES - this.#written);
    this.#written += lines.length;
    return lines.slice(0, room);
  }

  /** @param sources what was followed */
  figures(sources: string[]): LogFigures {
    const iso = (t: number) => new Date(t).toISOString();
    const groups = [...this.#groups.values()]
      .sort((a, b) => Number(a.allowed) - Number(b.allowed) || b.count - a.count)
      .map(({ firstT, lastT, ...group }) => ({
        ...group,
        firstAt: iso(firstT),
        lastAt: iso(lastT),
      }));
    return {
      sources,
      lines: this.#lines,
      errors: this.#errors,
      allowed: this.#allowed,
      ...(this.#skippedBytes > 0 && { skippedBytes: this.#skippedBytes }),
      groups,
    };
  }
}

const keyOf = ({ shape, allowed }: { shape: string; allowed: boolean }): string =>
  `${allowed ? 1 : 0}${shape}`;
