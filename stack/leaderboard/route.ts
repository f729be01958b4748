/**
 * What a path of the leaderboard's API asks for. Source: o1-labs/delegation-program-leaderboard at 49ac4a8, api/minanet_app/flask_api.py
 * (get_score and its routes; Flask's `path` converter takes slashes along). Pure.
 */

/** What is asked of the database; absent: of all block producers, the newest score. */
export type Question = { key?: string; before?: Date };

export type Refusal = { status: 404; error: string; message: string };

const refusal = (error: string, message: string): Refusal => ({ status: 404, error, message });

export const NO_PAGE = refusal('Page Not Found', 'Please make sure you use Correct URL');
export const NO_DATA = refusal('No data found', 'Please try again with different parameters');
const NO_KEY = refusal('Invalid public key', 'Please provide correct public key');
const NO_DATE = refusal(
  'Invalid Date Format',
  'Please make sure you use Valid Date in Format:2022-04-30T08:30:00Z',
);
const NO_TYPE = refusal('Invalid datatype', 'Please provide datatype as snarkwork');

const PREFIX = '/uptimescore/';
const TYPE = 'snarkwork';
const KEY_CHARACTERS = 55;

/** @param path decoded, without query */
export function readPath(path: string): Question | Refusal {
  if (!path.startsWith(PREFIX)) return NO_PAGE;
  const parts = partsOf(path.slice(PREFIX.length));
  const [key] = parts;
  let [, type, time] = parts;
  const question: Question = {};
  if (key.startsWith('B62') && key.length === KEY_CHARACTERS) question.key = key;
  else if (key === TYPE) {
    // /snarkwork/TIME/: the time stands where the type does.
    if (type !== TYPE) time = type;
    type = key;
  } else if (key !== '') return NO_KEY;
  if (time !== CURRENT) {
    const before = readTime(time);
    if (before === null) return NO_DATE;
    question.before = before;
  }
  return type === TYPE ? question : NO_TYPE;
}

const CURRENT = 'current';

/** Key, type and time. A path of two or three parts ends with a slash; without one, all of it is taken as a key. */
function partsOf(rest: string): [key: string, type: string, time: string] {
  const plain = (text: string): string => text.replaceAll('/', '');
  const parts = rest.replace(/\/$/, '').split('/');
  if (!rest.endsWith('/') || parts.length === 1) return [plain(rest), TYPE, CURRENT];
  const [key, type, ...time] = parts;
  return [key, type, time.length === 0 ? CURRENT : time.join('')];
}

/** As strptime reads `%Y-%m-%dT%H:%M:%SZ`: one digit is enough where two may stand. */
export function readTime(text: string): Date | null {
  const match = /^(\d{4})-(\d{1,2})-(\d{1,2})T(\d{1,2}):(\d{1,2}):(\d{1,2})Z$/.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  const time = new Date(0);
  time.setUTCFullYear(year, month - 1, day);
  // Leap seconds pass, and count as the next minute's first.
  if (year === 0 || hour > 23 || minute > 59 || second > 61) return null;
  if (time.getUTCMonth() !== month - 1 || time.getUTCDate() !== day) return null;
  time.setUTCHours(hour, minute, second);
  return time;
}
