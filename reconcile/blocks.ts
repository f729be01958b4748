/** Blocks of a storage against those that were sent, byte by byte. No I/O but the reading that it is given. */
import pLimit from 'p-limit';
import type { StoredSubmission } from '../stack/storage/storage.ts';
import { blockHashOf, type SentTemplate } from './sent.ts';
import type { SentIndex } from './sent-index.ts';

/** Cassandra keeps no larger block beside a submission (uptime-service-backend, src/delegation_backend/aws_keyspaces.go). */
const MOST_RAW_BLOCK = 1_000_000;
/** Blocks that rows are compared with, kept in memory. */
const CACHE_BYTES = 128 * 2 ** 20;
const READS_AT_ONCE = 8;

export class BlockCheck {
  readonly #index: SentIndex;
  readonly #sent: TemplateBlocks;
  readonly #compared = new Set<string>();
  /** Of blocks that the storage keeps by their hash. */
  bytesRead = 0;

  constructor(index: SentIndex) {
    this.#index = index;
    this.#sent = new TemplateBlocks(index.templates);
  }

  /** Different blocks whose bytes were looked at. */
  get compared(): number {
    return this.#compared.size;
  }

  /**
   * @returns what is wrong with the block that an entry brings along; null: nothing, or it brings none. Where the verifier has been at work
   * none is left (submission-updater empties raw_block)
   */
  besideEntry({ rawBlock, verification }: StoredSubmission, group: number): string | null {
    if (rawBlock === undefined || (rawBlock === null && verification !== undefined)) return null;
    const template = this.#index.templateOf(group);
    this.#compared.add(this.#index.templates[template].blockHash);
    const sent = this.#sent.of(template);
    if (rawBlock === null)
      return sent.length > MOST_RAW_BLOCK ? null : 'the entry has no bytes of the block';
    return Buffer.compare(rawBlock, sent) === 0 ? null : otherBytes(rawBlock);
  }

  /** By number of the block: what is wrong with those of `groups`, as the storage has them. */
  async byHash(
    groups: Iterable<number>,
    read: (hash: string) => Promise<Uint8Array | null>,
  ): Promise<Map<number, string>> {
    const { blockOfTemplate, blocks } = this.#index;
    const used = new Map<number, number>();
    for (const group of groups) {
      const template = this.#index.templateOf(group);
      used.set(blockOfTemplate[template], template);
    }
    const bad = new Map<number, string>();
    await pLimit(READS_AT_ONCE).map(used, async ([block, template]) => {
      const hash = blocks.textOf(block);
      const bytes = await read(hash);
      this.#compared.add(hash);
      this.bytesRead += bytes?.length ?? 0;
      if (bytes === null) bad.set(block, 'the storage has no block of this hash');
      else if (Buffer.compare(bytes, this.#sent.of(template)) !== 0)
        bad.set(block, otherBytes(bytes));
    });
    return bad;
  }
}

const otherBytes = (bytes: Uint8Array): string =>
  `${bytes.length} bytes with the hash ${blockHashOf(bytes)}`;

/** The blocks of templates, read when they are needed, the longest unused forgotten first. */
class TemplateBlocks {
  readonly #templates: readonly SentTemplate[];
  readonly #kept = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(templates: readonly SentTemplate[]) {
    this.#templates = templates;
  }

  of(template: number): Uint8Array {
    const { blockHash } = this.#templates[template];
    const known = this.#kept.get(blockHash);
    if (known !== undefined) {
      this.#kept.delete(blockHash);
      this.#kept.set(blockHash, known);
      return known;
    }
    const bytes = this.#templates[template].block();
    this.#kept.set(blockHash, bytes);
    this.#bytes += bytes.length;
    for (const [hash, { length }] of this.#kept) {
      if (this.#bytes <= CACHE_BYTES || this.#kept.size === 1) break;
      this.#kept.delete(hash);
      this.#bytes -= length;
    }
    return bytes;
  }
}
