/**
 * The body of `POST /v1/submit`, read exactly as the uptime backend reads it.
 * Sources: uptime-service-backend, src/delegation_backend/data.go and submit.go; the rules of Go's encoding/json, encoding/base64
 * and time packages, each observed on the running backend at a358915 (Go 1.26): test/vectors/backend-answers.json.
 * One pass over the bytes, no recursion, no copy of the block.
 * Pure (no I/O, no `k6/*`, no `node:*`), so tools, tests and the embedded backend share it.
 */
import { decode } from './base58check.ts';
import { badBase64At, decodeBase64, SEXTET } from './base64.ts';
import { type CreatedAt, isGoZeroTime, parseCreatedAt } from './created-at.ts';
import { decodeUtf8, putUtf8 } from './utf8.ts';
import type { SignedFields } from './submission-text.ts';

/** A JSON string as it stands in the body. Offsets in bytes; `start` is the opening quote, `end` follows the closing one. */
export type Token = {
  start: number;
  end: number;
  /** Between the quotes stands padded standard base64 and nothing else: no escape, no line break. */
  plain: boolean;
};

/** A string that was read before, and what {@link parseSubmission} found of it. */
export type KnownToken = {
  /** As it stood there, quotes included. */
  readonly token: Uint8Array;
  readonly plain: boolean;
};

/** What whoever reads many bodies knows already. */
export type KnownParts<K extends KnownToken = KnownToken> = {
  /** @returns the known block whose token stands at `start` of `body`, byte by byte; else null */
  block(body: Uint8Array, start: number): K | null;
  /** @returns the 33 bytes of a public key as text; null: not known */
  publicKey(text: string): Uint8Array | null;
};

export type Submission<K extends KnownToken = KnownToken> = {
  /** The request's body; the tokens point into it. */
  body: Uint8Array;
  block: Token;
  /** What was known of that block; null: nothing, or nobody was asked. */
  knownBlock: K | null;
  /** null when the field is missing or null; an empty string is a token. */
  snarkWork: Token | null;
  createdAt: CreatedAt;
  /** Decoded; bad UTF-8 and lone surrogates have become U+FFFD. */
  peerId: string;
  /** -2^63 … 2^63 - 1; 0 when absent. */
  graphqlControlPort: bigint;
  /** Decoded; empty when absent. */
  builtWithCommitSha: string;
  /** base58check text, as it stood in the request. */
  submitter: string;
  /** 33 bytes: x (32, LE), parity of y (1). Any bytes: nothing says yet that this is a point. */
  submitterKey: Uint8Array;
  /** 64 bytes: rx (32, LE), s (32, LE). */
  signature: Uint8Array;
};

export type SubmissionField =
  | 'block'
  | 'created_at'
  | 'peer_id'
  | 'snark_work'
  | 'graphql_control_port'
  | 'built_with_commit_sha'
  | 'submitter'
  | 'signature'
  | 'data'
  | 'body';

/**
 * Why a body is no submission. `decode`: not JSON of the right shape. `missing`: the shape is right, but a required field is
 * absent, empty or zero. The backend answers these two differently and says no more; the rest is for people.
 */
export class SubmissionError extends Error {
  readonly problem: 'decode' | 'missing';
  readonly field: SubmissionField;
  /** Byte offset in the body where reading stopped; the body's length for a missing field. */
  readonly offset: number;
  /** 1 for the first line; lines end with LF. */
  readonly line: number;

  constructor(
    problem: 'decode' | 'missing',
    field: SubmissionField,
    body: Uint8Array,
    offset: number,
    reason: string,
  ) {
    const line = lineAt(body, offset);
    const where = problem === 'missing' ? '' : ` at byte ${offset}, line ${line}`;
    super(field === 'body' ? `${reason}${where}` : `${field}: ${reason}${where}`);
    this.name = 'SubmissionError';
    this.problem = problem;
    this.field = field;
    this.offset = offset;
    this.line = line;
  }
}

