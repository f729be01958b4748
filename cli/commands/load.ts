/** `npm run load`: one load run against an uptime backend. */
import { FAULTS } from '../../faults/index.ts';
import { parseFault } from '../../faults/schedule.ts';
import { exitCodeOf } from '../../judge/compare/comparison.ts';
import { DEFAULT_GATES, parseGate } from '../../judge/gates.ts';
import { hostileLimits } from '../../load/hostile/beside.ts';
import { listenForInterrupts } from '../../system/interrupts.ts';
import { processExists } from '../../system/process-exists.ts';
import { Screen } from '../../system/screen.ts';
import type { LoadJob } from '../../load/job.ts';
import { parseThink } from '../../load/pace.ts';
import { definitionOf } from '../../load/scenarios/index.ts';
import { byGroup, inGroup, problemIn } from '../../load/scenarios/options.ts';
import {
  adjustedValues,
  presetsOf,
  problemsTogether,
  requestOf,
  scenarioOptions,
  type Settings,
  summaryOf,
  withoutEffect,
} from '../../load/scenarios/rules.ts';
import { containerNameProblem } from '../../monitor/engine.ts';
import { isLogFile, parseLogSource, type LogSource } from '../../monitor/logs/follow.ts';
import { askedFaults, faultProblems } from '../../load/faults.ts';
import { allowProblem } from '../../load/target/log.ts';
import { runBreakpoint } from '../../load/breakpoint/run.ts';
import { AB_SETTLE_MS, type AbPlan, spareOf } from '../../load/ab/plan.ts';
import { runSession } from '../../load/ab/run.ts';
import { runLoad } from '../../load/run.ts';
import { comparisonSentence } from '../../report/compare/page.ts';
import { calibrationPathOf } from '../../report/compare/calibration.ts';
import { judgeSession } from '../../report/compare/session.ts';
import { checkTargets, parseTarget, type WeightedTarget } from '../../load/target/targets.ts';
import {
  readTransport,
  shownHeader,
  redactUrl,
  secretVariables,
  type Transport,
  type TransportOptions,
} from '../../load/target/transport.ts';
import { dryRun } from '../../load/dry-run.ts';
import { type LoadLock, takeLoadLock } from '../../load/one-at-a-time.ts';
import { ensureResultsFolder } from '../../results/writer.ts';
import { usualResultsFolder } from '../../paths.ts';
import { EXIT } from '../../user-error.ts';
import type { Command, CommandCall } from '../command.ts';
import { effectOption, effectsOf } from '../effect.ts';
import type { OptionValues } from '../../system/option.ts';
import { E2E_OPTIONS, e2eProblems } from '../load-e2e-options.ts';
import { BUILT_IN_SCENARIOS, scenarioProblem } from '../load-model.ts';
import { SOURCE_OPTIONS, type Sources as Watched, sourcesOf } from '../monitor-options.ts';
import { optionRecord, throwProblems } from '../parse.ts';
import { parseDuration } from '../../system/duration.ts';
import { storageUrlProblem } from '../../stack/storage/storage-url.ts';
import { keyAccess } from '../passphrase.ts';
import { confirmAt } from '../terminal.ts';
import {
  chainOption,
  ERA_OPTION,
  NETWORK_OPTION,
  payloadsOption,
  PRODUCERS_FILE_OPTION,
  producersOption,
  seedOption,
} from '../producer-options.ts';

