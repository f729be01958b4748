/** What a coordinator says: one entry a fact, as text and as data. */

export type LogLevel = 'info' | 'note' | 'warning' | 'error';

export type LogEntry = {
  level: LogLevel;
  text: string;
  /** The entry says where this coordinator differs from the original, and how. */
  differs?: true;
  /** Somebody must look. */
  alarm?: true;
};

export type Log = (entry: LogEntry) => void;

/** `2026-01-01T00:00:00Z coordinator WARNING …`. */
export const logLine = ({ level, text, differs, alarm }: LogEntry, nowMs: number): string =>
  `${new Date(nowMs).toISOString().slice(0, 19)}Z coordinator ${level.toUpperCase()}${alarm ? ' ALARM' : ''} ${text}${
    differs ? ' (differs from the original)' : ''
  }\n`;
