/**
 * The program inside report.html: draws the charts of plots/ from the data in the page, so that they can be asked for values, and copies
 * the report as an issue. Bundled into dist/report-page.js, chart.js and all; it asks no network for anything.
 */
import { Chart } from 'chart.js';
import { chartsOf } from '../../plots/charts.ts';
import type { ChartData } from '../../plots/data.ts';
import { EMBEDDED_FONT, FONT_FAMILY } from '../../plots/panels.ts';
import type { Browser, Element } from './dom.ts';
import { interactive } from './interactive.ts';

const { document, navigator } = globalThis as unknown as Browser;

/** @returns what stands in the page as JSON */
function dataOf<T>(id: string): T | null {
  const text = document.getElementById(id)?.textContent;
  return text ? (JSON.parse(text) as T) : null;
}

async function draw(): Promise<void> {
  const data = dataOf<ChartData>('chart-data');
  if (data === null) return;
  // Texts are measured once: before the fonts are there, they would be measured by others.
  await Promise.all(
    ['400', '600'].map((weight) => document.fonts.load(`${weight} 14px '${EMBEDDED_FONT}'`)),
  );
  const charts = new Map(chartsOf(data).map((one) => [String(one.name), one]));
  for (const canvas of document.querySelectorAll('canvas')) {
    const definition = charts.get(canvas.dataset.chart ?? '');
    if (definition === undefined) continue;
    const { width, height, description } = definition;
    canvas.setAttribute('width', String(width));
    canvas.setAttribute('height', String(height));
    canvas.setAttribute('aria-label', description);
    const config = interactive(definition.config());
    config.options = {
      ...config.options,
      devicePixelRatio: 2,
      font: { family: FONT_FAMILY },
    };
    new Chart(canvas, config);
    canvas.dataset.drawn = 'yes';
  }
}

async function copy(text: string): Promise<boolean> {
  try {
    if (navigator.clipboard !== undefined) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // Not allowed here: the old way may be.
  }
  const area: Element = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}

function offerIssue(): void {
  const button = document.getElementById('copy-issue');
  const issue = dataOf<string>('issue');
  if (button === null || issue === null) return;
  button.hidden = false;
  button.addEventListener('click', () => {
    void copy(issue).then((done) => {
      button.textContent = done ? 'Copied' : 'The browser does not allow it';
    });
  });
}

offerIssue();
void draw();