export const load: Command = {
  name: 'load',
  summary: 'Send really signed submissions to an uptime backend and judge how it took them.',
  options: byGroup([
    {
      name: 'scenario',
      group: 'what',
      type: 'text',
      argument: 'NAME',
      check: scenarioProblem,
      examples: BUILT_IN_SCENARIOS,
      default: 'load',
      env: 'MINA_LOAD_SCENARIO',
      help: `what to send, and at which pace: ${summaryOf()}; or your own scenarios/NAME.ts`,
    },
    ...scenarioOptions(),
    {
      name: 'target',
      group: 'target',
      type: 'text',
      argument: 'URL[=WEIGHT]',
      check: (text) => {
        const target = parseTarget(text);
        return 'problem' in target ? target.problem : null;
      },
      env: 'MINA_LOAD_TARGET',
      repeatable: true,
      help: 'the backend to load; without it an embedded one is started; may be given several times, each submission then goes to one of them by weight',
    },
    {
      name: 'ab',
      group: 'target',
      type: 'text',
      argument: 'URL_A URL_B',
      check: (text) => {
        const target = parseTarget(text);
        return 'problem' in target ? target.problem : null;
      },
      help: 'two targets instead of one: the same load on both in turn (A B B A …), and which of them is worse, by npm run compare',
    },
    ...E2E_OPTIONS,
    {
      name: 'port',
      group: 'target',
      type: 'integer',
      argument: 'N',
      default: '8080',
      env: 'MINA_LOAD_PORT',
      min: 0,
      max: 65_535,
      help: 'port of the embedded backend; if it is in use, or 0, a free one is taken',
    },
    {
      name: 'allow-remote',
      group: 'target',
      type: 'flag',
      help: 'allow a target that is not this machine',
    },
    {
      name: 'header',
      group: 'target',
      type: 'text',
      argument: 'NAME:VALUE',
      repeatable: true,
      help: 'a header of every request, such as "X-Environment: test"; may be given several times',
    },
    {
      name: 'header-env',
      group: 'target',
      type: 'text',
      argument: 'NAME=VARIABLE',
      repeatable: true,
      help: 'a header whose value is secret and stands in an environment variable, such as X-Api-Key=API_KEY',
    },
    {
      name: 'bearer-env',
      group: 'target',
      type: 'text',
      argument: 'VARIABLE',
      help: 'the environment variable that holds a bearer token, sent as Authorization',
    },
    {
      name: 'ca',
      group: 'target',
      type: 'path',
      argument: 'FILE',
      env: 'MINA_LOAD_CA',
      help: "PEM file of the only CAs to trust for a target with https, instead of the system's (not on macOS and Windows)",
    },
    {
      name: 'cert',
      group: 'target',
      type: 'path',
      argument: 'FILE',
      env: 'MINA_LOAD_CERT',
      help: 'PEM file of the client certificate, with its chain',
    },
    {
      name: 'key',
      group: 'target',
      type: 'path',
      argument: 'FILE',
      env: 'MINA_LOAD_KEY',
      help: 'PEM file of its private key, not encrypted',
    },
    {
      name: 'insecure-skip-tls-verify',
      group: 'target',
      type: 'flag',
      help: 'take any certificate of the target: whoever stands between reads all, secrets too',
    },
    {
      name: 'proxy',
      group: 'target',
      type: 'text',
      argument: 'URL',
      env: 'MINA_LOAD_PROXY',
      help: 'HTTP proxy on the way to the target, such as http://proxy:3128 (HTTP_PROXY and its like are not used); user:password@ only from the environment or a file',
    },
    {
      name: 'http',
      group: 'target',
      type: 'choice',
      argument: 'VERSION',
      choices: ['1.1', '2'],
      help: 'the only HTTP version to use; without it, 2 where the target offers it over TLS, else 1.1',
    },
    {
      name: 'x-forwarded-for',
      group: 'target',
      type: 'flag',
      help: 'send X-Forwarded-For as a load balancer would: an address for each producer, the same in every run',
    },
    {
      name: 'forwarded-network',
      group: 'target',
      type: 'text',
      argument: 'CIDR',
      default: '10.0.0.0/8',
      help: 'the IPv4 network of these addresses',
    },
    {
      name: 'target-pid',
      group: 'monitor',
      type: 'integer',
      argument: 'PID',
      min: 1,
      help: 'process of the target on this machine, to watch its CPU and memory',
    },
    {
      name: 'target-container',
      group: 'monitor',
      type: 'text',
      argument: 'NAME',
      check: containerNameProblem,
      help: 'docker or podman container of the target, to watch its CPU and memory, also through restarts',
    },
    ...inGroup('monitor', SOURCE_OPTIONS),
    {
      name: 'target-log',
      group: 'monitor',
      type: 'path',
      argument: 'LOG',
      isPath: isLogFile,
      check: (text) => {
        const source = parseLogSource(text);
        return 'problem' in source ? source.problem : null;
      },
      env: 'MINA_LOAD_TARGET_LOG',
      repeatable: true,
      help: "a log of the target, whose errors are counted: a file, journal:UNIT or container:NAME; the embedded backend's is followed anyway; may be given several times",
    },
    {
      name: 'log-allow',
      group: 'monitor',
      type: 'text',
      argument: 'REGEX',
      check: allowProblem,
      repeatable: true,
      help: "lines of the target's log that match are no errors; may be given several times",
    },
    ...inGroup('producers', [
      seedOption(
        'decides the producers, their order and the think times; the same seed gives the same keys everywhere',
      ),
      producersOption('the hourly limit and one submission per second and submitter ask for'),
      PRODUCERS_FILE_OPTION,
      NETWORK_OPTION,
    ]),
    ...inGroup('what', [
      payloadsOption(': replay sends them as they are, load takes their blocks'),
      chainOption('in which the load begins'),
      ERA_OPTION,
    ]),
    {
      name: 'timeout',
      group: 'pace',
      type: 'duration',
      argument: 'TIME',
      default: '60s',
      min: 100,
      max: 3_600_000,
      help: 'how long one request may take',
    },
    {
      name: 'monitor-interval',
      group: 'monitor',
      type: 'duration',
      argument: 'TIME',
      default: '1s',
      min: 100,
      max: 60_000,
      help: 'time between two readings of CPU and memory',
    },
    {
      name: 'storage',
      group: 'storage',
      type: 'text',
      argument: 'URL',
      check: storageUrlProblem,
      env: 'MINA_LOAD_STORAGE',
      help: 'where the target stores, to be compared with what was sent: file:/DIR, s3://BUCKET/NETWORK, postgres://USER@HOST/DATABASE or cassandra://HOST/KEYSPACE; without it only the embedded backend is looked into',
    },
    {
      name: 'storage-wait',
      group: 'storage',
      type: 'duration',
      argument: 'TIME',
      default: '30s',
      min: 0,
      max: 3_600_000,
      help: 'how long to wait after the load for submissions that were accepted and are not yet stored (of the embedded backend: 2 s)',
    },
    {
      name: 'reconcile-every',
      group: 'storage',
      type: 'duration',
      argument: 'TIME',
      min: 1000,
      max: 86_400_000,
      help: 'look into the storage while the load runs, too, with this time between two looks',
    },
    {
      name: 'rounds',
      group: 'gates',
      type: 'integer',
      argument: 'N',
      default: '8',
      min: 1,
      max: 100,
      help: 'rounds of --ab, each of them both targets; fewer than 6 prove nothing, and one that does not count is played again, up to half as many more',
    },
    effectOption('gates'),
    {
      name: 'gate',
      group: 'gates',
      type: 'text',
      argument: 'CONDITION',
      repeatable: true,
      help: `a condition that the run must meet, such as "p95<800ms"; replaces the default of the same figure (${DEFAULT_GATES.join(', ')}); may be given several times`,
    },
    {
      name: 'fault',
      group: 'faults',
      type: 'text',
      argument: 'FAULT',
      check: (text) => problemIn(parseFault(text)),
      examples: FAULTS.map(
        ({ name, value }) => `${name}${value === undefined ? '' : `=${value.example}`}@20s+10s`,
      ),
      env: 'MINA_LOAD_FAULT',
      repeatable: true,
      help: `make something go wrong on purpose, NAME[=VALUE][@AT[+FOR][*TIMES/EVERY]] with times from the load's beginning, such as latency=200ms@20s+10s or backend-kill@30s+5s: ${FAULTS.map(({ name }) => name).join(', ')} (docs/faults.md); may be given several times`,
    },
    {
      name: 'results',
      group: 'output',
      type: 'path',
      argument: 'DIR',
      default: 'results',
      env: 'MINA_LOAD_RESULTS',
      help: 'where the folder of this run is made',
    },
    {
      name: 'faithful',
      group: 'target',
      type: 'flag',
      env: 'BACKEND_FAITHFUL',
      help: 'let the embedded backend answer as the original does: 200 even where it stored nothing',
    },
    {
      name: 'keep',
      group: 'output',
      type: 'flag',
      help: 'keep the signed corpus and what the embedded backend stored, inside the run folder',
    },
    {
      name: 'skip-pictures',
      group: 'output',
      type: 'flag',
      env: 'MINA_LOAD_SKIP_PICTURES',
      help: 'make no pictures at the end, which takes some seconds of CPU; npm run plot makes them from the results at any time',
    },
    {
      name: 'config',
      group: 'output',
      type: 'path',
      argument: 'FILE',
      env: 'MINA_LOAD_CONFIG',
      help: 'YAML or JSON file of these options; load.schema.json describes it to editors',
    },
    {
      name: 'explain',
      group: 'output',
      type: 'flag',
      help: 'show every option with its value and where it came from, and send nothing',
    },
    {
      name: 'dry-run',
      group: 'output',
      type: 'flag',
      help: 'show the plan (requests, peak rate, bytes, memory, duration), and send nothing',
    },
    {
      name: 'k6',
      group: 'output',
      type: 'path',
      argument: 'PROGRAM',
      help: 'the k6 to use, 2.2 or a later 2.x (else K6_BIN, the PATH, the cache, a download, a Go build)',
    },
  ]),
  presets: presetsOf(),
  pair: 'ab',
  prints: ({ values }) => values.explain === true || values['dry-run'] === true,
  async run({ values, sources, operands, cwd, stdout, env }) {
    const { job, env: rest } = checkedJob({ values, sources, operands, env, cwd });
    if (values.explain === true) {
      stdout.write(explain(job.options) + job.notes.map((note) => `note: ${note}\n`).join(''));
      return EXIT.passed;
    }
    const ofE2e = values.e2e === true ? { job, values, sources, env } : null;
    if (values['dry-run'] === true) {
      const lines =
        ofE2e === null ? await dryRun(job, env) : await (await e2e()).dryRunOfE2e(ofE2e);
      stdout.write(`${lines.join('\n')}\n`);
      return EXIT.passed;
    }
    const screen = new Screen(stdout);
    const interrupts = listenForInterrupts();
    let lock: LoadLock | null = null;
    try {
      const keys = keyAccess(env, screen, interrupts.first);
      await ensureResultsFolder(job.resultsFolder);
      lock = takeLoadLock(job.resultsFolder, env[CONSOLE_URL] || null);
      const surroundings = {
        screen,
        env: rest,
        cwd,
        interrupts,
        confirm: confirmAt(interrupts.first),
        keys,
        onFolder: (folder: string) => lock?.setRun(folder),
      };
      if (ofE2e !== null) return await (await e2e()).runThroughSystem(ofE2e, surroundings);
      if (job.ab !== null)
        return await compareTargets(job, job.ab, { ...surroundings, output: stdout });
      const end =
        job.search === null
          ? await runLoad(job, surroundings)
          : await runBreakpoint(job, { ...surroundings, output: stdout });
      return end.exitCode;
    } finally {
      lock?.release();
      interrupts.stop();
      screen.end();
    }
  },
};

