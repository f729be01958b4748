/**
 * Lines that are one JSON object: go-log, zap, zerolog, logrus, slog, pino, bunyan, winston, log4j, logback, Serilog, Rust's tracing, loguru,
 * Mina's daemon, GELF, ECS, OpenTelemetry, MongoDB … by their fields, in any spelling and some levels deep. Pure.
 */
import { cleanLine } from './clean.ts';
import { type Head, LONGEST_LOOKED_AT } from './head.ts';
import {
  type Level,
  levelByWords,
  levelOfLetter,
  levelOfOpenTelemetry,
  levelOfPino,
  levelOfPython,
  levelOfSyslog,
  levelOfWord,
} from './level.ts';
import { timeOf } from './time.ts';
import { parseObject } from './unwrap.ts';

type Fields = Record<string, unknown>;

/** Names without case and separators: `log.level`, `logLevel`, `LOG_LEVEL` and `@l` are `loglevel` and `l`. */
const LEVEL_NAMES = new Set(
  'level lvl severity loglevel levelname severitytext leveltext lev sev l s priority'.split(' '),
);
const NUMBER_NAMES = new Set(['levelno', 'severitynumber', 'levelvalue']);
const TIME_NAMES = new Set('ts time timestamp datetime t eventtime asctime date'.split(' '));
/** What was said: the usual names, and those that stand only where none of them does. */
const MESSAGE_NAMES = ['msg message shortmessage'.split(' '), 'event body text m mt'.split(' ')];
const CAUSE_NAMES = new Set('error err reason exception errormessage thrown cause x'.split(' '));

const nameOf = (key: string): string => key.toLowerCase().replace(/[^a-z0-9]/g, '');
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Objects in an object that are looked into, and how deep. */
const MOST_OBJECTS = 12;
const DEPTH = 3;

/** An object, and whether it is about the record itself, not about what the record speaks of. */
type Layer = { fields: Fields; isRecord: boolean };
const RECORD_NAMES = /^(?:log|record|logger|entry)$/i;

/** The object and those in it, breadth first. */
function layers(fields: Fields): Layer[] {
  const all: Layer[] = [{ fields, isRecord: true }];
  let begin = 0;
  for (let depth = 1; depth < DEPTH; depth++) {
    const end = all.length;
    for (; begin < end; begin++)
      for (const [key, value] of Object.entries(all[begin].fields))
        if (isFields(value) && all.length < MOST_OBJECTS)
          all.push({ fields: value, isRecord: RECORD_NAMES.test(key) });
  }
  return all;
}

/** @param isRecord of a battery, too, a number may be the level */
function levelOfValue(name: string, value: unknown, isRecord: boolean): Level | null {
  if (typeof value === 'string') {
    const text = cleanLine(value).trim();
    if (/^[A-Z]\d?$/.test(text)) return isRecord ? levelOfLetter(text[0]) : null;
    if (/^\d{1,2}$/.test(text)) return levelOfValue(name, Number(text), isRecord);
    return name === 's' || name === 'l' ? (isRecord ? levelOfWord(text) : null) : levelOfWord(text);
  }
  if (typeof value === 'number') {
    if (!isRecord || name === 'priority') return null;
    if (name === 'severitynumber') return levelOfOpenTelemetry(value);
    if (name === 'levelno') return levelOfPython(value);
    // logback's: 20000 info, 30000 warning, 40000 error.
    if (name === 'levelvalue') return levelOfPython(value / 1000);
    if (name === 's' || name === 'l') return null;
    // GELF and syslog count the other way round.
    return value < 10 ? levelOfSyslog(value) : levelOfPino(value);
  }
  // loguru: {"name": "ERROR", "no": 40}; also {"level": {"levelStr": …}}.
  if (isFields(value)) {
    for (const key of ['name', 'levelStr', 'text', 'value'])
      if (typeof value[key] === 'string') return levelOfWord(value[key]);
  }
  return null;
}

