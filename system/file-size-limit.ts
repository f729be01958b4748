/**
 * A write beyond the limit of file sizes (`ulimit -f`, `prlimit --fsize`) is an error of that write (EFBIG), and never the end of the
 * process.
 */

const nothing = (): void => undefined;

/**
 * Node ignores SIGXFSZ as it starts. But whoever listens for it and goes again gives it back its default, which is death: packages do so
 * around what they clean up (execa, write-file-atomic: both through signal-exit, which leaves a signal alone for which somebody else
 * listens). So somebody always listens. Call it once, at the start of a program.
 */
export function surviveFileSizeLimit(): void {
  if (process.platform !== 'win32') process.on('SIGXFSZ', nothing);
}