/** Not before it is asked for: a load alone needs nothing of the harness. */
const e2e = () => import('../load-e2e.ts');

/** Set by the console for the loads that it starts: where a browser watches them. */
export const CONSOLE_URL = 'MINA_LOAD_CONSOLE_URL';

/**
 * What a call of the command asks for. Backend and k6 are programs of their own, and need none of the secrets: `env` is without them.
 * @throws UserError (exit 2) with every problem of the values together
 */
export function checkedJob({
  values,
  sources,
  operands,
  env,
  cwd,
  shared,
}: Pick<CommandCall, 'values' | 'sources' | 'operands' | 'env' | 'cwd'> & {
  shared?: ReadonlySet<string>;
}): {
  job: LoadJob;
  env: NodeJS.ProcessEnv;
} {
  const transportOptions = transportOptionsOf(values, sources);
  const { transport, problems } = readTransport(transportOptions, env, process.platform);
  const watched = watchedBeside(values, env);
  const effect = withoutEffect(values, sources, settingsOf(values, shared));
  const ab = abPlanOf(values, sources, operands);
  checkTogether(ab.checked, sources, transport, [
    ...problems,
    ...watched.problems,
    ...effect.problems,
    ...ab.problems,
  ]);
  const secret = [...secretVariables(transportOptions), ...watched.secretVariables];
  return {
    job: jobOf(values, sources, transport, watched, effect.notes, ab.plan, cwd),
    env: Object.fromEntries(Object.entries(env).filter(([name]) => !secret.includes(name))),
  };
}

