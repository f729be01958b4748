/** What the target's log said, where several generators followed it. Pure. */
import type { Run } from '../../results/reader.ts';
import type { LogFigures, ErrorSecond } from '../../results/types.ts';
import { sum } from './sums.ts';

/** Of each log once: generators on one machine follow the same one. */
export function mergeLogs(runs: readonly Run[]): { figures?: LogFigures; lines: ErrorSecond[] } {
  const chosen: { figures: LogFigures; lines: ErrorSecond[] }[] = [];
  for (const { summary, logs } of runs) {
    const figures = summary?.logs;
    if (figures === undefined) continue;
    const name = (one: LogFigures) => one.sources.join(' ');
    const known = chosen.findIndex((one) => name(one.figures) === name(figures));
    const isEmbedded = runs.every(({ plan }) => plan!.target.embedded);
    if (known === -1 || isEmbedded) chosen.push({ figures, lines: logs });
    else if (chosen[known].figures.lines < figures.lines) chosen[known] = { figures, lines: logs };
  }
  if (chosen.length === 0) return { lines: [] };
  const all = chosen.map(({ figures }) => figures);
  const groups = new Map<string, LogFigures['groups'][number]>();
  for (const group of all.flatMap((figures) => figures.groups)) {
    const key = `${group.allowed} ${group.shape}`;
    const same = groups.get(key);
    if (same === undefined) groups.set(key, { ...group });
    else {
      same.count += group.count;
      if (group.firstAt < same.firstAt) same.firstAt = group.firstAt;
      if (group.lastAt > same.lastAt) same.lastAt = group.lastAt;
    }
  }
  const skippedBytes = sum(all, (figures) => figures.skippedBytes);
  return {
    figures: {
      sources: [...new Set(all.flatMap(({ sources }) => sources))],
      lines: sum(all, ({ lines }) => lines),
      errors: sum(all, ({ errors }) => errors),
      allowed: sum(all, ({ allowed }) => allowed),
      ...(skippedBytes > 0 && { skippedBytes }),
      groups: [...groups.values()].sort(
        (a, b) => Number(a.allowed) - Number(b.allowed) || b.count - a.count,
      ),
    },
    lines: chosen.flatMap(({ lines }) => lines).sort((a, b) => a.t - b.t),
  };
}
