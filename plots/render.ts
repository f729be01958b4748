/**
 * Draws charts to files: chart.js on a canvas of @napi-rs/canvas, of pixels for PNG, one that records paths for SVG.
 * The font comes with the toolkit: a bare machine has none, and its pictures would lose all text. In an
 * SVG the text is paths, so it looks the same everywhere.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { createCanvas, GlobalFonts, SvgExportFlag } from 'canvas';
import type { Chart as ChartType, ChartConfiguration, ChartItem } from 'chart.js';
import { Chart } from 'chart.js/auto';
import pLimit from 'p-limit';
import { readSummed } from '../results/sum-reader.ts';
import type { RunView as Run } from '../results/sums.ts';
import { UserError } from '../user-error.ts';
import { writeWhole } from '../whole-file.ts';
import { chartsOf, type ChartDefinition } from './charts.ts';
import { chartData } from './data.ts';
import { notWritten } from './not-written.ts';
import { FONT_FAMILIES, FONT_FAMILY } from './panels.ts';
import type { Theme } from './theme.ts';

/** Device pixels of a PNG for each CSS pixel: sharp on today's screens, and when a wiki scales it down. */
const PIXEL_RATIO = 2;

/** Charts that are under way: while one is packed, the next is laid out. Each has some 20 MB of pixels. */
const AT_ONCE = 2;

export const PICTURE_FORMATS = ['png', 'svg'] as const;
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

/** Files of @fontsource/inter, each registered as the family of its place; canvas takes the first that has a letter. */
const SUBSETS = ['latin', 'latin-ext', 'greek', 'cyrillic'] as const;

/** What is drawn: one of a run's charts, or any other. */
export type Drawable = Pick<ChartDefinition, 'width' | 'height' | 'config'> &
  Partial<Omit<ChartDefinition, 'name'>> & { name?: string };

let fontsReady = false;

/** Registers the embedded font, once. @throws UserError if its files are missing or not readable */
export function registerFonts(): void {
  if (fontsReady) return;
  const require = createRequire(import.meta.url);
  for (const [i, subset] of SUBSETS.entries())
    for (const weight of [400, 600]) {
      const name = `@fontsource/inter/files/inter-${subset}-${weight}-normal.woff2`;
      let path: string;
      try {
        path = require.resolve(name);
      } catch (cause) {
        throw new UserError(`the font ${name} is not installed`, { hint: 'run `npm ci`', cause });
      }
      if (!GlobalFonts.registerFromPath(path, FONT_FAMILIES[i]))
        throw new UserError(`the font ${path} cannot be loaded`, { hint: 'run `npm ci`' });
    }
  fontsReady = true;
}

/**
 * The chart laid out and drawn on `canvas`, which gets `pixelRatio` times its size; the caller destroys it, which empties the canvas.
 * Tests look at its layout.
 */
export function drawOn(
  canvas: unknown,
  definition: Drawable,
  { theme, pixelRatio = 1 }: { theme?: Theme | undefined; pixelRatio?: number } = {},
): ChartType {
  registerFonts();
  const config = definition.config(theme) as ChartConfiguration;
  config.options = {
    ...config.options,
    devicePixelRatio: pixelRatio,
    font: { family: FONT_FAMILY },
  };
  return new Chart(canvas as ChartItem, config);
}

/** @returns the bytes of a PNG, twice as wide and high as the definition says */
export function renderPng(definition: Drawable, theme?: Theme): Buffer {
  const canvas = createCanvas(definition.width, definition.height);
  const chart = drawOn(canvas, definition, { theme, pixelRatio: PIXEL_RATIO });
  const bytes = canvas.toBuffer('image/png');
  chart.destroy();
  return bytes;
}

