/** The console's answers about end-to-end runs; pure of listening. */
import { createReadStream, readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Context } from 'hono';
import type { OptionSpec } from '../../system/option.ts';
import { bodyOf, type eventStreams, fromOf, type Handler, idOf, must, Refused } from './answers.ts';
import { e2eBody, emptyBody, type RouteName } from './api.ts';
import type { Audit } from './audit.ts';
import { type E2eFolders, type E2ePlace, type E2eRow, filesOf } from './e2e-folders.ts';
import { dumpOf, JudgedDumps } from './e2e-judged.ts';
import { logEnd, logsOf, MOST_BYTES, USUAL_BYTES } from './e2e-logs.ts';
import type { E2eRuns } from './e2e-runs.ts';
import { lagsOf, searchTrace, type TraceLags, traceLines, traceMark } from './e2e-trace.ts';
import { WatchedE2e } from './e2e-watch.ts';
import { type FileKind, policyOf, type RunFile, TYPES } from './files.ts';
import { Followers } from './followers.ts';
import { e2eCommandLineOf, type E2ePlanner, type GivenOptions, wordsOf } from './planner.ts';

export type E2eParts = {
  folders: E2eFolders;
  /** As the user named it, for command lines; null: the default. */
  folderOption: string | null;
  /** null: runs are shown and nothing is changed. */
  changes: { runs: E2eRuns; planner: E2ePlanner } | null;
};

type E2eRoute = Extract<RouteName, `e2e${string}`>;

const ROWS = 100;
const MOST_ROWS = 1000;
const TRACES = 20;
const MOST_TRACES = 200;

/** Files of the results that may be fetched. */
const FILES: Record<string, FileKind> = {
  'report.md': 'report',
  'fork.md': 'report',
  'junit.xml': 'report',
  'stage-lags.png': 'picture',
  'stage-lags.svg': 'picture',
  'run.json': 'data',
  'assertions.json': 'data',
  'trace.ndjson': 'data',
  'sent.ndjson': 'data',
  'events.ndjson': 'data',
};

function filesIn({ results }: E2ePlace): RunFile[] {
  const there = results === null ? [] : readdirSync(results);
  return Object.entries(FILES)
    .filter(([name]) => there.includes(name))
    .map(([name, kind]) => ({
      name,
      kind,
      bytes: statSync(join(results!, name), { throwIfNoEntry: false })?.size ?? null,
    }));
}

function fileOf({ id, results }: E2ePlace, name: string): Response | null {
  if (results === null || !Object.hasOwn(FILES, name)) return null;
  const path = join(results, name);
  try {
    if (realpathSync(path) !== path || !statSync(path).isFile()) return null;
  } catch {
    return null;
  }
  const ending = name.slice(name.lastIndexOf('.') + 1);
  const isShown = ['png', 'svg', 'md'].includes(ending);
  return new Response(Readable.toWeb(createReadStream(path)) as ReadableStream, {
    headers: {
      'content-type': TYPES[ending] ?? 'application/octet-stream',
      'content-security-policy': policyOf(ending),
      'content-disposition': `${isShown ? 'inline' : 'attachment'}; filename="${`${id}-${name}`.replaceAll(/[^\w.-]/g, '-')}"`,
      'cache-control': 'no-cache',
    },
  });
}

const matches = (row: E2eRow, search: string): boolean => {
  const text = Object.values(row).filter((value) => typeof value === 'string').join(' ').toLowerCase(); // prettier-ignore
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word)); // prettier-ignore
};

/** A whole number of the query. */
function numberOf(c: Context, name: string, usual: number, most: number): number {
  const asked = Number(c.req.query(name) ?? usual);
  return Number.isInteger(asked) && asked > 0 ? Math.min(asked, most) : usual;
}

