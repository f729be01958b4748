/** Repeats what failed for a reason that passes, within a bound; what a storage's `save` does before it gives up. */
import { setTimeout as sleep } from 'node:timers/promises';

export type RetryOptions = {
  /** Calls at most, the first one included. */
  tries: number;
  /** Before the second call; twice as long before each further one. */
  firstWaitMs: number;
  /** False for what a repetition cannot mend, such as a wrong password. */
  mayPass: (error: Error) => boolean;
  /** For tests. */
  wait?: (ms: number) => Promise<unknown>;
};

/**
 * @param action gets the number of the call, 1 for the first: a repetition may find what an earlier call did before it failed
 * @throws what the last call threw; where it was not the first, its message says how often it was tried
 */
export async function retrying<T>(
  action: (call: number) => Promise<T>,
  { tries, firstWaitMs, mayPass, wait = sleep }: RetryOptions,
): Promise<T> {
  for (let call = 1; ; call++) {
    try {
      return await action(call);
    } catch (error) {
      if (call < tries && mayPass(error as Error)) {
        await wait(firstWaitMs * 2 ** (call - 1));
        continue;
      }
      if (call === 1) throw error;
      const { message } = error as Error;
      throw new Error(`${message} (tried ${call} times)`, { cause: error });
    }
  }
}
