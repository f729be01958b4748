/** Pictures as tests look at them: their pixels beside a golden file, and where each of their texts lands. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Canvas, createCanvas, type ImageData, loadImage, type SKRSContext2D } from 'canvas';
import pixelmatch from 'pixelmatch';
import { type Drawable, drawOn } from '../../plots/render.ts';
import type { Theme } from '../../plots/theme.ts';
import { projectRoot } from '../../paths.ts';

type Picture = Pick<ImageData, 'data' | 'width' | 'height'>;

const pixelsOf = (canvas: Canvas): Picture =>
  canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);

/** What a PNG or an SVG shows. */
export async function shown(file: Buffer): Promise<Picture> {
  const image = await loadImage(file);
  const canvas = createCanvas(image.width, image.height);
  canvas.getContext('2d').drawImage(image, 0, 0);
  return pixelsOf(canvas);
}

/** The chart at one device pixel per CSS pixel. @param save gets it as a PNG */
export function raster(definition: Drawable, theme?: Theme, save?: (png: Buffer) => void): Picture {
  const canvas = createCanvas(definition.width, definition.height);
  const chart = drawOn(canvas, definition, { theme });
  const pixels = pixelsOf(canvas);
  save?.(canvas.toBuffer('image/png'));
  chart.destroy(); // it empties the canvas
  return pixels;
}

/** Pixels that differ visibly. */
export function differences(a: Picture, b: Picture, threshold: number): number {
  assert.deepEqual([a.width, a.height], [b.width, b.height]);
  return pixelmatch(a.data, b.data, undefined, a.width, a.height, { threshold });
}

/** Share of pixels that may differ: letters are smoothed a little differently from machine to machine. */
export const TOLERANCE = 0.002;

export type TextBox = { text: string; left: number; right: number; top: number; bottom: number };

/** Every text that is drawn, where it really lands on the canvas. */
export function textBoxes(definition: Drawable): TextBox[] {
  const canvas = createCanvas(definition.width, definition.height);
  const context: SKRSContext2D = canvas.getContext('2d');
  const boxes: TextBox[] = [];
  const fillText = context.fillText.bind(context);
  context.fillText = (text: string, x: number, y: number, maxWidth?: number) => {
    const size = context.measureText(text);
    const transform = context.getTransform();
    const corners = [
      [x - size.actualBoundingBoxLeft, y - size.actualBoundingBoxAscent],
      [x + size.actualBoundingBoxRight, y + size.actualBoundingBoxDescent],
    ].map(([cornerX, cornerY]) => [
      transform.a * cornerX + transform.c * cornerY + transform.e,
      transform.b * cornerX + transform.d * cornerY + transform.f,
    ]);
    const [xs, ys] = [0, 1].map((axis) =>
      corners.map((corner) => corner[axis]).sort((a, b) => a - b),
    );
    boxes.push({ text, left: xs[0], right: xs[1], top: ys[0], bottom: ys[1] });
    if (maxWidth === undefined) fillText(text, x, y);
    else fillText(text, x, y, maxWidth);
  };
  drawOn(canvas, definition).destroy();
  return boxes.filter(({ text }) => text !== '');
}

export const overlap = (a: TextBox, b: TextBox): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/** Compares with `test/golden/NAME.png`. UPDATE_GOLDEN=1 writes it anew: look at each before it is committed. */
export async function matchesGolden(
  definition: Drawable,
  name: string,
  theme: Theme,
): Promise<void> {
  const file = join(projectRoot, 'test/golden', `${name}.png`);
  const save = process.env.UPDATE_GOLDEN ? (png: Buffer) => writeFileSync(file, png) : undefined;
  const drawn = raster(definition, theme, save);
  const different = differences(await shown(readFileSync(file)), drawn, 0.2);
  assert.ok(different <= TOLERANCE * drawn.width * drawn.height, `${different} pixels differ`);
}

/** All text is inside the picture, and no two texts meet. */
export function textsApart(definition: Drawable): void {
  const boxes = textBoxes(definition);
  assert.ok(boxes.length >= 4, 'title, subtitle and axis titles at least');
  for (const box of boxes)
    assert.ok(
      box.left >= 0 &&
        box.top >= 0 &&
        box.right <= definition.width &&
        box.bottom <= definition.height,
      `"${box.text}" lies outside: ${JSON.stringify(box)}`,
    );
  boxes.forEach((box, i) => {
    for (const other of boxes.slice(i + 1))
      assert.ok(!overlap(box, other), `"${box.text}" meets "${other.text}"`);
  });
}
