/** Judges what the run left, from its dump alone. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { countOf } from '../../results/units.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { DUMP_FOLDER } from '../dump-folder.ts';
import { costLines } from '../fork/cost.ts';
import { writeCost } from '../fork/write-cost.ts';
import { verdictOf } from '../incidents/verdict.ts';
import { codeOf, judgeAndTrace, writeJudged } from '../judged.ts';
import { judgedLines } from '../report/lines.ts';
import { knownSecrets } from '../secrets.ts';
import { withExplanations } from '../trace/explanations.ts';
import type { Step } from './context.ts';

export const assertStep: Step = {
  name: 'assert',
  title: 'every assertion holds',
  needs: ['dump-logs'],
  limitMs: () => 15 * 60_000,
  counts: ['held', 'failed', 'no data'],
  repeats: true,
  async run({ open, env, signal, progress, say }) {
    const { results, topology } = open.state;
    const dump = join(results, DUMP_FOLDER);
    if (!existsSync(dump))
      throw new UserError('there is no dump to judge: the run was not started', {
        hint: 'npm run e2e -- run',
        exitCode: EXIT.noData,
      });
    const { judged: found, forkCost } = await judgeAndTrace(
      dump,
      await knownSecrets(open, env),
      results,
      open.state.topology.name,
    );
    const judged = await withExplanations(open, found, results, env, signal, say);
    await writeJudged(results, judged);
    for (const line of judgedLines(judged)) say(line);
    if (forkCost !== null) {
      await writeCost(results, forkCost);
      for (const line of costLines(forkCost)) say(line);
    }
    const count = (wanted: string) => judged.filter(({ outcome }) => outcome === wanted).length;
    progress({ held: count('held'), failed: count('failed'), 'no data': count('no data') });
    const verdict = verdictOf(topology, judged);
    if (verdict !== null) {
      say(verdict.sentence);
      if (verdict.isCaught) return;
      throw new UserError(verdict.sentence, {
        hint: 'docs/incidents.md says which assertion must fail, and which others with it',
        exitCode: EXIT.gateFailed,
      });
    }
    const exitCode = codeOf(judged);
    if (exitCode === EXIT.gateFailed)
      throw new UserError(
        `${countOf(count('failed'), 'assertion')} of ${judged.length} did not hold`,
        {
          hint: `what was found stands above, and in ${results}`,
          exitCode,
        },
      );
    if (exitCode === EXIT.noData)
      throw new UserError('what every run can be judged by could not be judged', {
        hint: 'was anything sent and stored? The logs say why not',
        exitCode,
      });
  },
};
