/** The pace of a load in a few words, for headings. Pure. */
import type { LoadShape, TimedStarts } from './types.ts';
import { formatNumber } from './units.ts';

/** `the network's times, 30 times as fast`, `the recorded times`, `3 rounds of 20 and 100/s, 17 stopped in each`. */
export function timesInWords({ of, speedup, rounds }: TimedStarts): string {
  if (rounds !== undefined) {
    const { basePerSecond, stressPerSecond, times } = rounds;
    const stopped = times[0]?.stopped ?? 0;
    return (
      `${times.length} ${times.length === 1 ? 'round' : 'rounds'} of ${formatNumber(basePerSecond)} and ${formatNumber(stressPerSecond)}/s` +
      (stopped === 0 ? '' : `, ${formatNumber(stopped)} stopped in each`)
    );
  }
  const whose = of === 'fleet' ? "the network's times" : 'the recorded times';
  return speedup === 1 ? whose : `${whose}, ${formatNumber(speedup)} times as fast`;
}

/** `500 VUs`, `up to 100 VUs`, `500 starts/s`, `up to 500 starts/s`. */
export function paceInWords({ vus, rate, timed, steered, stages = [] }: LoadShape): string {
  const atFirst =
    steered === undefined ? '' : rate === undefined ? ', steered' : ' at first, steered';
  if (timed !== undefined) return timesInWords(timed);
  const isRamp = stages.length > 0;
  const upTo = isRamp ? 'up to ' : '';
  if (rate === undefined) return `${upTo}${formatNumber(vus)} VU${vus === 1 ? '' : 's'}${atFirst}`;
  const highest = stages.reduce((max, { target }) => Math.max(max, target), rate.starts);
  return `${upTo}${formatNumber((highest * 1000) / rate.timeUnitMs)} starts/s${atFirst}`;
}
