/** Waiting in tests: for a condition, never for a time. */

/** Longer than any machine needs: a hang becomes a failure, a slow machine does not. */
const LIMIT_MS = 120_000;
const EVERY_MS = 5;

/**
 * @param what what is waited for, or what to show of the state when it does not come
 * @throws Error with `what` when `condition` does not hold within `limitMs`
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string | (() => unknown) = String(condition),
  limitMs = LIMIT_MS,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > endMs) {
      const words = typeof what === 'string' ? what : JSON.stringify(what());
      throw new Error(`${words}: not within ${limitMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
