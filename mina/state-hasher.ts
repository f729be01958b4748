/**
 * Fast state hashes: kimchi Poseidon in WebAssembly (mina/wasm/kimchi.ts). The readable twin is referenceStateHash of state-hash.ts, and
 * one test suite runs on both.
 * One instance belongs to one thread.
 * Pure (no I/O, no `k6/*`, no `node:*`): the caller brings the module (paths.ts, loadMinaWasm).
 */
import { isFieldElement } from './bin-prot.ts';
import type { ProtocolStateBody } from './block.ts';
import type { EraName } from './eras.ts';
import { FIELD_BYTES, integerToBytesLE } from './field.ts';
import { poseidonKimchiParameters } from './poseidon-kimchi-parameters.ts';
import { poseidonLimbs } from './poseidon-limbs.ts';
import { prefixToField } from './poseidon.ts';
import {
  BODY_PREFIX,
  type InputSink,
  PACKED_BITS,
  STATE_PREFIX,
  type StateHash,
  feedBody,
} from './state-hash.ts';

export type StateHasher = StateHash & {
  /**
   * Hashes alike, but keeps the sponge's states over the last input and begins where the next input differs first: with length,
   * slots and timestamp changed after 21 of 25 permutations. Right for any state, fast for blocks made from one template.
   * Each takes 6 KB that are never freed.
   */
  cached(): StateHash;
  /**
   * Poseidon by itself.
   * @param elements 1 to 64, each 32 bytes, little-endian, below p @param prefix as in poseidon.ts; absent: none
   * @returns 32 bytes, little-endian
   * @throws RangeError for another number of elements, or one that is not below p
   */
  hash(elements: readonly Uint8Array[], prefix?: string): Uint8Array;
};

/** Most elements that one hash takes here (a protocol state has 49). */
const MAX_ELEMENTS = 64;

/** The exports of mina/wasm/kimchi.ts; addresses are numbers. */
type KimchiWasm = {
  memory: WebAssembly.Memory;
  kimchiParameters: WebAssembly.Global;
  kimchiInput: WebAssembly.Global;
  kimchiResult: WebAssembly.Global;
  newKimchiSponge(): number;
  startKimchiSponge(sponge: number, other: number): void;
  forgetKimchiInput(sponge: number): void;
  kimchiHash(sponge: number, pairs: number): number;
};

/** @param module the compiled mina/wasm; may be shared between threads, with other instances, and with the signer */
export function createStateHasher(module: WebAssembly.Module): StateHasher {
  const wasm = new WebAssembly.Instance(module).exports as unknown as KimchiWasm;
  const limbs = poseidonLimbs(poseidonKimchiParameters);
  new Uint32Array(wasm.memory.buffer).set(limbs, (wasm.kimchiParameters.value as number) / 4);

  const inputAt = wasm.kimchiInput.value as number;
  const resultAt = wasm.kimchiResult.value as number;
  let input = new Uint8Array(0);
  /** Memory for the elements. Growth detaches older views. */
  const inputView = (): Uint8Array =>
    input.buffer === wasm.memory.buffer
      ? input
      : (input = new Uint8Array(wasm.memory.buffer, inputAt, MAX_ELEMENTS * FIELD_BYTES));

  function newSponge(): number {
    const sponge = wasm.newKimchiSponge();
    if (sponge === 0) throw new RangeError('no memory for another state hash');
    return sponge;
  }

  /** Hashes the first `count` elements of the input. */
  function run(sponge: number, count: number): Uint8Array {
    if (count % 2 === 1) inputView().fill(0, count * FIELD_BYTES, (count + 1) * FIELD_BYTES);
    wasm.kimchiHash(sponge, (count + 1) >> 1);
    return new Uint8Array(wasm.memory.buffer, resultAt, FIELD_BYTES).slice();
  }

  function startFrom(prefix: string): number {
    const sponge = newSponge();
    inputView().set(integerToBytesLE(prefixToField(prefix), FIELD_BYTES));
    run(sponge, 1);
    return sponge;
  }
  /** Start from no state and, filled in when asked for, from that after a prefix. */
  const zero = newSponge();
  const prefixed = newSponge();
  const bodyStart = startFrom(BODY_PREFIX);
  const stateStart = startFrom(STATE_PREFIX);
  function spongeAfter(start: number): number {
    const sponge = newSponge();
    wasm.startKimchiSponge(sponge, start);
    return sponge;
  }
  const stateSponge = spongeAfter(stateStart);
  const packer = createPacker(inputView);

  function hashesWith(bodySponge: number, keep: boolean): StateHash {
    function bodyHash(body: ProtocolStateBody, rule: EraName): Uint8Array {
      const count = packer((sink) => feedBody(sink, body, rule));
      if (!keep) wasm.forgetKimchiInput(bodySponge);
      return run(bodySponge, count);
    }
    return {
      bodyHash,
      stateHash({ previous_state_hash, body }, rule) {
        const hash = bodyHash(body, rule);
        checkElement(previous_state_hash);
        inputView().set(previous_state_hash);
        inputView().set(hash, FIELD_BYTES);
        return run(stateSponge, 2);
      },
    };
  }

  return {
    ...hashesWith(spongeAfter(bodyStart), false),
    cached: () => hashesWith(spongeAfter(bodyStart), true),
    hash(elements, prefix) {
      if (elements.length === 0 || elements.length > MAX_ELEMENTS)
        throw new RangeError(`1 to ${MAX_ELEMENTS} elements are hashed, not ${elements.length}`);
      elements.forEach(checkElement);
      const sponge = prefix === undefined ? zero : prefixedSponge(prefix);
      elements.forEach((element, i) => inputView().set(element, i * FIELD_BYTES));
      wasm.forgetKimchiInput(sponge);
      return run(sponge, elements.length);
    },
  };

  function prefixedSponge(prefix: string): number {
    inputView().set(integerToBytesLE(prefixToField(prefix), FIELD_BYTES));
    wasm.forgetKimchiInput(zero);
    run(zero, 1);
    wasm.startKimchiSponge(prefixed, zero);
    return prefixed;
  }
}