/** Both targets and how often; or what does not go together with them. */
function abPlanOf(
  values: OptionValues,
  sources: CommandCall['sources'],
  operands: readonly string[],
): { plan: AbPlan | null; checked: OptionValues; problems: string[] } {
  if (values.ab === undefined)
    return {
      plan: null,
      checked: values,
      problems: ['rounds', 'effect']
        .filter((name) => sources[name] === 'flag')
        .map((name) => `--${name} has no effect without --ab`),
    };
  const base = parseTarget(values.ab as string) as WeightedTarget;
  if (operands.length === 0)
    return {
      plan: null,
      checked: values,
      problems: ['--ab needs two targets, but has one: --ab URL_A URL_B'],
    };
  const now = parseTarget(operands[0]);
  if ('problem' in now)
    return { plan: null, checked: values, problems: [`--ab: the second target ${now.problem}`] };
  const excluded = ['target', 'target-pid', 'target-container', 'storage', 'target-log', 'port', 'faithful']; // prettier-ignore
  const problems = excluded
    .filter((name) => sources[name] === 'flag')
    .map((name) => `--${name} belongs to one target, and --ab has two`);
  if ((definitionOf(requestOf(values, sources).scenario).search?.(values) ?? null) !== null)
    problems.push('--ab compares loads that are alike, and a search has a load of its own for each target'); // prettier-ignore
  const rounds = values.rounds as number;
  const { effects, problems: ofEffects } = effectsOf(values);
  problems.push(...ofEffects);
  return {
    plan: {
      base,
      now,
      rounds,
      spare: spareOf(rounds),
      settleMs: AB_SETTLE_MS,
      ...(effects !== null && { effects }),
    },
    // What is asked of one target is asked of both.
    checked: { ...values, target: [values.ab as string, operands[0]] },
    problems,
  };
}

