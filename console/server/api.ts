/** The interface of the console as data: paths, what goes in, what comes out. Requests are checked by it, and OpenAPI is printed from it. */
import { z } from 'zod';

const options = z
  .record(
    z.string().max(60),
    z.union([z.string().max(4000), z.array(z.string().max(4000)).max(100), z.literal(true)]),
  ) // prettier-ignore
  .describe(
    'options of npm run load by name, as texts; a list for one that may be given several times, true for a flag',
  );

export const planBody = z.strictObject({ options });
export const startBody = z.strictObject({
  options,
  confirmHosts: z
    .array(z.string().max(300))
    .max(20)
    .default([])
    .describe('hosts of targets that are not this machine, each written once more'),
});
/** `rate` as npm run ctl takes it. */
export const controlBody = z.discriminatedUnion('action', [
  z.strictObject({
    action: z.literal('rate'),
    rate: z.string().max(40).describe('submissions, such as 300/s or 50/min'),
  }),
  z.strictObject({ action: z.enum(['pause', 'resume', 'free']) }),
]);
export const emptyBody = z.strictObject({});
export const e2eBody = z.strictObject({
  options: options.describe('options of npm run e2e -- run by name, as those of a load'),
});

const nullable = <T extends z.ZodType>(type: T) => type.nullable();
const number = z.number();

const state = z.enum(['preparing', 'running', 'passed', 'gate failed', 'no data', 'generator-limited', 'broken', 'interrupted', 'unfinished', 'session', 'unreadable']); // prettier-ignore

const row = z.object({
  id: z.string(),
  scenario: z.string(),
  startedAt: nullable(z.string()),
  state,
  sentence: nullable(z.string()).describe('of the verdict'),
  target: nullable(z.string()),
  embedded: z.boolean(),
  seed: nullable(z.string()),
  commit: nullable(z.string()),
  sent: nullable(number),
  accepted: nullable(number),
  submissionsPerSecond: nullable(number),
  p95Ms: nullable(number),
  errorRate: nullable(number),
  durationMs: nullable(number),
});

const error = z.object({
  error: z.object({
    message: z.string(),
    hint: z.string(),
    problems: z.array(z.string()).optional().describe('every problem of the options, one sentence each'), // prettier-ignore
  }),
});

const decision = z.object({
  command: z.string().describe('the same load as a command line'),
  lines: z.array(z.object({ name: z.string(), text: z.string() })),
  gates: z.array(z.string()),
  options: z.record(z.string(), z.object({ value: z.union([z.string(), z.number(), z.boolean(), z.null()]), source: z.string() })), // prettier-ignore
  remoteHosts: z.array(z.string()),
});

const e2eState = z.enum(['running', 'kept', 'passed', 'failed', 'no data', 'broken', 'interrupted', 'unfinished', 'unreadable']); // prettier-ignore

const e2eRow = z.object({
  id: z.string(),
  startedAt: nullable(z.string()),
  state: e2eState,
  sentence: nullable(z.string()),
  network: nullable(z.string()).describe('who sends what'),
  step: nullable(z.string()).describe('that is under way'),
  held: nullable(number).describe('assertions that held'),
  failed: nullable(number),
  durationMs: nullable(number),
});

const judged = z.looseObject({
  name: z.string(),
  title: z.string(),
  outcome: z.enum(['held', 'failed', 'no data']),
  counts: z.record(z.string(), number).optional(),
  examples: z.array(z.looseObject({ what: z.string() })).optional(),
  lacks: z.array(z.string()).optional(),
});

const log = z.object({ name: z.string(), bytes: number, isLive: z.boolean() });

export type Route = {
  method: 'get' | 'post';
  /** As OpenAPI writes it. */
  path: string;
  summary: string;
  query?: Record<string, string>;
  body?: z.ZodType;
  /** Schema of a JSON answer; a text: the media type of another one. */
  answer: z.ZodType | string;
};

