/**
 * The files of a dump as tables of columns: one definition gives the type of a line, the order of its keys, and the check of a line that was read.
 * Pure.
 */

/**
 * `own`: text that hardly another row has; all other texts stand in memory once, however many rows have them. `time`: UTC, RFC 3339 with Z, whole seconds or with a fraction. `?` behind a kind: the key may be absent, where what is dumped does not have
 * it at all; `|null`: it may be NULL.
 */
type Kinds = {
  text: string;
  own: string;
  number: number;
  flag: boolean;
  time: string;
  json: unknown;
};
type Base = keyof Kinds;
export type Kind = Base | `${Base}|null` | `${Base}?` | `${Base}|null?`;
export type Columns = Readonly<Record<string, Kind>>;

type ValueOf<K extends Kind> = K extends Base
  ? Kinds[K]
  : K extends `${infer B extends Base}|null`
    ? Kinds[B] | null
    : K extends `${infer B extends Base}|null?`
      ? Kinds[B] | null
      : K extends `${infer B extends Base}?`
        ? Kinds[B]
        : never;
type Optional<C extends Columns> = {
  [N in keyof C]: C[N] extends `${string}?` ? N : never;
}[keyof C];

/** A line of a file with these columns. */
export type RowOf<C extends Columns> = {
  -readonly [N in Exclude<keyof C, Optional<C>>]: ValueOf<C[N]>;
} & { -readonly [N in Optional<C>]?: ValueOf<C[N]> };

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z$/;

const CHECKS: Record<Base, (value: unknown) => boolean> = {
  text: (value) => typeof value === 'string',
  own: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  flag: (value) => typeof value === 'boolean',
  time: (value) => typeof value === 'string' && TIME.test(value),
  json: () => true,
};
const CALLED: Record<Base, string> = {
  text: 'text',
  own: 'text',
  number: 'a number',
  flag: 'true or false',
  time: 'a UTC time',
  json: 'JSON',
};

export type Reader<C extends Columns> = (line: string) => { row: RowOf<C> } | { problem: string };

/**
 * What reads lines of a file. Texts that come again are one text in memory: a hundred thousand rows name a few thousand keys, hashes and times.
 */
export function readerOf<C extends Columns>(columns: C, known: Map<string, string>): Reader<C> {
  const plan = Object.entries(columns).map(([name, kind]) => {
    const base = /^[a-z]+/.exec(kind)![0] as Base;
    return {
      name,
      base,
      check: CHECKS[base],
      mayBeAbsent: kind.endsWith('?'),
      mayBeNull: kind.includes('|null') || base === 'json',
    };
  });
  const shared = (text: string): string => {
    const first = known.get(text);
    if (first !== undefined) return first;
    known.set(text, text);
    return text;
  };
  return (line) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      return { problem: 'is not JSON' };
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return { problem: 'is JSON, but no object' };
    // The parsed object itself: one that is made key by key takes three times the memory.
    const row = value as Record<string, unknown>;
    for (const { name, base, check, mayBeAbsent, mayBeNull } of plan) {
      const field = row[name];
      if (field === undefined) {
        if (!mayBeAbsent) return { problem: `has no ${name}` };
      } else if (field === null) {
        if (!mayBeNull) return { problem: `has null as ${name}, which must be ${CALLED[base]}` };
      } else if (!check(field))
        return { problem: `has ${shown(field)} as ${name}, which must be ${CALLED[base]}` };
      else if (base === 'text' || base === 'time') row[name] = shared(field as string);
    }
    return { row: row as RowOf<C> };
  };
}

/** A line, keys in the order of the columns; what is absent is left out. */
export function lineOf<C extends Columns>(columns: C, row: RowOf<C>): string {
  const ordered: Record<string, unknown> = {};
  for (const name of Object.keys(columns)) {
    const value = (row as Record<string, unknown>)[name];
    if (value !== undefined) ordered[name] = value;
  }
  return JSON.stringify(ordered);
}

const SHOWN = 80;
function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
