/** Where the parts of a run lie in the folder of its state. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenState } from './state.ts';

export type Places = {
  /** Of the network; components have theirs in their stacks. */
  logs: string;
  network: string;
  whitelist: string;
};

export function placesOf({ folder }: Pick<OpenState, 'folder'>): Places {
  return {
    logs: join(folder, 'logs'),
    network: join(folder, 'network'),
    whitelist: join(folder, 'whitelist.txt'),
  };
}

export function makePlaces(places: Places): void {
  for (const folder of [places.logs, places.network]) mkdirSync(folder, { recursive: true });
}
