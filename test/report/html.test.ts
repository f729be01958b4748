/** report.html: what users and targets write is text; and what a real browser makes of the page. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { htmlReport } from '../../report/html.ts';
import { jsonInHtml, printHtml } from '../../report/print-html.ts';
import type { Run } from '../../results/reader.ts';
import { chromiumPath } from '../../bench/chromium.ts';
import { lookAt } from '../support/browser.ts';
import { chainFigures } from '../support/chain-figures.ts';
import { scratchFolder } from '../support/scratch.ts';
import { slowOnly } from '../support/thorough.ts';
import { SYNTHETIC_RUNS, syntheticRun } from '../../bench/synthetic-run.ts';

const EVIL = `</script><script>alert(1)</script>"'><img src=http://x.example/a.png onerror=alert(1)>`;
function evilRun(): Run {
  const run = syntheticRun({ seconds: 5, targetUrl: `http://t.example/${EVIL}` });
  const { summary, plan } = run;
  return {
    ...run,
    plan: { ...plan!, id: `id ${EVIL}`, ci: { commit: 'a'.repeat(40), url: 'https://github.com/o/n/actions/runs/17' } }, // prettier-ignore
    resources: run.resources.map((line) => (line.kind === 'process' && line.name === 'backend' ? { ...line, name: EVIL } : line)), // prettier-ignore
    summary: {
      ...summary!,
      notes: [EVIL],
      e2e: chainFigures(run.samples[0].t, 5, [EVIL, 'counted']),
      gates: [{ name: EVIL, state: 'fail', value: 1, limit: 0, unit: EVIL }],
      figures: { ...summary!.figures, refusals: [{ answer: '400', text: EVIL, count: 1 }] },
      verdict: { ...summary!.verdict, sentence: EVIL },
    },
  };
}

const count = (text: string, part: RegExp): number => (text.match(part) ?? []).length;

test('what users and targets write is no markup, and the policy lets one program run', () => {
  const html = htmlReport(evilRun());
  assert.doesNotMatch(html, /<img|onerror=alert\(1\)>(?!&)|<script>alert/);
  assert.equal(count(html, /<script\b/g), 3);
  assert.equal(count(html, /<\/script/g), 3);
  const [, policy] = /Content-Security-Policy" content="([^"]*)"/.exec(html)!;
  assert.match(policy, /^default-src 'none'; script-src 'sha256-[^ ']+'; style-src 'sha256-[^ ']+'; font-src data:;/); // prettier-ignore
  for (const [directive, element] of [
    ['script', /<script>([^]*?)<\/script>/],
    ['style', /<style>([^]*?)<\/style>/],
  ] as const) {
    const hash = createHash('sha256').update(element.exec(html)![1]).digest('base64');
    assert.ok(policy.includes(`${directive}-src 'sha256-${hash}'`), directive);
  }
  assert.match(html, /<a href="https:\/\/github\.com\/o\/n\/actions\/runs\/17" [^>]*>CI run<\/a>/);
  assert.match(html, /<a href="https:\/\/github\.com\/o\/n\/commit\/a{40}" [^>]*>commit a{7}<\/a>/);
  assert.doesNotMatch(htmlReport(syntheticRun({ seconds: 3 })), /<a /);
});

test('an address that is none of the web is no link', () => {
  const parts = { program: { text: '', hash: '' }, styleHash: '', fonts: [], chartData: null, issue: '' }; // prettier-ignore
  const links = [{ words: 'x', url: 'javascript:alert(1)' }];
  const html = printHtml({ title: 't', sections: [] }, 'passed', { ...parts, links });
  assert.doesNotMatch(html, /javascript|<a /);
});

test('data in the page is what it was, and closes no element', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom('</script>', '<!--', '\u2028'), (value, text) => {
      const json = jsonInHtml([value, text]);
      assert.doesNotMatch(json, /[<>&\u2028\u2029]/);
      assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify([value, text])));
    }),
  );
});

test('a run of no second, and a killed one, have a page too', () => {
  const killed: Run = { ...SYNTHETIC_RUNS.usual(), summary: null };
  assert.match(htmlReport(killed), /NO VERDICT/);
  const html = htmlReport({ ...killed, samples: [], resources: [], plan: null, reconcile: null });
  assert.match(html, /NO VERDICT/);
  assert.match(html, /data-chart="throughput"/);
  assert.doesNotMatch(
    html,
    /data-chart="(latency|heatmap|distribution|rate-latency|resources|io)"/,
  );
});

const chromium = chromiumPath();
const skip = chromium === null && 'no Chromium is installed (or named by CHROMIUM)';

/** When all are drawn: what each canvas has of ink, and what the button copies. */
const DRAWN = `new Promise((resolve) => {
  const canvases = [...document.querySelectorAll('canvas')];
  const isDrawn = () => canvases.every(({ dataset }) => dataset.drawn === 'yes');
  const look = () => isDrawn() ? resolve(canvases.map((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    return { chart: canvas.dataset.chart, label: canvas.getAttribute('aria-label'), colours: colours.size };
  })) : setTimeout(look, 20);
  look();
})`;
/** Whether the chart answers the pointer: its pixels change where the values appear. */
const HOVER = `new Promise((resolve) => {
  const canvas = document.querySelector('canvas');
  canvas.scrollIntoView();
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const before = canvas.toDataURL();
  const where = { clientX: left + width / 2, clientY: top + height / 2, bubbles: true };
  canvas.dispatchEvent(new MouseEvent('mousemove', where));
  setTimeout(() => resolve(canvas.toDataURL() !== before), 300);
})`;
/** The colours of the page, and of each chart which one most of it has, as it is drawn for a screen and for paper. */
const COLOURS = `(() => {
  const ofPage = () => { const { backgroundColor, color } = getComputedStyle(document.body); return [backgroundColor, color]; };
  const ofChart = (canvas) => {
    // A copy, as nobody reads a chart's own canvas again and again; each eighth pixel is enough.
    const copy = Object.assign(document.createElement('canvas'), { width: canvas.width >> 3, height: canvas.height >> 3 });
    const context = copy.getContext('2d', { willReadFrequently: true });
    context.imageSmoothingEnabled = false;
    context.drawImage(canvas, 0, 0, copy.width, copy.height);
    const { data } = context.getImageData(0, 0, copy.width, copy.height);
    const counts = new Map();
    for (let i = 0; i < data.length; i += 4) {
      const rgba = data.slice(i, i + 4).join(' ');
      counts.set(rgba, (counts.get(rgba) ?? 0) + 1);
    }
    return [...counts].sort(([, a], [, b]) => b - a)[0][0];
  };
  return { page: ofPage(), charts: [...document.querySelectorAll('canvas')].map(ofChart), button: getComputedStyle(document.getElementById('copy-issue')).display };
})()`;
const ALL_DRAWN = `new Promise((resolve) => {
  const look = () => [...document.querySelectorAll('canvas')].every(({ dataset }) => dataset.drawn === 'yes') ? resolve(true) : setTimeout(look, 20);
  look();
})`;
const BUTTON = `(() => { const button = document.getElementById('copy-issue'); button.click(); return button.hidden; })()`; // prettier-ignore

