/**
 * What the console's page costs in a real Chromium (CHROMIUM, or the first on the path; "not here" where there is none): how long it takes from the
 * navigation to the frame with the first rows of 200 runs, and to that with the charts of a load that goes on; its script as it is served; its
 * memory while a load of eight hours goes on, 480 seconds of it at each look. Peer of the times: a picture of 300 bytes from the same server
 * in the same browser, in turns. Every load is one of a browser that knows nothing yet.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import type { Browser, Page } from 'playwright-core';
import { request } from 'undici';
import { clock } from '../console/page/series.ts';
import { takeLoadLock } from '../load/one-at-a-time.ts';
import { distFile } from '../paths.ts';
import { LineFile } from '../results/line-file.ts';
import { FILES } from '../results/writer.ts';
import { chromiumPath } from './chromium.ts';
import { type BenchLine, median } from './measure.ts';
import { syntheticRun, writeRun } from './synthetic-run.ts';

const RUNS = 200;
const LOADS = 9;
const LIVE_S = 600;
const HOURS = 8;
/** Of the run, at each look of the console, one a second. */
const SECONDS_A_LOOK = 480;
const LIMIT_MS = 120_000;
const LIVE = '2026-01-03T00-00-00Z-load';
const LONG = '2026-01-04T00-00-00Z-load';

