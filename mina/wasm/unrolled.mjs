/**
 * Writes the straight-line AssemblyScript that nobody should write by hand: field arithmetic on 9 limbs of
 * 29 bits and the compression of BLAKE2b. build.mjs gives the text to the compiler as `mina/wasm/unrolled.ts`;
 * it is not kept in a file (`node mina/wasm/unrolled.mjs` prints it).
 *
 * An element is nine u32 in memory (36 bytes), lowest limb first, each below 2^29; its value may exceed the
 * modulus (bounds: field.ts). Products are Montgomery's with R = 2^261, column by column: a column of three
 * products stays below 28 × 2^58 < 2^63. Both moduli are 1 mod 2^32, so a reduction digit is the low limb itself;
 * their limbs 5 to 7 are 0 and limb 8 is 2^22, so a digit costs four products and a shift.
 *
 * Measured (Node 20, x86-64 at 3.9 GHz): product 21 ns, square 17 ns. SIMD was tried and is slower, per product and
 * square: two lanes of i64x2.extmul 32 and 21 ns, two lanes of f64x2 with 11 limbs of 24 bits 25 and 21 ns.
 * So was Karatsuba over blocks of three limbs: 24 ns. What is faster is f64x2 with fused multiply-adds, for two hashes at a time: paired.mjs.
 */
import { pathToFileURL } from 'node:url';

const LIMBS = 9;
const LIMB_BITS = 29;
const MASK = 2 ** LIMB_BITS - 1;
const FIELDS = {
  fp: 0x40000000000000000000000000000000224698fc094cf91b992d30ed00000001n,
  fq: 0x40000000000000000000000000000000224698fc0994a8dd8c46eb2100000001n,
};
const indices = [...Array(LIMBS).keys()];
const limbsOf = (value) =>
  indices.map((i) => Number((value >> BigInt(LIMB_BITS * i)) & BigInt(MASK)));

const bytesOf = (value) =>
  [...Array(32).keys()].map((i) => Number((value >> BigInt(8 * i)) & 255n));

function power(base, exponent, modulus) {
  if (exponent === 0n) return 1n;
  const half = power((base * base) % modulus, exponent >> 1n, modulus);
  return exponent & 1n ? (half * base) % modulus : half;
}

const pointers = (names) => names.map((name) => `${name}: usize`).join(', ');
const loadLimbs = (name) =>
  indices.map((i) => `  const ${name}${i}: i64 = load<u32>(${name}, ${4 * i});`).join('\n');
const limbOf = (name, i) => `<i64>load<u32>(${name}, ${4 * i})`;
const storeLimb = (i, expression) => `  store<u32>(out, <u32>(${expression}), ${4 * i});`;

/** The summands of column `c` of x·y; a square is folded: every mixed product once, doubled. */
function columnProducts([x, y], c) {
  const pairs = indices.map((i) => [i, c - i]).filter(([, j]) => j >= 0 && j < LIMBS);
  if (x !== y) return pairs.map(([i, j]) => `${x}${i} * ${y}${j}`);
  const mixed = pairs.filter(([i, j]) => i < j).map(([i, j]) => `${x}${i} * ${x}${j}`);
  return [
    ...(mixed.length > 0 ? [`((${mixed.join(' + ')}) << 1)`] : []),
    ...(c % 2 === 0 ? [`${x}${c / 2} * ${x}${c / 2}`] : []),
  ];
}

/**
 * `out = sum of the products / R + sum of the addends` mod the modulus, each limb below 2^29.
 * Products are pairs of parameter names [x, y]. With `blocks` = 1 both are elements and R = 2^261. With 3 blocks y is
 * known beforehand and stands there three times (108 bytes), as y·2^87, y·2^174 and y·2^261: a block of three
 * limbs of x is multiplied by its own copy, so only 3 digits are left to reduce, not 9 (a fifth of the time).
 *
 * Digit d_i = column i mod 2^29 is taken away i limbs up, d_i × modulus, which leaves the quotient by R above minus
 * less than one modulus; that one is added. No digit is negated, and a column gets the newest digit's product last:
 * the way from digit to digit (mask, multiply, subtract) limits the speed.
 */
