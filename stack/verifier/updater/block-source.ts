/** Blocks of rows that have none: from the storage of blocks, each fetched once and kept while it is likely to be needed again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StorageReader } from '../../storage/storage.ts';
import type { BlockOf } from './driver.ts';

/** All submissions of a batch carry some blocks: those of its slots, at most 3 MB each. */
const MOST_BYTES = 128 * 1024 * 1024;
const TRIES = 3;
const WAIT_MS = 300;

type FoundBlock = Awaited<ReturnType<BlockOf>>;

/**
 * @param source what has blocks; null: only rows have them
 * @param onFault called for each block that could not be asked for: an S3 that is down says nothing about a submission (the original takes such a
 * block for missing, and refuses the row)
 */
export function blockFinder(
  source: Pick<StorageReader, 'block'> | null,
  onFault: (text: string) => void,
  { mostBytes = MOST_BYTES, waitMs = WAIT_MS } = {},
): BlockOf {
  const kept = new Map<string, Promise<FoundBlock>>();
  const sizes = new Map<string, number>();
  let bytes = 0;

  async function fetchBlock(hash: string): Promise<FoundBlock> {
    for (let call = 1; ; call++)
      try {
        return (await source?.block?.(hash)) ?? null;
      } catch (error) {
        if (call === TRIES) {
          onFault(`the block ${hash} could not be fetched: ${(error as Error).message}`);
          return 'unreachable';
        }
        await sleep(waitMs * call);
      }
  }

  return ({ fields, rawBlock }) => {
    if (rawBlock !== null && rawBlock.length > 0) return Promise.resolve(rawBlock);
    const { block_hash: hash } = fields;
    const found = kept.get(hash);
    if (found !== undefined) {
      kept.delete(hash);
      kept.set(hash, found);
      return found;
    }
    const fetching = fetchBlock(hash);
    kept.set(hash, fetching);
    void fetching.then((block) => {
      // Neither is an answer for ever: it may be there a moment later.
      if (block === null || block === 'unreachable') {
        if (kept.get(hash) === fetching) kept.delete(hash);
        return;
      }
      if (kept.get(hash) !== fetching) return;
      sizes.set(hash, block.length);
      bytes += block.length;
      for (const oldest of kept.keys()) {
        if (bytes <= mostBytes || oldest === hash) break;
        bytes -= sizes.get(oldest) ?? 0;
        sizes.delete(oldest);
        kept.delete(oldest);
      }
    });
    return fetching;
  };
}
