/** The last good version while its rounds run: started if the configuration says how, else it serves already. */
import { httpFetch } from '../system/http.ts';
import { commandDriver } from '../stack/drivers/command.ts';
import type { Ready } from '../stack/drivers/driver.ts';
import { readyByHttp } from '../stack/drivers/ready.ts';
import type { GoodVersion } from './plan.ts';

const READY_MS = 120_000;

/** Any answer: not every backend has a page that says how it is. */
const readyByAnyAnswer = (url: string): Ready => ({
  what: url,
  withinMs: READY_MS,
  async ask(signal) {
    const response = await httpFetch(new URL(url).origin, { signal, redirect: 'manual' });
    await response.body?.cancel();
    return true;
  },
});

/**
 * Lets `use` run while the good version serves; whatever happens, what was started is ended.
 * @param cwd where its command runs
 * @throws UserError if it does not start; what `use` throws
 */
export async function withGoodVersion<T>(
  { url, command, ready }: GoodVersion,
  { env, cwd, signal }: { env: NodeJS.ProcessEnv; cwd: string; signal: AbortSignal },
  use: () => Promise<T>,
): Promise<T> {
  if (command === null) return use();
  const [file, ...args] = command;
  const driver = commandDriver({
    name: 'the good version',
    file,
    args,
    env,
    cwd,
    url,
    ready: ready === null ? readyByAnyAnswer(url) : readyByHttp(ready, { withinMs: READY_MS }),
  });
  const component = await driver.start({ onLine: () => undefined, signal });
  try {
    return await use();
  } finally {
    await component.stop();
  }
}
