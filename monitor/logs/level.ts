/** Levels of log lines, in whatever words, letters or numbers a program has for them. Pure. */

export const LEVELS = [
  'debug',
  'info',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
  'fatal',
  'panic',
] as const;
export type Level = (typeof LEVELS)[number];

/** Small letters. PostgreSQL's DEBUG1 to 5 and slog's `ERROR+4` are cut to their words before they are looked up. */
const WORDS: Readonly<Record<string, Level>> = {
  // Also zerolog's, Serilog's and .NET's abbreviations, java.util.logging's fine ones, winston's silly, Mina's spam.
  ...words('debug', 'trace trac trc trce verbose vrb debug debu dbg dbug spam internal silly'),
  ...words('debug', 'finest finer fine config'),
  ...words('info', 'info inf information informational notice note system log'),
  // Mina's faulty_peer: what another node did wrong, and this one saw.
  ...words('warning', 'warning warn warni wrn faulty_peer'),
  ...words('error', 'error erro eror err severe fail'),
  ...words('critical', 'critical crit'),
  ...words('alert', 'alert'),
  ...words('emergency', 'emergency emerg'),
  ...words('fatal', 'fatal fata ftl'),
  ...words('panic', 'panic pani pnc dpanic'),
};

function words(level: Level, list: string): Record<string, Level> {
  return Object.fromEntries(list.split(' ').map((word) => [word, level]));
}

export const isErrorLevel = (level: Level | null): boolean =>
  level !== null && LEVELS.indexOf(level) >= LEVELS.indexOf('error');

const LONGEST_WORD = 24;

/** `ERROR`, `Err`, `WARN+1`, `DEBUG2`, `erro` … @returns null: no level in any of the known tongues */
export function levelOfWord(word: string): Level | null {
  if (word.length > LONGEST_WORD) return null;
  const plain = word
    .trim()
    .toLowerCase()
    .replace(/(?:[+-]\d+|(?<=debug)[1-5])$/, '');
  return Object.hasOwn(WORDS, plain) ? WORDS[plain] : null;
}

/** One letter, as klog, glog, tornado, Ruby and MongoDB write it. */
const LETTERS: Readonly<Record<string, Level>> = {
  T: 'debug',
  D: 'debug',
  V: 'debug',
  I: 'info',
  N: 'info',
  W: 'warning',
  E: 'error',
  C: 'critical',
  F: 'fatal',
  P: 'panic',
};

export const levelOfLetter = (letter: string): Level | null =>
  Object.hasOwn(LETTERS, letter) ? LETTERS[letter] : null;

/** syslog(3): 0 emergency, 1 alert, 2 critical, 3 error, 4 warning, 5 notice, 6 info, 7 debug. Also journald's PRIORITY and GELF. */
export function levelOfSyslog(severity: number): Level | null {
  const levels: Level[] = ['emergency', 'alert', 'critical', 'error', 'warning', 'info', 'info'];
  return levels[severity] ?? (severity === 7 ? 'debug' : null);
}

/** pino, bunyan: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal. */
export function levelOfPino(value: number): Level | null {
  if (value >= 60) return 'fatal';
  if (value >= 50) return 'error';
  if (value >= 40) return 'warning';
  return value >= 30 ? 'info' : 'debug';
}

/** Python's levelno: 10 debug, 20 info, 30 warning, 40 error, 50 critical. */
export function levelOfPython(value: number): Level | null {
  if (value >= 50) return 'critical';
  if (value >= 40) return 'error';
  if (value >= 30) return 'warning';
  return value >= 20 ? 'info' : 'debug';
}

/** OpenTelemetry's SeverityNumber: 1 to 24, four a level. */
export function levelOfOpenTelemetry(value: number): Level | null {
  if (value >= 21) return 'fatal';
  if (value >= 17) return 'error';
  if (value >= 13) return 'warning';
  return value >= 9 ? 'info' : 'debug';
}

/** Words that make a line without a level an error; the E2E harness of the program looks for the first four. */
const ERROR_WORDS =
  /ERROR|Error|FATAL|Fatal|\bpanic\b|PANIC|CRITICAL|^(?:[\w./-]{1,80}(?::\d{1,6}){0,2}: )?(?:error|fatal): |^Segmentation fault|\bOut of memory: Kill/;
const GRAVER = /fatal|panic|critical|segmentation fault|out of memory: kill/i;

/** Of a text that has no level of its own. @returns null: nothing in it speaks of an error */
export function levelByWords(text: string): Level | null {
  if (!ERROR_WORDS.test(text)) return null;
  const word = GRAVER.exec(text)?.[0].toLowerCase();
  if (word === undefined) return 'error';
  return levelOfWord(word) ?? 'fatal';
}
