/** Starts that have a time each: k6 has no executor for it, so an iteration takes the next one and sleeps until it is due. */
import { sleep } from 'k6';
import type { File } from 'k6/experimental/fs';

/** The file of times: one for each submission, u32 LE, milliseconds from the scenario's beginning. */
const OFFSET_BYTES = 4;

/**
 * @param file the times @param readAt fills the array with what stands at an offset
 * @returns a function that waits until submission `index` is due and gives that time, in ms since 1970. Each sleeps
 * until a time that was fixed before, so lateness does not add up.
 */
export function waiterOf(
  file: File,
  readAt: (file: File, offset: number, into: Uint8Array) => Promise<void>,
): (index: number, beganMs: number) => Promise<number> {
  const offset = new Uint8Array(OFFSET_BYTES);
  const view = new DataView(offset.buffer);
  return async (index, beganMs) => {
    await readAt(file, index * OFFSET_BYTES, offset);
    const dueMs = beganMs + view.getUint32(0, true);
    const left = dueMs - Date.now();
    if (left > 0) sleep(left / 1000);
    return dueMs;
  };
}