function findLevel(all: readonly Layer[]): Level | null {
  for (const names of [LEVEL_NAMES, NUMBER_NAMES])
    for (const { fields, isRecord } of all)
      for (const [key, value] of Object.entries(fields)) {
        const name = nameOf(key);
        if (!names.has(name)) continue;
        const level = levelOfValue(name, value, isRecord);
        if (level !== null) return level;
      }
  return null;
}

function findTime(all: readonly Layer[]): number | null {
  for (const { fields } of all)
    for (const [key, value] of Object.entries(fields)) {
      if (!TIME_NAMES.has(nameOf(key))) continue;
      // MongoDB: {"t": {"$date": …}}.
      const t = timeOf(isFields(value) ? value.$date : value);
      if (t !== null) return t;
    }
  return null;
}

const textOf = (value: unknown): string => {
  if (typeof value === 'string') return value;
  if (!isFields(value)) return '';
  const { message, msg } = value;
  if (typeof message === 'string') return message;
  return typeof msg === 'string' ? msg : '';
};

function findMessage(all: readonly Layer[]): string {
  for (const names of MESSAGE_NAMES)
    for (const { fields } of all)
      for (const [key, value] of Object.entries(fields))
        if (names.includes(nameOf(key)) && textOf(value) !== '') return textOf(value);
  return '';
}

function findCause(all: readonly Layer[]): string {
  for (const { fields } of all)
    for (const [key, value] of Object.entries(fields))
      if (CAUSE_NAMES.has(nameOf(key)) && textOf(value) !== '') return textOf(value);
  return '';
}

/** Of an object that was cut in its middle. */
const CUT_LEVEL =
  /"(?:@?l|[\w.-]*level|lvl|[\w.-]*severity|levelname)"\s*:\s*(?:"([^"]{1,24})"|(\d{1,2})\b)/i;
const CUT_MESSAGE = /"(?:msg|message)"\s*:\s*"((?:[^"\\]|\\.)*)/;

/** A level that matters must be in the line in one of these spellings: most lines are passed over by this alone. */
const MATTERS =
  /warn|wrn|fault|err|eror|severe|fail|fatal|ftl|panic|pnc|crit|alert|emerg|kill|"\s*:\s*"[EWFCP]"|(?:l|sev|severity|no|number|value)"\s*:\s*"?\d/i;

const NOTHING: Head = { format: 'json', t: null, level: 'info', message: '' };

/** @param depth how often JSON stood inside a text of JSON */
export function jsonHead(line: string, depth = 0): Head | null {
  if (line.charCodeAt(0) !== 0x7b) return null; // {
  // Not parsed, and so taken for a whole object: what is below a warning is counted only.
  if (depth === 0 && !MATTERS.test(line) && line.endsWith('}')) return NOTHING;
  const fields = parseObject(line);
  if (fields === null) return depth === 0 ? cutHead(line) : null;
  const all = layers(fields);
  const message = findMessage(all);
  let level = findLevel(all);
  if (level === null && depth < 2) {
    const inner = jsonHead(message.trimStart(), depth + 1);
    if (inner !== null) return { ...inner, t: findTime(all) ?? inner.t };
  }
  const cause = findCause(all);
  const said = [message, cause === message ? '' : cause].filter((text) => text !== '').join(': ');
  level ??= levelByWords(said.slice(0, LONGEST_LOOKED_AT)) ?? 'info';
  return { format: 'json', t: findTime(all), level, message: said === '' ? line : said };
}

function cutHead(line: string): Head | null {
  if (!/^\{\s*"/.test(line)) return null;
  const start = line.slice(0, LONGEST_LOOKED_AT);
  const found = CUT_LEVEL.exec(start);
  const level = found && levelOfValue('level', found[1] ?? Number(found[2]), true);
  const message = CUT_MESSAGE.exec(start)?.[1] ?? '';
  return {
    format: 'json',
    t: null,
    level: level ?? levelByWords(start),
    message: message === '' ? line : message,
  };
}
