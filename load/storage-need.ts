/** What the embedded backend will write to disk, where that is more than a moment's load leaves behind. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { formatBytes } from '../results/units.ts';
import { UserError } from '../user-error.ts';

/** A file takes whole blocks of this size on most file systems. */
const FILE_BLOCK = 4096;
/** Of a stored submission beside its snark work: field names, key, peer id, hash, times (measured: 420 bytes). */
const STORED_FRAME = 500;

/**
 * Bytes on disk of so many stored submissions: a file each, with its snark work. Blocks are stored once each, and do not matter.
 * @param bodies what is sent, one at least, with how often each is chosen
 */
export function storedBytes(
  bodies: readonly { snarkWorkBytes: number; weight: number }[],
  submissions: number,
): number {
  let [bytes, weights] = [0, 0];
  for (const { snarkWorkBytes, weight } of bodies) {
    bytes += weight * Math.ceil((STORED_FRAME + snarkWorkBytes) / FILE_BLOCK) * FILE_BLOCK;
    weights += weight;
  }
  return (submissions * bytes) / weights;
}

/** @returns bytes that are left where `folder` is, or will be made; null: the system does not say */
export async function freeBytes(folder: string): Promise<number | null> {
  let there = resolve(folder);
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there);
  try {
    const { bavail, bsize } = await statfs(there);
    return bavail * bsize;
  } catch {
    return null;
  }
}

/**
 * @param need of the embedded backend; null: not enough to matter
 * @throws UserError if the file system of `folder` has not so many bytes left
 */
export function checkRoom(
  folder: string,
  need: { bytes: number; freeBytes: number | null } | null,
): void {
  if (need === null || need.freeBytes === null || need.bytes <= need.freeBytes) return;
  throw new UserError(
    `the embedded backend would store about ${formatBytes(need.bytes)}, but ${folder} has ${formatBytes(need.freeBytes)} left`,
    {
      hint: 'give --target a backend of your own, --results a folder with more room, or make --duration or --rate smaller',
    },
  );
}