function lineAt(body: Uint8Array, offset: number): number {
  let line = 1;
  for (let at = body.indexOf(0x0a); at !== -1 && at < offset; at = body.indexOf(0x0a, at + 1))
    line++;
  return line;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const MINUS = 0x2d;
const ZERO = 0x30;
const EQUALS = 0x3d;

/** Deepest nesting of objects and arrays that Go's scanner takes (encoding/json, maxNestingDepth). */
const MAX_DEPTH = 10_000;

/** Classes of a byte inside a JSON string, as bits that are ORed over the string. */
const NOT_BASE64 = 1;
const STOPS = 2; // quote, backslash or control character
const PADS = 4; // =
/** Set by {@link Reader.string} beside the classes of the bytes. */
const ESCAPED = 8;
const CLASS = Uint8Array.from({ length: 256 }, (_, byte) => (SEXTET[byte] > 63 ? NOT_BASE64 : 0));
CLASS.fill(NOT_BASE64 | STOPS, 0, 0x20);
CLASS[QUOTE] = CLASS[BACKSLASH] = STOPS;
CLASS[EQUALS] = PADS;

/**
 * Reads a request body.
 * @param known spares reading blocks and keys again; the result is the same without it
 * @returns the submission; its tokens point into `body`, which must not change afterwards
 * @throws SubmissionError for everything that the backend answers with 400 while decoding
 */
export function parseSubmission<K extends KnownToken = KnownToken>(
  body: Uint8Array,
  known: KnownParts<K> | null = null,
): Submission<K> {
  return new Reader(body, known).submission();
}

// `private`, not `#` as elsewhere: `#` methods check on each call whose they are, and this runs for every byte of a body.
class Reader<K extends KnownToken> {
  private readonly body: Uint8Array;
  private readonly known: KnownParts<K> | null;
  private at = 0;
  private field: SubmissionField = 'body';

  private block: Token | null = null;
  private knownBlock: K | null = null;
  private snarkWork: Token | null = null;
  private createdAt: CreatedAt | null = null;
  private peerId = '';
  private port = 0n;
  private commit = '';
  private submitter = '';
  /** Where the first `=` of the string read last stands, if it has one: looking for it anew costs a pass over the block. */
  private firstPad = 0;
  private submitterKey: Uint8Array | null = null;
  private signature: Uint8Array | null = null;

  constructor(body: Uint8Array, known: KnownParts<K> | null) {
    this.body = body;
    this.known = known;
  }

  submission(): Submission<K> {
    this.space();
    const first = this.body[this.at];
    if (first === OPEN_OBJECT) this.object(this.requestField);
    else if (first === 0x6e /* n */) this.literal('null');
    else {
      this.skip();
      this.fail('the body is no JSON object');
    }
    this.space();
    if (this.at < this.body.length) this.fail('something follows the JSON object');
    return this.checked();
  }

  private checked(): Submission<K> {
    const { body, block, knownBlock, createdAt, submitterKey, signature } = this;
    if (block === null) throw this.missing('block');
    if (this.peerId === '') throw this.missing('peer_id');
    if (createdAt === null || isGoZeroTime(createdAt)) throw this.missing('created_at');
    if (submitterKey === null || isZero(submitterKey)) throw this.missing('submitter');
    if (signature === null || isZero(signature)) throw this.missing('signature');
    return {
      body,
      block,
      knownBlock,
      snarkWork: this.snarkWork,
      createdAt,
      peerId: this.peerId,
      graphqlControlPort: this.port,
      builtWithCommitSha: this.commit,
      submitter: this.submitter,
      submitterKey,
      signature,
    };
  }

  private missing(field: SubmissionField): SubmissionError {
    const reason = 'the required field is missing, empty or zero';
    return new SubmissionError('missing', field, this.body, this.body.length, reason);
  }

  private fail(reason: string, offset = this.at): never {
    throw new SubmissionError('decode', this.field, this.body, offset, reason);
  }

  // Fields. A key given twice is read twice: each value must be right, the last one counts (null leaves what was there,
  // except for block and snark_work, which it removes), and a second `data` object goes into the first.

  private readonly requestField = (key: string): void => {
    switch (key) {
      case 'DATA': {
        this.field = 'data';
        const first = this.body[this.at];
        if (first === OPEN_OBJECT) this.object(this.dataField);
        else if (!this.isNull()) this.wrongType('an object');
        break;
      }
      case 'SUBMITTER':
        this.field = 'submitter';
        this.submitterKey = this.base58('publicKey', (text) => (this.submitter = text));
        break;
      case 'SIGNATURE':
        this.field = 'signature';
        this.signature = this.base58('signature');
        break;
      default:
        this.skip();
    }
    this.field = 'body';
  };

  private readonly dataField = (key: string): void => {
    switch (key) {
      case 'BLOCK':
        this.field = 'block';
        this.block = this.blockToken();
        break;
      case 'SNARK_WORK':
        this.field = 'snark_work';
        this.snarkWork = this.base64();
        break;
      case 'CREATED_AT':
        this.field = 'created_at';
        if (!this.isNull()) this.createdAt = this.time();
        break;
      case 'PEER_ID':
        this.field = 'peer_id';
        if (!this.isNull()) this.peerId = this.text();
        break;
      case 'BUILT_WITH_COMMIT_SHA':
        this.field = 'built_with_commit_sha';
        if (!this.isNull()) this.commit = this.text();
        break;
      case 'GRAPHQL_CONTROL_PORT':
        this.field = 'graphql_control_port';
        if (!this.isNull()) this.port = this.integer();
        break;
      default:
        this.skip();
    }
    this.field = 'data';
  };

  /** Consumes `null` if it is there. */
  private isNull(): boolean {
    if (this.body[this.at] !== 0x6e) return false;
    this.literal('null');
    return true;
  }

  private wrongType(wanted: string): never {
    const start = this.at;
    this.skip(); // a syntax error inside it is the better message
    this.fail(`the value is not ${wanted}`, start);
  }

  private base58(kind: 'publicKey' | 'signature', keep?: (text: string) => void): Uint8Array {
    if (this.body[this.at] !== QUOTE) this.wrongType('a string');
    const start = this.at;
    const text = this.text();
    try {
      const payload =
        (kind === 'publicKey' ? this.known?.publicKey(text) : null) ?? decode(kind, text);
      keep?.(text);
      return payload;
    } catch (error) {
      if (error instanceof RangeError) this.fail(error.message, start);
      throw error;
    }
  }

  private blockToken(): Token | null {
    const { at: start } = this;
    const known = this.body[start] === QUOTE ? (this.known?.block(this.body, start) ?? null) : null;
    this.knownBlock = known;
    if (known === null) return this.base64();
    this.at = start + known.token.length;
    return { start, end: this.at, plain: known.plain };
  }

  private base64(): Token | null {
    if (this.isNull()) return null;
    if (this.body[this.at] !== QUOTE) this.wrongType('a string');
    const start = this.at;
    const flags = this.string();
    const token = { start, end: this.at, plain: this.isPlain(start, flags) };
    if (!token.plain) {
      const at = badBase64At(tokenText(this.body, token));
      // The place inside an escaped string is not the place in the body; its start is.
      const offset = flags & ESCAPED ? start : start + 1 + at;
      if (at !== -1) this.fail('the text is not padded base64', offset);
    }
    return token;
  }

  /** Whether the string that ends here is base64 at first sight: length and alphabet right, `=` only where it may stand. */
  private isPlain(start: number, flags: number): boolean {
    if (flags & (NOT_BASE64 | ESCAPED) || (this.at - start - 2) % 4 !== 0) return false;
    if ((flags & PADS) === 0) return true;
    const padding = this.at - 1 - this.firstPad;
    return padding === 1 || (padding === 2 && this.body[this.at - 2] === EQUALS);
  }

  private time(): CreatedAt {
    const start = this.at;
    if (this.body[start] !== QUOTE) this.wrongType('a string');
    this.string();
    // Go reads the time from the raw bytes: an escape in it is an error.
    const time = parseCreatedAt(shortTime(this.body.subarray(start + 1, this.at - 1)));
    if (time === null) this.fail('the text is no RFC 3339 time', start);
    return time;
  }

  private integer(): bigint {
    const start = this.at;
    const first = this.body[start];
    if (first !== MINUS && (first < ZERO || first > 0x39)) this.wrongType('an integer');
    this.number();
    const length = this.at - start;
    const text = length <= 20 ? asciiText(this.body.subarray(start, this.at)) : '';
    if (!/^-?\d+$/.test(text)) this.fail('the number is no 64-bit integer', start);
    const value = BigInt(text);
    if (BigInt.asIntN(64, value) !== value) this.fail('the number is no 64-bit integer', start);
    return value;
  }

  private text(): string {
    if (this.body[this.at] !== QUOTE) this.wrongType('a string');
    const start = this.at;
    const flags = this.string();
    return stringOf(this.body, start, this.at, (flags & ESCAPED) !== 0);
  }

  // JSON itself, as encoding/json/scanner.go takes it.

  private space(): void {
    const { body } = this;
    let { at } = this;
    for (;;) {
      const byte = body[at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
      at++;
    }
    this.at = at;
  }

  /** One of our two objects; `read` gets the key, folded to capitals, and must consume the value. */
  private object(read: (key: string) => void): void {
    const { body } = this;
    this.at++;
    this.space();
    if (body[this.at] === CLOSE_OBJECT) {
      this.at++;
      return;
    }
    for (;;) {
      if (body[this.at] !== QUOTE) this.unexpected('a key');
      const start = this.at;
      const flags = this.string();
      const key = foldedKey(body, start, this.at, flags);
      this.space();
      if (body[this.at] !== COLON) this.unexpected('a colon');
      this.at++;
      this.space();
      read(key);
      this.space();
      const next = body[this.at];
      this.at++;
      if (next === CLOSE_OBJECT) return;
      if (next !== COMMA) {
        this.at--;
        this.unexpected('a comma or }');
      }
      this.space();
    }
  }

  private unexpected(wanted: string): never {
    if (this.at >= this.body.length) this.fail(`the body ends where ${wanted} should stand`);
    this.fail(`${wanted} should stand here`);
  }

  /**
   * Consumes a string from its opening quote on.
   * @returns the classes of its bytes, ORed (without those of the quotes)
   */
  private string(): number {
    const { body } = this;
    const { length } = body;
    let at = this.at + 1;
    let flags = 0;
    for (;;) {
      // Four at a time: blocks are long, and this loop is most of the parser's work.
      for (; at + 4 <= length; at += 4) {
        const kinds =
          CLASS[body[at]] | CLASS[body[at + 1]] | CLASS[body[at + 2]] | CLASS[body[at + 3]];
        if (kinds & (STOPS | PADS)) break;
        flags |= kinds;
      }
      for (; at < length; at++) {
        const kind = CLASS[body[at]];
        if (kind & STOPS) break;
        if (kind === PADS && (flags & PADS) === 0) this.firstPad = at;
        flags |= kind;
      }
      if (at >= length) {
        this.at = length;
        this.fail('the body ends inside a string');
      }
      const byte = body[at];
      if (byte === QUOTE) {
        this.at = at + 1;
        return flags;
      }
      if (byte !== BACKSLASH) {
        this.at = at;
        this.fail('a control character stands inside a string');
      }
      flags |= ESCAPED;
      const escape = body[at + 1];
      if (escape === 0x75 /* u */) {
        for (let i = at + 2; i < at + 6; i++) if (hexValue(body[i]) === -1) this.badEscape(i);
        at += 6;
      } else {
        if (escape === undefined || !ESCAPES.includes(escape)) this.badEscape(at + 1);
        at += 2;
      }
    }
  }

  private badEscape(at: number): never {
    this.at = Math.min(at, this.body.length);
    this.fail(
      at >= this.body.length
        ? 'the body ends inside a string'
        : 'the escape in this string is wrong',
    );
  }

  private number(): void {
    const { body } = this;
    if (body[this.at] === MINUS) this.at++;
    if (body[this.at] === ZERO) this.at++;
    else this.digits();
    if (body[this.at] === 0x2e) {
      this.at++;
      this.digits();
    }
    if (body[this.at] === 0x65 || body[this.at] === 0x45) {
      this.at++;
      if (body[this.at] === 0x2b || body[this.at] === MINUS) this.at++;
      this.digits();
    }
  }

  private digits(): void {
    if (!isDigit(this.body[this.at])) this.unexpected('a digit');
    while (isDigit(this.body[this.at])) this.at++;
  }

  private literal(word: string): void {
    for (let i = 0; i < word.length; i++, this.at++)
      if (this.body[this.at] !== word.charCodeAt(i)) this.unexpected(`the rest of "${word}"`);
  }

  private scalar(): void {
    switch (this.body[this.at]) {
      case QUOTE:
        this.string();
        break;
      case 0x74:
        this.literal('true');
        break;
      case 0x66:
        this.literal('false');
        break;
      case 0x6e:
        this.literal('null');
        break;
      default:
        if (this.body[this.at] !== MINUS && !isDigit(this.body[this.at]))
          this.unexpected('a value');
        this.number();
    }
  }

  /** Consumes any value; the open objects and arrays are a stack of closing bytes, so depth costs no call frames. */
  private skip(): void {
    const { body } = this;
    if (body[this.at] !== OPEN_OBJECT && body[this.at] !== OPEN_ARRAY) {
      this.scalar();
      return;
    }
    // What stands around the value: the request's object, and `data` inside it.
    const around = this.field === 'body' ? (this.at > 0 ? 1 : 0) : 2;
    const open: number[] = [];
    for (;;) {
      const byte = body[this.at];
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        open.push(byte === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY);
        if (open.length + around > MAX_DEPTH) this.fail(`more than ${MAX_DEPTH} levels are nested`);
        this.at++;
        this.space();
        if (body[this.at] !== open.at(-1)) {
          if (byte === OPEN_OBJECT) this.key();
          continue;
        }
      } else {
        this.scalar();
        this.space();
      }
      // A value has ended: close what ends here, or go on with its next member.
      while (open.length > 0 && body[this.at] === open.at(-1)) {
        this.at++;
        open.pop();
        if (open.length > 0) this.space();
      }
      if (open.length === 0) return;
      const isObject = open.at(-1) === CLOSE_OBJECT;
      if (body[this.at] !== COMMA) this.unexpected(isObject ? 'a comma or }' : 'a comma or ]');
      this.at++;
      this.space();
      if (isObject) this.key();
    }
  }

  private key(): void {
    if (this.body[this.at] !== QUOTE) this.unexpected('a key');
    this.string();
    this.space();
    if (this.body[this.at] !== COLON) this.unexpected('a colon');
    this.at++;
    this.space();
  }
}

/** After a backslash, and what each stands for; \\u apart. */
const ESCAPES = [...'"\\/bfnrt'].map((letter) => letter.charCodeAt(0));
const ESCAPE_VALUES = [...'"\\/\b\f\n\r\t'].map((letter) => letter.charCodeAt(0));

const isDigit = (byte: number | undefined): boolean =>
  byte !== undefined && byte >= ZERO && byte <= 0x39;

function hexValue(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= ZERO && byte <= 0x39) return byte - ZERO;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

const asciiText = (bytes: Uint8Array): string => {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
};

const KEYS = [
  'data',
  'submitter',
  'signature',
  'block',
  'snark_work',
  'created_at',
  'peer_id',
  'built_with_commit_sha',
  'graphql_control_port',
].map((key) => key.toUpperCase());
const LONGEST_KEY = Math.max(...KEYS.map((key) => key.length));

/**
 * Go looks a key up exactly, then folded: letters of any case, and the two signs outside ASCII that fold into it.
 * @returns the key in capitals, or an empty text for what is none of ours
 */
function foldedKey(body: Uint8Array, start: number, end: number, flags: number): string {
  if ((flags & ESCAPED) === 0) return keyOf(body, start + 1, end - 1);
  if (end - start - 2 > 6 * LONGEST_KEY) return ''; // even if each letter were written as \uXXXX
  const raw = unescaped(body.subarray(start + 1, end - 1));
  return keyOf(raw, 0, raw.length);
}

function keyOf(bytes: Uint8Array, from: number, to: number): string {
  for (const key of KEYS) if (isKey(bytes, from, to, key)) return key;
  return '';
}

function isKey(bytes: Uint8Array, from: number, to: number, key: string): boolean {
  if (to - from < key.length) return false;
  let at = from;
  for (let i = 0; i < key.length; i++) {
    const wanted = key.charCodeAt(i);
    const byte = bytes[at];
    if (byte === wanted || (byte >= 0x61 && byte <= 0x7a && byte - 0x20 === wanted)) at++;
    else if (wanted === 0x53 && byte === 0xc5 && bytes[at + 1] === 0xbf)
      at += 2; // U+017F, long s
    else if (wanted === 0x4b && byte === 0xe2 && bytes[at + 1] === 0x84 && bytes[at + 2] === 0xaa)
      at += 3; // U+212A, the kelvin sign
    else return false;
  }
  return at === to;
}

/** The decoded text of a string token; what is no Unicode becomes U+FFFD. */
function stringOf(body: Uint8Array, start: number, end: number, escaped: boolean): string {
  const raw = body.subarray(start + 1, end - 1);
  return decodeUtf8(escaped ? unescaped(raw) : raw);
}

/** Resolves the escapes of a string that {@link Reader.string} has checked; a lone surrogate becomes U+FFFD. UTF-8 in and out. */
function unescaped(raw: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(raw.length);
  let out = 0;
  for (let i = 0; i < raw.length; i++) {
    if (raw[i] !== BACKSLASH) {
      bytes[out++] = raw[i];
      continue;
    }
    const escape = raw[++i];
    if (escape !== 0x75) {
      const at = ESCAPES.indexOf(escape);
      bytes[out++] = ESCAPE_VALUES[at];
      continue;
    }
    const unit = unitAt(raw, i + 1);
    i += 4;
    const second =
      unit >= 0xd800 && unit < 0xdc00 && raw[i + 1] === BACKSLASH && raw[i + 2] === 0x75
        ? unitAt(raw, i + 3)
        : 0;
    if (second >= 0xdc00 && second < 0xe000) {
      out = putUtf8(bytes, out, 0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00));
      i += 6;
    } else out = putUtf8(bytes, out, unit >= 0xd800 && unit < 0xe000 ? 0xfffd : unit);
  }
  return bytes.subarray(0, out);
}