/** @throws RangeError */
export function checkElement(element: Uint8Array): void {
  if (element.length !== FIELD_BYTES || !isFieldElement(element))
    throw new RangeError('an input of the hash is no element of Fp');
}

/**
 * packToElements of state-hash.ts into bytes: elements of 32 bytes, little-endian, from the start of `target()`.
 * @returns a function that packs what a feed gives, and returns how many elements it made
 * @throws RangeError (the function) for more than {@link MAX_ELEMENTS}
 */
export function createPacker(
  target: () => Uint8Array,
): (feed: (sink: InputSink) => void) => number {
  // One byte a bit, in the order of the items: the highest bit of an element first.
  const bits = new Uint8Array(MAX_ELEMENTS * PACKED_BITS);
  /** Where each packed element ends in `bits`. */
  const ends: number[] = [];
  let output = target();
  let whole = 0;
  let start = 0;
  let at = 0;

  function reserve(width: number): void {
    if (at + width - start > PACKED_BITS) {
      ends.push(at);
      start = at;
    }
    if (whole + ends.length + 1 > MAX_ELEMENTS) throw tooMany();
  }
  function add32(value: number): void {
    for (let shift = 31; shift >= 0; shift--) bits[at++] = (value >>> shift) & 1;
  }
  const sink: InputSink = {
    whole(element) {
      checkElement(element);
      if (whole + ends.length + 1 > MAX_ELEMENTS) throw tooMany();
      output.set(element, FIELD_BYTES * whole++);
    },
    number(value, width) {
      reserve(width);
      if (width === 32) {
        add32(Number(value));
        return;
      }
      const wide = BigInt(value);
      add32(Number(wide >> 32n));
      add32(Number(wide & 0xffffffffn));
    },
    flag(value) {
      reserve(1);
      bits[at++] = value ? 1 : 0;
    },
    bits(bytes, count = 8 * bytes.length) {
      for (let i = 0; i < count; i++) {
        if (at - start === PACKED_BITS) reserve(1);
        bits[at++] = (bytes[i >> 3] >> (i & 7)) & 1;
      }
    },
  };

  return (feed) => {
    output = target();
    whole = 0;
    start = 0;
    at = 0;
    ends.length = 0;
    feed(sink);
    if (at > start) ends.push(at);
    if (whole + ends.length > MAX_ELEMENTS) throw tooMany();
    let bit = 0;
    ends.forEach((end, i) => {
      const byte = FIELD_BYTES * (whole + i);
      output.fill(0, byte, byte + FIELD_BYTES);
      for (let low = end - 1, n = 0; low >= bit; low--, n++)
        output[byte + (n >> 3)] |= bits[low] << (n & 7);
      bit = end;
    });
    return whole + ends.length;
  };
}

const tooMany = (): RangeError =>
  new RangeError(`a hash takes at most ${MAX_ELEMENTS} elements here`);
