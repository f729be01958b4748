/** What was sent against what a storage holds: the suite on the filesystem, and the rules one by one. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFilesystemStorage } from '../../stack/storage/filesystem.ts';
import { openFilesystemReader } from '../../stack/storage/filesystem-reader.ts';
import { STRANGERS } from '../support/crooked-backend.ts';
import { crookedSuite } from './suite.ts';
import { scratchFolder } from '../support/scratch.ts';

const base = scratchFolder();
let folders = 0;

crookedSuite({
  name: 'the filesystem',
  blocks: 'by hash',
  open() {
    const folder = join(base, String(folders++));
    return Promise.resolve({
      writer: openFilesystemStorage(folder),
      openReader: () => Promise.resolve(openFilesystemReader(folder)),
      ...(folders === 1 && {
        spoil() {
          const now = new Date().toISOString().slice(0, 19);
          mkdirSync(join(folder, 'submissions', now.slice(0, 10)), { recursive: true });
          const file = join(
            folder,
            'submissions',
            now.slice(0, 10),
            `${now}Z-${STRANGERS[0]}.json`,
          );
          writeFileSync(file, '{"created_at":"2026-01');
          return Promise.resolve();
        },
      }),
    });
  },
});
