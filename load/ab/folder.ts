/** The folder of a session: one of the usual kind, without the files of a run. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createRun, FILES, runId } from '../../results/writer.ts';

/** @param kind the end of its name. @returns it, made */
export function makeSessionFolder(
  resultsFolder: string,
  startedAt: Date,
  kind: string,
): { folder: string; id: string } {
  const writer = createRun(resultsFolder, runId(startedAt, kind));
  writer.close();
  for (const file of [FILES.samples, FILES.resources])
    rmSync(join(writer.folder, file), { force: true });
  return writer;
}
