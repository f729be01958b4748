/**
 * Lines of JSON that differ in their numbers alone, read by what the last of them looked like: a week has millions of readings of a handful
 * of shapes, and parsing each as if nothing were known of it is most of their cost. A line that is any other way is left to JSON.parse;
 * what is read here has the value, to the last bit, that JSON.parse gives it. Pure.
 */

/** A place for a value: behind its literal. */
type Slot = { object: Record<string, unknown>; key: string; isText: boolean };

/** A line, cut at its values: literal, value, literal, … value, literal with the line end. */
type Template = {
  line: object;
  /** The literals, one after another; `ends[i]` is where the i-th ends. */
  literals: DataView;
  ends: Int32Array;
  slots: Slot[];
  /** What followed it last time. */
  next: Template | null;
};

const [QUOTE, BACKSLASH, MINUS, DOT, ZERO, NINE] = [0x22, 0x5c, 0x2d, 0x2e, 0x30, 0x39]; // prettier-ignore
const SMALL_E = 0x65;
const LARGE_E = 0x45;
/** Every whole number of so many digits is a double; so is every power of ten up to 22. */
const EXACT_DIGITS = 15;
const POWERS = Array.from({ length: EXACT_DIGITS + 1 }, (_, i) => 10 ** i);
const MOST_TEMPLATES = 64;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

export class LineTemplates {
  readonly #textFields: ReadonlySet<string>;
  readonly #templates: Template[] = [];
  #last: Template | null = null;
  #bytes: Buffer | null = null;
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** Behind the line that was read last, with its line end. */
  end = 0;
  /** Behind the number that was read last; -1: there was none. */
  #numberEnd = 0;

  /** @param textFields names of fields with another text in each line; of all others the text makes the shape */
  constructor(textFields: Iterable<string> = []) {
    this.#textFields = new Set(textFields);
  }

  /**
   * @param bytes a piece of a file, with a line from `from` on
   * @returns the line, which the next call writes into; null: it is of no shape that is known
   */
  read(bytes: Buffer, from: number): object | null {
    const guess = this.#last?.next ?? null;
    if (guess !== null && this.#fill(guess, bytes, from)) {
      this.#last = guess;
      return guess.line;
    }
    for (const template of this.#templates) {
      if (template === guess || !this.#fill(template, bytes, from)) continue;
      if (this.#last !== null) this.#last.next = template;
      this.#last = template;
      return template.line;
    }
    return null;
  }

  /** @param text a line that JSON.parse takes, without its line end */
  learn(text: string): void {
    if (this.#templates.length >= MOST_TEMPLATES) return;
    const line = JSON.parse(text) as unknown;
    if (typeof line !== 'object' || line === null) return;
    const cut = cutAtValues(text, line, this.#textFields);
    if (cut === null) return;
    const parts = cut.literals.map((literal) => Buffer.from(literal));
    let end = 0;
    const ends = Int32Array.from(parts, ({ length }) => (end += length));
    this.#templates.push({
      line,
      literals: new DataView(Uint8Array.from(Buffer.concat(parts)).buffer),
      ends,
      slots: cut.slots,
      next: null,
    });
  }

  #fill(template: Template, bytes: Buffer, from: number): boolean {
    const { literals, ends, slots } = template;
    const view = this.#viewOf(bytes);
    const { length } = bytes;
    let at = from;
    let literal = 0;
    for (let i = 0; ; i++) {
      const literalEnd = ends[i];
      if (at + literalEnd - literal > length) return false;
      for (; literal + 4 <= literalEnd; literal += 4, at += 4)
        if (view.getInt32(at) !== literals.getInt32(literal)) return false;
      for (; literal < literalEnd; literal++, at++)
        if (bytes[at] !== literals.getUint8(literal)) return false;
      if (i === slots.length) break;
      const { object, key, isText } = slots[i];
      if (isText) {
        const end = bytes.indexOf(QUOTE, at);
        if (end === -1) return false;
        const text = bytes.toString('latin1', at, end);
        if (!isPlain(text)) return false;
        object[key] = text;
        at = end;
      } else {
        const value = this.#number(bytes, at);
        at = this.#numberEnd;
        if (at === -1) return false;
        object[key] = value;
      }
    }
    this.end = at;
    return true;
  }

  #viewOf(bytes: Buffer): DataView {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    return this.#view;
  }