for (const [what, run, more] of [
  ['a usual run', () => SYNTHETIC_RUNS.usual(), []],
  ['a run full of markup, through the whole chain', evilRun, ['stage-lags']],
] as const)
  test(`a browser draws ${what}: all charts, no complaint, no request but for the page`, { skip, ...slowOnly }, async (t) => {
    const folder = scratchFolder(t);
    const file = join(folder, 'report.html');
    writeFileSync(file, htmlReport(run()));
    const { complaints, requests, values } = await lookAt(chromium!, file, folder, [DRAWN, BUTTON, HOVER]);
    assert.deepEqual(complaints, []);
    assert.deepEqual(requests.filter((url) => !url.startsWith('data:')), [`file://${file}`]); // prettier-ignore
    const charts = values[0] as { chart: string; label: string; colours: number }[];
    assert.deepEqual(charts.map(({ chart }) => chart), ['throughput', 'latency', 'heatmap', 'resources', 'distribution', 'rate-latency', 'asked', 'io', ...more]); // prettier-ignore
    for (const { chart, label, colours } of charts) {
      assert.ok(colours > 20, `${chart}: ${colours} colours`);
      assert.ok(label.length > 10);
    }
    assert.deepEqual(values.slice(1), [false, true]);
  }); // prettier-ignore

test(
  'in the dark a browser shows page and charts dark; on paper both are light, and dark again after it',
  { skip, ...slowOnly },
  async (t) => {
    const folder = scratchFolder(t);
    const file = join(folder, 'report.html');
    writeFileSync(file, htmlReport(SYNTHETIC_RUNS.usual()));
    const after = (event: string) => `(dispatchEvent(new Event('${event}')), ${COLOURS})`;
    const looks = [ALL_DRAWN, COLOURS, { media: 'print' }, after('beforeprint'), { media: 'screen' }, after('afterprint')] as const; // prettier-ignore
    const { complaints, values } = await lookAt(chromium!, file, folder, looks, { dark: true });
    assert.deepEqual(complaints, []);
    const all = (colour: string) => Array<string>(charts).fill(colour);
    const [, screen, paper, again] = values as {
      page: string[];
      charts: string[];
      button: string;
    }[];
    const charts = screen.charts.length;
    assert.ok(charts >= 8, String(charts));
    assert.deepEqual(screen, { page: ['rgb(26, 26, 26)', 'rgb(232, 232, 232)'], charts: all('26 26 26 255'), button: 'block' }); // prettier-ignore
    assert.deepEqual(paper, { page: ['rgb(255, 255, 255)', 'rgb(0, 0, 0)'], charts: all('255 255 255 255'), button: 'none' }); // prettier-ignore
    assert.deepEqual(again, screen);
  },
);
