/** Before `npm pack`: dist/ holds this build, and no chunks of earlier ones. Folders of tests stay: some may run, and package.json keeps them out. */
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './ensure.mjs';
import { readStamp } from './sources.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
await ensureBuilt(root);
const { files } = readStamp(dist);
for (const name of readdirSync(join(dist, 'chunks')))
  if (!(`chunks/${name}` in files)) rmSync(join(dist, 'chunks', name), { force: true });
