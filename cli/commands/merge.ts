/** `npm run merge -- RUN RUN… --out DIR`: the results of several generators of one load as one result folder. */
import { createReadStream, createWriteStream, existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { judgeMerged } from '../../judge/merge/judge.ts';
import { type Merged, mergeRuns } from '../../judge/merge/merge.ts';
import { mergeProblems } from '../../judge/merge/parts.ts';
import { describeRun } from '../../report/describe.ts';
import { readRun, type Run } from '../../results/reader.ts';
import type { ReconcileLine, Summary } from '../../results/types.ts';
import { FILES, writerOf } from '../../results/writer.ts';
import { fillNewFolder } from '../../system/new-folder.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command } from '../command.ts';

/** @throws UserError (exit 2) if `out` holds something already */
function checkIsNew(out: string): void {
  const found = statSync(out, { throwIfNoEntry: false });
  if (found !== undefined && !found.isDirectory())
    throw new UserError(`--out ${out} is a file`, {
      hint: 'name a folder that is not there yet: nothing is overwritten',
      exitCode: EXIT.usage,
    });
  if (found !== undefined && readdirSync(out).length > 0)
    throw new UserError(`--out ${out} is not empty`, {
      hint: 'name a folder that is not there yet: nothing is overwritten',
      exitCode: EXIT.usage,
    });
}

/** The lists of what is not stored and right, one after another; what is foreign to one may be another's, and indices are each one's own. */
async function mergeLists(runs: readonly Run[], path: string): Promise<void> {
  const lists = runs.map(({ folder }) => join(folder, FILES.reconcileList)).filter(existsSync);
  if (lists.length === 0) return;
  await pipeline(async function* () {
    for (const list of lists)
      for await (const text of createInterface({ input: createReadStream(list) })) {
        const line = JSON.parse(text) as ReconcileLine;
        if (line.class !== 'foreign') yield `${JSON.stringify({ ...line, index: undefined })}\n`;
      }
  }, createWriteStream(path));
}

export const merge: Command = {
  name: 'merge',
  summary: 'Make one result folder of the results of several generators of one load.',
  operands: 'RUN…',
  options: [
    {
      name: 'out',
      type: 'path',
      argument: 'DIR',
      help: 'the folder to make; its name becomes the id of the merged run',
    },
  ],
  async run({ values, operands, stdout, cwd }) {
    const problems = [
      ...(operands.length < 2
        ? [
            `merging needs two runs or more, but ${operands.length} ${operands.length === 1 ? 'was' : 'were'} given`,
          ]
        : []),
      ...(values.out === undefined ? ['--out is missing: where does the merged run go?'] : []),
    ];
    if (problems.length > 0)
      throw new UserError(problems.join('\n'), {
        hint: 'npm run merge -- RUN RUN… --out DIR',
        exitCode: EXIT.usage,
      });
    const out = values.out as string;
    const runs: Run[] = [];
    for (const folder of operands) runs.push(await readRun(resolve(cwd, folder)));
    const reasons = mergeProblems(runs);
    if (reasons.length > 0)
      throw new UserError(
        reasons.map((reason) => `these are not parts of one load: ${reason}`).join('\n'),
        {
          hint: 'merge what several generators sent at one target at one time with the same plan; VUs, rate and seed may differ',
          exitCode: EXIT.usage,
        },
      );
    checkIsNew(out);
    const merged = mergeRuns(runs, basename(out));
    const summary = judgeMerged(merged, runs);
    await fillNewFolder(out, (part) => writeMerged(part, merged, summary, runs));
    for (const note of summary.notes) stdout.write(`note: ${note}\n`);
    stdout.write(`results: ${relative(cwd, out) || out}\n${summary.verdict.sentence}\n`);
    return summary.verdict.exitCode;
  },
};

/** The whole folder, with pictures and report. */
async function writeMerged(
  folder: string,
  merged: Merged,
  summary: Summary,
  runs: readonly Run[],
): Promise<void> {
  const writer = writerOf(folder);
  writer.plan(merged.plan);
  for (const line of merged.samples) writer.sample(line);
  for (const line of merged.resources) writer.resource(line);
  for (const line of merged.logs) writer.log(line);
  for (const line of merged.control) writer.control(line);
  for (const line of merged.marks) writer.mark(line);
  for (const line of merged.live) writer.look(line);
  if (merged.reconcile) writer.reconcile(merged.reconcile);
  await mergeLists(runs, join(folder, FILES.reconcileList));
  writer.summary(summary);
  writer.close();
  await describeRun(folder, { justEnded: true });
}
