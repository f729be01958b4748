/** Log lines as JSON, in the fields of the original (go-log): level, ts, logger, msg. */

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type Log = Record<LogLevel, (msg: string, fields?: Record<string, unknown>) => void> & {
  /** For what is costly to put together. */
  readonly debugs: boolean;
};

/** @param write takes one line, with its end. Levels are the original's: a body that is no JSON is an `error` (log-lines.ts). */
export function createLog(level: LogLevel, write: (line: string) => void, now: () => Date): Log {
  const limit = LOG_LEVELS.indexOf(level);
  const logger =
    (name: LogLevel) =>
    (msg: string, fields: Record<string, unknown> = {}): void => {
      if (LOG_LEVELS.indexOf(name) > limit) return;
      const ts = now().toISOString();
      write(
        `${JSON.stringify({ level: name, ts, logger: 'delegation backend', msg, ...fields })}\n`,
      );
    };
  return {
    error: logger('error'),
    warn: logger('warn'),
    info: logger('info'),
    debug: logger('debug'),
    debugs: level === 'debug',
  };
}
