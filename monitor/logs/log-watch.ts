/**
 * Counts the lines and records of a target's log, and groups those of level error and those of level warning by their shape. Memory is
 * bounded whatever the target writes: {@link MOST_GROUPS} shapes of each, {@link LINES_OF_A_SECOND} of them for each second that is not
 * written yet. Pure: the clock is an argument.
 */
import type { LogFigures, LogShape, LogSecond } from '../../results/types.ts';
import { LONGEST_LOOKED_AT } from './head.ts';
import { isErrorLevel } from './level.ts';
import { LogReader } from './reader.ts';
import type { LogRecord } from './record.ts';
import { hideSecrets, printable, shapeOf } from './shape.ts';

/** Different shapes of errors, and of warnings; what comes after is counted as {@link OTHER_SHAPES}. */
export const MOST_GROUPS = 200;
/** Lines of logs.ndjson for one second. */
export const LINES_OF_A_SECOND = 20;
/** Of them, kept from warnings: they must not hide an error. */
const PLACES_FOR_ERRORS = 8;
/** Lines of logs.ndjson in all. */
const MOST_LINES = 200_000;
/** Errors, and warnings, of one second that are looked at one by one; what comes beyond is counted, as not allowed. */
export const LOOKED_AT_PER_SECOND = 5000;
/** A record's own time counts if it is so near to when it was read: else its clock or its zone is another one. */
const BEHIND_MS = 60_000;
const AHEAD_MS = 5_000;
/** The time of a record may be before that of one that was read earlier: a second waits so long for the rest. */
const GRACE_MS = 2_000;
const LONGEST_EXAMPLE = 300;

export const OTHER_SHAPES = '(other shapes)';
export const TOO_MANY = '(more shapes in one second than are listed)';

/** What is known of a program's messages beyond their level. */
export type KnownMessage = {
  pattern: RegExp;
  /** `loss`: what was accepted is not kept, so it is an error whatever its level. `caused by the run`: the run asked for it. */
  means: 'loss' | 'caused by the run';
};

export type LogWatchOptions = {
  /** Records that match one of them are no errors of the run. */
  allow?: readonly RegExp[];
  /** The first that matches a message counts. */
  known?: readonly KnownMessage[];
  /** Takes secrets of the run out of what is kept. */
  redact?: (text: string) => string;
  /** Ms since 1970. */
  now: () => number;
};

type Group = Omit<LogShape, 'firstAt' | 'lastAt'> & { firstT: number; lastT: number };
/** What groups and seconds tell apart, beside the shape. */
type Kind = 'error' | 'loss' | 'allowed' | 'caused' | 'warning';
const KINDS: readonly Kind[] = ['error', 'loss', 'allowed', 'caused', 'warning'];
type Found = Pick<Group, 'shape' | 'level' | 'allowed' | 'example' | 'means'> & { kind: Kind };

/** So many records of one second are looked at. */
class PerSecond {
  #second = 0;
  #count = 0;
  isOver(nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) [this.#second, this.#count] = [second, 0];
    return ++this.#count > LOOKED_AT_PER_SECOND;
  }
}

export class LogWatch {
  readonly #allow: readonly RegExp[];
  readonly #known: readonly KnownMessage[];
  readonly #redact: (text: string) => string;
  readonly #now: () => number;
  readonly #groups = { errors: new Map<string, Group>(), warnings: new Map<string, Group>() };
  readonly #looked = { errors: new PerSecond(), warnings: new PerSecond() };
  /** Counts by kind and shape, by second, of seconds that are not written yet. */
  readonly #seconds = new Map<number, Map<string, { kind: Kind; shape: string; count: number }>>();
  #lines = 0;
  #records = 0;
  readonly #counts: Record<Kind, number> = { error: 0, loss: 0, allowed: 0, caused: 0, warning: 0 };
  #skippedBytes = 0;
  #written = 0;

  constructor({ allow = [], known = [], redact = (text) => text, now }: LogWatchOptions) {
    this.#allow = allow;
    this.#known = known;
    this.#redact = redact;
    this.#now = now;
  }

  /** For the lines of one source. @param more what the source wants to know, too */
  reader(
    more: { onLine?: () => void; onLeftOut?: () => void; onRecord?: (record: LogRecord) => void } = {}, // prettier-ignore
  ): LogReader {
    return new LogReader({
      onLine: () => {
        this.#lines++;
        more.onLine?.();
      },
      onRecord: (record) => {
        this.add(record);
        more.onRecord?.(record);
      },
      now: this.#now,
      ...(more.onLeftOut && { onLeftOut: more.onLeftOut }),
    });
  }

