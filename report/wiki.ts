/** Writes a run into a wiki's checkout: its page, its pictures, a line in the list. What is there and the same is not touched. */
import { existsSync, statSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RunView as Run } from '../results/sums.ts';
import { EXIT, UserError } from '../user-error.ts';
import { writeWhole } from '../whole-file.ts';
import { printMarkdown } from './print-markdown.ts';
import { LIST_FILE, listWith, pageNameOf, pictureFileOf, wikiPage } from './wiki-page.ts';

/** Files from the wiki's root: all of the run, and those of them that changed. */
export type WikiFiles = { all: string[]; changed: string[] };

/** @throws UserError if `wiki` is no folder, or cannot be written, or the run's histograms are broken */
export async function writeWiki(run: Run, wiki: string): Promise<WikiFiles> {
  checkWiki(wiki);
  const { definitionsOf, renderPng, renderSvg } = await import('../plots/render.ts');
  const definitions = definitionsOf(run).filter(
    ({ isUsual, whyEmpty }) => isUsual && whyEmpty === null,
  );
  const page = wikiPage(
    run,
    definitions.map(({ name }) => name),
  );
  const files: WikiFiles = { all: [], changed: [] };
  try {
    const put = putInto(wiki, files);
    for (const definition of definitions) {
      await put(pictureFileOf(run, definition.name, 'png'), renderPng(definition));
      await put(pictureFileOf(run, definition.name, 'svg'), renderSvg(definition));
    }
    await put(`${pageNameOf(run)}.md`, printMarkdown(page));
    // Last: what it leads to is there by then.
    const list = await readOrNull(join(wiki, LIST_FILE));
    await put(LIST_FILE, listWith(list?.toString('utf8') ?? null, run));
  } catch (cause) {
    throw new UserError(`the wiki ${wiki} cannot be written: ${(cause as Error).message}`, {
      hint: 'check the folder and its rights',
      cause,
    });
  }
  return files;
}

/** @throws UserError (exit 2) if it is no folder */
export function checkWiki(wiki: string): void {
  if (existsSync(wiki) && statSync(wiki).isDirectory()) return;
  throw new UserError(`there is no folder ${wiki}`, {
    hint: 'check the wiki out first, e.g. git clone https://github.com/OWNER/NAME.wiki.git, and give its folder to --wiki',
    exitCode: EXIT.usage,
  });
}

/** What writes one file from the wiki's root, unless it is there and the same, and notes it in `files`. */
export const putInto =
  (wiki: string, files: WikiFiles) =>
  async (file: string, bytes: Buffer | string): Promise<void> => {
    files.all.push(file);
    if (await writeIfOther(join(wiki, file), Buffer.from(bytes))) files.changed.push(file);
  };

async function readOrNull(path: string): Promise<Buffer | null> {
  return existsSync(path) ? await readFile(path) : null;
}

async function writeIfOther(path: string, bytes: Buffer): Promise<boolean> {
  if ((await readOrNull(path))?.equals(bytes)) return false;
  await mkdir(dirname(path), { recursive: true });
  await writeWhole(path, bytes);
  return true;
}
