/** Text of users and targets inside XML and HTML. Pure. */

/** XML 1.0, production [2] Char: all but these. With `u`, half of a surrogate pair is one of them. */
const FORBIDDEN = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  // A parser makes a blank of them in an attribute, and a newline of a lone \r anywhere.
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** For the text of an element and the value of an attribute in quotes. Characters that XML forbids are removed: no escape saves them. */
export const escapeMarkup = (text: string): string =>
  text.replace(FORBIDDEN, '').replace(/[&<>"'\t\n\r]/g, (character) => ENTITIES[character]);