/** Runs the rounds and judges them. */
async function compareTargets(
  job: LoadJob,
  plan: AbPlan,
  surroundings: Parameters<typeof runSession>[2],
): Promise<number> {
  const { screen } = surroundings;
  const { folder, interrupted } = await runSession(job, plan, surroundings);
  if (folder === null) {
    screen.line('interrupted before anything was sent; nothing was left behind');
    return EXIT.interrupted;
  }
  if (interrupted) {
    screen.line(`results: ${folder} (npm run compare -- ${folder} judges its rounds)`);
    return EXIT.interrupted;
  }
  const { comparison } = await judgeSession(folder, {
    unlike: false,
    calibrationPath: calibrationPathOf(folder),
    pictures: job.pictures,
  });
  screen.line(`results: ${folder} (comparison.md)`);
  screen.line(comparisonSentence(comparison));
  return exitCodeOf(comparison);
}

/** How the sources of values are called in sentences. */
const settingsOf = (values: OptionValues, shared?: ReadonlySet<string>): Settings => ({
  shared,
  env: Object.fromEntries(load.options.map(({ name, env }) => [name, env])),
  configFile: (values.config as string | undefined) ?? null,
});

/** A repeatable option's texts. */
const textsOf = (value: OptionValues[string]): string[] => (value as string[] | undefined) ?? [];

