/** The errors of a component's log, by shape: in whatever form it is written, its records and their levels are told as in a log that is followed. Pure. */
import { LogReader } from '../../monitor/logs/reader.ts';
import { isErrorLevel } from '../../monitor/logs/level.ts';
import { shapeOf } from '../../monitor/logs/shape.ts';
import type { LogError, LogFacts } from './evidence.ts';

/** A log of nothing but errors fills no memory. */
const MOST_SHAPES = 200;
const SHOWN = 400;

export type LogCount = { add(line: string): void; end(): LogFacts };

export function countLog(component: string): LogCount {
  let lines = 0;
  const errors = new Map<string, LogError>();
  const reader = new LogReader({
    onLine: () => lines++,
    onRecord: ({ level, text }) => {
      if (!isErrorLevel(level)) return;
      const shape = shapeOf(text);
      const known = errors.get(shape);
      if (known !== undefined) known.count++;
      else if (errors.size < MOST_SHAPES)
        errors.set(shape, { level: level!, text: text.slice(0, SHOWN), count: 1 });
      else [...errors.values()].at(-1)!.count++;
    },
    now: () => 0,
  });
  return {
    add: (line) => reader.add(line),
    end: () => {
      reader.end();
      return { component, lines, errors: [...errors.values()] };
    },
  };
}