  #number(bytes: Buffer, from: number): number {
    let at = from;
    const isNegative = bytes[at] === MINUS;
    if (isNegative) at++;
    const first = at;
    let value = 0;
    let digit = bytes[at];
    while (digit >= ZERO && digit <= NINE) {
      value = value * 10 + (digit - ZERO);
      digit = bytes[++at];
    }
    let digits = at - first;
    this.#numberEnd = -1;
    if (digits === 0 || (bytes[first] === ZERO && digits > 1)) return 0;
    let decimals = 0;
    if (digit === DOT) {
      const point = at;
      digit = bytes[++at];
      while (digit >= ZERO && digit <= NINE) {
        value = value * 10 + (digit - ZERO);
        digit = bytes[++at];
      }
      decimals = at - point - 1;
      if (decimals === 0) return 0;
      digits += decimals;
    }
    if (digit === SMALL_E || digit === LARGE_E) return 0;
    this.#numberEnd = at;
    if (digits > EXACT_DIGITS) return Number(bytes.toString('latin1', from, at));
    // One division of two exact numbers is rounded once, as the decimal is (Clinger 1990).
    const size = decimals === 0 ? value : value / POWERS[decimals];
    return isNegative ? -size : size;
  }
}

/** A text that stands in JSON as it is: base64 is. */
const isPlain = (text: string): boolean => /^[A-Za-z0-9+/=]*$/.test(text);

type Cut = { literals: string[]; slots: Slot[] };

/** @returns null: it has something in it that makes a shape of its own line alone */
function cutAtValues(text: string, line: object, textFields: ReadonlySet<string>): Cut | null {
  const literals: string[] = [];
  const slots: Slot[] = [];
  const open: { object: Record<string, unknown>; key: string }[] = [];
  let begin = 0;
  let at = 0;
  const cut = (from: number, to: number, isText: boolean) => {
    literals.push(text.slice(begin, from));
    slots.push({ ...open.at(-1)!, isText });
    begin = to;
  };
  let awaitsKey = false;
  while (at < text.length) {
    const character = text[at];
    if (character === '{') {
      const inside = open.length === 0 ? line : open.at(-1)!.object[open.at(-1)!.key];
      open.push({ object: inside as Record<string, unknown>, key: '' });
      awaitsKey = true;
      at++;
    } else if (character === '}') {
      open.pop();
      awaitsKey = false;
      at++;
    } else if (character === ',') {
      awaitsKey = true;
      at++;
    } else if (character === '"') {
      const end = endOfText(text, at);
      const inside = text.slice(at + 1, end - 1);
      if (awaitsKey) {
        // A key that is written in another way, or that sets more than itself.
        if (inside.includes('\\') || inside === '__proto__') return null;
        open.at(-1)!.key = inside;
        awaitsKey = false;
        at = end;
        continue;
      }
      if (textFields.has(open.at(-1)!.key) && isPlain(inside)) cut(at + 1, end - 1, true);
      at = end;
    } else if (character === '-' || (character >= '0' && character <= '9')) {
      NUMBER.lastIndex = at;
      const end = at + NUMBER.exec(text)![0].length;
      cut(at, end, false);
      at = end;
    } else if (character === '[') return null;
    else at++;
  }
  literals.push(`${text.slice(begin)}\n`);
  return { literals, slots };
}

/** Behind the closing quote of a text of JSON. */
function endOfText(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE)
    at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at + 1;
}
