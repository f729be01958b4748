/** What was asked of the run, and whether it holds. Pure. */
import type { Gate } from '../../results/types.ts';
import { formatNumber } from '../../results/units.ts';
import { orNoData, paragraph, type Section, table } from '../page.ts';

const GATE_WORD: Record<Gate['state'], string> = {
  pass: '✅ pass',
  fail: '❌ fail',
  'no data': '⚠️ no data',
};

export function gatesSection(gates: readonly Gate[] | undefined): Section[] {
  if (gates === undefined) return [];
  const rows = gates.map(({ name, state, value, limit, unit, isChance = false }) => [
    name,
    isChance ? `${GATE_WORD[state]}: so few may be chance` : GATE_WORD[state],
    orNoData(value, (observed) => `${formatNumber(observed)} ${unit}`),
    `${formatNumber(limit)} ${unit}`,
  ]);
  const content =
    gates.length === 0
      ? paragraph('The run had no gates.')
      : table(['Gate', 'Result', 'Observed', 'Limit'], rows, ['left', 'left', 'right', 'right']);
  return [{ id: 'gates', title: 'Gates', blocks: [content] }];
}
