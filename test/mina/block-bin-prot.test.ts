/** The codecs of mina/bin-prot.ts: every form of an integer, and what each refuses. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  BinProtError,
  type Codec,
  Reader,
  Writer,
  bool,
  bytes,
  field,
  int,
  list,
  onlyConstructor,
  option,
  record,
  uint32,
  uint64,
  unit,
} from '../../mina/bin-prot.ts';
import { integerToBytesLE, p } from '../../mina/field.ts';
import { uint32Edges, uint64Edges } from './block-fixtures.ts';

const fromHex = (hex: string): Uint8Array =>
  new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
function write<T>(codec: Codec<T>, value: T): string {
  const writer = new Writer(1); // too small: it has to grow
  codec.write(writer, value);
  return Buffer.from(writer.written).toString('hex');
}
/** The value, of which all bytes must have been read. */
function read<T>(codec: Codec<T>, hex: string): T {
  const reader = new Reader(fromHex(hex));
  const value = codec.read(reader);
  assert.equal(reader.left, 0);
  return value;
}
const refusal = (offset: number | null, message: RegExp, fieldPath = '') => ({
  name: 'BinProtError',
  problem: offset === null ? 'encode' : 'decode',
  offset,
  field: fieldPath,
  message,
});

const FORMS_32: [number, string][] = [
  [0, '00'],
  [1, '01'],
  [127, '7f'],
  [128, 'fe8000'],
  [200, 'fec800'],
  [7140, 'fee41b'],
  [32767, 'feff7f'],
  [32768, 'fd00800000'],
  [40000, 'fd409c0000'],
  [2 ** 31 - 1, 'fdffffff7f'],
  [2 ** 31, 'fd00000080'],
  [2 ** 32 - 32769, 'fdff7fffff'],
  [2 ** 32 - 32768, 'fe0080'],
  [2 ** 32 - 129, 'fe7fff'],
  [2 ** 32 - 128, 'ff80'],
  [2 ** 32 - 1, 'ffff'],
];
const FORMS_64: [bigint, string][] = [
  ...FORMS_32.filter(([value]) => value < 2 ** 31).map(([value, hex]): [bigint, string] => [
    BigInt(value),
    hex,
  ]),
  [2n ** 31n, 'fc0000008000000000'],
  [2n ** 32n - 1n, 'fcffffffff00000000'],
  [1708505694322n, 'fc7200e0ca8d010000'],
  [2n ** 63n - 1n, 'fcffffffffffffff7f'],
  [2n ** 63n, 'fc0000000000000080'],
  [2n ** 64n - 2n ** 31n, 'fd00000080'],
  [2n ** 64n - 128n, 'ff80'],
  [2n ** 64n - 1n, 'ffff'],
];
const FORMS_INT: [number, string][] = [
  [3, '03'],
  [127, '7f'],
  [128, 'fe8000'],
  [-1, 'ffff'],
  [-128, 'ff80'],
  [-129, 'fe7fff'],
  [-32768, 'fe0080'],
  [32768, 'fd00800000'],
  [-(2 ** 31), 'fd00000080'],
  [2 ** 31, 'fc0000008000000000'],
  [2 ** 53 - 1, 'fcffffffffffff1f00'],
];

describe('integers', () => {
  test('each has one shortest form, and comes back from it', () => {
    const check = <T>(codec: Codec<T>, forms: [T, string][]): void => {
      for (const [value, hex] of forms) {
        assert.equal(write(codec, value), hex, String(value));
        assert.equal(read(codec, hex), value, hex);
      }
    };
    check(uint32, FORMS_32);
    check(uint64, FORMS_64);
    check(int, FORMS_INT);
  });

  test('any value comes back', () => {
    const of32 = fc.oneof(fc.constantFrom(...uint32Edges), fc.nat({ max: 2 ** 32 - 1 }));
    const of64 = fc.oneof(
      fc.constantFrom(...uint64Edges),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    );
    fc.assert(fc.property(of32, (value) => read(uint32, write(uint32, value)) === value));
    fc.assert(fc.property(of64, (value) => read(uint64, write(uint64, value)) === value));
    fc.assert(fc.property(fc.maxSafeInteger(), (value) => read(int, write(int, value)) === value));
  });

  test('longer forms are read, as OCaml does', () => {
    for (const hex of ['05', 'fe0500', 'fd05000000']) assert.equal(read(uint32, hex), 5);
    for (const hex of ['05', 'fe0500', 'fd05000000', 'fc0500000000000000'])
      assert.equal(read(uint64, hex), 5n);
  });

  test('what is no integer is refused where it starts', () => {
    assert.throws(() => read(uint32, 'fc0500000000000000'), refusal(0, /0xfc starts no 32-bit/));
    for (const codec of [uint32, uint64, int]) {
      assert.throws(() => read<unknown>(codec, 'ff05'), refusal(0, /0xff and then 5/));
      assert.throws(() => read<unknown>(codec, '80'), refusal(0, /0x80 starts no/));
      assert.throws(() => read<unknown>(codec, 'fb'), refusal(0, /0xfb starts no/));
      assert.throws(() => read<unknown>(codec, 'fd0102'), refusal(1, /4 bytes are needed/));
      assert.throws(() => read<unknown>(codec, ''), refusal(0, /1 byte is needed/));
    }
    assert.throws(() => read(int, 'fc0000000000002000'), refusal(0, /9007199254740992 is beyond/));
  });

  test('values out of range are refused', () => {
    for (const value of [-1, 2 ** 32, 1.5, NaN])
      assert.throws(
        () => write(uint32, value),
        refusal(null, /is no integer from 0 to 4294967295/),
      );
    for (const value of [-1n, 2n ** 64n, 5 as unknown as bigint])
      assert.throws(() => write(uint64, value), refusal(null, /is no bigint from 0 to/));
    for (const value of [2 ** 53, 0.5])
      assert.throws(() => write(int, value), refusal(null, /is no integer below 2\^53/));
  });
});