/** The targets: each was checked when it was read. */
const targetsOf = (values: OptionValues): WeightedTarget[] =>
  textsOf(values.target).map((text) => parseTarget(text) as WeightedTarget);

const transportOptionsOf = (
  values: OptionValues,
  sources: CommandCall['sources'],
): TransportOptions => ({
  header: textsOf(values.header),
  headerEnv: textsOf(values['header-env']),
  bearerEnv: values['bearer-env'] as string | undefined,
  ca: values.ca as string | undefined,
  cert: values.cert as string | undefined,
  key: values.key as string | undefined,
  insecureSkipTlsVerify: values['insecure-skip-tls-verify'] === true,
  proxy: values.proxy as string | undefined,
  proxyIsPublic: sources.proxy === 'flag',
  http: values.http as TransportOptions['http'],
  xForwardedFor: values['x-forwarded-for'] === true,
  forwardedNetwork: values['forwarded-network'] as string,
});

/** What is watched beside the processes of the run. */
function watchedBeside(values: OptionValues, env: NodeJS.ProcessEnv): Watched {
  const container = values['target-container'] as string | undefined;
  const isWatched = values.target === undefined || values['target-pid'] !== undefined;
  return sourcesOf(values, env, container === undefined ? [] : [{ name: 'backend', container }], [
    'k6',
    'toolkit',
    ...(isWatched || container !== undefined ? ['backend'] : []),
  ]);
}

function jobOf(
  values: OptionValues,
  sources: CommandCall['sources'],
  transport: Transport,
  watched: Watched,
  notes: readonly string[],
  ab: AbPlan | null,
  cwd: string,
): LoadJob {
  const request = requestOf(values, sources);
  const shown = {
    ...adjustedValues(values, sources),
    ...(transport.proxy !== null && { proxy: redactUrl(transport.proxy) }),
    ...(values.header !== undefined && { header: textsOf(values.header).map(shownHeader) }),
  };
  return {
    request,
    search: definitionOf(request.scenario).search?.(values) ?? null,
    ab,
    options: optionRecord(load.options, shown, sources),
    targets: ab === null ? targetsOf(values) : [ab.base],
    transport,
    allowRemote: values['allow-remote'] === true,
    port: values.port as number,
    targetPid: (values['target-pid'] as number | undefined) ?? null,
    logs: {
      sources: textsOf(values['target-log']).map((text) => parseLogSource(text) as LogSource),
      allow: textsOf(values['log-allow']).map((text) => new RegExp(text)),
    },
    targetContainer: (values['target-container'] as string | undefined) ?? null,
    monitorSources: () => watched.make(),
    producersFile: (values['producers-file'] as string | undefined) ?? null,
    payloads: (values.payloads as string | undefined) ?? null,
    chain: values.chain as number,
    order: values.order as 'sequence' | 'random',
    resultsFolder:
      sources.results === 'default' ? usualResultsFolder(cwd) : (values.results as string),
    k6Flag: (values.k6 as string | undefined) ?? null,
    monitorIntervalMs: values['monitor-interval'] as number,
    storage: (values.storage as string | undefined) ?? null,
    storageWaitMs:
      sources['storage-wait'] === 'default' ? null : (values['storage-wait'] as number),
    reconcileEveryMs: (values['reconcile-every'] as number | undefined) ?? null,
    hostileRate: values['hostile-rate'] as number,
    hourlyLimit: (values['hourly-limit'] as number | undefined) ?? null,
    gates: (values.gate as string[] | undefined) ?? [],
    faithful: values.faithful === true,
    faults: askedFaults(textsOf(values.fault)),
    keep: values.keep === true,
    pictures: values['skip-pictures'] !== true,
    notes,
  };
}

