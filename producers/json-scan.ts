/**
 * Where the values of a JSON file stand: byte ranges instead of values, so that a fault can be named with
 * its line and a base64 text of megabytes is never copied. Grammar: RFC 8259, which is also what Go's
 * encoding/json reads.
 */

/** Half-open range of bytes, and what begins there. */
export type JsonValue = {
  kind: 'object' | 'array' | 'string' | 'number' | 'true' | 'false' | 'null';
  start: number;
  end: number;
  /** Of an object; of members with one name the last counts, as in Go and JavaScript. */
  members?: Map<string, JsonValue>;
  /** Of an array. */
  items?: JsonValue[];
};

/** Text that is not JSON. `message` says what was expected; `offset` is the byte where it went wrong. */
export class JsonFault extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.name = 'JsonFault';
    this.offset = offset;
  }
}

/** Deeper is refused: recursion must not exhaust the stack. Nothing that we read is deeper than 3. */
const MAX_DEPTH = 500;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const WORDS = { t: 'true', f: 'false', n: 'null' } as const;

/** @returns the one value in `bytes` (UTF-8). @throws JsonFault */
export function scanJson(bytes: Buffer): JsonValue {
  let at = 0;

  const describe = (offset: number): string =>
    offset >= bytes.length
      ? 'the end of the file'
      : bytes[offset] < 0x20 || bytes[offset] > 0x7e
        ? `byte 0x${bytes[offset].toString(16).padStart(2, '0')}`
        : `"${String.fromCharCode(bytes[offset])}"`;
  const fail = (expected: string): never => {
    throw new JsonFault(`expected ${expected}, found ${describe(at)}`, at);
  };
  const skipSpace = () => {
    while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09)
      at++;
  };
  const isDigit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39;
  const skipDigits = () => {
    if (!isDigit(bytes[at])) fail('a digit');
    while (isDigit(bytes[at])) at++;
  };

  function string(): JsonValue {
    const start = at++;
    for (;;) {
      const byte = bytes[at];
      if (byte === undefined)
        throw new JsonFault('a string is not closed before the end of the file', start);
      if (byte === QUOTE) return { kind: 'string', start, end: ++at };
      if (byte < 0x20) fail('no control character inside a string');
      if (byte !== BACKSLASH) at++;
      else {
        at++;
        if (bytes[at] === 0x75) {
          at++;
          for (let digit = 0; digit < 4; digit++, at++)
            if (!/[0-9a-fA-F]/.test(String.fromCharCode(bytes[at] ?? 0)))
              fail('a hexadecimal digit');
        } else if ('"\\/bfnrt'.includes(String.fromCharCode(bytes[at] ?? 0))) at++;
        else fail('one of " \\ / b f n r t u after a backslash');
      }
    }
  }

  function number(): JsonValue {
    const start = at;
    if (bytes[at] === 0x2d) at++;
    if (bytes[at] === 0x30) at++;
    else skipDigits();
    if (bytes[at] === 0x2e) {
      at++;
      skipDigits();
    }
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      at++;
      if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++;
      skipDigits();
    }
    return { kind: 'number', start, end: at };
  }

  function list(depth: number, close: '}' | ']', item: () => void): void {
    if (depth > MAX_DEPTH) throw new JsonFault(`nested deeper than ${MAX_DEPTH}`, at);
    at++;
    skipSpace();
    if (bytes[at] !== close.charCodeAt(0)) {
      for (;;) {
        skipSpace();
        item();
        skipSpace();
        if (bytes[at] !== 0x2c) break;
        at++;
      }
      if (bytes[at] !== close.charCodeAt(0)) fail(`"," or "${close}"`);
    }
    at++;
  }

  function value(depth: number): JsonValue {
    const start = at;
    const first = String.fromCharCode(bytes[at] ?? 0);
    if (first === '"') return string();
    if (first === '-' || isDigit(bytes[at])) return number();
    if (first === '{') {
      const members = new Map<string, JsonValue>();
      list(depth, '}', () => {
        if (bytes[at] !== QUOTE) fail('a name in double quotes');
        const name = textOf(bytes, string());
        skipSpace();
        if (bytes[at] !== 0x3a) fail('":"');
        at++;
        skipSpace();
        members.set(name, value(depth + 1));
      });
      return { kind: 'object', start, end: at, members };
    }
    if (first === '[') {
      const items: JsonValue[] = [];
      list(depth, ']', () => items.push(value(depth + 1)));
      return { kind: 'array', start, end: at, items };
    }
    const word = WORDS[first as keyof typeof WORDS];
    if (word === undefined || bytes.toString('latin1', at, at + word.length) !== word)
      return fail('a value');
    at += word.length;
    return { kind: word, start, end: at };
  }

  skipSpace();
  const root = value(0);
  skipSpace();
  if (at < bytes.length) fail('nothing after the value');
  return root;
}

/** The characters of a string value, escapes resolved. */
export const textOf = (bytes: Buffer, value: JsonValue): string =>
  JSON.parse(bytes.toString('utf8', value.start, value.end)) as string;

/** @returns the line, from 1, in which the byte at `offset` stands */
export function lineOf(bytes: Buffer, offset: number): number {
  let line = 1;
  for (let at = bytes.indexOf(0x0a); at !== -1 && at < offset; at = bytes.indexOf(0x0a, at + 1))
    line++;
  return line;
}
