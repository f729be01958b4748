/** Which storage a run looks into. */
import { pathToFileURL } from 'node:url';
import type { StorageReader } from '../stack/storage/storage.ts';
import { openStorageReader } from '../stack/storage/storage-url.ts';
import type { LoadJob } from './job.ts';

/** For writers that answer before they write. */
const DEFAULT_WAIT_MS = 30_000;
/** The embedded backend answers when it has written. */
const EMBEDDED_WAIT_MS = 2000;

export type StorageChoice = {
  /** For people, until the reader says its own name. */
  name: string;
  waitMs: number;
  open(): Promise<StorageReader>;
};

/**
 * @param storageFolder of the embedded backend; null: the target is the user's own
 * @returns null: nobody said where the target stores
 */
export function storageOf(
  { storage, storageWaitMs }: Pick<LoadJob, 'storage' | 'storageWaitMs'>,
  storageFolder: string | null,
  env: NodeJS.ProcessEnv,
): StorageChoice | null {
  if (storage !== null)
    return {
      // Never with a password: storageUrlProblem refuses one.
      name: storage,
      waitMs: storageWaitMs ?? DEFAULT_WAIT_MS,
      open: () => openStorageReader(storage, env),
    };
  if (storageFolder === null) return null;
  return {
    name: `the embedded backend's storage ${storageFolder}`,
    waitMs: storageWaitMs ?? EMBEDDED_WAIT_MS,
    open: () => openStorageReader(pathToFileURL(storageFolder).href, env),
  };
}

/** Opens the storage once, before the load: nobody wants to hear after an hour that its URL is wrong. @throws UserError */
export async function checkStorage(url: string, env: NodeJS.ProcessEnv): Promise<void> {
  await (await openStorageReader(url, env)).close();
}
