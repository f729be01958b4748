/** Takes out of a line what is meant for a terminal, not for a reader. Pure. */

/**
 * Escape sequences of ECMA-48: CSI (colours, cursor), OSC (titles, links; ended by BEL or ST), two-byte escapes; also CSI as the
 * one character U+009B.
 */
const ESCAPES =
  // eslint-disable-next-line no-control-regex
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]/g;
/** A file that was emptied under its writer begins with zero bytes; a byte order mark stands at a beginning. */
// eslint-disable-next-line no-control-regex
const BEFORE = /^[\u0000\ufeff]+/;
// eslint-disable-next-line no-control-regex
const INSIDE = /\u0000+/g;

/** `line` without escape sequences, byte order mark and line ends; zero bytes inside of it are a blank. */
export function cleanLine(line: string): string {
  let text = line;
  if (text.includes('\u001b') || text.includes('\u009b')) text = text.replace(ESCAPES, '');
  if (text.includes('\u0000') || text.includes('\ufeff'))
    text = text.replace(BEFORE, '').replace(INSIDE, ' ');
  return text.endsWith('\r') ? text.replace(/\r+$/, '') : text;
}
