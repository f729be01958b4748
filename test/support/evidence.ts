/** Evidence of a run in which all went right, made once, to be changed by a test at will. */
import type { Evidence } from '../../e2e/dump/evidence.ts';
import { type Golden, type GoldenOptions, makeGolden } from '../../e2e/dump/golden.ts';

const made = new Map<string, Promise<Golden>>();

/** More than 20, so that states can be left out. */
export const GOLDEN: GoldenOptions = { seed: 'right', producers: 24, batches: 3 };

export function golden(options: Partial<GoldenOptions> = {}): Promise<Golden> {
  const all = { ...GOLDEN, ...options };
  const key = JSON.stringify(all);
  let known = made.get(key);
  if (known === undefined) {
    known = makeGolden(all);
    made.set(key, known);
  }
  return known;
}

/** A copy of its own. */
export const evidenceOf = async (options?: Partial<GoldenOptions>): Promise<Evidence> =>
  structuredClone((await golden(options)).evidence);