export const ROUTES = {
  console: {
    method: 'get',
    path: '/api/console',
    summary:
      'What this console is: version, results folder, whether it only shows, the load that runs',
    answer: z.looseObject({
      version: z.string(),
      results: z.string(),
      readOnly: z.boolean(),
      canWiki: z.boolean(),
      current: nullable(z.object({ what: z.enum(['load', 'nightly', 'e2e']), id: nullable(z.string()), since: z.string(), startedHere: z.boolean(), lines: z.array(z.string()) })), // prettier-ignore
    }),
  },
  form: {
    method: 'get',
    path: '/api/form',
    summary: 'Scenarios and options with their defaults, as the form shows them',
    answer: z.looseObject({}),
  },
  plan: {
    method: 'post',
    path: '/api/runs/plan',
    summary: 'Checks options and decides, without sending anything (the dry run)',
    body: planBody,
    answer: decision,
  },
  start: {
    method: 'post',
    path: '/api/runs',
    summary: 'Starts a load; answered when its folder is there',
    body: startBody,
    answer: z.object({ id: nullable(z.string()), command: z.string() }),
  },
  list: {
    method: 'get',
    path: '/api/runs',
    summary: 'Runs, newest first',
    query: { search: 'words that a row must hold', limit: 'rows at most (100)', before: 'rows older than this id' }, // prettier-ignore
    answer: z.object({ runs: z.array(row), more: z.boolean() }),
  },
  run: {
    method: 'get',
    path: '/api/runs/{id}',
    summary: 'One run: its row, its figures so far, its files, its parts, and how to run it again',
    answer: z.looseObject({ row, files: z.array(z.looseObject({ name: z.string() })), parts: z.array(row), again: nullable(options), command: nullable(z.string()) }), // prettier-ignore
  },
  events: {
    method: 'get',
    path: '/api/runs/{id}/events',
    summary: 'Server-sent events: the figures each second while it runs, series since Last-Event-ID (or ?since=); "beat" where nothing is new', // prettier-ignore
    query: { since: 'the id of the last event, where the header cannot be sent' },
    answer: 'text/event-stream',
  },
  report: {
    method: 'get',
    path: '/api/runs/{id}/report',
    summary: 'The report of a run as data: sections of paragraphs and tables',
    answer: z.looseObject({}),
  },
  charts: {
    method: 'get',
    path: '/api/runs/{id}/charts',
    summary: 'What the charts of a run are drawn from',
    answer: z.looseObject({}),
  },
  file: {
    method: 'get',
    path: '/api/runs/{id}/files/{name}',
    summary: 'A file of a run: report, picture (PNG, SVG), table (CSV), data (JSON), log',
    answer: 'application/octet-stream',
  },
  stop: {
    method: 'post',
    path: '/api/runs/{id}/stop',
    summary: 'Ends a run gracefully; its results are whole and say that it was interrupted',
    body: emptyBody,
    answer: z.object({ id: z.string() }),
  },
  control: {
    method: 'post',
    path: '/api/runs/{id}/control',
    summary: 'Changes the pace of a load that was started with --steerable: rate, pause, resume, or free (its VUs at their own pace)', // prettier-ignore
    body: controlBody,
    answer: z.looseObject({ id: z.string(), askedPerSecond: nullable(number), paused: z.boolean() }), // prettier-ignore
  },
  wiki: {
    method: 'post',
    path: '/api/runs/{id}/wiki',
    summary: 'Writes the page of a run into the wiki that --wiki names',
    body: emptyBody,
    answer: z.object({ changed: z.array(z.string()) }),
  },
  compare: {
    method: 'get',
    path: '/api/compare',
    summary: 'Two runs side by side',
    query: { base: 'id', run: 'id' },
    answer: z.looseObject({}),
  },
  e2eList: {
    method: 'get',
    path: '/api/e2e',
    summary: 'End-to-end runs, newest first',
    query: { search: 'words that a row must hold', limit: 'rows at most (100)' },
    answer: z.object({ runs: z.array(e2eRow), more: z.boolean() }),
  },
  e2ePlan: {
    method: 'post',
    path: '/api/e2e/plan',
    summary: 'Checks the options of an end-to-end run and decides, without starting anything: what it is made of, its steps, what is waited for', // prettier-ignore
    body: e2eBody,
    answer: z.object({
      command: z.string(),
      name: z.string(),
      lines: z.array(z.object({ name: z.string(), text: z.string() })),
      steps: z.array(z.object({ name: z.string(), title: z.string() })),
      conditions: z.array(z.object({ words: z.string(), withinMs: number })),
    }),
  },
  e2eStart: {
    method: 'post',
    path: '/api/e2e',
    summary: 'Starts an end-to-end run; answered when its state is there. One at a time, and none beside a load', // prettier-ignore
    body: e2eBody,
    answer: z.object({ id: nullable(z.string()), command: z.string() }),
  },
  e2eRun: {
    method: 'get',
    path: '/api/e2e/{id}',
    summary: 'One end-to-end run: steps with state and counts, conditions, its logs, its files, and how to run it again', // prettier-ignore
    answer: z.looseObject({
      row: e2eRow,
      logs: z.array(log),
      files: z.array(z.looseObject({ name: z.string() })),
      again: nullable(options),
      leftOut: z.array(z.string()).describe('options of it that a browser may not choose'),
      command: nullable(z.string()),
    }),
  },
  e2eEvents: {
    method: 'get',
    path: '/api/e2e/{id}/events',
    summary: 'Server-sent events: steps and counts each second while it runs, counts over time since Last-Event-ID (or ?since=)', // prettier-ignore
    query: { since: 'the id of the last event, where the header cannot be sent' },
    answer: 'text/event-stream',
  },
  e2eAssertions: {
    method: 'get',
    path: '/api/e2e/{id}/assertions',
    summary: 'What each assertion said, with its counts and examples; of a dump that nobody has judged, what they say now', // prettier-ignore
    answer: z.object({ judged: z.array(judged), wanted: z.array(z.string()) }),
  },
  e2eTrace: {
    method: 'get',
    path: '/api/e2e/{id}/trace',
    summary: 'The way of submissions, stage by stage with times, found by any word: block producer, created_at, state hash', // prettier-ignore
    query: { search: 'words that a submission must hold', limit: 'submissions at most (20)' },
    answer: z.object({ lines: z.array(z.looseObject({ id: number })), more: z.boolean() }),
  },
  e2eLags: {
    method: 'get',
    path: '/api/e2e/{id}/lags',
    summary: 'How long each stage took over all submissions: percentiles, and what their chart is drawn from', // prettier-ignore
    answer: z.looseObject({ submissions: number, lags: z.array(z.looseObject({ name: z.string() })) }), // prettier-ignore
  },
  e2eLogs: {
    method: 'get',
    path: '/api/e2e/{id}/logs',
    summary: 'Logs of its components: those that were kept, or those that are written now',
    answer: z.object({ logs: z.array(log) }),
  },
  e2eLog: {
    method: 'get',
    path: '/api/e2e/{id}/logs/{name}',
    summary: 'The end of a log as text; the header X-Cut says whether there is more before it',
    query: { bytes: 'at most (65536; up to 1048576)' },
    answer: 'text/plain',
  },
  e2eFile: {
    method: 'get',
    path: '/api/e2e/{id}/files/{name}',
    summary: 'A file of its results: report.md, junit.xml, stage-lags.png, trace.ndjson, …',
    answer: 'application/octet-stream',
  },
  e2eStop: {
    method: 'post',
    path: '/api/e2e/{id}/stop',
    summary: 'Ends it as Ctrl-C does: components are stopped, logs and tables kept, and what it made is removed', // prettier-ignore
    body: emptyBody,
    answer: z.object({ id: z.string() }),
  },
  openapi: {
    method: 'get',
    path: '/api/openapi.json',
    summary: 'This description',
    answer: z.looseObject({}),
  },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof ROUTES;

const jsonSchema = (type: z.ZodType): object => {
  const schema: Record<string, unknown> = { ...z.toJSONSchema(type, { io: 'input' }) };
  delete schema.$schema;
  return schema;
};

/** OpenAPI 3.1. */
export function openApi(version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [name, route] of Object.entries<Route>(ROUTES)) {
    const { method, path, summary, query = {}, body, answer } = route;
    const parameters = [
      ...[...path.matchAll(/\{(\w+)\}/g)].map(([, one]) => ({ name: one, in: 'path', required: true, schema: { type: 'string' } })), // prettier-ignore
      ...Object.entries(query).map(([one, description]) => ({ name: one, in: 'query', description, schema: { type: 'string' } })), // prettier-ignore
    ];
    (paths[path] ??= {})[method] = {
      operationId: name,
      summary,
      ...(parameters.length > 0 && { parameters }),
      ...(body && {
        requestBody: {
          required: true,
          content: { 'application/json': { schema: jsonSchema(body) } },
        },
        security: [{ token: [] }],
      }),
      responses: {
        200: {
          description: summary,
          content:
            typeof answer === 'string'
              ? { [answer]: {} }
              : { 'application/json': { schema: jsonSchema(answer) } },
        },
        default: { description: 'why not', content: { 'application/json': { schema: jsonSchema(error) } } }, // prettier-ignore
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Console of the Mina delegation load test',
      version,
      description: 'docs/console.md has examples. Changes need the token that the console printed.',
    },
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    paths,
  };
}