type Line = Pick<BenchLine, 'case' | 'value' | 'unit'> & { peer?: string; peerValue?: number };

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  const say = ({ peer, peerValue, ...line }: Line) =>
    report({
      bench: 'console',
      ...line,
      peer: peer ?? null,
      peer_value: peerValue ?? null,
      ratio: peerValue === undefined ? null : Number((line.value / peerValue).toFixed(2)),
    });
  const folder = mkdtempSync(join(tmpdir(), 'mina-bench-console-'));
  try {
    const many = join(folder, 'many');
    const live = join(folder, 'live');
    for (const one of [many, live]) mkdirSync(one);
    const short = syntheticRun({ seconds: 60 });
    for (let i = 0; i < RUNS; i++) writeRun(join(many, idOf(i)), short);
    const chromium = await chromiumHere();
    await withConsole(many, async (origin) => {
      const value = await scriptKilobytes(origin);
      const line = { case: 'script of the page, gzip, as served', value, unit: 'KB (less is better)' }; // prettier-ignore
      if ('missing' in chromium)
        say({ ...line, peer: `Chromium not here, so times and memory are not measured: ${chromium.missing}` }); // prettier-ignore
      else say(line);
    });
    if ('missing' in chromium) return;
    const { browser } = chromium;
    try {
      await withConsole(
        many,
        (origin) =>
        times(browser, { origin, address: `${origin}/#/`, shown: '.run-main', what: `to the first rows of a list of ${RUNS} runs` }, say), // prettier-ignore
      );
      await withConsole(live, async (origin) => {
        const lock = takeLoadLock(live, origin);
        try {
          writeRun(join(live, LIVE), { ...syntheticRun({ seconds: LIVE_S }), summary: null });
          lock.setRun(join(live, LIVE));
          await times(browser, { origin, address: `${origin}/#/runs/${LIVE}`, shown: 'article[data-state="running"] canvas', what: `to the charts of a load that goes on, ${LIVE_S} s of it` }, say); // prettier-ignore
          lock.setRun(join(live, LONG));
          await memory(browser, origin, join(live, LONG), say);
        } finally {
          lock.release();
        }
      });
    } finally {
      await browser.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const idOf = (i: number): string => {
  const two = (value: number) => String(value).padStart(2, '0');
  return `2026-02-01T${two(Math.floor(i / 60))}-${two(i % 60)}-00Z-load`;
};

async function chromiumHere(): Promise<{ browser: Browser } | { missing: string }> {
  const executablePath = chromiumPath();
  if (executablePath === null) return { missing: 'apt-get install chromium, or set CHROMIUM' };
  try {
    const { chromium } = await import('playwright-core');
    return { browser: await chromium.launch({ executablePath, args: ['--no-sandbox'] }) };
  } catch (error) {
    return { missing: (error as Error).message.split('\n')[0] };
  }
}

/** As `npm run console -- --read-only` serves this folder, in a process of its own. */
async function withConsole(
  results: string,
  work: (origin: string) => Promise<void>,
): Promise<void> {
  const running = execa(process.execPath, [distFile('cli.js'), 'console', '--read-only', '--port=0', `--results=${results}`], { reject: false, forceKillAfterDelay: 10_000 }); // prettier-ignore
  try {
    const origin = await new Promise<string>((resolve, reject) => {
      let heard = '';
      running.stdout.setEncoding('utf8').on('data', (text: string) => {
        heard += text;
        const found = /^console: (http:\S+?)\/?$/m.exec(heard)?.[1];
        if (found !== undefined) resolve(found);
      });
      running.finally(() => reject(new Error(`the console did not start: ${heard}`))).catch(reject);
    });
    await work(origin);
  } finally {
    running.kill('SIGINT');
    await running;
  }
}

/** What its page asks for by name. */
async function scriptKilobytes(origin: string): Promise<number> {
  const page = await (await request(origin)).body.text();
  let bytes = 0;
  for (const [, path] of page.matchAll(/<script src="([^"]+)"/g)) {
    const { body, headers } = await request(`${origin}${path}`, { headers: { 'accept-encoding': 'gzip' } }); // prettier-ignore
    if (headers['content-encoding'] !== 'gzip') throw new Error(`${path} is not compressed`);
    bytes += (await body.arrayBuffer()).byteLength;
  }
  return Number((bytes / 1000).toFixed(1));
}

type Look = { origin: string; address: string; shown: string; what: string };

/** The first load of this console, then the median of some, and of the picture. */
async function times(
  browser: Browser,
  { origin, address, shown, what }: Look,
  say: (line: Line) => void,
): Promise<void> {
  const picture = () => msUntil(browser, `${origin}/assets/icon.svg`, 'svg');
  const page = () => msUntil(browser, address, shown);
  await picture();
  const first = await page();
  const [pages, pictures]: [number[], number[]] = [[], []];
  for (let i = 0; i < LOADS; i++) {
    pages.push(await page());
    pictures.push(await picture());
  }
  const line = (words: string, value: number) =>
    say({ case: `from the navigation ${what}, ${words}`, value, unit: 'ms (less is better)', peer: 'a picture of 300 bytes from the same server', peerValue: median(pictures) }); // prettier-ignore
  line(`median of ${LOADS} loads`, median(pages));
  line('the first load of a console that has just begun', first);
}

/** Until the first frame in which `shown` is there, in whole ms. */
async function msUntil(browser: Browser, address: string, shown: string): Promise<number> {
  const context = await browser.newContext();
  try {
    context.setDefaultTimeout(LIMIT_MS);
    const page = await context.newPage();
    await page.addInitScript(`globalThis.shownMs = new Promise((resolve) => { const look = () => document.querySelector(${JSON.stringify(shown)}) ? resolve(performance.now()) : requestAnimationFrame(look); look(); })`); // prettier-ignore
    await page.goto(address);
    return Math.round(Number(await page.evaluate('globalThis.shownMs')));
  } finally {
    await context.close();
  }
}

/** Beside that of its first ten minutes: a page that grew with its run would have 48 times the points. */
async function memory(
  browser: Browser,
  origin: string,
  folder: string,
  say: (line: Line) => void,
): Promise<void> {
  const run = syntheticRun({ seconds: HOURS * 3600, rate: 5 });
  const [{ t: startT }] = run.samples;
  const beganT = startT + LIVE_S * 1000;
  writeRun(folder, { ...run, summary: null, reconcile: null, samples: run.samples.filter(({ t }) => t < beganT), resources: run.resources.filter(({ t }) => t < beganT) }); // prettier-ignore
  const files = ([[FILES.samples, run.samples], [FILES.resources, run.resources]] as const).map(([name, lines]) => ({ file: new LineFile(join(folder, name)), lines })); // prettier-ignore
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(`${origin}/#/runs/${LONG}`);
    const shown = page.locator('.time strong');
    const isAt = async (seconds: number) => {
      const wanted = clock(seconds * 1000);
      for (const until = performance.now() + LIMIT_MS; (await shown.textContent()) !== wanted;) {
        if (performance.now() > until) throw new Error(`the page does not come to ${wanted}`);
        await setTimeout(50);
      }
    };
    await isAt(LIVE_S);
    // The first messages of a page make it grow, whatever it shows.
    const before = await heapMegabytes(page);
    let most = before;
    for (let from = LIVE_S; from < HOURS * 3600; from += SECONDS_A_LOOK) {
      const until = Math.min(from + SECONDS_A_LOOK, HOURS * 3600);
      const [fromT, untilT] = [startT + from * 1000, startT + until * 1000];
      for (const { file, lines } of files)
        for (const line of lines)
          if (line.t >= fromT && line.t < untilT) file.append(JSON.stringify(line));
      await isAt(until);
      most = Math.max(most, await heapMegabytes(page));
    }
    const line = (words: string, value: number) =>
      say({ case: `heap of the page of a load of ${HOURS} hours, ${words}`, value, unit: 'MB (less is better)', peer: `the same page after ${LIVE_S / 60} minutes`, peerValue: before }); // prettier-ignore
    line('at its end', await heapMegabytes(page));
    line('the most of it', most);
  } finally {
    for (const { file } of files) file.close();
    await context.close();
  }
}

/** After a collection of its garbage. */
async function heapMegabytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = (await session.send('Runtime.getHeapUsage')) as { usedSize: number };
  await session.detach();
  return Number((usedSize / 1e6).toFixed(1));
}
