/** `fork.md` of a run that rehearsed a hard fork. */
import { join } from 'node:path';
import { writeWhole } from '../../whole-file.ts';
import { costLines, costTable, type ForkCost } from './cost.ts';

const NAME = 'fork.md';

export const writeCost = (results: string, cost: ForkCost): Promise<void> =>
  writeWhole(
    join(results, NAME),
    ['# What the hard fork cost', '', ...costLines(cost).map((line) => `${line}  `), '', ...costTable(cost), ''].join('\n'), // prettier-ignore
  );
