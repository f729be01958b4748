/** What a submission of this run cost, from the files of its folder: a day's lines are not kept in memory for it. */
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { costOf, type CostQuestion } from '../results/cost.ts';
import type { CostFigures, ProcessReading, ResourceLine, SampleLine } from '../results/types.ts';
import { FILES } from '../results/writer.ts';

/** The values of a file's whole lines; what is no JSON (a line that was cut) is passed over. */
async function* linesOf<Line>(path: string): AsyncGenerator<Line> {
  const input = createReadStream(path);
  for await (const text of createInterface({ input, crlfDelay: Infinity })) {
    let line: Line;
    try {
      line = JSON.parse(text) as Line;
    } catch {
      continue;
    }
    yield line;
  }
}

/** More files take longer to look at than the figure is worth. */
const MOST_FILES = 50_000;

/** Bytes of what a filesystem storage holds, and its submissions; null: too much, or not readable. */
async function storedIn(folder: string): Promise<{ bytes: number; submissions: number } | null> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    if (files.length > MOST_FILES) return null;
    let bytes = 0;
    for (const { parentPath, name } of files) bytes += (await stat(join(parentPath, name))).size;
    return { bytes, submissions: files.filter(({ name }) => name.endsWith('.json')).length };
  } catch {
    return null;
  }
}

/**
 * @param storageFolder of the embedded backend, where nothing but this load is stored; null: not known
 * @param looked what the look into the target's storage found of this run; null: not known
 * @returns undefined if the target's processes were not watched
 * @throws Error if the folder's files cannot be read
 */
export async function costOfFolder(
  folder: string,
  { warmUpMs }: Pick<CostQuestion, 'warmUpMs'>,
  storageFolder: string | null,
  looked: CostQuestion['stored'] = null,
): Promise<CostFigures | undefined> {
  const samples: SampleLine[] = [];
  // Without the histograms, which are most of a line.
  for await (const line of linesOf<SampleLine>(join(folder, FILES.samples)))
    samples.push({ ...line, latency: null, felt: null });
  const resources: ProcessReading[] = [];
  for await (const line of linesOf<ResourceLine>(join(folder, FILES.resources)))
    if (line.kind === 'process' && line.name === 'backend') resources.push(line);
  if (resources.length === 0) return undefined;
  const stored = (storageFolder === null ? null : await storedIn(storageFolder)) ?? looked;
  return costOf([{ samples, resources, warmUpMs, stored }]) ?? undefined;
}
