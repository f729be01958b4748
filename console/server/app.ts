/** The console's answers to requests; pure of listening. */
import { lstatSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { secureHeaders } from 'hono/secure-headers';
import type { z } from 'zod';
import { controlRun } from '../../load/control/client.ts';
import type { ControlRequest } from '../../load/control/protocol.ts';
import { parseRate } from '../../load/pace.ts';
import { chartData } from '../../plots/data.ts';
import { calibrationPathOf, readCalibrations } from '../../report/compare/calibration.ts';
import { compareSideBySide } from '../../report/compare/side-by-side.ts';
import { pageOfRun } from '../../report/run-page.ts';
import { writeWiki } from '../../report/wiki.ts';
import { readRun } from '../../results/reader.ts';
import type { Plan } from '../../results/types.ts';
import { FILES } from '../../results/writer.ts';
import type { OptionSpec } from '../../system/option.ts';
import { UserError } from '../../user-error.ts';
import type { Assets } from './assets.ts';
import {
  controlBody,
  emptyBody,
  openApi,
  planBody,
  ROUTES,
  type RouteName,
  startBody,
} from './api.ts';
import { bodyOf, eventStreams, fromOf, type Handler, idOf, must, Refused } from './answers.ts';
import type { Audit } from './audit.ts';
import { e2eAnswers, type E2eParts } from './e2e-answers.ts';
import { fileResponse, filesOf } from './files.ts';
import { Followers } from './followers.ts';
import { refusalOf } from './guard.ts';
import type { Loads, RunsNow } from './loads.ts';
import { commandLineOf, type GivenOptions, NOT_TAKEN, type Planner, wordsOf } from './planner.ts';
import { isOwnFile, linkIn, matches, type RunFolders, type RunRow } from './run-list.ts';
import { WatchedRun } from './watch.ts';

export type ConsoleParts = {
  version: string;
  folders: RunFolders;
  /** As the user named it, for command lines; null: the default. */
  resultsOption: string | null;
  /** Options that may be given several times. */
  repeatable: readonly string[];
  /** null: results are shown and nothing is changed. */
  changes: { token: string; loads: Loads; planner: Planner; wiki: string | null } | null;
  e2e: E2eParts;
  audit: Audit;
  assets: Assets;
};

const BODY_BYTES = 64 * 1024;
const ROWS = 100;
const MOST_ROWS = 1000;
const COMMON = {
  // No TLS here, and no other host of this name is to learn of one.
  strictTransportSecurity: false,
  xFrameOptions: 'DENY',
};
const fileHeaders = secureHeaders(COMMON);
const pageHeaders = secureHeaders({
  ...COMMON,
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    fontSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
});

export function consoleApp(parts: ConsoleParts): { app: Hono; stop: () => void } {
  const { folders, changes, audit, assets, version } = parts;
  const watched = new Followers((id, folder) => {
    const now = () => {
      const running = folders.runningId();
      return { isRunning: running === id || running?.startsWith(`${id}~`) === true, lines: changes?.loads.linesOf(id) ?? [] }; // prettier-ignore
    };
    return new WatchedRun(folder, now);
  });
  const closing = new AbortController();
  const stream = eventStreams(closing.signal);
  const ofE2e = e2eAnswers(parts.e2e, { audit, stream });

  const app = new Hono();
  app.use((c, next) =>
    // What lies in a results folder has a policy of its own, stricter than the page's.
    /^\/api\/(?:runs|e2e)\/[^/]+\/(?:files|logs)\//.test(c.req.path)
      ? fileHeaders(c, next)
      : pageHeaders(c, next),
  );
  app.use(async (c, next) => {
    const found = refusalOf(
      { method: c.req.method, path: c.req.path, header: (name) => c.req.header(name) },
      changes?.token ?? null,
    );
    if (found === null) return next();
    audit.refused({ from: fromOf(c), action: `${c.req.method} ${c.req.path}`, run: null, outcome: `refused: ${found.message}` }); // prettier-ignore
    return c.json({ error: { message: found.message, hint: found.hint } }, found.status);
  });
  app.use(
    bodyLimit({
      maxSize: BODY_BYTES,
      onError: (c) => c.json({ error: { message: `a request has at most ${BODY_BYTES} bytes`, hint: 'send options only' } }, 413), // prettier-ignore
    }),
  );

  const folderOf = (id: string): string =>
    must(folders.folderOf(id), `there is no run ${id.slice(0, 100)}`);
  const changing = () => {
    if (changes === null)
      throw new Refused(403, 'this console only shows results', 'start it without --read-only');
    return changes;
  };
  /** A run that was read, or why not. */
  const runOf = (id: string) => {
    const folder = folderOf(id);
    const link = linkIn(folder);
    if (link !== null)
      throw new Refused(409, `${link} of this run is a link, which may lead anywhere`, 'put the file itself there'); // prettier-ignore
    return readRun(folder);
  };

  const checked = (given: GivenOptions): GivenOptions => {
    const wrong = Object.keys(given).filter((name) => NOT_TAKEN.includes(name));
    if (wrong.length === 0) return given;
    const problems = wrong.map((name) => `--${name} is not taken here`);
    throw new Refused(422, problems.join('\n'), 'use the command line for it', problems);
  };
  const planned = async (given: GivenOptions) => {
    const plan = await changing().planner.plan(checked(given));
    if ('problems' in plan)
      throw new Refused(422, plan.problems.join('\n'), 'mend the options', plan.problems);
    return plan;
  };

  const handlers: Record<RouteName, Handler> = {
    console: (c) =>
      c.json({
        version,
        results: folders.root,
        readOnly: changes === null,
        canWiki: changes !== null && changes.wiki !== null,
        current: currentOf(changes?.loads.current() ?? null, ofE2e.current()),
      }),
    form: (c) => {
      const { options, scenarios, headings } = changing().planner;
      return c.json({
        scenarios,
        headings,
        options: options.filter(({ name }) => !NOT_TAKEN.includes(name)).map(forForm),
        e2e: ofE2e.options().map(forForm),
      });
    },
    plan: async (c) => {
      const { options } = await bodyOf(c, planBody);
      const plan = await planned(options);
      return c.json({ command: commandLineOf(options, parts.resultsOption), ...plan });
    },
    start: async (c) => {
      const { options, confirmHosts } = await bodyOf(c, startBody);
      const { remoteHosts } = await planned(options);
      const unsure = remoteHosts.filter((host) => !confirmHosts.includes(host));
      if (unsure.length > 0)
        throw new Refused(409, `${unsure.join(', ')} is not this machine`, 'confirm that its owner expects this load: write the host once more'); // prettier-ignore
      const allowed: GivenOptions = remoteHosts.length > 0 ? { ...options, 'allow-remote': true } : options; // prettier-ignore
      const command = commandLineOf(allowed, parts.resultsOption);
      const started = await changing().loads.start(wordsOf(allowed));
      const outcome = started.kind === 'started' ? 'started' : `refused: ${started.message}`;
      audit.done({ from: fromOf(c), action: `start: ${command}`, run: started.kind === 'started' ? started.id : null, outcome }); // prettier-ignore
      if (started.kind === 'refused') throw new Refused(409, started.message, started.hint);
      return c.json({ id: started.id, command }, started.id === null ? 202 : 201);
    },
    list: (c) => {
      const search = c.req.query('search') ?? '';
      const asked = Number(c.req.query('limit') ?? ROWS);
      const limit = Number.isInteger(asked) && asked > 0 ? Math.min(asked, MOST_ROWS) : ROWS;
      const before = c.req.query('before');
      const runs: RunRow[] = [];
      for (const id of folders.ids()) {
        if (before !== undefined && id >= before) continue;
        const row = folders.row(id);
        if (search !== '' && !matches(row, search)) continue;
        if (runs.length === limit) return c.json({ runs, more: true });
        runs.push(row);
      }
      return c.json({ runs, more: false });
    },
    run: async (c) => {
      const id = idOf(c);
      const folder = folderOf(id);
      const figures = (await watched.once(id, folder)).message(undefined);
      const again = await optionsOf(folder, parts.repeatable);
      return c.json({
        row: folders.row(id),
        // Series come as events, or as charts.
        figures: { ...figures, whole: undefined, recent: undefined },
        files: filesOf(folder),
        parts: folders.partsOf(id).map((part) => folders.row(part)),
        again,
        command: again === null ? null : commandLineOf(again, parts.resultsOption),
      });
    },
    events: (c) => {
      const id = idOf(c);
      return stream(c, watched, { id, folder: folderOf(id), event: 'run' });
    },
    report: async (c) => c.json(pageOfRun(await runOf(idOf(c)), [])),
    charts: async (c) => {
      const data = chartData(await runOf(idOf(c)));
      return c.json({ ...data, latency: data.latency && { ...data.latency, hdr: '' } });
    },
    file: async (c) =>
      must(await fileResponse(folders, idOf(c), c.req.param('name') ?? ''), 'there is no such file'), // prettier-ignore
    stop: async (c) => {
      await bodyOf(c, emptyBody);
      const id = idOf(c);
      folderOf(id);
      const { loads } = changing();
      try {
        await loads.stop(id);
      } catch (error) {
        audit.done({ from: fromOf(c), action: 'stop', run: id, outcome: `refused: ${(error as Error).message}` }); // prettier-ignore
        throw error;
      }
      audit.done({ from: fromOf(c), action: 'stop', run: id, outcome: 'stopping' });
      return c.json({ id });
    },
    control: async (c) => {
      const asked = await bodyOf(c, controlBody);
      const id = idOf(c);
      const folder = folderOf(id);
      changing();
      const words = asked.action === 'rate' ? `rate ${asked.rate}` : asked.action;
      const note = (outcome: string) => audit.done({ from: fromOf(c), action: words, run: id, outcome }); // prettier-ignore
      try {
        const state = await controlRun(folder, controlRequestOf(asked));
        note('done');
        return c.json(state);
      } catch (error) {
        note(`refused: ${(error as Error).message}`);
        throw error;
      }
    },
    wiki: async (c) => {
      await bodyOf(c, emptyBody);
      const id = idOf(c);
      const { wiki } = changing();
      if (wiki === null)
        throw new Refused(409, 'no wiki is known', 'start the console with --wiki DIR');
      const { changed } = await writeWiki(await runOf(id), wiki);
      audit.done({ from: fromOf(c), action: 'wiki', run: id, outcome: `${changed.length} files written` }); // prettier-ignore
      return c.json({ changed });
    },
    compare: async (c) => {
      const [base, run] = [c.req.query('base') ?? '', c.req.query('run') ?? ''];
      const compared = await runOf(base);
      const noise = calibrationPathOf(compared.folder);
      // A link may lead anywhere: as if nothing had been measured.
      const isLink = lstatSync(noise, { throwIfNoEntry: false })?.isSymbolicLink() === true;
      const { byFingerprint } = isLink ? { byFingerprint: {} } : await readCalibrations(noise);
      const { page, unlike } = compareSideBySide(compared, [await runOf(run)], { calibrations: byFingerprint }); // prettier-ignore
      return c.json({ page, unlike });
    },
    openapi: (c) => c.json(openApi(version)),
    ...ofE2e.handlers,
  };
  for (const name of Object.keys(ROUTES) as RouteName[]) {
    const { method, path } = ROUTES[name];
    app.on(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, ':$1'), handlers[name]);
  }
  app.get('/', (c) => assetResponse(c, assets, 'index.html'));
  app.get('/assets/:name', (c) => assetResponse(c, assets, c.req.param('name')));
  app.notFound(
    (c) =>
    c.json({ error: { message: `there is nothing at ${c.req.path.slice(0, 100)}`, hint: 'see /api/openapi.json' } }, 404), // prettier-ignore
  );
  app.onError((error, c) => {
    if (error instanceof Refused) {
      const { message, hint, problems, status } = error;
      return c.json({ error: { message, hint, ...(problems && { problems }) } }, status);
    }
    if (error instanceof UserError)
      return c.json({ error: { message: error.message, hint: error.hint } }, 409);
    return c.json({ error: { message: error.message, hint: 'this is a fault of the toolkit: please report it' } }, 500); // prettier-ignore
  });
  return {
    app,
    stop() {
      closing.abort();
      watched.stop();
      ofE2e.stop();
    },
  };
}

