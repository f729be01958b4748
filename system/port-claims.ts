/**
 * Ports that were chosen and are not listened on yet: commands that start at the same moment must not choose the same ones. Each command has a file with its
 * ports in a folder of the user's; those of a process that is gone count for nothing.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeLock } from './lock.ts';
import { processExists } from './process-exists.ts';

/** While one chooses, the others wait; who holds it so long is stuck, and is not waited for. */
const CHOOSING_MS = 10_000;
const LOOK_EVERY_MS = 20;
const LOCK = 'lock';
const SUFFIX = '.json';

export type PortClaim<T> = {
  chosen: T;
  /** When they are listened on, or not wanted any more; at the end of the process at the latest. */
  letGo: () => void;
};

/**
 * @param folder made where it is not there; where that cannot be, nothing is claimed
 * @param choose among ports that nobody claims
 */
export async function claimPorts<T>(
  folder: string,
  choose: (claimed: ReadonlySet<number>) => Promise<{ chosen: T; ports: readonly number[] }>,
): Promise<PortClaim<T>> {
  let release: () => void;
  try {
    mkdirSync(folder, { recursive: true });
    release = await locked(join(folder, LOCK));
  } catch {
    const { chosen } = await choose(new Set());
    return { chosen, letGo: () => undefined };
  }
  try {
    const { chosen, ports } = await choose(claimsIn(folder));
    return { chosen, letGo: keep(folder, ports) };
  } finally {
    release();
  }
}

async function locked(path: string): Promise<() => void> {
  for (const untilMs = performance.now() + CHOOSING_MS; ;) {
    const taken = takeLock(path);
    if ('lock' in taken) return () => taken.lock.release();
    if (performance.now() > untilMs) return () => undefined;
    await sleep(LOOK_EVERY_MS);
  }
}

function claimsIn(folder: string): Set<number> {
  const claimed = new Set<number>();
  for (const name of readdirSync(folder).filter((one) => one.endsWith(SUFFIX))) {
    const path = join(folder, name);
    if (processExists(Number.parseInt(name, 10)))
      for (const port of portsIn(path)) claimed.add(port);
    else rmSync(path, { force: true });
  }
  return claimed;
}

function portsIn(path: string): number[] {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as number[];
  } catch {
    // Let go in this moment.
    return [];
  }
}

function keep(folder: string, ports: readonly number[]): () => void {
  const path = join(folder, `${process.pid}-${randomBytes(4).toString('hex')}${SUFFIX}`);
  const letGo = (): void => {
    process.off('exit', letGo);
    rmSync(path, { force: true });
  };
  try {
    writeFileSync(path, JSON.stringify(ports));
  } catch {
    // A full disk: the ports are chosen all the same.
  }
  process.once('exit', letGo);
  return letGo;
}
