/**
 * One line of a program's log: when it was written, of which level it is, what it says. JSON lines (go-log, zap, pino, bunyan, logrus)
 * by their fields; plain lines (zap's console, logfmt, klog, Python's logging, PostgreSQL) by their words. Pure.
 */

export type ParsedLine = {
  /** Ms since 1970 as the line says; null: it does not, or not readably. */
  t: number | null;
  /** In small letters: `error`, `fatal`, `panic` …; null: not of level error. */
  errorLevel: string | null;
  /** What it says, without time and level. */
  message: string;
};

/** zap, logrus, log4j, syslog and Python, in small letters. */
const ERROR_LEVELS = new Set([
  'error',
  'err',
  'eror',
  'severe',
  'fatal',
  'panic',
  'dpanic',
  'critical',
  'crit',
  'alert',
  'emerg',
  'emergency',
]);
/** pino and bunyan: 50 is error, 60 is fatal. */
const NUMERIC_ERROR = 50;
const NUMERIC_FATAL = 60;

/** Words that make a plain line an error; the E2E harness of the program looks for the first four. */
const ERROR_WORDS = /ERROR|Error|FATAL|Fatal|\bpanic\b|PANIC|CRITICAL/;

/** What no error line is without: most lines are passed over by this alone. */
const MAY_BE_ERROR =
  /err|eror|severe|fatal|panic|crit|alert|emerg|"level":\s*"?[5-9]\d|^[EF]\d{4}\s/i;

export const mayBeError = (line: string): boolean => MAY_BE_ERROR.test(line);

const ISO_TIME =
  /\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s?(Z|UTC|GMT|[+-]\d\d:?\d\d)?/;

/** RFC 3339 and what looks like it; without a zone it is taken as UTC. */
export function parseTime(text: string): number | null {
  const match = ISO_TIME.exec(text);
  if (!match) return null;
  const [, date, time, fraction = '0', zone = 'Z'] = match;
  const offset = /^[+-]/.test(zone) ? zone.replace(/^(...):?(..)$/, '$1:$2') : 'Z';
  const ms = Date.parse(`${date}T${time}.${fraction.slice(0, 3).padEnd(3, '0')}${offset}`);
  return Number.isNaN(ms) ? null : ms;
}

/** Seconds, milliseconds, microseconds or nanoseconds since 1970, told by their size; else null. */
function parseEpoch(value: number): number | null {
  const toMs = [
    [1e8, 1e11, 1000],
    [1e11, 1e14, 1],
    [1e14, 1e17, 1e-3],
    [1e17, 1e20, 1e-6],
  ].find(([from, below]) => value >= from && value < below);
  return toMs === undefined ? null : Math.floor(value * toMs[2]);
}

function timeOf(value: unknown): number | null {
  if (typeof value === 'number') return parseEpoch(value);
  if (typeof value !== 'string') return null;
  return /^\d+(\.\d+)?$/.test(value) ? parseEpoch(Number(value)) : parseTime(value);
}

function levelOf(value: unknown): string | null {
  const number = typeof value === 'number' ? value : Number.NaN;
  if (number >= NUMERIC_FATAL) return 'fatal';
  if (number >= NUMERIC_ERROR) return 'error';
  if (typeof value !== 'string') return null;
  const level = value.toLowerCase();
  return ERROR_LEVELS.has(level) ? level : null;
}

const LEVEL_FIELDS = ['level', 'lvl', 'severity', 'log.level', 'loglevel', 'levelname'];
const TIME_FIELDS = ['ts', 'time', 'timestamp', '@timestamp', 'datetime'];
const MESSAGE_FIELDS = ['msg', 'message', 'event'];
const CAUSE_FIELDS = ['error', 'err', 'reason', 'exception', 'error.message'];

const textOf = (value: unknown): string => {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  const { message } = value as { message?: unknown };
  return typeof message === 'string' ? message : '';
};

function parseJson(line: string): ParsedLine | null {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
  const first = (names: readonly string[]) =>
    names.map((name) => fields[name]).find((value) => value !== undefined && value !== null);
  const message = [MESSAGE_FIELDS, CAUSE_FIELDS]
    .map((names) => textOf(first(names)))
    .filter((text) => text !== '')
    .join(': ');
  const level = first(LEVEL_FIELDS);
  return {
    t: timeOf(first(TIME_FIELDS)),
    errorLevel: level === undefined ? levelByWords(line) : levelOf(level),
    message: message === '' ? line : message,
  };
}

const levelByWords = (line: string): string | null =>
  ERROR_WORDS.test(line)
    ? (/fatal|panic|critical/i.exec(line)?.[0].toLowerCase() ?? 'error')
    : null;

/** A level in capitals between separators near the beginning; logfmt's `level=`, also that of JSON which was cut. */
const LEVEL_WORD =
  /(?:^|[\s[(<|:])(TRACE|DEBUG|INFO|NOTICE|LOG|WARN|WARNING|ERROR|ERR|SEVERE|FATAL|PANIC|DPANIC|CRITICAL|CRIT)(?=$|[\s\])>|:])/;
const LOGFMT_LEVEL = /\blevel"?[=:]\s?"?([a-z]+)/i;
const KLOG = /^([IWEF])\d{4}\s/;
const KLOG_LEVEL: Record<string, string> = { E: 'error', F: 'fatal' };
/** How far into a line its level may stand. */
const HEAD_CHARS = 100;
/** A frame of a stack trace belongs to the line above. */
const STACK_FRAME = /^\s+at\s/;

function parsePlain(line: string): ParsedLine {
  const t = parseTime(line.slice(0, HEAD_CHARS));
  const logfmt = LOGFMT_LEVEL.exec(line);
  const word = LEVEL_WORD.exec(line.slice(0, HEAD_CHARS));
  const klog = KLOG.exec(line);
  const head = line.slice(0, HEAD_CHARS).replace(ISO_TIME, '');
  const rest = (word === null ? head : head.replace(LEVEL_WORD, '')) + line.slice(HEAD_CHARS);
  const message = rest.replace(/^[\s\]|:>)-]+/, '').trim();
  let errorLevel: string | null;
  if (STACK_FRAME.test(line)) errorLevel = null;
  else if (klog) errorLevel = KLOG_LEVEL[klog[1]] ?? null;
  else if (word) errorLevel = levelOf(word[1]);
  else if (logfmt) errorLevel = levelOf(logfmt[1]);
  else errorLevel = levelByWords(line);
  return { t, errorLevel, message: message === '' ? line.trim() : message };
}

/** @param line without its line end */
export function parseLine(line: string): ParsedLine {
  const start = line.trimStart();
  return (start.startsWith('{') ? parseJson(start) : null) ?? parsePlain(line);
}
