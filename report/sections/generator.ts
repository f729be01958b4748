/** What held the generator back, or kept it from its measuring. Pure. */
import type { GeneratorFigures } from '../../results/types.ts';
import { formatDuration, formatMs, formatNumber, formatShare } from '../../results/units.ts';
import { type Section, table } from '../page.ts';

type Row = [string, string];

/** @returns nothing where none of it is known: an older folder, or a system that does not say */
export function generatorSection(generator: GeneratorFigures | undefined): Section[] {
  const rows = rowsOf(generator ?? {});
  if (rows.length === 0) return [];
  return [
    {
      id: 'generator',
      title: 'The generator',
      blocks: [table(['Figure', 'Value'], rows)],
    },
  ];
}

const ofAll = (part: number, all: number): string =>
  `${formatNumber(part)} of ${formatNumber(all)}`;

function rowsOf({
  waitedShare,
  throttling,
  thinkTimes,
  standstillMs,
  cpu = {},
}: GeneratorFigures): Row[] {
  const rows: Row[] = [];
  if (waitedShare !== undefined)
    rows.push(['k6 waited for a processor, share of its time', formatShare(waitedShare)]);
  if (throttling !== undefined) {
    const { throttled, periods, quotaCores } = throttling;
    const of = quotaCores === null ? '' : ` of ${formatNumber(quotaCores)} cores`;
    rows.push([`Periods in which the CPU quota${of} held it back`, ofAll(throttled, periods)]);
  }
  if (thinkTimes !== undefined)
    rows.push([
      `Think times too long, by more than ${formatMs(thinkTimes.toleranceMs)}`,
      ofAll(thinkTimes.late, thinkTimes.count),
    ]);
  if (standstillMs !== undefined) rows.push(['k6 stood still', formatDuration(standstillMs)]);
  const shares: [string, number | undefined][] = [
    ['The machine: busy, mean', cpu.host],
    ['by k6', cpu.k6],
    ['by the target', cpu.target],
    ['by others', cpu.others],
  ];
  for (const [name, share] of shares)
    if (share !== undefined) rows.push([name, formatShare(share)]);
  return rows;
}
