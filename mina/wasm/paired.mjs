/**
 * Writes the straight-line AssemblyScript of field arithmetic on two lanes of f64x2, for two hashes side by side; build.mjs gives the text to the
 * compiler as `mina/wasm/paired.ts` (`node mina/wasm/paired.mjs` prints it).
 *
 * An element is five limbs of 51 bits, lowest first, each an integer in a double of both lanes (80 bytes), balanced: -2^50 to 2^50, of which the highest
 * holds what is left. A product of two limbs, below 2^102, is cut by two fused multiply-adds, of which each rounds once:
 *
 *     high = a·b + 1.5·2^103           a multiple of 2^51, rounded to nearest; its bits minus those of 1.5·2^103 are the quotient by 2^51
 *     low  = a·b + (1.5·2^103 + 1.5·2^52 - high)    exact; its bits minus those of 1.5·2^52 are the remainder, -2^50 to 2^50
 *
 * Bits are added as i64, column by column, and what they have too much (known beforehand) is taken away where a column begins. Without the fusion all
 * results are wrong, and WebAssembly allows that (relaxed_madd): whoever instantiates checks a known hash first.
 * Method: N. Emmart, F. Zheng, C. Weems, "Faster Modular Exponentiation Using Double Precision Floating Point Arithmetic on the GPU", ARITH 2018.
 *
 * Three products stand in one function, statement by statement in turn: one by itself waits for its own digits (measured on x86-64, a product of one lane:
 * 35 ns by itself, 25 ns three together; 46 ns with the integers of unrolled.mjs).
 */
import { pathToFileURL } from 'node:url';

const LIMBS = 5;
const WIDTH = 51n;
const BASE = 1n << WIDTH;
const HALF = BASE >> 1n;
const P = 0x40000000000000000000000000000000224698fc094cf91b992d30ed00000001n;
/** Montgomery form is the product with 2^255. */
const R = 1n << 255n;
const indices = [...Array(LIMBS).keys()];

/** Limbs of any integer, balanced. */
function limbsOf(value) {
  let rest = value;
  return indices.map((i) => {
    const low = i === LIMBS - 1 ? rest : BigInt.asIntN(Number(WIDTH), rest);
    rest = (rest - low) / BASE;
    return low;
  });
}

function inverse(value, modulus) {
  let [r0, r1, s0, s1] = [modulus, value, 0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1, s0, s1] = [r1, r0 - quotient * r1, s1, s0 - quotient * s1];
  }
  return ((s0 % modulus) + modulus) % modulus;
}

function bitsOf(number) {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, number);
  return view.getBigInt64(0);
}

const HIGH = 1.5 * 2 ** 103;
const LOW = 1.5 * 2 ** 52;
/** An integer of 52 bits in the mantissa of 2^52 is that much more. */
const MANTISSA = 2 ** 52;
/** What a column has more while it is cut, so that it is not negative: 2^11 carries, and half a limb for rounding to nearest. */
const BIAS_CARRY = 1n << 11n;
const BIAS = BIAS_CARRY * BASE + HALF;
const MODULUS = limbsOf(P);
/** -1/p mod 2^51, balanced: the digit that clears a column is that times the column. */
const DIGIT_FACTOR = BigInt.asIntN(Number(WIDTH), -inverse(P % BASE, BASE));
/** What 2^254 is less than a multiple of p: minus the low limbs of p. */
const FOLD = [0, 1, 2].map((i) => -MODULUS[i]);

/** Constants in memory, both lanes alike: a literal would be built anew at each use. */
function constantTable() {
  const values = [];
  const at = (bits) => {
    const wrapped = BigInt.asIntN(64, bits);
    if (!values.includes(wrapped)) values.push(wrapped);
    return `v128.load(CONSTANTS, ${16 * values.indexOf(wrapped)})`;
  };
  return {
    integer: at,
    /** @param value an integer that a double holds */
    double: (value) => at(bitsOf(Number(value))),
    source: () =>
      `const CONSTANTS: usize = memory.data<i64>([${values.flatMap((value) => [value, value]).join(', ')}], 16);\n`,
  };
}

