/** What became of a load in the whole chain, as the load's own report has it. Pure. */
import type { EndToEndFigures, VerdictReason } from '../../results/types.ts';
import { countOf } from '../../results/units.ts';
import { EXIT } from '../../user-error.ts';
import { codeOf, type Judged } from '../judged.ts';
import { exampleTexts, figuresText } from '../report/lines.ts';
import { LagMeter } from '../trace/lags.ts';
import { STAGES, type Stage, type TraceLine } from '../trace/trace.ts';

const reaches = ({ reached }: TraceLine, stage: Stage): boolean =>
  STAGES.indexOf(reached) >= STAGES.indexOf(stage);

/** Takes the lines of one load as they come. */
export class ChainMeter {
  readonly #lags = new LagMeter();
  readonly #counts = { accepted: 0, stored: 0, verified: 0, counted: 0, scored: 0 };
  /** Of each batch that counted some of them, when it ended and when it was counted; null: not known. */
  readonly #batches = new Map<number, { endMs: number; countedMs: number | null }>();

  add(line: TraceLine): void {
    this.#lags.add(line);
    if (line.status === 200) this.#counts.accepted++;
    if (line.stored !== undefined) this.#counts.stored++;
    if (line.verdict === 'verified') this.#counts.verified++;
    if (reaches(line, 'counted')) this.#counts.counted++;
    if (line.point_id !== undefined) this.#counts.scored++;
    const { batch, counted_ms: countedMs } = line;
    if (batch === undefined) return;
    const known = this.#batches.get(batch.bot_log_id)?.countedMs ?? null;
    if (known !== null) return;
    this.#batches.set(batch.bot_log_id, {
      endMs: batch.end_seconds * 1000,
      countedMs: countedMs ?? null,
    });
  }

  figures(
    system: Pick<EndToEndFigures, 'system' | 'isOwn' | 'intervalSeconds'>,
    judged: readonly Judged[],
  ): EndToEndFigures {
    const batches = [...this.#batches.values()].sort((a, b) => a.endMs - b.endMs);
    const late = batches.flatMap(({ endMs, countedMs }) =>
      countedMs === null ? [] : [(countedMs - endMs) / 1000],
    );
    return {
      ...system,
      ...this.#counts,
      batches: this.#batches.size,
      leastLagS: late.length === 0 ? null : Math.min(...late),
      mostLagS: late.length === 0 ? null : Math.max(...late),
      lags: this.#lags.figures(),
      lagsOverTime: this.#lags.picture(batches),
      assertions: judged.map((one) => ({
        name: one.name,
        title: one.title,
        outcome: one.outcome,
        found: figuresText(one)
          .trim()
          .replace(/^\(|\)$/g, ''),
        examples: exampleTexts(one),
      })),
    };
  }
}

/** More names do not fit into a sentence. */
const MOST_NAMES = 4;

/**
 * What speaks against a load that the chain has judged.
 * @param late why not all has come to the end of the chain in time; null: it has
 */
export function chainReasons(judged: readonly Judged[], late: string | null): VerdictReason[] {
  const failed = judged.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name);
  const names = failed.slice(0, MOST_NAMES).join(', ');
  const more = failed.length > MOST_NAMES ? ` and ${failed.length - MOST_NAMES} more` : '';
  return [
    ...(late === null
      ? []
      : [{ kind: 'end to end', words: `the chain did not keep up: ${late}` } as const]),
    ...(failed.length === 0
      ? []
      : [
          {
            kind: 'end to end',
            words: `${countOf(failed.length, 'assertion')} of the whole chain did not hold: ${names}${more}`,
          } as const,
        ]),
    ...(late === null && codeOf(judged) === EXIT.noData
      ? [
          {
            kind: 'end to end not judged',
            words: 'what every run through the whole chain can be judged by was not there',
          } as const,
        ]
      : []),
  ];
}
