/** Moments as people write them in options and files. Pure. */

const INSTANT =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?(?: ?([Zz]|[+-]\d\d(?::?\d\d)?))?)?$/;

/**
 * RFC 3339, and what PostgreSQL and Go print: a space for the T, a zone without its colon. Without a zone it is UTC, as the tables of the program
 * are; a date alone is its midnight. (Date.parse takes `batch 7` for a day of 2001, and a time without a zone for one of this machine's.)
 * @returns milliseconds since 1970, with a fraction where there is one; null if `text` is no moment
 */
export function parseInstant(text: string): number | null {
  const match = INSTANT.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part || 0)); // prettier-ignore
  const zone = /^([+-])(\d\d):?(\d\d)?$/.exec(match[8] ?? '');
  const [zoneHours, zoneMinutes] = [Number(zone?.[2] ?? 0), Number(zone?.[3] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59 || zoneHours > 23 || zoneMinutes > 59) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // A day that the month does not have moves the date on.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const offsetMinutes = (zone?.[1] === '-' ? -1 : 1) * (zoneHours * 60 + zoneMinutes);
  return (
    date.getTime() +
    ((hour * 60 + minute - offsetMinutes) * 60 + second) * 1000 +
    Number(match[7] ?? 0) * 1000
  );
}