/** Each option with its value and its source, in columns. */
function explain(options: LoadJob['options']): string {
  const rows = Object.entries(options).map(([name, { value, source }]) => [
    name,
    value === null ? '-' : String(value),
    source,
  ]);
  const widths = [0, 1].map((column) =>
    rows.reduce((most, row) => Math.max(most, row[column].length), 0),
  );
  return rows
    .map(
      ([name, value, source]) =>
        `${name.padEnd(widths[0])}  ${value.padEnd(widths[1])}  ${source}\n`,
    )
    .join('');
}

/** What the table cannot say: values that only make sense together. */
function checkTogether(
  values: OptionValues,
  sources: CommandCall['sources'],
  transport: Transport,
  otherProblems: readonly string[],
): void {
  const problems: string[] = [...otherProblems];
  problems.push(...checkTargets(transport, targetsOf(values)));
  if (sources['forwarded-network'] === 'flag' && values['x-forwarded-for'] !== true)
    problems.push('--forwarded-network has no effect without --x-forwarded-for');
  if (parseThink(values.think as string, parseDuration) === null)
    problems.push(
      `--think must be 0, a time such as 2s, or two such as 1s-5s, but is "${String(values.think)}"`,
    );
  if (
    values.producers !== undefined &&
    sources.producers !== 'scenario' &&
    values['producers-file'] !== undefined
  )
    problems.push('--producers and --producers-file exclude each other');
  problems.push(...problemsTogether(values, sources));
  const request = requestOf(values, sources);
  problems.push(...e2eProblems(values, sources, request));
  const hostile = definitionOf(request.scenario).hostile?.(request) ?? null;
  if (hostile !== null)
    for (const option of hostileLimits(transport, targetsOf(values).length))
      problems.push(`${hostile.askedBy} sends over sockets of its own, so it takes no ${option}`);
  problems.push(
    ...faultProblems(askedFaults(textsOf(values.fault)), {
      targets: targetsOf(values),
      transport,
      search: (definitionOf(request.scenario).search?.(values) ?? null) !== null,
      ab: values.ab !== undefined,
      isHostile: hostile !== null,
    }),
  );
  if (values['target-pid'] !== undefined && !processExists(values['target-pid'] as number))
    problems.push(`--target-pid ${String(values['target-pid'])}: there is no such process`);
  if (values['target-pid'] !== undefined && values.target === undefined)
    problems.push('--target-pid belongs to a --target; the embedded backend is watched anyway');
  if (values['target-container'] !== undefined && values.target === undefined)
    problems.push(
      '--target-container belongs to a --target; the embedded backend is watched anyway',
    );
  if (values['target-container'] !== undefined && values['target-pid'] !== undefined)
    problems.push(
      '--target-container and --target-pid exclude each other: both would be "backend"',
    );
  for (const text of (values.gate as string[] | undefined) ?? []) {
    const rule = parseGate(text);
    if ('problem' in rule) problems.push(`--gate ${rule.problem}`);
  }
  if (values.storage !== undefined && values.target === undefined)
    problems.push(
      "--storage belongs to a --target; the embedded backend's own storage is looked into anyway",
    );
  if (values.storage === undefined && values.target !== undefined)
    for (const option of ['storage-wait', 'reconcile-every'])
      if (sources[option] === 'flag')
        problems.push(`--${option} needs --storage: nobody says where the target stores`);
  if (sources.faithful === 'flag' && values.target !== undefined)
    problems.push('--faithful belongs to the embedded backend, not to a --target');
  if (sources.port === 'flag' && values.target !== undefined)
    problems.push('--port belongs to the embedded backend; write the port into --target');
  throwProblems(problems, 'see npm run load -- --help');
}
