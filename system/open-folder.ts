/** Whether another user of this machine can get into a folder: as root, PostgreSQL runs as one. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/** What is not there yet counts as open: whoever makes it makes it so. */
export function othersMayEnter(folder: string): boolean {
  for (let path = folder; ; path = dirname(path)) {
    try {
      if ((statSync(path).mode & 0o001) === 0) return false;
    } catch {
      // Not there yet.
    }
    if (dirname(path) === path) return true;
  }
}
