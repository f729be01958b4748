/** Follows a file that somebody else appends to, as `tail -F` does: looked at again and again, because not every file system says when it grows. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { LineCutter } from './lines.ts';

export type Follower = {
  /** What has come until now is handed over; nothing after it. */
  stop(): void;
};

const LOOK_EVERY_MS = 100;
const CHUNK_BYTES = 64 * 1024;

/** @param from byte of the file at which it begins; a file that is not there yet is waited for */
export function followFile(path: string, onLine: (line: string) => void, from = 0): Follower {
  const lines = new LineCutter();
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let at = from;
  let file: number | null = null;
  const look = (): void => {
    try {
      file ??= openSync(path, 'r');
      // Emptied by somebody.
      if (fstatSync(file).size < at) at = 0;
      for (;;) {
        const bytes = readSync(file, chunk, 0, CHUNK_BYTES, at);
        if (bytes === 0) return;
        at += bytes;
        lines.push(chunk.subarray(0, bytes)).forEach(onLine);
      }
    } catch {
      // Not there yet.
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      look();
      const rest = lines.end();
      if (rest !== null) onLine(rest);
      if (file !== null) closeSync(file);
      file = null;
    },
  };
}

/** @returns the last lines of a file, at most `count`; none where it cannot be read */
export function lastLinesOf(path: string, count: number, from = 0): string[] {
  const lines: string[] = [];
  const follower = followFile(
    path,
    (line) => {
      lines.push(line);
      if (lines.length > count) lines.shift();
    },
    from,
  );
  follower.stop();
  return lines;
}
