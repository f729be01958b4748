/** Machines as a test wants them: what lies on the PATH, and an address at which nobody answers. */
import { once } from 'node:events';
import { symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { projectRoot } from '../../paths.ts';
import { scratchFolder } from './scratch.ts';

/** A program of test/fixtures/bin. */
export const binFixture = (name: string): string =>
  join(projectRoot, 'test', 'fixtures', 'bin', name);

/** A folder for the PATH; `programs` maps a name to a fixture or, with a `#!`, to a script's text. */
export function binFolder(programs: Record<string, string>): string {
  const folder = scratchFolder();
  for (const [name, program] of Object.entries(programs))
    if (program.startsWith('#!')) writeFileSync(join(folder, name), program, { mode: 0o755 });
    else symlinkSync(binFixture(program), join(folder, name));
  return folder;
}

/** An http URL at which nothing listens (any more). */
export async function unreachableUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}
