/** The pace of a load in a few words, for headings. Pure. */
import type { LoadShape } from './types.ts';
import { formatNumber } from './units.ts';

/** `500 VUs`, `up to 100 VUs`, `500 starts/s`, `up to 500 starts/s`. */
export function paceInWords({ vus, rate, stages = [] }: LoadShape): string {
  const isRamp = stages.length > 0;
  const upTo = isRamp ? 'up to ' : '';
  if (rate === undefined) return `${upTo}${formatNumber(vus)} VU${vus === 1 ? '' : 's'}`;
  const highest = stages.reduce((max, { target }) => Math.max(max, target), rate.starts);
  return `${upTo}${formatNumber((highest * 1000) / rate.timeUnitMs)} starts/s`;
}
