/**
 * Keeps this program's memory at what it needs while a load runs. V8 lets a small heap grow to several times of what lives in it before
 * it looks for what does not: at 300 submissions/s, of which each leaves some 100 bytes behind, that took 8 minutes and 15 MB, which
 * nobody can tell from a leak. A whole collection three times a minute takes 10 to 15 ms of a heap of 35 MB (measured); k6 does not wait for it.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const EVERY_MS = 20_000;

/** @returns what collects all garbage at once; null: this program cannot */
export function garbageCollector(): (() => void) | null {
  // The way to it where node was not started with --expose-gc.
  setFlagsFromString('--expose-gc');
  return runInNewContext("typeof gc === 'function' ? gc : null") as (() => void) | null;
}

/** @returns what ends it */
export function collectOften(): () => void {
  const collect = garbageCollector();
  if (collect === null) return () => undefined;
  const timer = setInterval(collect, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
