/** The folder of `--out`. */
import { mkdir } from 'node:fs/promises';
import { EXIT, UserError } from '../user-error.ts';

/** One that is there is taken as it is. @throws UserError (exit 2 where a file is in its way, else 5) */
export async function makeOutFolder(out: string): Promise<void> {
  try {
    await mkdir(out, { recursive: true });
  } catch (cause) {
    const isFile = ['EEXIST', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '');
    throw new UserError(`${out} cannot be made: ${(cause as Error).message}`, {
      hint: 'give another folder to --out',
      exitCode: isFile ? EXIT.usage : EXIT.broken,
      cause,
    });
  }
}
