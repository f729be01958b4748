/**
 * Ends programs whose parent was killed: SIGKILL leaves this process no time, and a program that neither writes nor reads (journalctl on a
 * quiet unit) would live on until its next line, for ever perhaps.
 *
 * A shell of a few lines reads the process groups from a pipe that only this process writes. When the pipe ends, however it went, it kills
 * those that are left. It is started with the first program, and once; where there is no /bin/sh (Windows, an image without a shell) there
 * is no guard, and programs end by their pipes as far as they have any.
 *
 * Not `setpriv --pdeathsig`: it is missing on macOS, BusyBox and older util-linux, and what a wrapper script started would live on.
 */
import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/**
 * `+ N`, `- N`: group N has begun, has ended; `p N`, `r N`: it stands still, goes on. POSIX sh; it has a session of its own, so a terminal's
 * signals pass it by.
 */
const SCRIPT = `
trap '' HUP INT TERM
groups= paused=
without() { left=; for one in $2; do [ "$one" = "$1" ] || left="$left $one"; done; }
while read -r what group; do
  case $what in
    +) groups="$groups $group" ;;
    -) without "$group" "$groups"; groups=$left ;;
    p) paused="$paused $group" ;;
    r) without "$group" "$paused"; paused=$left ;;
  esac
done
for one in $paused; do kill -CONT "-$one"; done
for one in $groups; do kill -9 "-$one"; done
`;

let pipe: Writable | null | undefined;

function start(): Writable | null {
  if (process.platform === 'win32') return null;
  const guard = spawn('/bin/sh', ['-c', SCRIPT], {
    env: {},
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without it programs run as well; whoever watches them ends them.
  guard.on('error', () => (pipe = null));
  guard.stdin.on('error', () => (pipe = null));
  guard.unref();
  (guard.stdin as Writable & { unref?: () => void }).unref?.();
  return guard.stdin;
}

/**
 * The process group of a program that has just started ends with this process, whatever ends it.
 * @returns what to call when it has ended by itself
 */
export function guardGroup(group: number): () => void {
  return guarded(group, '+', '-');
}

/**
 * A group that is about to be stopped (SIGSTOP) goes on (SIGCONT) when this process ends, whatever ends it: it could not even see that it
 * is alone otherwise.
 * @returns what to call before it goes on by our hand
 */
export function guardPaused(group: number): () => void {
  return guarded(group, 'p', 'r');
}

function guarded(group: number, begin: string, end: string): () => void {
  pipe ??= pipe === null ? null : start();
  pipe?.write(`${begin} ${group}\n`);
  return () => void pipe?.write(`${end} ${group}\n`);
}