describe('other values', () => {
  test('lengths have borders of their own', () => {
    const units = list(unit);
    for (const [length, start] of [
      [0, '00'],
      [127, '7f'],
      [128, 'fe8000'],
      [40000, 'fe409c'],
      [65535, 'feffff'],
      [65536, 'fd00000100'],
    ] as const) {
      const hex = write(units, Array<null>(length).fill(null));
      assert.equal(hex, start + '00'.repeat(length));
      assert.equal(read(units, hex).length, length);
    }
  });

  test('a list that cannot fit is refused before anything is read', () => {
    const fields = list(field);
    assert.throws(
      () => read(fields, '02' + '00'.repeat(63)),
      refusal(0, /2 elements does not fit/),
    );
    assert.throws(() => read(fields, 'fcffffffffffffffff'), refusal(0, /does not fit/));
    assert.throws(() => read(fields, 'ff80'), refusal(0, /0xff starts no length/));
    assert.throws(
      () => read(list(unit, 3), '0400000000'),
      refusal(0, /a list of 4 has more than 3/),
    );
    assert.throws(() => write(list(unit, 1), [null, null]), refusal(null, /more than 1/));
  });

  test('an element of a list is named by its index', () => {
    assert.throws(() => read(list(bool), '03010002'), refusal(3, /0x02 is no bool/, '2'));
    assert.throws(() => write(list(uint32), [1, -1]), refusal(null, /^1: -1 is no/, '1'));
  });

  test('field elements are below p', () => {
    for (const value of [0n, 1n, p - 1n]) {
      const hex = Buffer.from(integerToBytesLE(value, 32)).toString('hex');
      assert.equal(write(field, read(field, hex)), hex);
    }
    for (const value of [p, p + 1n, 2n ** 255n, 2n ** 256n - 1n]) {
      const bad = integerToBytesLE(value, 32);
      const hex = Buffer.from(bad).toString('hex');
      assert.throws(() => read(field, hex), refusal(0, /not below the modulus of Fp/));
      assert.throws(() => write(field, bad), refusal(null, /not below the modulus of Fp/));
    }
    assert.throws(() => read(field, '00'.repeat(31)), refusal(0, /32 bytes are needed/));
    assert.throws(() => write(field, new Uint8Array(31)), refusal(null, /31 bytes given/));
  });

  test('strings have their length, options and variants their one form', () => {
    assert.equal(write(bytes(2), fromHex('abcd')), '02abcd');
    assert.throws(() => read(bytes(2), '03abcdef'), refusal(0, /3 bytes stands where 2 belong/));
    assert.throws(() => write(bytes(2), new Uint8Array(3)), refusal(null, /3 bytes given/));
    const maybe = option(uint32);
    assert.equal(read(maybe, '00'), null);
    assert.equal(read(maybe, '0107'), 7);
    assert.equal(write(maybe, null), '00');
    assert.equal(write(maybe, 7), '0107');
    assert.throws(() => read(maybe, '02'), refusal(0, /0x02 is no option/));
    const slot = onlyConstructor(uint32);
    assert.equal(write(slot, 128), '00fe8000');
    assert.equal(read(slot, '00fe8000'), 128);
    assert.throws(() => read(slot, '0105'), refusal(0, /0x01 is no constructor/));
  });

  test('an error tells the path through records', () => {
    const nested = record({ a: bool, b: record({ c: uint32, d: bool }) });
    assert.deepEqual(read(nested, '010501'), { a: true, b: { c: 5, d: true } });
    assert.throws(() => read(nested, '010509'), {
      name: 'BinProtError',
      field: 'b.d',
      offset: 2,
      message: 'b.d: 0x09 is no bool, at byte 2',
    });
    assert.throws(
      () => write(nested, { a: true, b: { c: -1, d: true } }),
      (error) => error instanceof BinProtError && error.field === 'b.c' && error.offset === null,
    );
  });

  test('what was read is a view of the input', () => {
    const input = fromHex('20' + '07'.repeat(32));
    const value = bytes(32).read(new Reader(input));
    assert.equal(value.buffer, input.buffer);
    assert.equal(value.byteOffset, input.byteOffset + 1);
  });
});
