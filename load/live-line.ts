/** What the user sees while a run goes on: one live line a second. Pure. */
import type { ProcessReading } from '../results/types.ts';
import { countOf, formatGrowth, formatMs, formatNumber } from '../results/units.ts';

export type LiveFigures = {
  elapsedMs: number;
  durationMs: number;
  vus: number | null;
  submissionsPerSecond: number;
  /** Of a steerable load: what is asked for; 0: it pauses; null: its VUs' own pace; absent: of all others. */
  askedPerSecond?: number | null | undefined;
  p95Ms: number | null;
  errors: number;
  /** Of looks into the storage while the load runs; absent: there was none yet. */
  stored?: { stored: number; notStored: number } | null;
  backend: ProcessReading | undefined;
  generator: ProcessReading | undefined;
  /** Slopes of memory, in bytes a minute; absent: the load is too young to tell. */
  growth?: { backend: number | undefined; generator: number | undefined };
};

/** What is given up where the line is too long, the least important first. */
const SHORTER = ['growth', 'unit', 'words', 'vus', 'stored', 'elapsed', 'p95', 'backend'] as const;
type Part = (typeof SHORTER)[number];

/**
 * One line: elapsed, VUs, rate, p95, errors, CPU of both sides, time left. Unknown figures are `-`.
 * @param width characters that there is room for: rate, errors, the generator and the time left stay to the last
 */
export function liveLine(figures: LiveFigures, width = Infinity): string {
  const left = new Set<Part>();
  for (const part of SHORTER) {
    const line = lineWithout(left, figures);
    if (line.length <= width) return line;
    left.add(part);
  }
  return lineWithout(left, figures);
}

function lineWithout(left: ReadonlySet<Part>, figures: LiveFigures): string {
  const { vus, submissionsPerSecond, p95Ms, errors, stored, growth } = figures;
  const rate = formatNumber(Math.round(submissionsPerSecond));
  const { askedPerSecond: asked } = figures;
  const of = asked === undefined || asked === null ? '' : asked === 0 ? ' (paused)' : ` of ${formatNumber(asked)}`; // prettier-ignore
  const parts = [
    !left.has('elapsed') && clock(figures.elapsedMs),
    !left.has('vus') && (vus === null ? '- VUs' : countOf(vus, 'VU')),
    left.has('unit') ? `${rate}${of}/s` : `${rate}${of} submissions/s`,
    !left.has('p95') && `p95 ${p95Ms === null ? '-' : formatMs(p95Ms)}`,
    countOf(errors, 'error'),
    !left.has('stored') && stored && storedText(stored),
  ];
  const cores = (name: 'backend' | 'generator') => {
    const used = figures[name]?.cpuCores;
    const slope = growth?.[name];
    const more = slope === undefined || left.has('growth') ? '' : ` ${formatGrowth(slope)}`;
    return left.has('words')
      ? `${name} ${used?.toFixed(2) ?? '-'}`
      : `${name} ${used === undefined ? '-' : `${used.toFixed(2)} cores`}${more}`;
  };
  if (left.has('backend')) parts.push(`${cores('generator')} cores`);
  else if (left.has('words')) parts.push(`${cores('backend')}, ${cores('generator')} cores`);
  else parts.push(cores('backend'), cores('generator'));
  parts.push(`${clock(figures.durationMs - figures.elapsedMs)} left`);
  return parts.filter(Boolean).join(' | ');
}

const storedText = ({ stored, notStored }: { stored: number; notStored: number }): string =>
  `${formatNumber(stored)} stored${notStored > 0 ? `, ${formatNumber(notStored)} not stored` : ''}`;

/** `0:59`, `61:00` as `1:01:00`. */
function clock(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const start = hours > 0 ? `${hours}:${two(minutes)}` : String(minutes);
  return `${start}:${two(seconds % 60)}`;
}
