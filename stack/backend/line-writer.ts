/**
 * Lines to standard output and error that never stop the backend: a full disk, a closed pipe or a reader that is slow
 * delays lines or loses them, and the requests go on. A line that was written in part is completed before the next one,
 * so a file never has half a line in its middle.
 */
import { writeSync } from 'node:fs';

/** Takes one line, with its end. */
export type LineWriter = (line: string) => void;

export type LineWriterOptions = {
  /** @returns how many bytes of `bytes` were written. @throws Error with a code */
  write: (bytes: Uint8Array) => number;
  /** Calls `action` later, once. */
  later: (action: () => void) => void;
  /** Waiting lines that have more bytes than this together are lost. */
  maxWaitingBytes?: number;
  /** The line that says how many were lost. */
  lost: (count: number) => string;
  /** Called when lines begin to fail (a full disk) and when they pass again; not for a reader that is slow or gone. */
  onFailing?: ((isFailing: boolean) => void) | undefined;
};

/** Nobody will ever read these: what waits is dropped, and each line is tried anew. */
const GONE = ['EPIPE', 'EIO', 'EBADF', 'ENXIO', 'ECONNRESET'];
const MAX_WAITING_BYTES = 1024 * 1024;

export function createLineWriter({
  write,
  later,
  maxWaitingBytes = MAX_WAITING_BYTES,
  lost,
  onFailing,
}: LineWriterOptions): LineWriter {
  let isFailing = false;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let lostLines = 0;
  let isRetrying = false;

  /** @returns whether nothing waits any more */
  function drain(): boolean {
    let done = 0;
    let failed = false;
    try {
      while (done < waiting.length) {
        const written = write(waiting[done]);
        if (written === 0) break;
        waitingBytes -= written;
        if (written < waiting[done].length) waiting[done] = waiting[done].subarray(written);
        else done++;
      }
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (GONE.includes(code)) done = waiting.length;
      else failed = code !== 'EAGAIN';
    }
    if (failed !== isFailing) {
      isFailing = failed;
      onFailing?.(failed);
    }
    waiting = waiting.slice(done);
    if (waiting.length === 0) waitingBytes = 0;
    return waiting.length === 0;
  }

  function add(line: string): void {
    const bytes = Buffer.from(line);
    waiting.push(bytes);
    waitingBytes += bytes.length;
  }

  function flush(): void {
    if (!drain() || lostLines === 0) return;
    add(lost(lostLines));
    lostLines = 0;
    drain();
  }

  function retry(): void {
    if (isRetrying || waiting.length === 0) return;
    isRetrying = true;
    later(() => {
      isRetrying = false;
      flush();
      retry();
    });
  }

  return (line) => {
    if (waitingBytes + line.length > maxWaitingBytes) lostLines++;
    else add(line);
    flush();
    retry();
  };
}

const RETRY_MS = 200;

/** @param fd 1 or 2: written synchronously, so that what is said before an end is there */
export const lineWriterOf = (
  fd: number,
  lost: LineWriterOptions['lost'],
  onFailing?: LineWriterOptions['onFailing'],
): LineWriter =>
  createLineWriter({
    write: (bytes) => writeSync(fd, bytes),
    later: (action) => void setTimeout(action, RETRY_MS).unref(),
    lost,
    onFailing,
  });