function productFunction(name, modulus, products, addends = [], blocks = 1) {
  const m = limbsOf(modulus);
  const digits = LIMBS / blocks;
  const loaded = [...new Set(blocks === 1 ? products.flat() : products.map(([x]) => x))];
  const parameters = [...new Set(['out', ...products.flat(), ...addends])];
  const lines = [`export function ${name}(${pointers(parameters)}): void {`];
  lines.push(...loaded.map(loadLimbs), '  let acc: i64 = 0;');
  const digit = (i) => (i >= 0 && i < digits ? `d${i}` : undefined);
  for (let column = 0; column < digits + LIMBS; column++) {
    const high = column - digits;
    const plus = products.flatMap((pair) =>
      blocks === 1 ? columnProducts(pair, column) : columnBlocks(pair, column, digits),
    );
    if (high >= 0) plus.push(...addends.map((addend) => limbOf(addend, high)));
    if (high >= 0 && m[high] !== 0) plus.push(String(m[high]));
    const minus = [4, 3, 2]
      .filter((i) => digit(column - i))
      .map((i) => ` - ${digit(column - i)} * ${m[i]}`);
    if (digit(column - 8)) minus.push(` - (${digit(column - 8)} << 22)`);
    lines.push(`  const sum${column}: i64 = ${plus.join(' + ') || '0'}${minus.join('')};`);
    lines.push(`  acc += sum${column};`);
    if (digit(column - 1)) lines.push(`  acc -= ${digit(column - 1)} * ${m[1]};`);
    if (high < 0) lines.push(`  const d${column}: i64 = acc & ${MASK};`);
    else lines.push(storeLimb(high, high === LIMBS - 1 ? 'acc' : `acc & ${MASK}`));
    lines.push(`  acc >>= ${LIMB_BITS};`);
  }
  return [...lines, '}', ''].join('\n');
}

/** The summands of column `c` of x·y where block b of x goes with copy b of y; y is read where it is used. */
function columnBlocks([x, y], c, limbs) {
  return indices
    .map((i) => [i, Math.floor(i / limbs), c - (i % limbs)])
    .filter(([, , j]) => j >= 0 && j < LIMBS)
    .map(([i, block, j]) => `${x}${i} * ${limbOf(y, LIMBS * block + j)}`);
}

/** `out = a + b`, limbs carried. */
function addFunction(name) {
  const lines = [`export function ${name}(${pointers(['out', 'a', 'b'])}): void {`];
  lines.push('  let c: u32 = 0;');
  for (const i of indices) {
    lines.push(`  c += load<u32>(a, ${4 * i}) + load<u32>(b, ${4 * i});`);
    lines.push(storeLimb(i, i === LIMBS - 1 ? 'c' : `c & ${MASK}`), `  c >>= ${LIMB_BITS};`);
  }
  return [...lines, '}', ''].join('\n');
}

/** `out = a - b + 8 × modulus`, for b < 8 × modulus. */
function subtractFunction(name, modulus) {
  const offset = limbsOf(8n * modulus);
  const lines = [`export function ${name}(${pointers(['out', 'a', 'b'])}): void {`];
  lines.push('  let c: i32 = 0;');
  for (const i of indices) {
    lines.push(`  c += load<i32>(a, ${4 * i}) - load<i32>(b, ${4 * i}) + ${offset[i]};`);
    lines.push(storeLimb(i, i === LIMBS - 1 ? 'c' : `c & ${MASK}`), `  c >>= ${LIMB_BITS};`);
  }
  return [...lines, '}', ''].join('\n');
}

/**
 * `out = a - b` mod the modulus, below 2 × modulus + 2^134, for b < 16 × modulus: of a - b + 16 × modulus =
 * h × 2^254 + rest it takes (h - 1) × modulus, as 2^254 is the modulus but 126 bits. h is read off the highest limbs
 * before anything is carried, so it may be one too large, which the - 1 allows.
 */
function subtractReducedFunction(name, modulus) {
  const m = limbsOf(modulus);
  const offset = limbsOf(16n * modulus);
  const top = LIMBS - 1;
  const difference = (i) => `load<i32>(a, ${4 * i}) - load<i32>(b, ${4 * i}) + ${offset[i]}`;
  const lines = [`export function ${name}(${pointers(['out', 'a', 'b'])}): void {`];
  lines.push(`  const h: i64 = (<i64>(${difference(top)}) >> 22) - 1;`, '  let c: i64 = 0;');
  for (const i of indices) {
    lines.push(`  c += <i64>(${difference(i)})${m[i] ? ` - h * ${m[i]}` : ''};`);
    lines.push(storeLimb(i, i === top ? 'c' : `c & ${MASK}`), `  c >>= ${LIMB_BITS};`);
  }
  return [...lines, '}', ''].join('\n');
}

