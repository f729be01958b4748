/**
 * Lines of text that begin a record: a time in one of the usual forms, then (or before it) a level, with process, thread and logger between
 * them. That is what zap's, zerolog's and logrus' consoles, slog, Go's log, Python, Java, Rust, OCaml, nginx, PostgreSQL, MySQL,
 * Redis, Ruby, .NET and klog have in common; their own ways are in the tables below. Pure.
 */
import { type Head, LONGEST_LOOKED_AT } from './head.ts';
import { jsonHead } from './json-head.ts';
import { type Level, levelOfLetter, levelOfWord } from './level.ts';
import { parseTime, timeOf } from './time.ts';

const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const CLOCK = String.raw`\d\d:\d\d:\d\d(?:[.,]\d{1,9})?`;
/** Times at the beginning of a line, perhaps in brackets. */
const TIME = new RegExp(
  String.raw`\s*[[("]?(?:${[
    // 2026-01-01T00:00:00.000Z, 2026/01/01 00:00:00, 2026-01-01 00:00:00,000 +0000, 2026-01-01 00:00:00.000 CET
    String.raw`\d{4}[-/.]\d\d[-/.]\d\d[T _]${CLOCK}(?:\s?(?:Z|[+-]\d\d:?\d\d)| (?:UTC|GMT|MSK|(?!CRIT)[A-Z]{2,3}T)(?=[ \]]))?`,
    String.raw`(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${MONTH} [ \d]?\d ${CLOCK}(?: [A-Z]{3,4})?(?: \d{4})?`,
    String.raw`\d\d?[- /]${MONTH}[- /]\d{4}[ :]${CLOCK}(?: [+-]\d{4})?`,
    String.raw`${MONTH} [ \d]?\d,? (?:\d{4},? )?\d?\d:\d\d:\d\d(?: [AP]M)?`,
    String.raw`\d?\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)? ?(?:[AP]M\b)?`,
    String.raw`\d{10}(?:\.\d{1,9}|\d{3})?(?=[\s|:\]])`,
    // Seconds since the start: tracing's uptime, dmesg.
    String.raw` {0,12}\d{1,8}\.\d{3,9}s?(?=[\s\]])`,
  ].join('|')})`,
  'y',
);
const SLASHED = /^\s*\d{4}\/\d\d\/\d\d /;

