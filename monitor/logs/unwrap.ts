/**
 * What stands around a program's own line, put there by whoever carried it: Docker's json-file, CRI and Podman's k8s-file, the
 * journal's JSON, syslog's heads, prefixes of compose, kubectl and pm2, timestamps of `docker logs -t`. Pure.
 */
import { type Level, levelOfSyslog, levelOfWord } from './level.ts';
import { parseTime, timeOf } from './time.ts';

export type Unwrapped = {
  /** The program's line; of the journal it may have several. null: whoever carried it left it out. */
  text: string | null;
  /** Ms since 1970, as the carrier says; null: it does not. */
  t: number | null;
  /** By the carrier's own field; null: none, or one that says nothing (the journal gives 6 to all that a service prints). */
  level: Level | null;
  /** Which program or stream of the log it is of: lines of different ones may stand between each other. */
  stream: string;
  /**
   * Whether the rest of the line comes with the next one of this stream; null: its carrier does not cut lines. Where it does, the text is
   * not looked into before all of it is there.
   */
  isPart: boolean | null;
};

type Layer = Partial<Omit<Unwrapped, 'text'>> & { text: string | null };

/** Kubernetes' container log, also Podman's k8s-file: time, stream, P for a part or F, text. */
const CRI = /^(\d{4}-\d\d-\d\dT\S{8,24}) (stdout|stderr) ([FP])(?::\S*)?(?: |$)/;
/** `docker logs -t`, `kubectl logs --timestamps`: always nine digits. */
const STAMPED = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d)) /;
const RFC5424 =
  /^<(\d{1,3})>1 (\S+) \S+ (\S+) (\S+) \S+ (?:-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+) ?/;
/** RFC 3164, with or without its priority. */
const RFC3164 =
  /^(?:<(\d{1,3})>)?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \S+ ([^\s:[\]]{1,48})(?:\[(\d+)\])?: ?/;
/** rsyslog's and journalctl's short-iso: host, program with its pid. */
const ISO_SYSLOG =
  /^(?:<(\d{1,3})>)?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d) \S+ ([^\s:[\]]{1,48})\[(\d+)\]: ?/;
const COMPOSE = /^([A-Za-z0-9][\w.-]{0,80}) +\| ?/;
const PM2 = /^(\d+\|[\w.-]{1,60}) *\| ?/;
const KUBECTL = /^\[(pod\/[\w.-]+\/[\w.-]+)\] /;

const levelOfPriority = (priority: string | undefined): Level | null => {
  if (priority === undefined) return null;
  const severity = Number(priority) & 7;
  return severity <= 4 ? levelOfSyslog(severity) : null;
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** MESSAGE is a list of bytes where it is no text, or a list of texts where it was given twice (systemd.journal-fields(7)). */
function journalMessage(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return null;
  if (value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255))
    return new TextDecoder().decode(Uint8Array.from(value as number[]));
  return value
    .map(journalMessage)
    .filter((one) => one !== null)
    .join('\n');
}

const plain = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';

/** A line of `journalctl -o json`; null: it is none. Without `--all` MESSAGE is null where it is longer than 4,096 bytes. */
export function journalLayer(fields: Record<string, unknown>): Layer | null {
  if (!('MESSAGE' in fields || 'PRIORITY' in fields)) return null;
  const priority = plain(fields.PRIORITY);
  return {
    text: journalMessage(fields.MESSAGE),
    t: timeOf(plain(fields.__REALTIME_TIMESTAMP)),
    level: /^[0-7]$/.test(priority) ? levelOfPriority(priority) : null,
    stream: plain(fields._PID),
  };
}

/** Docker's json-file; fluentd and fluent-bit hand on the same fields beside others. */
function dockerLayer(fields: Record<string, unknown>): Layer | null {
  const { log, stream, time } = fields;
  if (typeof log !== 'string') return null;
  if (stream === undefined && time === undefined && !('kubernetes' in fields)) return null;
  const isWhole = log.endsWith('\n');
  return {
    text: isWhole ? log.slice(0, -1) : log,
    t: timeOf(time),
    stream: plain(stream),
    // The driver cuts at 16 KiB; a shorter rest is the last word of a program, and comes out as soon as nothing follows.
    isPart: !isWhole && typeof stream === 'string',
  };
}

function jsonLayer(line: string): Layer | null {
  if (!line.includes('"log":') && !line.includes('"MESSAGE"') && !line.includes('"PRIORITY"'))
    return null;
  const fields = parseObject(line);
  if (fields === null) return null;
  // A program may have a field MESSAGE of its own.
  const isJournal = '__REALTIME_TIMESTAMP' in fields || '__CURSOR' in fields;
  return dockerLayer(fields) ?? (isJournal ? journalLayer(fields) : null);
}

function textLayer(line: string): Layer | null {
  const rest = (match: RegExpExecArray): string => line.slice(match[0].length);
  const cri = CRI.exec(line);
  if (cri) return { text: rest(cri), t: parseTime(cri[1]), stream: cri[2], isPart: cri[3] === 'P' };
  const stamped = STAMPED.exec(line);
  if (stamped) return { text: rest(stamped), t: parseTime(stamped[1]) };
  const rfc5424 = RFC5424.exec(line);
  if (rfc5424)
    return {
      text: rest(rfc5424),
      t: parseTime(rfc5424[2]),
      level: levelOfPriority(rfc5424[1]),
      stream: `${rfc5424[3]}[${rfc5424[4]}]`,
    };
  const iso = ISO_SYSLOG.exec(line);
  const syslog = iso ?? RFC3164.exec(line);
  if (syslog)
    return {
      text: rest(syslog),
      // Without year and zone it is no time.
      t: iso === null ? null : parseTime(line.slice(0, 50)),
      level: levelOfPriority(syslog[1]),
      stream: `${syslog[2]}[${syslog[3] ?? ''}]`,
    };
  if (!line.slice(0, 90).includes('|') && !line.startsWith('[pod/')) return null;
  const prefix = PM2.exec(line) ?? COMPOSE.exec(line) ?? KUBECTL.exec(line);
  // `ERROR | …` is a level, not a container.
  if (prefix && levelOfWord(prefix[1]) === null) return { text: rest(prefix), stream: prefix[1] };
  return null;
}

/** compose's prefix, around Docker's time, around syslog's head, around … */
const MOST_LAYERS = 4;
const LONGEST_STREAM = 200;

/** @param line without its line end and without escapes ({@link cleanLine}) */
export function unwrap(line: string): Unwrapped {
  const all: Unwrapped = { text: line, t: null, level: null, stream: '', isPart: null };
  for (let depth = 0; depth < MOST_LAYERS; depth++) {
    const { text } = all;
    if (text === null || text === '' || all.isPart !== null) break;
    const first = text.charCodeAt(0);
    const isJson = first === 0x7b; // {
    const layer = isJson ? jsonLayer(text) : textLayer(text);
    if (layer === null) break;
    all.text = layer.text;
    all.t = layer.t ?? all.t;
    all.level = layer.level ?? all.level;
    all.isPart = layer.isPart ?? null;
    if (layer.stream !== undefined && layer.stream !== '')
      all.stream = `${all.stream}${all.stream === '' ? '' : ' '}${layer.stream}`.slice(
        0,
        LONGEST_STREAM,
      );
  }
  return all;
}
