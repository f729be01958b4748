/** What of the accepted submissions of each fault's time is not in the storage: from the list that the look into it wrote. */
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { FaultFigures, ReconcileLine } from '../results/types.ts';
import { FILES } from '../results/writer.ts';

/** Writes it into `faults`. @param beganMs of the load, ms since 1970 */
export async function addFaultLosses(
  folder: string,
  faults: readonly FaultFigures[],
  beganMs: number,
): Promise<void> {
  const on = faults.filter(({ fromMs }) => fromMs !== null);
  for (const one of on) one.lost = 0;
  const path = join(folder, FILES.reconcileList);
  if (!existsSync(path)) return;
  for await (const text of createInterface({ input: createReadStream(path) })) {
    const line = JSON.parse(text) as ReconcileLine;
    if (!isLost(line) || line.answered_at === undefined) continue;
    const atMs = Date.parse(line.answered_at) - beganMs;
    for (const one of on) if (atMs >= one.fromMs! && atMs <= (one.untilMs ?? Infinity)) one.lost!++;
  }
}

const isLost = (line: ReconcileLine): boolean =>
  line.class === 'missing' || (line.class === 'same second' && line.own_pair !== true);
