/** Writes the page and the picture of single runs beside a base. */
import { join } from 'node:path';
import { notWritten } from '../../plots/not-written.ts';
import { describeRuns, keyOfRuns, runsChart } from '../../plots/runs.ts';
import { writeWhole } from '../../whole-file.ts';
import { printMarkdown } from '../print-markdown.ts';
import { COMPARISON_PICTURE } from './picture.ts';
import { pageOfRuns } from './runs-page.ts';
import { PAGE_FILE } from './session.ts';
import type { SideBySide } from './side-by-side.ts';

/**
 * `comparison.png`, `comparison.svg`, and last `comparison.md`, which shows them: each replaced at once, so a page never shows what is not there.
 * @param out a folder that is there
 * @returns the paths written and the page. @throws UserError if they cannot be
 */
export async function writeRuns(
  { input, picture }: SideBySide,
  out: string,
): Promise<{ paths: string[]; page: string }> {
  const { writePicture } = await import('../../plots/render.ts');
  const shown = {
    file: `${COMPARISON_PICTURE}.png`,
    description: describeRuns(picture),
    caption: keyOfRuns(picture),
  };
  const page = printMarkdown(pageOfRuns(input, shown));
  const path = join(out, PAGE_FILE);
  try {
    const pictures = await writePicture(runsChart(picture), out, COMPARISON_PICTURE);
    await writeWhole(path, page);
    return { paths: [path, ...pictures], page };
  } catch (cause) {
    throw notWritten('the comparison', out, cause);
  }
}
