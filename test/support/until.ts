/** Waiting in tests: for a condition, never for a time. */

/** Longer than any machine needs: a hang becomes a failure, a slow machine does not. */
const LIMIT_MS = 120_000;
const EVERY_MS = 20;

/** @throws Error with `what` when `condition` does not hold within `limitMs` */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limitMs = LIMIT_MS,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`${what}: not within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
