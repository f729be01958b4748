/**
 * What the page knows of a run that goes on: messages one after another make the data of the charts. Bounded by the server's steps and by
 * the tables' lengths, so a day of it takes no more memory than ten minutes. Pure.
 */
import type { LiveMessage, LogLine, SeriesPart, TailLine } from '../live/message.ts';
import type { ReadingOfStep } from '../live/steps.ts';
import type { ChartData } from '../../plots/data.ts';
import type { LatencyStep, RateStep, ReadingPoint, Spread } from '../../plots/series.ts';

/** As in live/steps.ts, whose other parts belong to Node. */
const WINDOW_S = 300;
const MOST_LOG_LINES = 200;

export type Series = {
  stepS: number;
  rates: RateStep[];
  latencies: LatencyStep[];
  processes: { name: string; points: ReadingOfStep[] }[];
  host: ReadingOfStep[];
};

export type LiveState = {
  last: LiveMessage;
  whole: Series;
  recent: Series;
  logLines: LogLine[];
  tail: TailLine[];
};

const NOTHING: Series = { stepS: 1, rates: [], latencies: [], processes: [], host: [] };

/** Steps that changed take the place of what was there; new ones stand behind. */
export function joinSteps<Step extends { startS: number }>(
  before: readonly Step[],
  more: readonly Step[],
): Step[] {
  if (more.length === 0) return before as Step[];
  const from = more[0].startS;
  let at = before.length;
  while (at > 0 && before[at - 1].startS >= from) at--;
  const tail = new Map(before.slice(at).map((step) => [step.startS, step]));
  for (const step of more) tail.set(step.startS, step);
  return [...before.slice(0, at), ...[...tail.values()].sort((a, b) => a.startS - b.startS)];
}

function seriesWith(before: Series, part: SeriesPart, fromS: number): Series {
  const base = part.isAnew ? NOTHING : before;
  const kept = <Step extends { startS: number }>(steps: Step[]): Step[] =>
    steps.length > 0 && steps[0].startS < fromS ? steps.filter(({ startS }) => startS >= fromS) : steps; // prettier-ignore
  const points = new Map(base.processes.map((one) => [one.name, one.points]));
  return {
    stepS: part.stepS,
    rates: kept(joinSteps(base.rates, part.rates)),
    latencies: kept(joinSteps(base.latencies, part.latencies)),
    processes: part.processes.map(({ name, points: more }) => ({
      name,
      points: kept(joinSteps(points.get(name) ?? [], more)),
    })),
    host: kept(joinSteps(base.host, part.host)),
  };
}

export function withMessage(before: LiveState | null, message: LiveMessage): LiveState {
  const { whole, recent, seconds, logLines, tail } = message;
  const isAnew = whole.isAnew || before === null;
  return {
    last: message,
    whole: seriesWith(before?.whole ?? NOTHING, whole, 0),
    recent: seriesWith(before?.recent ?? NOTHING, recent, seconds - WINDOW_S),
    logLines: [...(isAnew ? [] : before.logLines), ...logLines].slice(-MOST_LOG_LINES),
    tail: [...(isAnew ? [] : before.tail), ...tail].slice(-MOST_LOG_LINES),
  };
}

/** A line through the steps, broken where some are missing. */
export function linePoints(steps: readonly ReadingOfStep[], of: 'cpu' | 'memory'): ReadingPoint[] {
  const points: ReadingPoint[] = [];
  let endS = -1;
  for (const step of steps) {
    const value: Spread | null = step[of];
    // Readings come a little more or less than a second apart: one empty second is no hole.
    if (value === null) continue;
    const width = step.endS - step.startS;
    if (endS !== -1 && step.startS - endS > Math.max(width, 2))
      points.push({ atS: (endS + step.startS) / 2, value: null });
    points.push({ atS: (step.startS + step.endS) / 2, value });
    endS = step.endS;
  }
  return points;
}

/** What the charts draw. @param isRecent the last minutes instead of the whole run; their axis begins at 0 */
export function chartDataOf(
  { last, whole, recent, logLines }: LiveState,
  isRecent: boolean,
): ChartData {
  const series = isRecent ? recent : whole;
  const shiftS = isRecent ? Math.max(0, last.seconds - WINDOW_S) : 0;
  const shifted = <Step extends { startS: number; endS: number }>(steps: readonly Step[]): Step[] =>
    shiftS === 0 ? [...steps] : steps.map((step) => ({ ...step, startS: step.startS - shiftS, endS: step.endS - shiftS })); // prettier-ignore
  const seconds = last.seconds - shiftS;
  const onAxis = ({ atS }: { atS: number }) => atS >= shiftS;
  const rank = ({ name }: { name: string }) => {
    const known = ['backend', 'k6', 'toolkit'].indexOf(name);
    return known === -1 ? 3 : known;
  };
  const errors = logLines.filter(({ allowed, level }) => !allowed && level !== 'warning');
  const startT = last.startT ?? 0;
  return {
    subtitle: '',
    span: { startT: startT + shiftS * 1000, seconds, stepS: series.stepS },
    rates: shifted(series.rates),
    latencies: shifted(series.latencies),
    latency: null,
    buckets: [],
    processes: [...series.processes]
      .sort((a, b) => rank(a) - rank(b))
      .map(({ name, points }) => ({
        name,
        cpu: linePoints(shifted(points), 'cpu'),
        memory: linePoints(shifted(points), 'memory'),
      })),
    hostCpu: linePoints(shifted(series.host), 'cpu'),
    hostCores: last.hostCores,
    breakpoint: null,
    fleet: null,
    events: last.events.filter(onAxis).map(({ atS, text }) => ({ atS: atS - shiftS, text })),
    rounds: last.rounds.filter(onAxis).map(({ atS, text }) => ({ atS: atS - shiftS, text })),
    marks: last.control
      .filter(({ atS, untilS = atS }) => untilS >= shiftS)
      .map((mark) => ({
        ...mark,
        atS: Math.max(0, mark.atS - shiftS),
        ...(mark.untilS !== undefined && { untilS: mark.untilS - shiftS }),
      })),
    logErrors:
      errors.length === 0
        ? null
        : {
            count: last.logs.filter(({ allowed, level }) => !allowed && level !== 'warning').reduce((sum, { count }) => sum + count, 0), // prettier-ignore
            atS: [...new Set(errors.map(({ t }) => Math.round((t - startT) / 1000) - shiftS))].filter((atS) => atS >= 0 && atS <= seconds), // prettier-ignore
          },
    limits: last.gates.flatMap(({ line, name }) =>
      line === null ? [] : [{ panel: line.panel, at: line.at, label: `gate ${name}` }],
    ),
  };
}

/** Seconds as `1:05`, `2:00:09`. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
}
