/**
 * Small files of /proc and /sys, read synchronously: one takes about 10 µs that way and 250 µs of CPU through the thread pool
 * (Node 20, Linux 6.18).
 */
import { closeSync, openSync, readSync } from 'node:fs';

const buffer = Buffer.allocUnsafe(64 * 1024);

/** A whole small file as text. @throws what node:fs throws */
export function readSmallFile(path: string): string {
  const fd = openSync(path, 'r');
  try {
    let text = '';
    // /proc hands out long files piece by piece.
    for (;;) {
      const length = readSync(fd, buffer, 0, buffer.length, null);
      if (length === 0) return text;
      text += buffer.toString('latin1', 0, length);
    }
  } finally {
    closeSync(fd);
  }
}