/** Statements of one computation; its number keeps its names apart from those of others. */
function computation(constants, stream) {
  const lines = [];
  const own = (name) => `${name}_${stream}`;
  /** Of a column: the name, and the bits to be taken away, known only at the end. */
  const surplus = [];
  let temporaries = 0;
  const define = (expression) => {
    const name = own(`v${temporaries++}`);
    lines.push(() => `const ${name}: v128 = ${expression};`);
    return name;
  };
  const column = (c) => own(`t${c}`);
  const add = (c, expression, bits) => {
    const isFirst = surplus[c] === undefined;
    surplus[c] = (surplus[c] ?? 0n) + bits;
    lines.push(() =>
      isFirst
        ? `let ${column(c)}: v128 = i64x2.add(${constants.integer(-surplus[c])}, ${expression});`
        : `${column(c)} = i64x2.add(${column(c)}, ${expression});`,
    );
  };
  const high = (a, b) => `f64x2.relaxed_madd(${a}, ${b}, HIGH)`;
  const low = (a, b, highName) =>
    `f64x2.relaxed_madd(${a}, ${b}, f64x2.sub(HIGH_AND_LOW, ${highName}))`;
  return {
    lines,
    define,
    add,
    column,
    /** Adds a·b to columns c and c + 1. */
    product(c, a, b) {
      const name = define(high(a, b));
      add(c + 1, name, bitsOf(HIGH));
      add(c, low(a, b, name), bitsOf(LOW));
    },
    /** Adds the high half of a·b to column c + 1 alone. */
    highProduct: (c, a, b) => add(c + 1, high(a, b), bitsOf(HIGH)),
    /** The balanced remainder of a·b by 2^51, as a double. */
    remainder(a, b) {
      const name = define(high(a, b));
      return define(`f64x2.sub(${low(a, b, name)}, LOW)`);
    },
    /** Column c as a balanced double; the rest goes to column c + 1. Nothing may be added to c afterwards. @param bits of a limb */
    cut(c, bits = WIDTH) {
      const half = 1n << (bits - 1n);
      surplus[c] -= BIAS_CARRY * (1n << bits) + half;
      const mask = constants.integer((1n << bits) - 1n);
      const mantissa = constants.integer(bitsOf(MANTISSA));
      const offset = constants.double((1n << 52n) + half);
      return {
        limb: define(`f64x2.sub(v128.or(v128.and(${column(c)}, ${mask}), ${mantissa}), ${offset})`),
        carry: `i64x2.shr_u(${column(c)}, ${bits})`,
      };
    },
    /** A carry as a double. */
    carried: (carry) =>
      `f64x2.sub(i64x2.add(${carry}, ${constants.integer(bitsOf(LOW) - BIAS_CARRY)}), LOW)`,
    /** A column as a double, for -2^51 to 2^51. */
    whole(c) {
      return define(`f64x2.sub(i64x2.add(${column(c)}, ${constants.integer(bitsOf(LOW))}), LOW)`);
    },
  };
}

/** Column c is done: its limb to `out`, its carry to the next one. */
function store(code, c, out, address) {
  const { limb, carry } = code.cut(c);
  code.add(c + 1, carry, BIAS_CARRY);
  code.lines.push(() => `v128.store(${out}, ${limb}, ${address});`);
}

/**
 * `out = a·b / 2^255` mod p, at most a·b / 2^255 + p / 2 (absolutely). Digit by digit: m_i clears column i, m_i·p is added, whose limb 3 is 0.
 * Limbs of a times limbs of b stay below 2^102, in a square too, where one is doubled.
 */
function product(constants, stream, [x, y]) {
  const code = computation(constants, stream);
  const offset = 80 * stream;
  const load = (name, i) => code.define(`v128.load(${name}, ${offset + 16 * i})`);
  const a = indices.map((i) => load(x, i));
  const b = x === y ? a : indices.map((i) => load(y, i));
  const twice = x === y ? a.map((limb) => code.define(`f64x2.add(${limb}, ${limb})`)) : null;
  for (let c = 0; c < 2 * LIMBS; c++) {
    for (const i of indices) {
      const j = c - i;
      if (j < 0 || j >= LIMBS || (twice && i > j)) continue;
      code.product(c, a[i], twice && i < j ? twice[j] : b[j]);
    }
    if (c < LIMBS) {
      const { limb, carry } = code.cut(c);
      code.add(c + 1, carry, BIAS_CARRY);
      const digit = code.remainder(limb, constants.double(DIGIT_FACTOR));
      // The low half of digit × limb 0 is what stands in the column, negated.
      code.highProduct(c, digit, constants.double(MODULUS[0]));
      for (const j of [1, 2, 4]) code.product(c + j, digit, constants.double(MODULUS[j]));
    } else if (c < 2 * LIMBS - 1) store(code, c, 'out', offset + 16 * (c - LIMBS));
    else {
      const top = code.whole(c);
      code.lines.push(() => `v128.store(out, ${top}, ${offset + 16 * (c - LIMBS)});`);
    }
  }
  return code.lines;
}

/**
 * Row `stream` of a matrix: `out = s0 + s1·f + s2·g + c` mod p, at most p / 2 and a little; or with s0 times a factor too. A factor known beforehand
 * stands there five times, times 2^(51·i), and limb i of s is multiplied by its own copy: the sum has six limbs. What is above 2^254, at most 2^52.6,
 * is folded once (2^254 is minus the low limbs of p), so nothing is left to reduce.
 * That the sixth limb stays below 2^51 hangs on the factors: test/mina/poseidon-pair.test.ts holds all of them to it.
 * Memory at `row`: the factors, 25 doubles each, and c, 5 doubles, each 1.5·2^52 more.
 * @returns two parts: the sums by column, kept in `out`, and what makes five limbs of them, which waits for itself at each step
 */
