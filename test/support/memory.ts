/** What stays in memory while something is read: measured after a collection, so that it does not depend on when V8 collects. */
import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes in use after a collection: V8's heap and buffers. */
async function bytesInUse(): Promise<number> {
  // Twice: what the first one finalizes is free after the second.
  for (let n = 0; n < 2; n++) {
    await new Promise((turn) => setImmediate(turn));
    collect();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/**
 * Reads all batches, keeps none, and compares what is in use after a quarter with what is in use at the end.
 * @param call.batches how many there must be, at least: `bytesEach` of all of them must be far more than may stay
 */
export async function assertConstantMemory(
  read: AsyncIterable<readonly unknown[]>,
  call: { batches: number; bytesEach: number; mayGrowBytes?: number },
): Promise<void> {
  const { batches, bytesEach, mayGrowBytes = 12 * 2 ** 20 } = call;
  assert.ok(batches * bytesEach * 0.75 > 4 * mayGrowBytes, 'too little is read to show anything');
  let seen = 0;
  let early = 0;
  let most = 0;
  const every = Math.max(1, Math.floor(batches / 8));
  for await (const batch of read) {
    assert.ok(batch.length > 0);
    seen++;
    if (seen % every !== 0) continue;
    const bytes = await bytesInUse();
    if (seen <= batches / 4) early = Math.max(early, bytes);
    else most = Math.max(most, bytes);
  }
  assert.ok(seen >= batches, `only ${seen} batches`);
  assert.ok(early > 0 && most > 0);
  const grown = most - early;
  assert.ok(
    grown < mayGrowBytes,
    `${(grown / 2 ** 20).toFixed(1)} MiB more after ${seen} batches than after a quarter of them`,
  );
}
