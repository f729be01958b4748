/** The whitelist as it is now: read at the start, read again at intervals, and kept where that fails. */
import type { BackendConfig } from './config.ts';
import type { Log } from './log.ts';
import { readWhitelist, shownSource } from './whitelist.ts';

/**
 * The lines are the original's.
 * @returns the keys that may submit, to be asked anew for each submission; null: everyone may
 * @throws UserError if the first reading fails
 */
export async function keepWhitelist(
  whitelist: BackendConfig['whitelist'],
  log: Log,
): Promise<() => ReadonlySet<string> | null> {
  if (whitelist === null) {
    log.info('Delegation whitelist is disabled');
    return () => null;
  }
  const { file, column, refreshMs } = whitelist;
  let current = await readWhitelist(file, column);
  log[current.keys.size === 0 ? 'warn' : 'info'](
    `Delegation whitelist is enabled, number of BPs: ${current.keys.size}`,
    { file: shownSource(file), passed_over: current.passedOver },
  );
  let isReading = false;
  const refresh = async (): Promise<void> => {
    // A slow server may take longer than the interval.
    if (isReading) return;
    isReading = true;
    try {
      current = await readWhitelist(file, column);
      log.info(`Delegation whitelist refreshed, number of BPs: ${current.keys.size}`);
    } catch (error) {
      log.error(
        `Failed to refresh delegation whitelist, using previous one, error: ${(error as Error).message}`,
      );
    } finally {
      isReading = false;
    }
  };
  setInterval(() => void refresh(), refreshMs).unref();
  return () => current.keys;
}
