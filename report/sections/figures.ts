/** The figures of a run: counts, rates, the schedule of an open model, latencies. Pure. */
import { LatencyHistogram } from '../../results/histogram.ts';
import { type RunView as Run, sumsOf } from '../../results/sums.ts';
import type { LatencyFigures, Reconcile, ScheduleFigures, Summary } from '../../results/types.ts';
import {
  countOf,
  formatBytes,
  formatDuration,
  formatMs,
  formatNumber,
  formatShare,
} from '../../results/units.ts';
import { type Block, NO_DATA, orNoData, paragraph, type Section, table } from '../page.ts';

type Figures = Summary['figures'];
type Row = [name: string, value: string];

export const figuresSection = (run: Run, figures: Figures): Section => ({
  id: 'figures',
  title: 'Figures',
  blocks: [figuresTable(run, figures), ...latencies(figures)],
});

function figuresTable(run: Run, figures: Figures): Block {
  const { summary, reconcile } = run;
  const { sent, accepted, errorRate, failedIterations, schedule } = figures;
  const loadMs = summary?.loadMs ?? sumsOf(run).samples.totals.lines * 1000;
  const retries = Object.values(figures.retries ?? {}).reduce((sum, count) => sum + count, 0);
  const rows: Row[] = [
    ...(figures.started === undefined || figures.started === sent
      ? []
      : [['Submissions begun', formatNumber(figures.started)] as Row]),
    ['Submissions sent', formatNumber(sent)],
    ['Accepted (answer 200)', formatNumber(accepted)],
    ...(figures.expected === undefined
      ? []
      : [['Answered as expected', formatNumber(figures.expected)] as Row]),
    ['Error rate', orNoData(errorRate, formatShare)],
    ...rates(figures),
    ['Time under load', sent === 0 ? NO_DATA : formatDuration(loadMs)],
    ['Bytes sent', formatBytes(figures.bytesSent)],
    ['Bytes received', formatBytes(figures.bytesReceived)],
    ...(schedule ? scheduleRows(schedule) : []),
    ...(retries > 0 ? [['Sent again after a failure', formatNumber(retries)] as Row] : []),
    ...(failedIterations > 0
      ? [['Failed iterations (generator)', formatNumber(failedIterations)] as Row]
      : []),
    ...(reconcile ? reconcileRows(reconcile) : []),
  ];
  return table(['Figure', 'Value'], rows);
}

/** Starts, and what was accepted of them where that reads otherwise. */
function rates({ submissionsPerSecond, acceptedPerSecond }: Figures): Row[] {
  const started = orNoData(submissionsPerSecond, formatNumber);
  const accepted = orNoData(acceptedPerSecond, formatNumber);
  return [
    ['Submissions per second', started],
    ...(acceptedPerSecond === undefined || accepted === started
      ? []
      : [['Accepted per second', accepted] as Row]),
  ];
}

function scheduleRows({
  planned,
  late,
  lateWhileBusy = 0,
  dropped,
  droppedWhileFree,
  onTimeShare,
  latenessP99Ms,
  toleranceMs,
}: ScheduleFigures): Row[] {
  const free = droppedWhileFree > 0 ? ` (${formatNumber(droppedWhileFree)} with VUs free)` : '';
  const busy = lateWhileBusy > 0 ? ` (${formatNumber(lateWhileBusy)} waited for a VU)` : '';
  return [
    ['Starts planned', formatNumber(planned)],
    ['Starts on time', orNoData(onTimeShare, formatShare)],
    [`Starts late, by more than ${formatMs(toleranceMs)}`, `${formatNumber(late)}${busy}`],
    ['Starts dropped: no VU took them', `${formatNumber(dropped)}${free}`],
    ['Lateness of the starts, p99', orNoData(latenessP99Ms, formatMs)],
  ];
}

function reconcileRows({ stored, notStored, unknown, resent, look }: Reconcile): Row[] {
  const noNumber = look === undefined ? 'not looked at' : 'not known';
  return [
    ['Stored by the target', stored === null ? noNumber : formatNumber(stored)],
    ...(notStored === null ? [] : [['Accepted but not stored', formatNumber(notStored)] as Row]),
    ...(unknown > 0 ? [['Begun, end unknown at the stop', formatNumber(unknown)] as Row] : []),
    ...(resent > 0
      ? [['Sent again (the load outran the corpus)', formatNumber(resent)] as Row]
      : []),
  ];
}

const PERCENTILES = [
  ['p50', 50, 'p50Ms'],
  ['p90', 90, 'p90Ms'],
  ['p95', 95, 'p95Ms'],
  ['p99', 99, 'p99Ms'],
  ['p99.9', 99.9, 'p999Ms'],
] as const;

function latencyRow(name: string, figures: LatencyFigures | null): string[] {
  if (figures === null) return [name, ...Array<string>(PERCENTILES.length + 3).fill(NO_DATA)];
  return [
    name,
    formatNumber(figures.count),
    formatMs(figures.meanMs),
    ...PERCENTILES.map(([, , key]) => formatMs(figures[key])),
    formatMs(figures.maxMs),
  ];
}

const NEVER = 'never';

/**
 * The same percentiles over all starts that were planned, those that were never answered as expected counted as the slowest: who was
 * dropped has waited in vain, and must not make the figure better.
 */
function rowOfAllPlanned(name: string, answered: LatencyFigures, planned: number): string[] {
  const histogram = new LatencyHistogram();
  histogram.addEncoded(answered.hdr, answered.maxMs);
  const at = (percentile: number): string => {
    const rank = Math.max(1, Math.ceil((percentile * planned) / 100 - 1e-6));
    return rank > answered.count
      ? NEVER
      : formatMs(histogram.percentileMs((100 * rank) / answered.count));
  };
  return [
    name,
    formatNumber(planned),
    NEVER,
    ...PERCENTILES.map(([, percentile]) => at(percentile)),
    NEVER,
  ];
}

function latencies({
  latency,
  felt,
  sinceIntended,
  schedule,
  warmUpAnswers = 0,
}: Figures): Block[] {
  const head = ['Latency', 'answers', 'mean', ...PERCENTILES.map(([name]) => name), 'max'];
  const rows = [latencyRow('of the target', latency), latencyRow('felt by a producer', felt)];
  const sentences = [
    'Latency of expected answers only. Of the target: sending, waiting, receiving. Felt: with connecting and TLS before.',
  ];
  if (sinceIntended) {
    rows.push(latencyRow('since the intended start', sinceIntended));
    sentences.push('Since the intended start: also with the time by which it began late.');
    const planned = (schedule?.planned ?? 0) - warmUpAnswers;
    const left = planned - sinceIntended.count;
    if (left > 0) {
      rows.push(rowOfAllPlanned('since the intended start, all planned', sinceIntended, planned));
      sentences.push(
        `Of the ${countOf(planned, 'planned start')} ${formatNumber(left)} ${left === 1 ? 'is' : 'are'} not in it, since no expected answer came (${formatNumber(schedule!.dropped)} ${schedule!.dropped === 1 ? 'was' : 'were'} dropped); all planned: these counted as never answered.`,
      );
    }
  }
  if (warmUpAnswers > 0)
    sentences.push(`Without the ${countOf(warmUpAnswers, 'answer')} of the warm-up.`);
  return [table(head, rows), paragraph(sentences.join(' '))];
}