export function e2eAnswers(
  { folders, folderOption, changes }: E2eParts,
  { audit, stream }: { audit: Audit; stream: ReturnType<typeof eventStreams> },
) {
  const watched = new Followers(
    (id) => new WatchedE2e(() => folders.placeOf(id), () => changes?.runs.linesOf(id) ?? []), // prettier-ignore
  );
  const dumps = new JudgedDumps();
  /** Of the traces that were read last. */
  let lags: { mark: string; found: Promise<TraceLags> } | null = null;

  const placeOf = (c: Context): E2ePlace =>
    must(folders.placeOf(idOf(c)), `there is no end-to-end run ${idOf(c).slice(0, 100)}`, 'see GET /api/e2e'); // prettier-ignore
  /** One key for all who watch it. */
  const keyOf = ({ id }: E2ePlace): string => `e2e ${id}`;
  const changing = () => {
    if (changes === null)
      throw new Refused(403, 'this console only shows results', 'start it without --read-only');
    return changes;
  };
  const planned = (given: GivenOptions) => {
    const { planner } = changing();
    const known = planner.options.map(({ name }) => name);
    const problems = Object.keys(given).filter((name) => !known.includes(name)).map((name) => `--${name} is not taken here`); // prettier-ignore
    if (problems.length > 0) throw new Refused(422, problems.join('\n'), 'use the command line for it', problems); // prettier-ignore
    const plan = planner.plan(given);
    if ('problems' in plan) throw new Refused(422, plan.problems.join('\n'), 'mend the options', plan.problems); // prettier-ignore
    return plan;
  };
  /** @returns lines of its traces, and what tells them from others; null: there are none yet */
  const tracesOf = (place: E2ePlace) => {
    const { results } = place;
    if (results === null) return null;
    const mark = traceMark(results);
    if (mark !== null) return { mark: `${results} ${mark}`, lines: () => traceLines(results) };
    // One that goes on is judged by its own step.
    const dump = place.state === null ? dumpOf(results) : null;
    return dump === null ? null : { mark: dump, lines: () => dumps.trace(dump) };
  };
  /** How to run it again, as a command line and, as far as a browser may choose its options, in the form. */
  const againOf = (place: E2ePlace) => {
    const { state, run } = filesOf(place);
    const chosen = run?.chosen ?? state?.chosen ?? null;
    if (chosen === null) return { again: null, leftOut: [], command: null };
    const known = changes?.planner.options.map(({ name }) => name) ?? [];
    const of = (isTaken: boolean) => Object.entries(chosen).filter(([name]) => known.includes(name) === isTaken); // prettier-ignore
    return {
      again: changes === null ? null : Object.fromEntries(of(true)),
      leftOut: changes === null ? [] : of(false).map(([name]) => name),
      command: e2eCommandLineOf(chosen, folderOption),
    };
  };
  const NO_TRACE = 'the way of submissions is written when the run is judged';

  const handlers: Record<E2eRoute, Handler> = {
    e2eList: (c) => {
      const search = c.req.query('search') ?? '';
      const limit = numberOf(c, 'limit', ROWS, MOST_ROWS);
      const runs: E2eRow[] = [];
      for (const id of folders.ids()) {
        const row = folders.row(id);
        if (search !== '' && !matches(row, search)) continue;
        if (runs.length === limit) return c.json({ runs, more: true });
        runs.push(row);
      }
      return c.json({ runs, more: false });
    },
    e2ePlan: async (c) => {
      const { options } = await bodyOf(c, e2eBody);
      return c.json({ command: e2eCommandLineOf(options, folderOption), ...planned(options) });
    },
    e2eStart: async (c) => {
      const { options } = await bodyOf(c, e2eBody);
      const { name } = planned(options);
      const command = e2eCommandLineOf(options, folderOption);
      const started = await changing().runs.start(name, wordsOf(options));
      const outcome = started.kind === 'started' ? 'started' : `refused: ${started.message}`;
      audit.done({ from: fromOf(c), action: `start: ${command}`, run: started.kind === 'started' ? started.id : null, outcome }); // prettier-ignore
      if (started.kind === 'refused') throw new Refused(409, started.message, started.hint);
      return c.json({ id: started.id, command }, started.id === null ? 202 : 201);
    },
    e2eRun: async (c) => {
      const place = placeOf(c);
      const one = await watched.once(place.id, keyOf(place));
      const figures = { ...one.message(undefined), points: undefined };
      return c.json({ row: folders.row(place.id), figures, logs: logsOf(place), files: filesIn(place), ...againOf(place) }); // prettier-ignore
    },
    e2eEvents: (c) => {
      const place = placeOf(c);
      return stream(c, watched, { id: place.id, folder: keyOf(place), event: 'e2e' });
    },
    e2eAssertions: async (c) => {
      const place = placeOf(c);
      const { judged, run } = filesOf(place);
      const dump = judged === null && place.state === null && place.results !== null ? dumpOf(place.results) : null; // prettier-ignore
      const found = judged ?? (dump === null ? [] : await dumps.judged(dump));
      return c.json({ judged: found, wanted: run?.wanted ?? [] });
    },
    e2eTrace: async (c) => {
      const traces = must(tracesOf(placeOf(c)), NO_TRACE, 'wait for its end');
      const most = numberOf(c, 'limit', TRACES, MOST_TRACES);
      return c.json(await searchTrace(traces.lines(), (c.req.query('search') ?? '').slice(0, 300), most)); // prettier-ignore
    },
    e2eLags: async (c) => {
      const { mark, lines } = must(tracesOf(placeOf(c)), NO_TRACE, 'wait for its end');
      if (lags?.mark !== mark) lags = { mark, found: lagsOf(lines()) };
      try {
        return c.json(await lags.found);
      } catch (error) {
        lags = null;
        throw error;
      }
    },
    e2eLogs: (c) => c.json({ logs: logsOf(placeOf(c)) }),
    e2eLog: async (c) => {
      const bytes = numberOf(c, 'bytes', USUAL_BYTES, MOST_BYTES);
      const name = c.req.param('name') ?? '';
      const { text, isCut } = must(await logEnd(placeOf(c), name, bytes), 'there is no such log', 'see GET /api/e2e/{id}/logs'); // prettier-ignore
      return new Response(text, {
        headers: {
          'content-type': TYPES.log,
          'content-security-policy': policyOf('log'),
          'cache-control': 'no-store',
          'x-cut': String(isCut),
        },
      });
    },
    e2eFile: (c) => must(fileOf(placeOf(c), c.req.param('name') ?? ''), 'there is no such file', 'see GET /api/e2e/{id}'), // prettier-ignore
    e2eStop: async (c) => {
      await bodyOf(c, emptyBody);
      const { runs } = changing();
      const { id } = placeOf(c);
      const note = (outcome: string) => audit.done({ from: fromOf(c), action: 'stop', run: id, outcome }); // prettier-ignore
      try {
        runs.stop(id);
      } catch (error) {
        note(`refused: ${(error as Error).message}`);
        throw error;
      }
      note('stopping');
      return c.json({ id });
    },
  };
  return {
    handlers,
    /** Of the form; none where nothing may be changed. */
    options: (): readonly OptionSpec[] => changes?.planner.options ?? [],
    current: () => changes?.runs.current() ?? null,
    stop: () => watched.stop(),
  };
}
