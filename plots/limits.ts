/** Gates as lines over the panel whose figure they judge. Pure. */
import type { Gate } from '../results/types.ts';
import { INK_SOFT, line, type LineDataset } from './panels.ts';
import { LOOKS } from './theme.ts';

export type Limit = {
  panel: 'latency' | 'rate' | 'cpu' | 'memory';
  /** In the panel's unit: ms, submissions per second, cores, MB. */
  at: number;
  label: string;
  /** The gate did not hold. */
  failed?: boolean;
  /** Of a percentile gate: the share of answers that it speaks of, 0 to 1. */
  share?: number;
};

type Place = Pick<Limit, 'panel' | 'share'> & { factor?: number };

/** Figures of gates (judge/gate-table.ts) that a panel shows. */
const PLACES: Readonly<Record<string, Place>> = {
  p50: { panel: 'latency', share: 0.5 },
  p90: { panel: 'latency', share: 0.9 },
  p95: { panel: 'latency', share: 0.95 },
  p99: { panel: 'latency', share: 0.99 },
  'p99.9': { panel: 'latency', share: 0.999 },
  max: { panel: 'latency' },
  mean: { panel: 'latency' },
  rate: { panel: 'rate' },
  'accepted-rate': { panel: 'rate' },
  'backend-cpu': { panel: 'cpu' },
  // Gates count in 2^20 bytes, the panel in 10^6.
  'backend-memory': { panel: 'memory', factor: 2 ** 20 / 1e6 },
};

export function limitsOf(gates: readonly Gate[]): Limit[] {
  return gates.flatMap(({ name, limit, state }): Limit[] => {
    const metric = /^([a-z][a-z0-9.-]*)(?:<=|>=|<|>)\d/.exec(name)?.[1];
    const place = metric !== undefined && Object.hasOwn(PLACES, metric) ? PLACES[metric] : null;
    if (place === null) return [];
    const { factor = 1, ...rest } = place;
    return [
      {
        ...rest,
        at: limit * factor,
        label: `gate ${name}${state === 'fail' ? ' (failed)' : ''}`,
        ...(state === 'fail' && { failed: true }),
      },
    ];
  });
}

/** A limit so far above all that is measured would press it flat: its entry in the legend says so instead. */
const FAR = 3;

/** @param highest that the panel shows without them. @param to end of the x axis */
export function limitLines(
  limits: readonly Limit[],
  panel: Limit['panel'],
  {
    highest,
    from = 0,
    to,
    id = panel,
  }: { highest: number; from?: number; to: number; id?: string },
): LineDataset[] {
  return limits
    .filter((limit) => limit.panel === panel)
    .map(({ at, label, failed }) => {
      const isFar = highest > 0 && at > FAR * highest;
      return {
        ...line({
          label: isFar ? `${label}: far above` : label,
          yAxisID: id,
          colour: failed ? LOOKS.light.alert : INK_SOFT,
          width: 1.75,
          dash: [7, 5],
          data: isFar
            ? []
            : [
                { x: from, y: at },
                { x: to, y: at },
              ],
        }),
        // Nothing of it has a value of its own to ask for.
        order: 2,
      };
    });
}
