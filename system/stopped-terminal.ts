/**
 * A terminal that takes nothing (Ctrl-S, a frozen ssh, a window that hangs) must not hold up the load. Node writes to terminals
 * synchronously (nodejs.org, "A note on process I/O"), so the whole process would stand still until somebody presses Ctrl-Q.
 */

type Handle = { fd?: number; setBlocking?: (on: boolean) => number };

/**
 * What `stream` cannot write at once waits in memory from now on, if it is a terminal; what a terminal takes is written at once as before.
 *
 * libuv opens a terminal anew (src/unix/tty.c, uv_tty_init), so this changes nothing for the shell that shares the old one. Where it could
 * not, the number of the file is still that of the standard stream, and all stays as it was.
 */
export function neverWaitFor(stream: NodeJS.WriteStream): void {
  if (!stream.isTTY) return;
  const { _handle: handle } = stream as unknown as { _handle?: Handle };
  if (handle?.fd !== undefined && handle.fd > 2) handle.setBlocking?.(false);
}

/** Characters that may wait; more is lost. Screens of text: nobody has read them when they come. */
export const MOST_WAITING = 256 * 1024;

/** Whether a line may be written: one that is replaced only where nothing waits, one that stays as long as there is room. */
export const hasRoom = (
  { writableLength = 0 }: { writableLength?: number },
  line: 'is replaced' | 'stays',
): boolean => (line === 'stays' ? writableLength < MOST_WAITING : writableLength === 0);