/** What a level begins with when there is no time before it. */
const LEVEL_FIRST =
  /^(?:\[\s*([A-Za-z]{3,11}(?:[+-]\d)?)\s*\]|<([A-Za-z]{3,11})>|([A-Z]{3,11}(?:[+-]\d)?)(?=[\s:|[\]({,/-]|$)|([A-Za-z]{4,11})(?=:(?:\s|$)))/;
/** In capitals, but more often a word than a level, unless a colon follows. */
const NOT_BARE = new Set([
  'LOG',
  'NOTE',
  'SYSTEM',
  'INTERNAL',
  'CONFIG',
  'FAIL',
  'ALERT',
  'FINE',
  'ALL',
]);
/** Small letters: `Error: x` is an exception, which record.ts knows. */
const EXCEPTION_WORD = /^Error$/;
const LOGRUS = /^([A-Z]{4})\[(\d{4,}|[^\]]{8,35})\]\s*(.*)$/;
const KLOG = /^([IWEF])(\d{4}|\d{8}) \d\d:\d\d:\d\d\.\d+\s+\d+ ([^\]]{1,120})\] ?/;
const TORNADO = /^\[([DIWEC]) \d{4,8}[- ]?[^\]]{5,80}\] ?/;
const RUBY = /^([DIWEF]), \[(\S+) #\d+\]\s+[A-Z]+ -- [^:]*: /;
const REDIS = /^\d+:[XCSM] \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d+ ([.*#-]) /;
const REDIS_LEVELS: Readonly<Record<string, Level>> = {
  '.': 'debug',
  '-': 'info',
  '*': 'info',
  '#': 'warning',
};
const DOTNET = /^(trce|dbug|info|warn|fail|crit): \S+\[\d+\]$/;
const NPM = /^npm (ERR!|error|WARN|warn|notice) ?/;
const NODE_WARNING = /^\(node:\d+\) (?:\[\w+\] )?(\w*Warning): /;
const ACCESS = /^\S+ \S+ \S+ \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "/;
const LOGFMT = /^\s*[\w.@-]+=(?:"|\S)/;
const LOGFMT_LEVEL =
  /(?:^|\s)(?:level|lvl|severity|loglevel|levelname)="?([A-Za-z]{1,11}(?:[+-]\d)?)"?(?=\s|$)/i;
const LOGFMT_TIME = /(?:^|\s)(?:ts|time|t|timestamp)=(?:"([^"]*)"|(\S+))/;
const logfmtField = (names: string): RegExp =>
  new RegExp(String.raw`(?:^|\s)(?:${names})=(?:"((?:[^"\\]|\\.)*)"|(\S+))`);
const LOGFMT_MESSAGE = logfmtField('msg|message');
const LOGFMT_CAUSE = logfmtField('err|error|cause');

/** PostgreSQL's and MySQL's words for what belongs to the message before. */
const ADDITION = /^(?:DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION|BACKTRACE)$/;

/** How far into a line its level may stand, and how many words may stand before it. */
const HEAD_CHARS = 160;
const MOST_TOKENS = 8;

const fieldOf = (pattern: RegExp, line: string): string => {
  const match = pattern.exec(line);
  return match ? (match[1]?.replace(/\\(["\\])/g, '$1') ?? match[2] ?? '') : '';
};

function logfmtHead(line: string, t: number | null): Head | null {
  const level = LOGFMT_LEVEL.exec(line);
  if (level === null) return null;
  const time = LOGFMT_TIME.exec(line);
  const message = fieldOf(LOGFMT_MESSAGE, line);
  const cause = fieldOf(LOGFMT_CAUSE, line);
  const said = [message, cause].filter((text) => text !== '').join(': ');
  return {
    format: 'logfmt',
    t: time === null ? t : timeOf(time[1] ?? time[2]),
    level: level[1].length === 1 ? levelOfLetter(level[1].toUpperCase()) : levelOfWord(level[1]),
    message: said === '' ? line.trim() : said,
  };
}

/** Between a time and a level: a bracket with something in it, or a word; and what parts them. */
const TOKEN =
  /[\s,;:|>\])–-]*(?:\[([^\]]{0,80})\]|\(([^)]{0,80})\)|<([^>]{0,40})>|\{[^}]{0,80}\}|([^\s|,;[\](){}<>]+))/y;

type Found = { level: Level | null; end: number; isAddition: boolean };

const levelInBrackets = (content: string): Level | null => {
  const text = content.trim();
  // Apache has module:level, celery level/process.
  return levelOfWord(text) ?? levelOfWord(/^[\w-]+:(\w+)$/.exec(text)?.[1] ?? '');
};

/** @returns the level at the head of `line` from `start` on; null: there is none */
function findLevel(line: string, start: number): Found | null {
  const mayHaveWordsBefore = !SLASHED.test(line);
  let bare = 0;
  TOKEN.lastIndex = start;
  for (let i = 0; i < MOST_TOKENS; i++) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(line);
    if (match === null || match.index > HEAD_CHARS) return null;
    const end = TOKEN.lastIndex;
    const bracketed = match[1] ?? match[2] ?? match[3];
    // Airflow's {file:line} comes before its level.
    if (bracketed !== undefined || match[4] === undefined) {
      const level = levelInBrackets(bracketed ?? '');
      if (level !== null) return { level, end, isAddition: false };
      continue;
    }
    const word = match[4].replace(/:$/, '');
    const hasColon = word.length < match[4].length || line[end] === ':';
    const isCapital = word === word.toUpperCase();
    if (isCapital && hasColon && ADDITION.test(word)) return { level: null, end, isAddition: true };
    const level = levelOfWord(/^[A-Za-z]+(?=\/)/.exec(word)?.[0] ?? word);
    if (level !== null) {
      const before = line.slice(from, end - match[4].length);
      // ` - error - `, `| error |`, tabs: a column of its own; `error:`; right after the time.
      const isColumn = /[-|\t]/.test(before) && /^\s*[-|\t:]/.test(line.slice(end, end + 3));
      const isSure = isCapital && (!NOT_BARE.has(word) || hasColon || isColumn);
      const isFirst = i === 0 && mayHaveWordsBefore && !NOT_BARE.has(word.toUpperCase());
      if (isSure || hasColon || isColumn || isFirst) return { level, end, isAddition: false };
    }
    if (!mayHaveWordsBefore) return null;
    // Numbers, dashes, logger names with dots, user@db say nothing; of words there may be one.
    if (/^[A-Za-z]+$/.test(word) && ++bare > 1) return null;
  }
  return null;
}

const LEADING = /^[\s\]|:>),–-]+/;
const messageOf = (text: string, line: string): string => {
  // env_logger's bracket holds time, level and target.
  const message = text
    .replace(LEADING, '')
    .replace(/^([\w:.-]{1,80})\] /, '$1: ')
    .trim();
  return message === '' ? line.trim() : message;
};

