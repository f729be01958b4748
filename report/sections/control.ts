/** What was asked of the load while it ran. Pure. */
import { askedWords, controlParts } from '../../results/control.ts';
import { type RunView, sumsOf } from '../../results/sums.ts';
import { countOf, formatDuration, formatNumber } from '../../results/units.ts';
import { paragraph, type Section, table } from '../page.ts';

/** Rows of a table; what is left is summed up. */
const MOST_ROWS = 50;

/** @returns nothing where nothing was asked, and nothing could be */
export function controlSection(run: RunView): Section[] {
  const { control = [], plan, summary } = run;
  if (control.length === 0) return [];
  const { samples } = sumsOf(run);
  const beganMs = summary?.loadBeganMs ?? samples.first[0]?.t ?? control[0].t;
  const endedMs = summary?.loadEndedMs ?? (samples.last.at(-1)?.t ?? control.at(-1)!.t) + 1000;
  const parts = controlParts(control, samples.starts, { beganMs, endedMs });
  const changes = control.filter(({ action }) => action !== 'begin').length;
  const isOpen = plan?.load.rate !== undefined;
  const rows = parts
    .slice(0, MOST_ROWS)
    .map(({ line, fromMs, lengthMs, startedPerSecond }) => [
      fromMs <= 0 ? '0:00' : formatDuration(Math.round(fromMs / 1000) * 1000),
      formatDuration(Math.round(lengthMs / 1000) * 1000),
      line.action,
      askedWords(line.toPerSecond),
      startedPerSecond === null ? '-' : formatNumber(Number(startedPerSecond.toFixed(1))),
      line.by,
    ]);
  return [
    {
      id: 'control',
      title: 'Pace asked for while it ran',
      blocks: [
        paragraph(
          changes === 0
            ? 'The pace could be changed while the load ran; nobody did.'
            : `${countOf(changes, 'change')} while the load ran. ${
                isOpen
                  ? 'Planned starts, lateness and keeping up are those of the pace that was asked for, pauses included; the rate of the whole load is its mean.'
                  : 'A rate that is asked for is a bound of the VUs; the rate of the whole load is its mean, pauses included.'
              }`,
        ),
        table(['From', 'For', 'What', 'Asked for', 'Begun a second', 'By'], rows, [
          'right',
          'right',
          'left',
          'right',
          'right',
          'left',
        ]),
        ...(parts.length > MOST_ROWS
          ? [paragraph(`${countOf(parts.length - MOST_ROWS, 'more change')}: control.ndjson.`)]
          : []),
      ],
    },
  ];
}
