/** What the embedded backend will write to disk, where that is more than a moment's load leaves behind. */
import { statfs } from 'node:fs/promises';
import type { SubmissionTemplate } from '../producers/templates.ts';
import { formatBytes } from '../results/units.ts';
import { UserError } from '../user-error.ts';

/** A file takes whole blocks of this size on most file systems. */
const FILE_BLOCK = 4096;
/** Of a stored submission beside its snark work: field names, key, peer id, hash, times (measured: 420 bytes). */
const STORED_FRAME = 500;

/**
 * Bytes on disk of so many stored submissions: a file each, with its snark work. Blocks are stored once each, and do not matter.
 * @param templates one at least
 */
export async function storedBytes(
  templates: readonly SubmissionTemplate[],
  submissions: number,
): Promise<number> {
  const isChain = templates.some(({ tip }) => tip !== undefined);
  let [bytes, weights] = [0, 0];
  for (const template of templates) {
    const weight = isChain ? 1 : template.weight;
    const { snarkWork } = await template.load();
    const file = STORED_FRAME + (snarkWork?.length ?? 0);
    bytes += weight * Math.ceil(file / FILE_BLOCK) * FILE_BLOCK;
    weights += weight;
  }
  return (submissions * bytes) / weights;
}

/**
 * @param folder on the file system that is written to
 * @throws UserError if it has not so many bytes left
 */
export async function checkRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (bytes > free)
    throw new UserError(
      `the embedded backend would store about ${formatBytes(bytes)}, but ${folder} has ${formatBytes(free)} left`,
      {
        hint: 'give --target a backend of your own, --results a folder with more room, or make --duration or --rate smaller',
      },
    );
}
