/** Writes the last night into a wiki's checkout: one page that each night replaces, with its trends, and a page for each of its runs. */
import { join } from 'node:path';
import { trendChart } from '../../plots/trend.ts';
import { readSummed } from '../../results/sum-reader.ts';
import { UserError } from '../../user-error.ts';
import type { Page } from '../page.ts';
import { printMarkdown } from '../print-markdown.ts';
import { checkWiki, putInto, type WikiFiles, writeWiki } from '../wiki.ts';
import { type NightReport, trendFile } from './night.ts';
import { pageOfNight } from './page.ts';
import { trendOf } from './trend.ts';

/** Names of a wiki are global. */
const PAGE_FILE = 'Nightly.md';
const pictureOf = (file: string): string => `images/nightly-${file}`;

/** @param folder of the nights. @throws UserError if the wiki cannot be written */
export async function writeNightWiki(
  folder: string,
  report: NightReport,
  wiki: string,
): Promise<WikiFiles> {
  checkWiki(wiki);
  const files: WikiFiles = { all: [], changed: [] };
  const add = (more: WikiFiles): void => {
    files.all.push(...more.all);
    files.changed.push(...more.changed);
  };
  for (const { entry } of report.ends)
    if (entry?.run) {
      const run = await readSummed(join(folder, entry.run));
      add(await writeWiki(run, wiki));
    }
  const put = putInto(wiki, files);
  const { renderPng, renderSvg } = await import('../../plots/render.ts');
  try {
    for (const series of report.series) {
      const definition = trendChart(trendOf(series));
      await put(pictureOf(`${trendFile(series)}.png`), renderPng(definition));
      await put(pictureOf(`${trendFile(series)}.svg`), renderSvg(definition));
    }
    await put(PAGE_FILE, printMarkdown(inWiki(pageOfNight(report, 'files'))));
  } catch (cause) {
    throw new UserError(`the wiki ${wiki} cannot be written: ${(cause as Error).message}`, {
      hint: 'check the folder and its rights',
      cause,
    });
  }
  return files;
}

const inWiki = (page: Page): Page => ({
  ...page,
  sections: page.sections.map((section) => ({
    ...section,
    blocks: section.blocks.map((block) =>
      block.kind === 'picture'
        ? {
            ...block,
            file: pictureOf(block.file),
            ...(block.link !== undefined && { link: pictureOf(block.link) }),
          }
        : block,
    ),
  })),
});