function timedHead(line: string): Head | null {
  TIME.lastIndex = 0;
  if (!TIME.test(line)) return null;
  const timeEnd = TIME.lastIndex;
  const time = line.slice(0, timeEnd);
  const digits = /^\s*\[?(\d{10,13}(?:\.\d+)?)$/.exec(time);
  const t = digits ? timeOf(digits[1]) : parseTime(time);
  const rest = line.slice(timeEnd);
  const body = rest.replace(LEADING, '');
  if (body.startsWith('{')) {
    const inner = jsonHead(body);
    if (inner !== null) return { ...inner, t: inner.t ?? t };
  }
  if (LOGFMT.test(body)) {
    const inner = logfmtHead(body, t);
    if (inner !== null) return inner;
  }
  const found = findLevel(line, timeEnd);
  if (found === null) {
    // A clock or a number alone is no head: text may begin so.
    if (t === null && !/[A-Z][a-z]{2}/.test(time) && !/^\s*\[/.test(time)) return null;
    return { format: 'text', t, level: null, message: messageOf(rest, line) };
  }
  const { level, isAddition } = found;
  return {
    format: 'text',
    t,
    level,
    message: messageOf(line.slice(found.end), line),
    ...(isAddition && { isAddition }),
  };
}

function levelFirstHead(line: string): Head | null {
  const match = LEVEL_FIRST.exec(line);
  if (match === null) return null;
  const [, square, angle, capital, word] = match;
  const text = square ?? angle ?? capital ?? word;
  const level = levelOfWord(text);
  const end = match[0].length;
  const hasColon = line[end] === ':';
  if (level === null) {
    if (!hasColon || !ADDITION.test(text)) return null;
    return {
      format: 'text',
      t: null,
      level: null,
      message: messageOf(line.slice(end), line),
      isAddition: true,
    };
  }
  if (capital !== undefined && NOT_BARE.has(capital) && !hasColon) return null;
  if (word !== undefined && EXCEPTION_WORD.test(word)) return null;
  return {
    format: 'text',
    t: parseTime(line.slice(0, HEAD_CHARS)),
    level,
    message: messageOf(line.slice(end), line),
    isLoose: true,
  };
}

/** Formats that have neither of the two usual orders. */
function ownWay(line: string): Head | null {
  const head = (level: Level | null, message: string, t: number | null = null): Head => ({
    format: 'text',
    t,
    level,
    message: message === '' ? line.trim() : message,
  });
  const logrus = LOGRUS.exec(line);
  if (logrus && levelOfWord(logrus[1]) !== null)
    return {
      ...head(
        levelOfWord(logrus[1]),
        logrus[3].replace(/\s{3,}[\w.]+=.*$/, ''),
        parseTime(logrus[2]),
      ),
      format: 'logfmt',
    };
  const klog = KLOG.exec(line);
  if (klog) return head(levelOfLetter(klog[1]), line.slice(klog[0].length));
  const tornado = TORNADO.exec(line);
  if (tornado) return head(levelOfLetter(tornado[1]), line.slice(tornado[0].length));
  const ruby = RUBY.exec(line);
  if (ruby) return head(levelOfLetter(ruby[1]), line.slice(ruby[0].length), parseTime(ruby[2]));
  const redis = REDIS.exec(line);
  if (redis) return head(REDIS_LEVELS[redis[1]], line.slice(redis[0].length));
  const dotnet = DOTNET.exec(line);
  if (dotnet) return { ...head(levelOfWord(dotnet[1]), line), messageFollows: 'next line' };
  const npm = NPM.exec(line);
  if (npm) return head(levelOfWord(npm[1].replace('!', '')), line.slice(npm[0].length));
  const warning = NODE_WARNING.exec(line);
  if (warning) {
    const level = warning[1].startsWith('Unhandled') ? 'error' : 'warning';
    return { ...head(level, line.slice(warning[0].length)), format: 'plain' };
  }
  return null;
}

/** @returns null: the line has no head that is known */
export function textHead(whole: string): Head | null {
  const line = whole.length > LONGEST_LOOKED_AT ? whole.slice(0, LONGEST_LOOKED_AT) : whole;
  const first = line.charCodeAt(0);
  const isIndented = first === 0x20 || first === 0x09;
  if (!isIndented) {
    const own = ownWay(line);
    if (own !== null) return own;
    if (ACCESS.test(line)) return { format: 'access', t: null, level: 'info', message: line };
  }
  const timed = timedHead(line);
  // Behind blanks only a time and a level together are a head: tracing's pretty lines, aligned clocks.
  if (timed !== null && (!isIndented || timed.level !== null)) return timed;
  if (isIndented) return null;
  if (LOGFMT.test(line)) {
    const logfmt = logfmtHead(line, null);
    if (logfmt !== null) return logfmt;
  }
  return levelFirstHead(line);
}
