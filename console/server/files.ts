/** What of a run can be fetched: the files that lie there, and reports and pictures that are made when somebody asks. */
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { CHART_NAMES } from '../../plots/charts.ts';
import { REPORT_FILE } from '../../report/describe.ts';
import { readRun } from '../../results/reader.ts';
import { FILES } from '../../results/writer.ts';
import { resourcesCsv, samplesCsv } from './csv.ts';
import { linkIn, type RunFolders } from './run-list.ts';

export type FileKind = 'report' | 'picture' | 'table' | 'data' | 'log';
export type RunFile = { name: string; kind: FileKind; bytes: number | null };

export const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  md: 'text/plain; charset=utf-8',
  xml: 'text/xml; charset=utf-8',
  png: 'image/png',
  svg: 'image/svg+xml',
  csv: 'text/csv; charset=utf-8',
  json: 'application/json',
  ndjson: 'text/plain; charset=utf-8',
  log: 'text/plain; charset=utf-8',
};

/** Made from the run when it is asked for, if it does not lie there. */
const MADE: Record<string, (folder: string) => Promise<string | Buffer | null>> = {
  'report.html': async (folder) => (await import('../../report/html.ts')).htmlReport(await readRun(folder)), // prettier-ignore
  'samples.csv': async (folder) => samplesCsv((await readRun(folder)).samples),
  'resources.csv': async (folder) => resourcesCsv((await readRun(folder)).resources),
  ...Object.fromEntries(
    CHART_NAMES.flatMap((name) =>
      (['png', 'svg'] as const).map((form) => [
        `${name}.${form}`,
        (folder: string) => pictureOf(folder, name, form),
      ]),
    ),
  ),
};

async function pictureOf(
  folder: string,
  name: string,
  form: 'png' | 'svg',
): Promise<Buffer | string | null> {
  const { definitionsOf, renderPng, renderSvg } = await import('../../plots/render.ts');
  const definition = definitionsOf(await readRun(folder)).find((one) => one.name === name);
  if (definition === undefined) return null;
  return form === 'png' ? renderPng(definition) : renderSvg(definition);
}

const KNOWN: Record<string, FileKind> = {
  'report.html': 'report',
  [REPORT_FILE]: 'report',
  'junit.xml': 'report',
  'job-summary.md': 'report',
  'comparison.md': 'report',
  'comparison.json': 'data',
  'session.json': 'data',
  'samples.csv': 'table',
  'resources.csv': 'table',
  [FILES.plan]: 'data',
  [FILES.summary]: 'data',
  [FILES.reconcile]: 'data',
  [FILES.samples]: 'data',
  [FILES.resources]: 'data',
  [FILES.logs]: 'data',
  [FILES.logTail]: 'data',
  [FILES.reconcileList]: 'data',
  [FILES.reconcileLive]: 'data',
  [FILES.control]: 'data',
  [FILES.marks]: 'data',
  [FILES.fleet]: 'data',
  [FILES.k6Log]: 'log',
  [FILES.backendLog]: 'log',
  ...Object.fromEntries(
    CHART_NAMES.flatMap((name) => ['png', 'svg'].map((form) => [`${name}.${form}`, 'picture'])),
  ),
};

/** Those that lie in the folder, and those that would be made of it. */
export function filesOf(folder: string): RunFile[] {
  const there = new Set(readdirSync(folder));
  const hasSamples = there.has(FILES.samples);
  // Of a run that goes on a picture would be old when it is seen.
  const isOver = there.has(FILES.summary);
  return Object.entries(KNOWN)
    .filter(
      ([name]) =>
        there.has(name) || (hasSamples && (name.endsWith('.csv') || (isOver && isUsual(name)))),
    ) // prettier-ignore
    .map(([name, kind]) => ({
      name,
      kind,
      bytes: there.has(name)
        ? (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? null)
        : null,
    }));
}

const isUsual = (name: string): boolean =>
  name === 'report.html' || ['throughput', 'latency', 'resources', 'distribution'].some((chart) => name === `${chart}.png` || name === `${chart}.svg`); // prettier-ignore

/**
 * Nothing in a results folder may act as our own page: it may come from another machine. A report runs its own program (its own policy
 * says which) in an origin of its own; a picture runs nothing.
 */
export const policyOf = (ending: string): string =>
  ending === 'html'
    ? 'sandbox allow-scripts allow-downloads allow-popups'
    : "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:";

/** @returns null: there is no such file */
export async function fileResponse(
  folders: RunFolders,
  id: string,
  name: string,
): Promise<Response | null> {
  const folder = folders.folderOf(id);
  if (folder === null || !Object.hasOwn(KNOWN, name)) return null;
  const ending = name.slice(name.lastIndexOf('.') + 1);
  const isData = ['csv', 'json', 'ndjson', 'log', 'md', 'xml'].includes(ending);
  const headers = {
    'content-type': TYPES[ending] ?? 'application/octet-stream',
    'content-security-policy': policyOf(ending),
    'content-disposition': `${isData && ending !== 'log' ? 'attachment' : 'inline'}; filename="${`${id}-${name}`.replaceAll(/[^\w.-]/g, '-')}"`,
    'cache-control': 'no-cache',
  };
  const path = folders.fileOf(id, name);
  if (path !== null) {
    const body = Readable.toWeb(createReadStream(path)) as ReadableStream;
    return new Response(body, { headers });
  }
  if (existsSync(join(folder, name)) || !Object.hasOwn(MADE, name) || linkIn(folder) !== null)
    return null;
  const made = await MADE[name](folder);
  return made === null ? null : new Response(typeof made === 'string' ? made : new Uint8Array(made), { headers }); // prettier-ignore
}