/** What the page needs of an option. */
const forForm = (option: OptionSpec) => ({ ...option, check: undefined, isPath: undefined });

/** What runs now: of an end-to-end run that this console started it knows more than the lock says. */
const currentOf = (
  running: RunsNow | null,
  e2e: { id: string | null; lines: string[] } | null,
): RunsNow | null =>
  running !== null && running.what === 'e2e' && e2e !== null
    ? { ...running, ...e2e, startedHere: true }
    : running;

function controlRequestOf(asked: z.infer<typeof controlBody>): ControlRequest {
  if (asked.action !== 'rate') return { action: asked.action, by: 'console' };
  const rate = parseRate(asked.rate);
  const perSecond = 'problem' in rate ? 0 : (rate.starts * 1000) / rate.timeUnitMs;
  if (perSecond > 0) return { action: 'rate', perSecond, by: 'console' };
  const why = 'problem' in rate ? rate.problem : 'must be above 0: pause stops the sending';
  throw new Refused(422, `the rate ${why}`, 'write it as 300/s', [`the rate ${why}`]);
}

/** What was chosen for a run, to run it again with the same seed; null: its plan is not there. */
async function optionsOf(
  folder: string,
  repeatable: readonly string[],
): Promise<GivenOptions | null> {
  let plan: Plan;
  const path = join(folder, FILES.plan);
  if (!isOwnFile(path)) return null;
  try {
    plan = JSON.parse(await readFile(path, 'utf8')) as Plan;
  } catch {
    return null;
  }
  const given: GivenOptions = { scenario: plan.scenario, seed: plan.seed };
  for (const [name, { value, source }] of Object.entries(plan.options)) {
    const isChosen = !['default', 'scenario'].includes(source);
    if (NOT_TAKEN.includes(name) || value === null || value === false) continue;
    if (isChosen)
      given[name] =
        value === true
          ? true
          : repeatable.includes(name)
            ? String(value).split(', ')
            : String(value);
  }
  return given;
}

function assetResponse(c: Context, assets: Assets, name: string): Response {
  const asset = assets.get(name);
  if (asset === undefined) return c.notFound() as Response;
  const { bytes, gzip, type, etag } = asset;
  const headers = {
    'content-type': type,
    etag,
    'cache-control': 'no-cache',
    vary: 'accept-encoding',
  };
  if (c.req.header('if-none-match') === etag) return new Response(null, { status: 304, headers });
  const packed = gzip !== null && /\bgzip\b/.test(c.req.header('accept-encoding') ?? '');
  return new Response(new Uint8Array(packed ? gzip : bytes), {
    headers: { ...headers, ...(packed && { 'content-encoding': 'gzip' }) },
  });
}
