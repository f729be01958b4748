/**
 * How far apart a load keeps two submissions of one producer, and whether that is enough: a storage of the program holds one entry for each
 * producer and second, and a backend takes so many of each in an hour. Pure.
 */
import { distanceOf, mostInWindow } from '../producers/corpus-plan.ts';
import type { LoadShape } from '../results/types.ts';
import { formatNumber } from '../results/units.ts';
import { type Apart, isUnpaced } from '../scenarios/lib/plan.ts';
import type { Volume } from './volume.ts';

type Load = {
  shape: LoadShape;
  volume: Volume;
  producers: number;
  /** Who submits when follows from a plan of its own, which keeps them apart. */
  isPlanned?: boolean;
};

/**
 * A load that sends its corpus again after the last submission keeps the distance over that seam where it has sent whole rounds of the
 * producers.
 */
export function wholeRounds({ shape, volume, producers }: Load): Volume {
  const { submissions } = volume;
  if (!isUnpaced(shape) || producers === 0 || submissions <= producers) return volume;
  return { ...volume, submissions: Math.ceil(submissions / producers) * producers };
}

/** In the order of indices. @returns Infinity: no producer submits twice */
function submissionsApart({ shape, volume, producers, isPlanned = false }: Load): number {
  const { submissions } = volume;
  if (isPlanned) return Infinity;
  if (submissions > producers) return distanceOf(producers);
  return isUnpaced(shape) ? submissions : Infinity;
}

/** For the leases of VUs; undefined: nothing is to be kept apart. */
export function apartOf(load: Load): Apart | undefined {
  const submissions = load.producers === 0 ? Infinity : submissionsApart(load);
  return Number.isFinite(submissions)
    ? { submissions, perSecond: load.volume.peakRatePerSecond }
    : undefined;
}

/** Of starts that chance bunches: so many standard deviations above the mean. */
const DEVIATIONS = 4;

/** Most submissions that begin within a second; null: only the target's speed limits them. */
function mostInASecond({ shape, volume }: Load): number | null {
  const rate = volume.highestRatePerSecond;
  if (rate === null) return null;
  // k6 keeps the time of each start.
  if (shape.rate !== undefined || shape.timed !== undefined) return rate;
  const { vus, think } = shape;
  const bound = think.minMs > 0 ? (vus * 1000) / think.minMs : Infinity;
  return Math.min(bound, rate + DEVIATIONS * Math.sqrt(rate));
}

/**
 * What is said before a load whose producers are too few for its pace.
 * @param hourlyLimit submissions of a producer that the backend takes in an hour
 * @param isListed the producers are keys of a list
 */
export function fewProducersNotes(
  load: Load & { hourlyLimit: number; isListed: boolean },
): string[] {
  const { shape, volume, producers, hourlyLimit, isListed } = load;
  if (producers === 0) return [];
  const notes: string[] = [];
  const apart = submissionsApart(load);
  const most = mostInASecond(load);
  const enough = (perSecond: number): string => {
    const count = formatNumber(2 * Math.ceil(perSecond));
    return isListed ? `${count} keys` : `--producers ${2 * Math.ceil(perSecond)}`;
  };
  const who = producers === 1 ? '1 producer is' : `${formatNumber(producers)} producers are`;
  if (most !== null && apart < most)
    notes.push(
      `${who} few for ${formatNumber(volume.highestRatePerSecond!)} submissions/s: two of one producer may fall into the same second, of which a backend keeps one; ${enough(most)} keep them apart`,
    );
  if (most === null && apart < volume.peakRatePerSecond)
    notes.push(
      `${who} enough for ${formatNumber(apart)} submissions/s: where the target answers faster, two of one producer may fall into the same second, of which a backend keeps one; ${enough(volume.peakRatePerSecond)} keep them apart up to ${formatNumber(volume.peakRatePerSecond)}/s`,
    );
  const rate = volume.ratePerSecond;
  if (rate === null) return notes;
  const inHour = Math.min(
    volume.submissions,
    Math.ceil((rate * Math.min(shape.durationMs, 3_600_000)) / 1000),
  );
  const ofOne = mostInWindow(inHour, producers);
  if (ofOne > hourlyLimit)
    notes.push(
      `${who} few for this load: each submits up to ${formatNumber(ofOne)} times in an hour, of which the backend takes ${formatNumber(hourlyLimit)}`,
    );
  return notes;
}
