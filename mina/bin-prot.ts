/**
 * The part of OCaml's bin_prot that Mina blocks are made of, as codecs: each reads from a {@link Reader} and writes to a {@link Writer}.
 * All numbers are little-endian. Bytes that are read are views of the input; nothing is copied.
 * Source: janestreet/bin_prot at 0b8bd0d, src/read.ml and src/write.ml. Like it, reading takes an integer in any of its forms, and
 * writing takes the shortest.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */
import { FIELD_BYTES, integerToBytesLE, p } from './field.ts';

/** Bytes that are no such value (decode), or a value that has no such bytes (encode). */
export class BinProtError extends Error {
  readonly problem: 'decode' | 'encode';
  /** Path of names, e.g. `body.consensus_state.blockchain_length`; empty for a value that is in no record. */
  field: string;
  /** Byte in the input where reading stopped; null when encoding. */
  readonly offset: number | null;
  readonly reason: string;

  constructor(reason: string, offset: number | null, field = '') {
    super();
    this.name = 'BinProtError';
    this.problem = offset === null ? 'encode' : 'decode';
    this.reason = reason;
    this.offset = offset;
    this.field = field;
    this.#describe();
  }

  /** Puts the name of the record's field, in which this happened, before the path. */
  within(name: string): this {
    this.field = this.field === '' ? name : `${name}.${this.field}`;
    this.#describe();
    return this;
  }

  #describe(): void {
    const where = this.offset === null ? '' : ` at byte ${this.offset}`;
    this.message = `${this.field === '' ? '' : `${this.field}: `}${this.reason}${where}`;
  }
}

/** A place in a byte array that only moves forward, never past the end. */
export class Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  /** Goes on by `length` bytes. @returns where they start. @throws BinProtError if there are fewer */
  skip(length: number): number {
    const start = this.at;
    if (length > this.bytes.length - start)
      throw new BinProtError(
        `the data ends at byte ${this.bytes.length}, but ${length} ${length === 1 ? 'byte is' : 'bytes are'} needed`,
        start,
      );
    this.at = start + length;
    return start;
  }

  /** The next `length` bytes, not copied. */
  take(length: number): Uint8Array {
    const start = this.skip(length);
    return this.bytes.subarray(start, start + length);
  }

  byte(): number {
    return this.bytes[this.skip(1)];
  }
}

/** Bytes that grow. */
// `private`, not `#` as elsewhere, for the reason that submission.ts gives.
export class Writer {
  private buffer: Uint8Array;
  private view: DataView;
  private at = 0;

  constructor(capacity = 2048) {
    this.buffer = new Uint8Array(capacity);
    this.view = new DataView(this.buffer.buffer);
  }

  /** What was written, as a view that the next write after {@link clear} overwrites. */
  get written(): Uint8Array {
    return this.buffer.subarray(0, this.at);
  }

  clear(): void {
    this.at = 0;
  }

  private reserve(length: number): number {
    const start = this.at;
    if (start + length > this.buffer.length) {
      const larger = new Uint8Array(Math.max(2 * this.buffer.length, start + length));
      larger.set(this.buffer);
      this.buffer = larger;
      this.view = new DataView(larger.buffer);
    }
    this.at = start + length;
    return start;
  }

  byte(value: number): void {
    const start = this.reserve(1); // may replace the buffer
    this.buffer[start] = value;
  }

  bytes(value: Uint8Array): void {
    const start = this.reserve(value.length);
    this.buffer.set(value, start);
  }

  /** The shortest form of a signed integer of up to 32 bits. */
  int32(value: number): void {
    if (value >= 0 && value < 0x80) this.byte(value);
    else if (value < 0 && value >= -0x80) {
      const start = this.reserve(2);
      this.buffer[start] = NEG_INT8;
      this.view.setInt8(start + 1, value);
    } else if (value >= -0x8000 && value < 0x8000) {
      const start = this.reserve(3);
      this.buffer[start] = INT16;
      this.view.setInt16(start + 1, value, true);
    } else {
      const start = this.reserve(5);
      this.buffer[start] = INT32;
      this.view.setInt32(start + 1, value, true);
    }
  }

  /** The shortest form of a signed integer of up to 64 bits. */
  int64(value: bigint): void {
    if (value >= -0x80000000n && value < 0x80000000n) {
      this.int32(Number(value));
      return;
    }
    const start = this.reserve(9);
    this.buffer[start] = INT64;
    this.view.setBigInt64(start + 1, value, true);
  }

  /** The shortest form of a length: unsigned, so its borders are not those of {@link int32}. */
  nat0(value: number): void {
    if (value < 0x80) this.byte(value);
    else if (value < 0x10000) {
      const start = this.reserve(3);
      this.buffer[start] = INT16;
      this.view.setUint16(start + 1, value, true);
    } else if (value < 2 ** 32) {
      const start = this.reserve(5);
      this.buffer[start] = INT32;
      this.view.setUint32(start + 1, value, true);
    } else {
      const start = this.reserve(9);
      this.buffer[start] = INT64;
      this.view.setBigUint64(start + 1, BigInt(value), true);
    }
  }
}