  add(record: LogRecord): void {
    this.#records++;
    const isError = isErrorLevel(record.level);
    if (!isError && record.level !== 'warning') return;
    const level = record.level!;
    const now = this.#now();
    if (this.#looked[isError ? 'errors' : 'warnings'].isOver(now)) {
      const kind = isError ? 'error' : 'warning';
      this.#count(
        { shape: TOO_MANY, level: kind, allowed: false, example: '', kind },
        record.readAt,
      );
      return;
    }
    const clean = (text: string) => this.#redact(hideSecrets(text));
    const message = record.message.slice(0, LONGEST_LOOKED_AT);
    const isAllowed = this.#allow.some((pattern) => pattern.test(record.text));
    const means = this.#known.find(({ pattern }) => pattern.test(message))?.means;
    const kind = kindOf(isError, isAllowed, means);
    const { t, readAt } = record;
    const isNear = t !== null && t >= readAt - BEHIND_MS && t <= readAt + AHEAD_MS;
    this.#count(
      {
        shape: shapeOf(clean(message)),
        level,
        allowed: isAllowed || means === 'caused by the run',
        example: printable(clean(record.text)).slice(0, LONGEST_EXAMPLE),
        ...(means && { means }),
        kind,
      },
      isNear ? t : readAt,
    );
  }

  /** So many bytes of the log were passed over. */
  skipped(bytes: number): void {
    this.#skippedBytes += bytes;
  }

  #count(found: Found, t: number): void {
    const { kind, ...facts } = found;
    this.#counts[kind]++;
    const groups = this.#groups[kind === 'warning' ? 'warnings' : 'errors'];
    let key = `${kind} ${found.shape}`;
    let group = groups.get(key);
    if (group === undefined) {
      const isFull = groups.size >= MOST_GROUPS;
      const shape = isFull ? OTHER_SHAPES : found.shape;
      key = `${kind} ${shape}`;
      group = groups.get(key);
      if (group === undefined) {
        group = { ...facts, shape, count: 0, firstT: t, lastT: t };
        groups.set(key, group);
      }
    }
    group.count++;
    group.firstT = Math.min(group.firstT, t);
    group.lastT = Math.max(group.lastT, t);
    this.#countInSecond(kind, group.shape, Math.floor(t / 1000));
  }

  #countInSecond(kind: Kind, shape: string, second: number): void {
    const counts =
      this.#seconds.get(second) ?? new Map<string, { kind: Kind; shape: string; count: number }>();
    this.#seconds.set(second, counts);
    const isWarning = kind === 'warning';
    const warnings = [...counts.values()].filter((one) => one.kind === 'warning').length;
    // The last places are those of all other shapes, of each kind.
    const room = LINES_OF_A_SECOND - KINDS.length;
    const hasRoom = counts.size < room && (!isWarning || warnings < room - PLACES_FOR_ERRORS);
    const own = counts.has(`${kind} ${shape}`) || hasRoom ? shape : OTHER_SHAPES;
    const place = counts.get(`${kind} ${own}`) ?? { kind, shape: own, count: 0 };
    counts.set(`${kind} ${own}`, place);
    place.count++;
  }

  /**
   * The lines for logs.ndjson that are due, each once; a straggler makes a second line of its second.
   * @param isEnd all of them
   */
  takeLines(isEnd = false): LogSecond[] {
    const before = Math.floor((this.#now() - GRACE_MS) / 1000);
    const due = [...this.#seconds.keys()].filter((second) => isEnd || second < before);
    const lines = due
      .sort((a, b) => a - b)
      .flatMap((second) =>
        [...this.#seconds.get(second)!.values()].map(({ kind, shape, count }): LogSecond => ({
          t: second * 1000,
          shape,
          count,
          ...((kind === 'allowed' || kind === 'caused') && { allowed: true }),
          ...(kind === 'warning' && { level: 'warning' }),
        })),
      );
    for (const second of due) this.#seconds.delete(second);
    const room = Math.max(0, MOST_LINES - this.#written);
    this.#written += lines.length;
    return lines.slice(0, room);
  }

  /**
   * @param sources what was followed
   * @param unread those of them, and those that could not be followed, of which not one line came
   */
  figures(sources: readonly string[], unread: readonly string[] = []): LogFigures {
    const { error, loss, allowed, caused, warning } = this.#counts;
    const iso = (t: number) => new Date(t).toISOString();
    const listOf = (groups: Map<string, Group>): LogShape[] =>
      [...groups.values()]
        .sort((a, b) => Number(a.allowed) - Number(b.allowed) || b.count - a.count)
        .map(({ firstT, lastT, ...group }) => ({
          ...group,
          firstAt: iso(firstT),
          lastAt: iso(lastT),
        }));
    return {
      sources: [...sources],
      ...(unread.length > 0 && { unread: [...unread] }),
      lines: this.#lines,
      records: this.#records,
      errors: error + loss,
      allowed,
      caused,
      warnings: warning,
      ...(this.#skippedBytes > 0 && { skippedBytes: this.#skippedBytes }),
      groups: listOf(this.#groups.errors),
      warningGroups: listOf(this.#groups.warnings),
    };
  }
}

function kindOf(
  isError: boolean,
  isAllowed: boolean,
  means: KnownMessage['means'] | undefined,
): Kind {
  const isLoss = means === 'loss';
  if (!isError && !isLoss) return 'warning';
  if (isAllowed) return 'allowed';
  if (means === 'caused by the run') return 'caused';
  return isLoss ? 'loss' : 'error';
}
