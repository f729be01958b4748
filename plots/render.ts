/**
 * Draws charts to files. PNG through chartjs-node-canvas; SVG through chart.js on a canvas that records
 * paths (chartjs-node-canvas asks for the `svg` type of node-canvas, which @napi-rs/canvas does not have).
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
import { ChartJSNodeCanvas } from 'chartjs-node-canvas';
import writeFileAtomic from 'write-file-atomic';
import { readRun, type Run } from '../results/reader.ts';
import { UserError } from '../user-error.ts';
import { chartsOf, type ChartDefinition } from './charts.ts';
import { chartData } from './data.ts';
import { FONT_FAMILY } from './panels.ts';

/** Device pixels of a PNG for each CSS pixel: sharp on today's screens, and when a wiki scales it down. */
const PIXEL_RATIO = 2;

export const PICTURE_FORMATS = ['png', 'svg'] as const;
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

/** Files of @fontsource/inter by the family they are registered as; canvas takes the first that has a letter. */
const FONT_FILES: Record<string, readonly string[]> = {
  Inter: ['latin'],
  'Inter Extended': ['latin-ext'],
  'Inter Greek': ['greek'],
  'Inter Cyrillic': ['cyrillic'],
};

/** What a picture needs to be drawn, whatever it is called. */
type Drawable = Pick<ChartDefinition, 'width' | 'height' | 'config'> & {
  name?: string;
  title?: string;
  description?: string;
};

let fontsReady = false;

/** Registers the embedded font, once. @throws UserError if its files are missing or not readable */
export function registerFonts(): void {
  if (fontsReady) return;
  const require = createRequire(import.meta.url);
  for (const [family, subsets] of Object.entries(FONT_FILES))
    for (const subset of subsets)
      for (const weight of [400, 600]) {
        const name = `@fontsource/inter/files/inter-${subset}-${weight}-normal.woff2`;
        let path: string;
        try {
          path = require.resolve(name);
        } catch (cause) {
          throw new UserError(`the font ${name} is not installed`, { hint: 'run `npm ci`', cause });
        }
        if (!GlobalFonts.registerFromPath(path, family))
          throw new UserError(`the font ${path} cannot be loaded`, { hint: 'run `npm ci`' });
      }
  fontsReady = true;
}

/** The chart laid out and drawn on `canvas`; the caller destroys it. Tests look at its layout. */
export function drawOn(canvas: unknown, definition: Pick<ChartDefinition, 'config'>): ChartType {
  registerFonts();
  const config = definition.config() as ChartConfiguration;
  config.options = { ...config.options, devicePixelRatio: 1, font: { family: FONT_FAMILY } };
  return new Chart(canvas as ChartItem, config);
}

/** By size: each new one loads its own chart.js, which takes longer than some charts do to draw. */
const renderers = new Map<string, ChartJSNodeCanvas>();

/** @returns the bytes of a PNG, twice as wide and high as the definition says */
export function renderPng(definition: Drawable): Buffer {
  registerFonts();
  const { width, height } = definition;
  const size = `${width}x${height}`;
  const canvas = renderers.get(size) ?? new ChartJSNodeCanvas({ width, height });
  renderers.set(size, canvas);
  const config = definition.config() as ChartConfiguration;
  config.options = {
    ...config.options,
    devicePixelRatio: PIXEL_RATIO,
    font: { family: FONT_FAMILY },
  };
  return canvas.renderToBufferSync(config, 'image/png');
}

/** @returns an SVG document; its text is paths */
export function renderSvg(definition: Drawable): Buffer {
  const { width, height } = definition;
  const canvas = createCanvas(width, height, SvgExportFlag.ConvertTextToPaths);
  const chart = drawOn(canvas, definition);
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

const RENDER: Record<PictureFormat, (definition: ChartDefinition) => Buffer> = {
  png: renderPng,
  svg: renderSvg,
};

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
};

/**
 * Draws the pictures of a run that was read.
 * @returns the absolute paths written; each file is replaced at once, never half written
 */
export async function renderPictures(run: Run, options: PictureOptions = {}): Promise<string[]> {
  const out = resolve(options.out ?? run.folder);
  const definitions = definitionsOf(run);
  try {
    // The run's own folder is there, or was deleted: it is not made again for pictures alone.
    if (options.out !== undefined && !existsSync(out)) await mkdir(out, { recursive: true });
    const paths: string[] = [];
    for (const definition of definitions)
      for (const format of options.formats ?? PICTURE_FORMATS) {
        const path = join(out, `${definition.name}.${format}`);
        await writeFileAtomic(path, RENDER[format](definition));
        paths.push(path);
      }
    return paths;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === undefined) throw cause;
    throw new UserError(`the pictures cannot be written to ${out}: ${message}`, {
      hint: 'check the folder and its rights, or give another one with --out',
      cause,
    });
  }
}

/** Draws all pictures of the run in `folder`, from its files only. @returns the paths written */
export async function renderRun(folder: string, options?: PictureOptions): Promise<string[]> {
  return renderPictures(await readRun(folder), options);
}
