/**
 * All that a run may have sent, to be looked up by identity: submitter, created_at, block and peer id. Texts become numbers once
 * (there are few producers and blocks), so an identity is four numbers, compared exactly, in an open-addressing table:
 * about 40 bytes a submission. Bodies that are the same in all fields are one group: a storage cannot tell them apart. (A recording holds retries,
 * so two of its files, each a template of its own, may be the same.)
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SentSubmissions, SentTemplate } from './sent.ts';

/** Texts as numbers from 0 on. */
class TextNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];

  numberOf(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#texts.length;
      this.#numbers.set(text, number);
      this.#texts.push(text);
    }
    return number;
  }

  /** @returns -1 for a text that is none of them */
  find(text: string): number {
    return this.#numbers.get(text) ?? -1;
  }

  textOf(number: number): string {
    return this.#texts[number];
  }
}

/** What a storage's row looks like to the index: -1 stands for a text that was not sent. */
export type Identity = { submitter: number; createdAt: number; block: number; peer: number };

const EMPTY = -1;

export class SentIndex {
  readonly templates: readonly SentTemplate[];
  readonly submitters = new TextNumbers();
  readonly peers = new TextNumbers();
  readonly blocks = new TextNumbers();
  /** Number of the block of each template. */
  readonly blockOfTemplate: Uint32Array;
  /** The first template that is the same in all fields. */
  readonly #sameAs: Uint32Array;
  /** Group of each body. */
  readonly groupOf: Uint32Array;
  #groups = 0;
  // Columns of the groups.
  #submitter: Uint32Array;
  #peer: Uint32Array;
  #template: Uint32Array;
  #createdAt: Float64Array;
  /** Group in each slot; a power of two, at most half full. */
  #slots: Int32Array;

  private constructor({ count, templates }: SentSubmissions) {
    this.templates = templates;
    this.blockOfTemplate = Uint32Array.from(templates, ({ blockHash }) =>
      this.blocks.numberOf(blockHash),
    );
    this.#sameAs = firstOfEqual(templates);
    this.groupOf = new Uint32Array(count);
    this.#submitter = new Uint32Array(count);
    this.#peer = new Uint32Array(count);
    this.#template = new Uint32Array(count);
    this.#createdAt = new Float64Array(count);
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(2, count) * 2))).fill(EMPTY);
  }

  /** Lets the event loop turn between two chunks. @throws the reason of `signal`; Error if there are more or fewer bodies than `count` */
  static async of(sent: SentSubmissions, signal?: AbortSignal): Promise<SentIndex> {
    const index = new SentIndex(sent);
    let body = 0;
    for await (const chunk of sent.chunks()) {
      if (body + chunk.length > sent.count) throw new Error('more bodies than were announced');
      for (const { submitter, createdAt, peerId, template } of chunk)
        index.groupOf[body++] = index.#groupOf(
          index.submitters.numberOf(submitter),
          createdAt,
          index.peers.numberOf(peerId),
          index.#sameAs[template],
        );
      signal?.throwIfAborted();
      await nextTurn();
    }
    if (body !== sent.count) throw new Error(`${body} bodies instead of ${sent.count}`);
    return index;
  }

  #groupOf(submitter: number, createdAt: number, peer: number, template: number): number {
    const block = this.blockOfTemplate[template];
    const mask = this.#slots.length - 1;
    let slot = hash(submitter, createdAt, block, peer) & mask;
    for (let group; (group = this.#slots[slot]) !== EMPTY; slot = (slot + 1) & mask)
      if (
        this.#template[group] === template &&
        this.#submitter[group] === submitter &&
        this.#createdAt[group] === createdAt &&
        this.#peer[group] === peer
      )
        return group;
    const group = this.#groups++;
    this.#slots[slot] = group;
    this.#submitter[group] = submitter;
    this.#createdAt[group] = createdAt;
    this.#peer[group] = peer;
    this.#template[group] = template;
    return group;
  }

  /** How many different bodies there are. */
  get groups(): number {
    return this.#groups;
  }

  identityOf(group: number): Identity {
    return {
      submitter: this.#submitter[group],
      createdAt: this.#createdAt[group],
      block: this.blockOfTemplate[this.#template[group]],
      peer: this.#peer[group],
    };
  }

  submitterOf(group: number): number {
    return this.#submitter[group];
  }

  templateOf(group: number): number {
    return this.#template[group];
  }

  /**
   * The groups of an identity: one, unless submissions differ in nothing but fields beside it.
   * @param from what the last call gave; absent at the first. @returns a place for {@link groupAt}; -1: there are no more
   */
  find({ submitter, createdAt, block, peer }: Identity, from = -1): number {
    if (submitter < 0 || block < 0 || peer < 0) return -1;
    const mask = this.#slots.length - 1;
    let slot = from === -1 ? hash(submitter, createdAt, block, peer) & mask : (from + 1) & mask;
    for (let group; (group = this.#slots[slot]) !== EMPTY; slot = (slot + 1) & mask)
      if (
        this.#submitter[group] === submitter &&
        this.#createdAt[group] === createdAt &&
        this.#peer[group] === peer &&
        this.blockOfTemplate[this.#template[group]] === block
      )
        return slot;
    return -1;
  }

  /** The group at a place that {@link find} gave. */
  groupAt(place: number): number {
    return this.#slots[place];
  }
}

/** @returns for each template the first one that is the same in all fields */
function firstOfEqual(templates: readonly SentTemplate[]): Uint32Array {
  const alike = new Map<string, number[]>();
  return Uint32Array.from(templates, (template, i) => {
    const { blockHash, snarkWork, graphqlControlPort, builtWithCommitSha, fresh } = template;
    // The length stands for snark work, which has kilobytes; it is compared itself below.
    const key = `${blockHash} ${snarkWork?.length} ${graphqlControlPort} ${fresh} ${builtWithCommitSha}`;
    const firsts = alike.get(key);
    const first = firsts?.find((one) => templates[one].snarkWork === snarkWork);
    if (first !== undefined) return first;
    if (firsts) firsts.push(i);
    else alike.set(key, [i]);
    return i;
  });
}

/** 32 bits of four numbers: MurmurHash3's mixing (aappleby/smhasher, src/MurmurHash3.cpp). */
function hash(submitter: number, createdAt: number, block: number, peer: number): number {
  let h = mix(0x9747b28c, submitter);
  h = mix(h, createdAt | 0);
  h = mix(h, block);
  h = mix(h, peer);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function mix(h: number, value: number): number {
  let k = Math.imul(value, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const rotated = h ^ k;
  return (Math.imul((rotated << 13) | (rotated >>> 19), 5) + 0xe6546b64) | 0;
}
