/** The section "End to end": what became of the load in the rest of the program. Pure. */
import type { EndToEndFigures } from '../../results/types.ts';
import { countOf, formatMs, formatNumber } from '../../results/units.ts';
import { type Block, code, orNoData, paragraph, type Section, table } from '../page.ts';

const OUTCOMES = { held: '✅ held', failed: '❌ failed', 'no data': 'nothing to say' } as const;

/** @returns nothing where only the backend was loaded */
export function endToEndSection(chain: EndToEndFigures | undefined): Section[] {
  return chain === undefined
    ? []
    : [{ id: 'end-to-end', title: 'End to end', blocks: blocksOf(chain) }];
}

function blocksOf(chain: EndToEndFigures): Block[] {
  const { accepted, stored, verified, counted, scored, assertions, lags } = chain;
  const failed = assertions.filter(({ outcome }) => outcome === 'failed');
  return [
    paragraph([
      `The load went through ${chain.isOwn ? 'a system of its own' : `the system of the run ${chain.system}`}: backend, storage, verifier, coordinator, leaderboard. ${batchWords(chain)} What it left lies in `,
      code('e2e/dump'),
      ': ',
      code('npm run e2e -- assert --from'),
      ' judges it again.',
    ]),
    table(
      ['Accepted', 'Stored', 'Verified', 'Counted in a batch', 'With a point'],
      [[accepted, stored, verified, counted, scored].map(formatNumber)],
      ['right', 'right', 'right', 'right', 'right'],
    ),
    table(
      ['Since it was sent', 'Submissions', 'Median', 'p95', 'p99', 'Longest'],
      lags.map(({ name, what, count, p50Ms, p95Ms, p99Ms, maxMs }) => [
        `${name}: ${what}`,
        formatNumber(count),
        ...[p50Ms, p95Ms, p99Ms, maxMs].map((ms) => orNoData(ms, formatMs)),
      ]),
    ),
    table(
      ['Assertion', 'What it says', 'Outcome', 'Found'],
      assertions.map(({ name, title, outcome, found }) => [
        [code(name)],
        title,
        OUTCOMES[outcome],
        found,
      ]),
      ['left', 'left', 'left', 'left'],
    ),
    ...failed.flatMap(({ name, examples }): Block[] =>
      examples.length === 0
        ? []
        : [paragraph([code(name), ' was found to fail here:']), { kind: 'notes', items: examples }],
    ),
  ];
}

function batchWords({ batches, intervalSeconds, leastLagS, mostLagS }: EndToEndFigures): string {
  const seconds = (value: number) => `${formatNumber(Math.round(value * 10) / 10)} s`;
  const lag =
    leastLagS === null || mostLagS === null
      ? ''
      : `, each between ${seconds(leastLagS)} and ${seconds(mostLagS)} after its end`;
  return `${countOf(batches, 'batch', 'batches')} of ${formatNumber(intervalSeconds)} s counted it${lag}.`;
}
