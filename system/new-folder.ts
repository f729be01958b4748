/** Folders that are there whole or not at all. */
import { rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EXIT, UserError } from '../user-error.ts';

/**
 * Lets `fill` write into a hidden folder beside `folder`, then renames it. If `fill` fails, its folder is
 * removed and `folder` is as it was.
 * @param replaceable names whose files in `folder` may be replaced; without it, or if there is any other
 * file, `folder` must be empty or missing
 * @param hint what to do where `folder` has other content
 * @throws UserError (exit 2) if `folder` has other content or cannot be written; what `fill` throws
 */
export async function fillNewFolder<T>(
  folder: string,
  fill: (part: string) => Promise<T>,
  {
    replaceable,
    hint = 'give a new or an empty folder: nothing is overwritten',
  }: { replaceable?: RegExp | undefined; hint?: string } = {},
): Promise<T> {
  const target = resolve(folder);
  const part = join(dirname(target), `.${basename(target)}.part-${randomBytes(6).toString('hex')}`);
  let made: string | undefined;
  try {
    const content = await contentOf(target);
    const stranger = content.find((name) => !replaceable?.test(name));
    if (stranger !== undefined)
      throw new UserError(`the folder ${folder} is not empty: it holds ${stranger}`, {
        hint,
        exitCode: EXIT.usage,
      });
    made = await mkdir(part, { recursive: true });
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError(`cannot write ${folder} (${(cause as NodeJS.ErrnoException).code})`, {
      hint: 'give a folder in a place where you may write',
      exitCode: EXIT.usage,
      cause,
    });
  }
  // A process that is ended at once waits for nothing.
  const removeNow = () => rmSync(part, { recursive: true, force: true });
  process.once('exit', removeNow);
  try {
    const result = await fill(part);
    for (const name of await contentOf(target))
      if (replaceable?.test(name)) await rm(join(target, name));
    // An empty folder gives way; one that has been filled meanwhile does not.
    await rmdir(target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await rename(part, target);
    return result;
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    // Folders above it that were made for it go too, as long as they are empty.
    let above = dirname(part);
    while (made !== undefined && above.startsWith(made)) {
      const removed = await rmdir(above).then(
        () => true,
        () => false,
      );
      if (!removed) break;
      above = dirname(above);
    }
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new UserError(`the disk of ${folder} is full (${code})`, {
        hint: 'make room, or give a folder on another disk',
        cause: error,
      });
    throw error;
  } finally {
    process.off('exit', removeNow);
  }
}

async function contentOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
