/** The words of a load's pace: think times, rates, stages. Pure. */
import type { Stage } from '../results/types.ts';
import type { Rate } from './request.ts';

/** `1s-5s` -> the two ends in milliseconds; `2s` -> the same twice; `0` -> none. null if it is neither. */
export function parseThink(
  text: string,
  parseDuration: (text: string) => number | null,
): { minMs: number; maxMs: number } | null {
  const ends = text.split('-').map((end) => parseDuration(end.trim()));
  if (ends.length > 2 || ends.some((end) => end === null)) return null;
  const [minMs, maxMs = minMs] = ends as number[];
  return minMs <= maxMs ? { minMs: minMs, maxMs: maxMs } : null;
}

const RATE_UNIT_MS: Record<string, number> = { s: 1000, min: 60_000, m: 60_000, h: 3_600_000 };
/** More than any one generator sends; k6's periods are whole nanoseconds. */
export const MOST_STARTS_PER_SECOND = 100_000;

/**
 * `500/s`, `90/min`, `2.5/s`, `500` (per second) -> the rate, else what is wrong, to stand after the name.
 * @returns `scale`: by what a target in the rate's own unit is multiplied to be one per `timeUnitMs` (10 for 2.5/s)
 */
export function parseRate(text: string): (Rate & { scale: number }) | { problem: string } {
  const match = /^(\d+)(?:\.(\d{1,3}))?(?:\/(s|min|m|h))?$/.exec(text.replaceAll(/\s+/g, ''));
  if (!match) return { problem: `must be a rate such as 500/s, 2.5/s or 90/min, but is "${text}"` };
  const [, whole, decimals = '', unit = 's'] = match;
  const scale = 10 ** decimals.length;
  const rate = {
    starts: Number(whole + decimals),
    timeUnitMs: RATE_UNIT_MS[unit] * scale,
    scale,
  };
  const perSecond = (rate.starts * 1000) / rate.timeUnitMs;
  if (perSecond > MOST_STARTS_PER_SECOND)
    return { problem: `must be at most ${MOST_STARTS_PER_SECOND}/s, but is "${text}"` };
  return rate;
}

export const LONGEST_MS = 7 * 86_400_000;
/** As the option `vus` has it. */
export const MOST_VUS = 20_000;

/**
 * `30s:100,1m:100,30s:0` -> stages of duration and target.
 * @param isRate the targets are rates; else VUs
 * @returns the stages, or everything that is wrong, each to stand after the name
 */
export function parseStages(
  text: string,
  parseDuration: (text: string) => number | null,
  isRate: boolean,
): Stage[] | { problems: string[] } {
  const problems: string[] = [];
  const most = isRate ? MOST_STARTS_PER_SECOND : MOST_VUS;
  const stages = text.split(',').map((part, i): Stage => {
    const [time, goal, more] = part.split(':').map((word) => word.trim());
    const durationMs = parseDuration(time);
    const target = Number(goal);
    const where = `stage ${i + 1} ("${part.trim()}")`;
    if (goal === undefined || more !== undefined)
      problems.push(`must have stages such as 30s:100 (duration:target), but ${where} is none`);
    else {
      if (durationMs === null)
        problems.push(`must have durations such as 30s or 1m30s, but ${where} has "${time}"`);
      if (!/^\d+$/.test(goal) || target > most)
        problems.push(
          `must have whole ${isRate ? 'rates' : 'numbers of VUs'} from 0 to ${most} as targets, but ${where} has "${goal}"`,
        );
    }
    return { durationMs: durationMs ?? 0, target };
  });
  if (problems.length > 0) return { problems };
  const sumMs = stages.reduce((sum, { durationMs }) => sum + durationMs, 0);
  if (sumMs < 1000 || sumMs > LONGEST_MS)
    problems.push(`must last from 1 s to 7 days in all, but "${text}" lasts ${sumMs / 1000} s`);
  if (!isRate && stages.every(({ target }) => target === 0))
    problems.push(`must reach at least one VU, but "${text}" has no target above 0`);
  return problems.length > 0 ? { problems } : stages;
}

const SIZE_UNITS: Record<string, number> = { B: 1, KB: 1000, MB: 1_000_000 };

/** `13KB-34KB` -> bytes; 1 KB is 1,000 bytes. @returns the range, or what is wrong, to stand after the name */
export function parseSizeRange(
  text: string,
): { least: number; most: number } | { problem: string } {
  const match = /^(\d+(?:\.\d+)?)(B|KB|MB)-(\d+(?:\.\d+)?)(B|KB|MB)$/i.exec(
    text.replaceAll(' ', ''),
  );
  const [least, most] = [1, 3].map((at) =>
    Math.round(Number(match?.[at]) * SIZE_UNITS[match?.[at + 1]?.toUpperCase() ?? 'B']),
  );
  // A body of 50 MB has a block of no more.
  return match !== null && least <= most && most <= LARGEST_BLOCK
    ? { least, most }
    : { problem: `must be two sizes such as 13KB-34KB, up to 30MB, but is "${text}"` };
}
/** In base64, with snark work beside it, it stays below the 50 MB that a backend takes. */
const LARGEST_BLOCK = 30_000_000;
