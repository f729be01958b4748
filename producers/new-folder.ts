/** Folders that are there whole or not at all. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EXIT, UserError } from '../user-error.ts';

/**
 * Lets `fill` write into a hidden folder beside `folder`, then renames it. If `fill` fails, its folder is
 * removed and `folder` is as it was.
 * @param replace an existing folder is replaced at the end; else it must be empty or missing
 * @throws UserError (exit 2) if `folder` has content or cannot be written; what `fill` throws
 */
export async function fillNewFolder<T>(
  folder: string,
  fill: (part: string) => Promise<T>,
  { replace = false }: { replace?: boolean } = {},
): Promise<T> {
  const target = resolve(folder);
  const part = join(dirname(target), `.${basename(target)}.part-${randomBytes(6).toString('hex')}`);
  try {
    if (!replace && (await contentOf(target)).length > 0)
      throw new UserError(`the folder ${folder} is not empty`, {
        hint: 'give another folder, or --force to replace it',
        exitCode: EXIT.usage,
      });
    await mkdir(part, { recursive: true });
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError(`cannot write ${folder} (${(cause as NodeJS.ErrnoException).code})`, {
      hint: 'give a folder in a place where you may write',
      exitCode: EXIT.usage,
      cause,
    });
  }
  try {
    const result = await fill(part);
    if (replace) await rm(target, { recursive: true, force: true });
    // An empty folder gives way; a folder that has been filled meanwhile does not.
    else
      await rmdir(target).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    await rename(part, target);
    return result;
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
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
