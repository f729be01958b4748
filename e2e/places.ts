/** Where the parts of a run lie in the folder of its state. */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenState } from './state.ts';

export type Places = {
  components: string;
  logs: string;
  network: string;
  storage: string;
  whitelist: string;
  /** Of a PostgreSQL of our own; outside, because as root the server runs as another user, who cannot enter ours. */
  databaseDir: string;
};

export function placesOf({ folder, state }: Pick<OpenState, 'folder' | 'state'>): Places {
  return {
    components: join(folder, 'components'),
    logs: join(folder, 'logs'),
    network: join(folder, 'network'),
    storage: join(folder, 'storage'),
    whitelist: join(folder, 'whitelist.txt'),
    databaseDir: join(tmpdir(), `mina-e2e-postgres-${state.owner}`),
  };
}

export function makePlaces(places: Places): void {
  for (const folder of [places.components, places.logs, places.network, places.storage])
    mkdirSync(folder, { recursive: true });
}