/** The same; the packing, which is half of the work, goes on in another thread. */
async function encodePng(definition: Drawable, theme?: Theme): Promise<Buffer> {
  const canvas = createCanvas(definition.width, definition.height);
  const chart = drawOn(canvas, definition, { theme, pixelRatio: PIXEL_RATIO });
  try {
    return await canvas.encode('png');
  } finally {
    chart.destroy();
  }
}

/** @returns an SVG document; its text is paths */
export function renderSvg(definition: Drawable, theme?: Theme): Buffer {
  const { width, height } = definition;
  const canvas = createCanvas(width, height, SvgExportFlag.ConvertTextToPaths);
  const chart = drawOn(canvas, definition, { theme });
  const content = canvas.getContent();
  chart.destroy();
  // The canvas counts its ids on from picture to picture: numbered anew, the same chart gives the same bytes.
  const ids: string[] = [];
  const idOf = (id: string): string => {
    if (!ids.includes(id)) ids.push(id);
    return `c${ids.indexOf(id) + 1}`;
  };
  // A picture in a page is scaled by its box: without a viewBox it would be cut instead.
  const size = `width="${width}" height="${height}"`;
  const text = content
    .toString('utf8')
    .replace(size, `${size} viewBox="0 0 ${width} ${height}" role="img"`)
    .replace(/(?<=<clipPath id="|url\(#)cl_[0-9a-f]+/g, (id) => idOf(id));
  return Buffer.from(text);
}

const RENDER: Record<
  PictureFormat,
  (definition: Drawable, theme?: Theme) => Buffer | Promise<Buffer>
> = { png: encodePng, svg: renderSvg };

/** Writes one chart into `folder` as `name.png` and `name.svg`. @returns the paths. @throws Error of the file system */
export async function writePicture(
  definition: Drawable,
  folder: string,
  name: string,
  formats: readonly PictureFormat[] = PICTURE_FORMATS,
  theme?: Theme,
): Promise<string[]> {
  return Promise.all(
    formats.map(async (format) => {
      const path = join(folder, `${name}.${format}`);
      await writeWhole(path, await RENDER[format](definition, theme));
      return path;
    }),
  );
}

/** The charts of a run. @throws UserError if its histograms are broken */
export function definitionsOf(run: Run): ChartDefinition[] {
  try {
    return chartsOf(chartData(run));
  } catch (cause) {
    throw new UserError(
      `the pictures of ${run.folder} cannot be drawn: ${(cause as Error).message}`,
      {
        hint: 'samples.ndjson or summary.json was changed or damaged after the run: restore it',
        cause,
      },
    );
  }
}

export type PictureOptions = {
  /** Where the pictures go; default: the run's own folder. */
  out?: string;
  /** Default: both. */
  formats?: readonly PictureFormat[];
  /** Also those that a report shows only when it is asked for them. Default: false. */
  all?: boolean;
  /** Default: light. */
  theme?: Theme;
};

/**
 * Draws the pictures of a run that was read.
 * @returns the absolute paths written; each file is replaced at once, never half written
 */
export async function renderPictures(run: Run, options: PictureOptions = {}): Promise<string[]> {
  const out = resolve(options.out ?? run.folder);
  const definitions = definitionsOf(run).filter(
    ({ isUsual, whyEmpty }) => whyEmpty === null && (options.all === true || isUsual),
  );
  try {
    // The run's own folder is there, or was deleted: it is not made again for pictures alone.
    if (options.out !== undefined && !existsSync(out)) await mkdir(out, { recursive: true });
    const limit = pLimit(AT_ONCE);
    const paths = await Promise.all(
      definitions.map((definition) =>
        limit(() => writePicture(definition, out, definition.name, options.formats, options.theme)),
      ),
    );
    return paths.flat();
  } catch (cause) {
    throw notWritten('the pictures', out, cause);
  }
}

/** Draws the pictures of the run in `folder`, from its files only. @returns the paths written */
export async function renderRun(folder: string, options?: PictureOptions): Promise<string[]> {
  return renderPictures(await readSummed(folder), options);
}