function knownRow(constants, stream, known) {
  const code = computation(constants, stream);
  const bytes = 200 * known.length + 40;
  const row = (at) => `v128.load64_splat(row, ${bytes * stream + at})`;
  const limbs = (name) =>
    indices.map((i) => code.define(`v128.load(s, ${80 * Number(name[1]) + 16 * i})`));
  const plain = known.includes('s0') ? null : limbs('s0');
  const constant = (i) => row(200 * known.length + 8 * i);
  for (const i of indices)
    code.add(i, plain ? `f64x2.add(${plain[i]}, ${constant(i)})` : constant(i), bitsOf(LOW));
  const factors = known.map(limbs);
  for (const j of indices) {
    factors.forEach((all, factor) =>
      all.forEach((limb, i) => {
        code.product(j, limb, code.define(row(200 * factor + 40 * i + 8 * j)));
      }),
    );
    // Engines keep the order of loads and stores alone: without this all factors would be loaded first, and half of them spilled.
    code.lines.push(() => `v128.store(out, ${code.column(j)}, ${80 * stream + 16 * j});`);
  }
  const sums = code.lines.splice(0);
  for (const j of indices)
    code.lines.push(() => `${code.column(j)} = v128.load(out, ${80 * stream + 16 * j});`);
  // Carries from below into column 4 are not there yet; they are some units of 2^204.
  const top = LIMBS - 1;
  const { limb, carry } = code.cut(top, 50n);
  const five = code.whole(LIMBS);
  const above = code.define(code.carried(carry));
  const fold = code.define(`f64x2.add(f64x2.add(${five}, ${five}), ${above})`);
  // The columns below go on; column 4 begins anew with what was left of it.
  FOLD.forEach((factor, j) => code.product(j, fold, constants.double(factor)));
  for (let c = 0; c < top; c++) {
    if (c < top - 1) store(code, c, 'out', 80 * stream + 16 * c);
    else {
      const cut = code.cut(c);
      code.lines.push(() => `v128.store(out, ${cut.limb}, ${80 * stream + 16 * c});`);
      const last = code.define(`f64x2.add(${limb}, ${code.carried(cut.carry)})`);
      code.lines.push(() => `v128.store(out, ${last}, ${80 * stream + 16 * top});`);
    }
  }
  return { sums, rest: code.lines };
}

/** One function: `first`, then several computations without a common value, a statement of each in turn. */
function together(constants, name, parameters, computations, first = []) {
  const count = Math.max(...computations.map((lines) => lines.length));
  const body = [...Array(count).keys()].flatMap((i) =>
    computations.flatMap((lines) => (lines[i] ? [`  ${lines[i]()}`] : [])),
  );
  return [
    `export function ${name}(${parameters.map((each) => `${each}: usize`).join(', ')}): void {`,
    `  const HIGH: v128 = ${constants.double(HIGH)};`,
    `  const HIGH_AND_LOW: v128 = ${constants.double(HIGH + LOW)};`,
    `  const LOW: v128 = ${constants.double(LOW)};`,
    ...first.map((line) => `  ${line()}`),
    ...body,
    '}',
    '',
  ].join('\n');
}

/** @returns the source of the module `./paired` */
export function pairedSource() {
  const constants = constantTable();
  const three = [0, 1, 2];
  const rows = (name, known) => {
    const each = three.map((i) => knownRow(constants, i, known));
    return together(
      constants,
      name,
      ['out', 's', 'row'],
      each.map(({ rest }) => rest),
      each.flatMap(({ sums }) => sums),
    );
  };
  const functions = [
    together(constants, 'multiply', ['out', 'a', 'b'], [product(constants, 0, ['a', 'b'])]),
    together(
      constants,
      'multiplyThree',
      ['out', 'a', 'b'],
      three.map((i) => product(constants, i, ['a', 'b'])),
    ),
    together(
      constants,
      'squareThree',
      ['out', 'a'],
      three.map((i) => product(constants, i, ['a', 'a'])),
    ),
    rows('knownRows', ['s1', 's2']),
    rows('lastRows', ['s0', 's1', 's2']),
  ];
  const element = (name, value) =>
    `export const ${name}: usize = memory.data<f64>([${limbsOf(value)
      .flatMap((limb) => [`${limb}.0`, `${limb}.0`])
      .join(', ')}], 16);\n`;
  const text = functions.join('\n');
  const centred = (value) => (value > P / 2n ? value - P : value);
  return [
    constants.source(),
    element('R_SQUARED', centred((R * R) % P)),
    element('MONTGOMERY_ONE', centred(R % P)),
    element('PLAIN_ONE', 1n),
    text,
  ].join('');
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  process.stdout.write(pairedSource());