/** RFC 7693 §2.7: the order of the message words in each round. */
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
/** RFC 7693 §2.6: the first 64 bits of the fractions of the square roots of the first eight primes. */
const IV = [
  '0x6a09e667f3bcc908',
  '0xbb67ae8584caa73b',
  '0x3c6ef372fe94f82b',
  '0xa54ff53a5f1d36f1',
  '0x510e527fade682d1',
  '0x9b05688c2b3e6c1f',
  '0x1f83d9abfb41bd6b',
  '0x5be0cd19137e2179',
];
/**
 * `blake2bCompress(state, block, count, last)`: state = 8 u64, block = 128 bytes at any address, count = bytes
 * hashed up to and with this block, last = all ones for the last block, else 0.
 *
 * Two words a vector: with one word a variable, 16 of the state and 16 of the message are twice the registers of x86-64, and the code moves them to and
 * fro. Row r of the state is l (words 4r, 4r + 1) and h (4r + 2, 4r + 3); for the diagonals rows 1 to 3 are turned by 1, 2 and 3 words. A rotation is
 * what costs least of shuffle and shifts.
 */
function blake2bFunction() {
  const pairs = [...Array(8).keys()];
  const row = (r) => [`r${r}l`, `r${r}h`];
  const lines = [
    'export function blake2bCompress(state: usize, block: usize, count: u64, last: u64): void {',
    ...pairs.map((i) => `  const m${i}: v128 = v128.load(block, ${16 * i});`),
    ...[0, 1].flatMap((r) =>
      row(r).map((name, half) => `  let ${name}: v128 = v128.load(state, ${32 * r + 16 * half});`),
    ),
    ...[2, 3].flatMap((r) =>
      row(r).map((name, half) => {
        const at = 4 * (r - 2) + 2 * half;
        return `  let ${name}: v128 = i64x2(${IV[at]}, ${IV[at + 1]});`;
      }),
    ),
    '  r3l = v128.xor(r3l, i64x2.replace_lane(i64x2.splat(0), 0, count));',
    '  r3h = v128.xor(r3h, i64x2.replace_lane(i64x2.splat(0), 0, last));',
    '  let turned: v128;',
  ];
  const word = (i) => [`m${i >> 1}`, i & 1];
  /** Two words of the message. */
  const message = (i, j) => {
    const [[a, low], [b, high]] = [word(i), word(j)];
    return `v128.shuffle<u64>(${a}, ${b}, ${low}, ${2 + high})`;
  };
  const rotated = (name, bits) => {
    if (bits === 32) return `v128.shuffle<u32>(${name}, ${name}, 1, 0, 3, 2)`;
    if (bits === 16) return `v128.shuffle<u16>(${name}, ${name}, 1, 2, 3, 0, 5, 6, 7, 4)`;
    const left = bits === 63 ? `i64x2.add(${name}, ${name})` : `i64x2.shl(${name}, ${64 - bits})`;
    return `v128.or(i64x2.shr_u(${name}, ${bits}), ${left})`;
  };
  /** Half of G on all columns (or diagonals). @param words the message's, one a column */
  const half = (words, [first, second]) => {
    for (const [side, i] of [
      ['l', 0],
      ['h', 2],
    ])
      lines.push(
        `  r0${side} = i64x2.add(i64x2.add(r0${side}, ${message(words[i], words[i + 1])}), r1${side});`,
      );
    for (const [changed, by, bits, mixed, from] of [
      [3, 0, first, 2, 3],
      [1, 2, second, null, null],
    ])
      for (const side of ['l', 'h']) {
        lines.push(`  r${changed}${side} = v128.xor(r${changed}${side}, r${by}${side});`);
        lines.push(`  r${changed}${side} = ${rotated(`r${changed}${side}`, bits)};`);
        if (mixed !== null)
          lines.push(`  r${mixed}${side} = i64x2.add(r${mixed}${side}, r${from}${side});`);
      }
  };
  /** Turns a row by one word to the left, or by three. */
  const turn = (r, byOne) => {
    const [l, h] = byOne ? row(r) : row(r).reverse();
    lines.push(
      `  turned = v128.shuffle<u64>(${l}, ${h}, 1, 2);`,
      `  r${r}h = v128.shuffle<u64>(${h}, ${l}, 1, 2);`,
      `  r${r}l = turned;`,
    );
  };
  const swap = (r) => lines.push(`  turned = r${r}l;`, `  r${r}l = r${r}h;`, `  r${r}h = turned;`);
  for (let round = 0; round < 12; round++) {
    const sigma = SIGMA[round % 10];
    const words = (start) => [0, 2, 4, 6].map((i) => sigma[start + i]);
    half(words(0), [32, 24]);
    half(words(1), [16, 63]);
    turn(1, true);
    swap(2);
    turn(3, false);
    half(words(8), [32, 24]);
    half(words(9), [16, 63]);
    turn(1, false);
    swap(2);
    turn(3, true);
  }
  for (const r of [0, 1])
    row(r).forEach((name, side) => {
      const at = 32 * r + 16 * side;
      const other = row(r + 2)[side];
      lines.push(
        `  v128.store(state, v128.xor(v128.xor(v128.load(state, ${at}), ${name}), ${other}), ${at});`,
      );
    });
  return [...lines, '}', ''].join('\n');
}

