/** Folders that must not outlive a run that is ended at once: an exit waits for nothing, so they go synchronously. */
import { rmSync } from 'node:fs';

export class Leftovers {
  readonly #folders = new Set<string>();

  add(folder: string): void {
    this.#folders.add(folder);
  }

  keep(folder: string): void {
    this.#folders.delete(folder);
  }

  /** Removes all of them; what cannot be removed stays, for an exit must not fail. */
  removeNow(): void {
    for (const folder of this.#folders)
      try {
        rmSync(folder, { recursive: true, force: true, maxRetries: 2 });
      } catch {
        // A process that is just ending may still write there.
      }
    this.#folders.clear();
  }
}
