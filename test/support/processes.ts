/** Processes of this machine, where there is a /proc. */
import { readdirSync, readFileSync } from 'node:fs';

export type Child = { pid: number; words: string };

/** Processes that `parent` started and that still run. */
export function childrenOf(parent: number): Child[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const of = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1];
        if (Number(of) !== parent) return [];
        return [{ pid: Number(name), words: readFileSync(`/proc/${name}/cmdline`, 'utf8') }];
      } catch {
        return []; // it ended while it was looked at
      }
    });
}

/** The embedded backend that `parent` started. */
export function backendOf(parent: number): number {
  const backend = childrenOf(parent).find(({ words }) => words.includes('backend.js'));
  if (backend === undefined) throw new Error(`process ${parent} has no backend`);
  return backend.pid;
}
