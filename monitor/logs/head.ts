/** What the first line of a record says: when, of which level, what. Pure. */
import type { Level } from './level.ts';

export type Head = {
  /**
   * `json`, `logfmt`: one line holds all. `text`: what follows without a head of its own belongs to it. `crash`: the last words of a
   * runtime, whose dump follows. `access`: a server's list of requests, which has no levels. `plain`: no format at all; only what looks
   * like a dump belongs to it.
   */
  format: 'json' | 'logfmt' | 'text' | 'crash' | 'access' | 'plain';
  /** Ms since 1970 as the line says; null: it does not, or not readably. */
  t: number | null;
  /** By the format's own field; null: it has none. */
  level: Level | null;
  /** What it says, without time and level. */
  message: string;
  /** It adds to the record before it (PostgreSQL's DETAIL, HINT, STATEMENT). */
  isAddition?: boolean;
  /** It has a level but no time: text that a program prints as it likes, whose lines may be about different things. */
  isLoose?: boolean;
  /** Its message is a heading; what happened stands in a line that follows. */
  messageFollows?: 'next line' | 'exception';
};

/** Longer texts are cut before they are looked at. */
export const LONGEST_LOOKED_AT = 4096;