const NEG_INT8 = 0xff;
const INT16 = 0xfe;
const INT32 = 0xfd;
/** First byte of an integer of 64 bits. */
export const INT64 = 0xfc;

export type Codec<T> = {
  /** @throws BinProtError that says where */
  read(reader: Reader): T;
  /** @throws BinProtError for a value out of range */
  write(writer: Writer, value: T): void;
  /** No value has fewer bytes. */
  readonly leastBytes: number;
};

/** The values of a codec. */
export type ValueOf<C> = C extends Codec<infer T> ? T : never;

const hexByte = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`;
const shown = (value: unknown): string =>
  value instanceof Uint8Array ? `${value.length} bytes` : String(value);

/** One of `values`, stored as its index. */
export function oneByte<const V extends readonly unknown[]>(
  what: string,
  ...values: V
): Codec<V[number]> {
  return {
    leastBytes: 1,
    read(reader) {
      const index = reader.byte();
      if (index >= values.length)
        throw new BinProtError(`${hexByte(index)} is no ${what},`, reader.at - 1);
      return values[index];
    },
    write(writer, value) {
      const index = values.indexOf(value);
      if (index === -1) throw new BinProtError(`${shown(value)} is no ${what}`, null);
      writer.byte(index);
    },
  };
}

export const bool: Codec<boolean> = oneByte('bool', false, true);
export const unit: Codec<null> = oneByte('unit', null);
/** A list of which nothing is known but that it is empty. */
export const emptyList: Codec<null> = oneByte('empty list, the only one known here', null);

/** One signed integer after its code; `code` is not {@link INT64}. */
function readShortInt(reader: Reader, code: number, what: string): number {
  if (code < 0x80) return code;
  if (code === NEG_INT8) {
    const value = reader.view.getInt8(reader.skip(1));
    if (value >= 0) throw new BinProtError(`0xff and then ${value} is no ${what},`, reader.at - 2);
    return value;
  }
  if (code === INT16) return reader.view.getInt16(reader.skip(2), true);
  if (code === INT32) return reader.view.getInt32(reader.skip(4), true);
  throw new BinProtError(`${hexByte(code)} starts no ${what},`, reader.at - 1);
}

/** 32 bits, unsigned, stored as the signed integer of the same bits; in memory a number. */
export const uint32: Codec<number> = {
  leastBytes: 1,
  read: (reader) => readShortInt(reader, reader.byte(), '32-bit integer') >>> 0,
  write(writer, value) {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff)
      throw new BinProtError(`${shown(value)} is no integer from 0 to 4294967295`, null);
    writer.int32(value | 0);
  },
};

const MAX_UINT64 = 2n ** 64n - 1n;

/** 64 bits, unsigned, stored as the signed integer of the same bits; in memory a bigint. */
export const uint64: Codec<bigint> = {
  leastBytes: 1,
  read(reader) {
    const code = reader.byte();
    if (code === INT64) return reader.view.getBigUint64(reader.skip(8), true);
    return BigInt.asUintN(64, BigInt(readShortInt(reader, code, '64-bit integer')));
  },
  write(writer, value) {
    if (typeof value !== 'bigint' || value < 0n || value > MAX_UINT64)
      throw new BinProtError(`${shown(value)} is no bigint from 0 to ${MAX_UINT64}`, null);
    writer.int64(BigInt.asIntN(64, value));
  },
};

/** OCaml's signed int; in memory a number, so values beyond ±(2^53 - 1) are refused (OCaml's end at 2^62). */
export const int: Codec<number> = {
  leastBytes: 1,
  read(reader) {
    const code = reader.byte();
    if (code !== INT64) return readShortInt(reader, code, 'integer');
    const value = reader.view.getBigInt64(reader.skip(8), true);
    if (!Number.isSafeInteger(Number(value)))
      throw new BinProtError(`the integer ${value} is beyond 2^53,`, reader.at - 9);
    return Number(value);
  },
  write(writer, value) {
    if (!Number.isSafeInteger(value))
      throw new BinProtError(`${shown(value)} is no integer below 2^53`, null);
    writer.int64(BigInt(value));
  },
};

/** @returns a length; whoever asks compares it with what is left */
function readNat0(reader: Reader): number {
  const code = reader.byte();
  if (code < 0x80) return code;
  if (code === INT16) return reader.view.getUint16(reader.skip(2), true);
  if (code === INT32) return reader.view.getUint32(reader.skip(4), true);
  if (code === INT64) return Number(reader.view.getBigUint64(reader.skip(8), true));
  throw new BinProtError(`${hexByte(code)} starts no length,`, reader.at - 1);
}

/** A byte string of exactly `length` bytes, its length before it. */
export const bytes = (length: number): Codec<Uint8Array> => ({
  leastBytes: 1 + length,
  read(reader) {
    const start = reader.at;
    const found = readNat0(reader);
    if (found !== length)
      throw new BinProtError(`a string of ${found} bytes stands where ${length} belong,`, start);
    return reader.take(length);
  },
  write(writer, value) {
    if (value.length !== length)
      throw new BinProtError(`${shown(value)} given, but the string has ${length}`, null);
    writer.nat0(length);
    writer.bytes(value);
  },
});

const MODULUS_BYTES = integerToBytesLE(p, FIELD_BYTES);

/** Whether 32 bytes, little-endian, from `at` are below the modulus of Fp. */
export function isFieldElement(value: Uint8Array, at = 0): boolean {
  for (let i = FIELD_BYTES - 1; i >= 0; i--) {
    const difference = value[at + i] - MODULUS_BYTES[i];
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** An element of Fp: 32 bytes, little-endian, below the modulus. */
export const field: Codec<Uint8Array> = {
  leastBytes: FIELD_BYTES,
  read(reader) {
    const start = reader.skip(FIELD_BYTES);
    if (!isFieldElement(reader.bytes, start))
      throw new BinProtError('32 bytes are not below the modulus of Fp,', start);
    return reader.bytes.subarray(start, start + FIELD_BYTES);
  },
  write(writer, value) {
    if (value.length !== FIELD_BYTES)
      throw new BinProtError(`${shown(value)} given, but a field element has 32`, null);
    if (!isFieldElement(value)) throw new BinProtError('not below the modulus of Fp', null);
    writer.bytes(value);
  },
};

/** @param most a longer list is refused */
export const list = <T>(element: Codec<T>, most = Infinity): Codec<readonly T[]> => ({
  leastBytes: 1,
  read(reader) {
    const start = reader.at;
    const length = readNat0(reader);
    // Before anything is allocated: a length may be anything up to 2^64.
    if (length > most) throw new BinProtError(`a list of ${length} has more than ${most},`, start);
    if (length * element.leastBytes > reader.left)
      throw new BinProtError(
        `a list of ${length} elements does not fit into the ${reader.left} bytes left,`,
        start,
      );
    const values: T[] = [];
    for (let i = 0; i < length; i++) values.push(within(String(i), () => element.read(reader)));
    return values;
  },
  write(writer, values) {
    if (values.length > most)
      throw new BinProtError(`a list of ${values.length} has more than ${most}`, null);
    writer.nat0(values.length);
    values.forEach((value, i) => within(String(i), () => element.write(writer, value)));
  },
});

/** Runs a step whose errors are then said to be in `name`. */
export function within<T>(name: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw error instanceof BinProtError ? error.within(name) : error;
  }
}

export const option = <T>(value: Codec<T>): Codec<T | null> => ({
  leastBytes: 1,
  read: (reader) => (presence.read(reader) ? value.read(reader) : null),
  write(writer, given) {
    presence.write(writer, given !== null);
    if (given !== null) value.write(writer, given);
  },
});
const presence: Codec<boolean> = oneByte('option', false, true);

/** A variant with one constructor, which is stored all the same. */
export const onlyConstructor = <T>(value: Codec<T>): Codec<T> => ({
  leastBytes: 1 + value.leastBytes,
  read(reader) {
    constructorIndex.read(reader);
    return value.read(reader);
  },
  write(writer, given) {
    constructorIndex.write(writer, null);
    value.write(writer, given);
  },
});
const constructorIndex: Codec<null> = oneByte('constructor of a variant that has one', null);

/** Fields in the order of the object's keys, with nothing between them. */
export function record<F extends Record<string, Codec<unknown>>>(
  fields: F,
): Codec<{ readonly [K in keyof F]: ValueOf<F[K]> }> {
  type Value = { readonly [K in keyof F]: ValueOf<F[K]> };
  const entries: [string, Codec<unknown>][] = Object.entries(fields);
  return {
    leastBytes: entries.reduce((sum, [, codec]) => sum + codec.leastBytes, 0),
    read(reader) {
      const value: Record<string, unknown> = {};
      let name = '';
      try {
        for (const entry of entries) {
          name = entry[0];
          value[name] = entry[1].read(reader);
        }
      } catch (error) {
        throw error instanceof BinProtError ? error.within(name) : error;
      }
      return value as Value;
    },
    write(writer, value) {
      let name = '';
      try {
        for (const entry of entries) {
          name = entry[0];
          entry[1].write(writer, value[name]);
        }
      } catch (error) {
        throw error instanceof BinProtError ? error.within(name) : error;
      }
    },
  };
}