/** The four hexadecimal digits at `i`. */
const unitAt = (raw: Uint8Array, i: number): number =>
  (hexValue(raw[i]) << 12) |
  (hexValue(raw[i + 1]) << 8) |
  (hexValue(raw[i + 2]) << 4) |
  hexValue(raw[i + 3]);

/** What stands between the quotes, escapes resolved. */
function tokenText(body: Uint8Array, { start, end }: Token): Uint8Array {
  const raw = body.subarray(start + 1, end - 1);
  return raw.includes(BACKSLASH) ? unescaped(raw) : raw;
}

/** @returns the bytes that the token `block` or `snarkWork` of a parsed submission stands for */
export const tokenBytes = (body: Uint8Array, token: Token): Uint8Array =>
  decodeBase64(tokenText(body, token), token.plain);

/** A time's text without the digits of its fraction beyond the ninth, of which there may be any number: they change nothing. */
function shortTime(raw: Uint8Array): string {
  if (raw.length <= 64) return asciiText(raw);
  let end = 29;
  while (isDigit(raw[end])) end++;
  return asciiText(raw.subarray(0, 29)) + asciiText(raw.subarray(end, end + 8));
}

/** What is signed, ready for {@link signedText}. The tokens are views of the body, quotes included. */
export function signedFields(submission: Submission): SignedFields {
  const { body, block, snarkWork, createdAt, peerId, graphqlControlPort, builtWithCommitSha } =
    submission;
  return {
    block: body.subarray(block.start, block.end),
    createdAt: createdAt.utc,
    peerId,
    snarkWork: snarkWork === null ? undefined : body.subarray(snarkWork.start, snarkWork.end),
    graphqlControlPort,
    builtWithCommitSha,
  };
}
