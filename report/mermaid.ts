/** Small charts as text that GitHub draws (mermaid, "XY chart"): throughput and p95 over time. Pure. */
import { metricOfGate } from '../judge/gates.ts';
import type { RateStep } from '../results/steps.ts';
import { type RunView, sumsOf } from '../results/sums.ts';
import { formatDuration } from '../results/units.ts';
import { amount } from './outcome.ts';
import { type Block, paragraph, type Section } from './page.ts';

/** More points than this are no more than a blur in a summary. */
const MOST_POINTS = 100;

type Step = { startS: number; endS: number; value: number };

/** @throws Error if a stored histogram is broken */
export function chartsSection(run: RunView): Section[] {
  const { samples, span } = sumsOf(run);
  const together = Math.ceil(span.seconds / span.stepS / MOST_POINTS);
  const stepS = together * span.stepS;
  const rates = joinedRates(samples.rates(span), stepS);
  const p95 = samples
    .latencies(span, together)
    .map(({ startS, endS, p95: value }) => ({ startS, endS, value }));
  const limit = (run.summary?.gates ?? []).find(({ name }) => metricOfGate(name) === 'p95');
  const blocks = [
    ...chartOf('Submissions ended per second', 'per second', rates, stepS),
    ...chartOf('p95 of expected answers (ms)', 'ms', p95, stepS, limit?.limit),
    ...(limit === undefined || p95.length < 2
      ? []
      : [
          paragraph(
            `The level line is the limit of the gate ${limit.name}: ${amount(limit.limit, limit.unit)}.`,
          ),
        ]),
  ];
  return blocks.length === 0 ? [] : [{ id: 'charts', title: 'Over time', blocks }];
}

/** Requests that ended per second, over longer steps. */
function joinedRates(steps: readonly RateStep[], stepS: number): Step[] {
  const joined: (Step & { sent: number; seconds: number })[] = [];
  for (const { startS, endS, sent, observedS } of steps) {
    const fromS = Math.floor(startS / stepS) * stepS;
    let last = joined.at(-1);
    if (last?.startS !== fromS) joined.push((last = { startS: fromS, endS, value: 0, sent: 0, seconds: 0 })); // prettier-ignore
    last.endS = endS;
    last.sent += sent;
    last.seconds += observedS;
    last.value = last.sent / last.seconds;
  }
  return joined;
}

function chartOf(
  title: string,
  unit: string,
  steps: readonly Step[],
  stepS: number,
  limit?: number,
): Block[] {
  if (steps.length < 2) return [];
  const { values, missing } = evenly(steps, stepS);
  const text = lineChart({
    title,
    xTitle: 'seconds since the start',
    from: steps[0].startS,
    to: steps.at(-1)!.endS,
    unit,
    values,
    ...(limit !== undefined && { second: values.map(() => limit) }),
  });
  const notes = [
    ...(stepS === 1 ? [] : [`One point is ${formatDuration(stepS * 1000)}.`]),
    ...(missing === 0
      ? []
      : [`${missing} of ${values.length} points have no data; the line goes straight over them.`]),
  ];
  return [
    { kind: 'code', language: 'mermaid', text },
    ...(notes.length === 0 ? [] : [paragraph(notes.join(' '))]),
  ];
}

/** Lines over evenly spaced steps, as the text of a mermaid diagram. @param second another line, of as many values */
export function lineChart({
  title,
  xTitle,
  from,
  to,
  unit,
  values,
  second,
}: {
  title: string;
  xTitle: string;
  from: number;
  to: number;
  unit: string;
  values: readonly number[];
  second?: readonly number[];
}): string {
  const highest = [...values, ...(second ?? [])].reduce((most, one) => Math.max(most, one), 0);
  const quoted = (text: string): string => text.replaceAll('"', "'");
  return [
    'xychart-beta',
    `    title "${quoted(title)}"`,
    `    x-axis "${quoted(xTitle)}" ${from} --> ${to}`,
    `    y-axis "${quoted(unit)}" 0 --> ${highest === 0 ? 1 : plain(highest * 1.05)}`,
    `    line [${values.map(plain).join(', ')}]`,
    ...(second === undefined ? [] : [`    line [${second.map(plain).join(', ')}]`]),
  ].join('\n');
}

/** Digits without an exponent, which mermaid does not read. */
const plain = (value: number): string => String(Number(value.toFixed(value < 10 ? 3 : 1)));

/** A value for each step from the first to the last: mermaid has no gaps, so over a hole the line goes straight. */
function evenly(steps: readonly Step[], stepS: number): { values: number[]; missing: number } {
  const indexOf = ({ startS }: Step) => Math.round(startS / stepS);
  const first = indexOf(steps[0]);
  const values: number[] = [];
  let missing = 0;
  steps.forEach((step, i) => {
    const next = steps[i + 1];
    values[indexOf(step) - first] = step.value;
    if (next === undefined) return;
    const holes = indexOf(next) - indexOf(step);
    for (let k = 1; k < holes; k++) {
      values[indexOf(step) - first + k] = step.value + ((next.value - step.value) * k) / holes;
      missing++;
    }
  });
  return { values, missing };
}