/** Numbers that the other files need as limbs in memory. */
function constants() {
  const R = 1n << BigInt(LIMB_BITS * LIMBS);
  const data = (name, value) =>
    `export const ${name}: usize = memory.data<u32>([${limbsOf(value).join(', ')}]);\n`;
  const generatorY = 12418654782883325593414442427049395787963493412651469444558597405572177144507n;
  const { fp, fq } = FIELDS;
  const bytes = (name, value) =>
    `export const ${name}: usize = memory.data<u8>([${bytesOf(value).join(', ')}]);\n`;
  // The endomorphism's numbers: q = a² + a·b + b²; beta is the root of unity that goes with lambda (endomorphism.ts).
  const a = 98231058071100081932162823354453065728n;
  const b = 98231058071186745657228807397848383489n;
  const beta = 20444556541222657078399132219657928148671392403212669005631716460534733845831n;
  const quotient = (x) => ((x << 377n) + fq / 2n) / fq;
  const oddPart = (fp - 1n) >> 32n;
  const rootOfUnity = power(5n, oddPart, fp);
  return [
    bytes('FP_INVERSE_EXPONENT', fp - 2n),
    bytes('FP_ROOT_EXPONENT', (oddPart - 1n) / 2n),
    data('FP_ROOT_OF_UNITY', (rootOfUnity * R) % fp), // its order is 2^32
    data('FP_ROOT_OF_UNITY_INVERSE', (power(rootOfUnity, fp - 2n, fp) * R) % fp),
    data('FP_MODULUS', fp),
    data('FP_R2', (R * R) % fp),
    data('FP_R', R % fp), // 1 in Montgomery form
    data('FP_FIVE', (5n * R) % fp),
    data('FQ_MODULUS', fq),
    data('FQ_R2', (R * R) % fq),
    data('FP_BETA', (beta * R) % fp),
    data('SPLIT_A', a),
    data('SPLIT_B', b),
    data('SPLIT_AB', a + b),
    data('SPLIT_QUOTIENT_A', quotient(a)),
    data('SPLIT_QUOTIENT_B', quotient(b)),
    data('PLAIN_ONE', 1n),
    data('GENERATOR_X', R % fp),
    data('GENERATOR_Y', (generatorY * R) % fp),
  ].join('');
}

/** @returns the source of the module `./unrolled` */
export function unrolledSource() {
  const { fp, fq } = FIELDS;
  return [
    constants(),
    productFunction('fpMul', fp, [['a', 'b']]),
    productFunction('fpSquare', fp, [['a', 'a']]),
    productFunction(
      'fpSum2Known',
      fp,
      [
        ['a', 'x'],
        ['b', 'y'],
      ],
      ['e', 'f'],
      3,
    ),
    productFunction(
      'fpSum3',
      fp,
      [
        ['a', 'x'],
        ['b', 'y'],
        ['c', 'z'],
      ],
      ['e'],
    ),
    addFunction('addLimbs'),
    subtractFunction('fpSub', fp),
    subtractReducedFunction('fpSubReduced', fp),
    productFunction('fqMul', fq, [['a', 'b']]),
    blake2bFunction(),
  ].join('\n');
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  process.stdout.write(unrolledSource());
