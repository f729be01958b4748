/** `npm run e2e -- setup | start | wait | stop | dump-logs | assert | teardown | run | cleanup | export`: the end-to-end harness. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  cleanUp,
  doStep,
  type HarnessCall,
  runAlone,
  runMatrix,
  withRun,
} from '../../e2e/harness.ts';
import { codeOf, judgeDump } from '../../e2e/judged.ts';
import { holderOf } from '../../e2e/lock.ts';
import { combinationName, combinationsOf } from '../../e2e/matrix.ts';
import { judgedLines } from '../../e2e/report/lines.ts';
import { secretsOfUser } from '../../e2e/secrets.ts';
import {
  type Chosen,
  hasState,
  openState,
  removeEmptyState,
  stateFolderOf,
  STEP_NAMES,
  type StepName,
} from '../../e2e/state.ts';
import { ownedWords } from '../../e2e/steps/teardown.ts';
import { LOAD_NETWORK } from '../../e2e/network/kinds.ts';
import { nameProblem, type Topology, topologyLines } from '../../e2e/topology.ts';
import { countOf } from '../../results/units.ts';
import { listenForInterrupts } from '../../system/interrupts.ts';
import type { OptionValues } from '../../system/option.ts';
import { listProblems } from '../../system/problems.ts';
import { Screen } from '../../system/screen.ts';
import { EXIT, type ExitCode, UserError } from '../../user-error.ts';
import type { Command, CommandCall } from '../command.ts';
import { decideTopology, STAGING_OPTIONS } from '../e2e-staging-options.ts';
import { TOPOLOGY_OPTIONS } from '../e2e-options.ts';
import { optionRecord, parseValue } from '../option-value.ts';
import { didYouMean } from '../../system/suggest.ts';

const OF_TOPOLOGY = TOPOLOGY_OPTIONS.map(({ name }) => name);
const OF_STAGING = STAGING_OPTIONS.map(({ name }) => name);
/** A URL of a server may hold what is nobody's business. */
const NOT_KEPT = ['database'];

/** What makes a run of the same kind again: what somebody chose, and the seed. */
function chosenOf(
  { values, sources }: Pick<CommandCall, 'values' | 'sources'>,
  more: Chosen = {},
): Chosen {
  const specs = [...TOPOLOGY_OPTIONS, ...STAGING_OPTIONS].filter(({ name }) => !NOT_KEPT.includes(name)); // prettier-ignore
  const chosen: Chosen = { name: values.name as string, seed: values.seed as string };
  for (const [name, { value, source }] of Object.entries(optionRecord(specs, values, sources))) {
    if (source === 'default' || value === null || value === false) continue;
    const list = values[name];
    chosen[name] = value === true ? true : Array.isArray(list) ? list.map(String) : String(value);
  }
  if (values.keep === true) chosen.keep = true;
  return { ...chosen, ...more };
}

const isStep = (word: string): word is StepName => (STEP_NAMES as readonly string[]).includes(word);

/** Options of each of its deeds. */
const ACTIONS: Record<string, readonly string[]> = {
  setup: ['name', 'folder', ...OF_STAGING, ...OF_TOPOLOGY],
  start: ['name', 'folder'],
  wait: ['name', 'folder'],
  stop: ['name', 'folder'],
  'dump-logs': ['name', 'folder'],
  assert: ['name', 'folder', 'from'],
  teardown: ['name', 'folder', 'dry-run'],
  run: ['name', 'folder', 'from', 'keep', 'matrix', ...OF_STAGING, ...OF_TOPOLOGY],
  cleanup: ['folder', 'dry-run', 'older-than'],
  export: ['out', 'from', 'seed', 'producers', 'nodes-per-producer', 'batches', 'era'],
};

/** So many are worth a list in a hint. */
const FEW_OPTIONS = 8;

export const e2e: Command = {
  name: 'e2e',
  summary:
    'Test the whole program, from block producers to scores: run does all steps and removes what it made; each step may also be done alone, in another process or on another day.',
  operands: Object.keys(ACTIONS).join('|'),
  prints: ({ values }) => values['dry-run'] === true,
  options: [
    {
      name: 'name',
      type: 'text',
      argument: 'NAME',
      default: 'e2e',
      help: 'of the run: its folder, database, keys and network are named by it',
    },
    {
      name: 'folder',
      type: 'path',
      argument: 'DIR',
      default: 'e2e-runs',
      help: 'where runs are kept: results in DIR/NAME/TIME, the state in DIR/NAME/state until teardown',
    },
    {
      name: 'from',
      type: 'text',
      argument: 'STEP|DUMP',
      help: 'with run: begin at this step, with what the steps before have made; with assert: judge this dump, whatever run it is of; with export: export it',
    },
    {
      name: 'out',
      type: 'path',
      argument: 'DIR',
      help: 'with export: an empty or new folder, for dump.sql (PostgreSQL) and the blocks',
    },
    {
      name: 'keep',
      type: 'flag',
      help: 'with run: leave out teardown, so that one can look around',
    },
    {
      name: 'matrix',
      type: 'text',
      argument: 'OPTION=VALUE,VALUE…',
      repeatable: true,
      help: 'with run: all combinations of these values, one after another, and one report; more of them may follow: --matrix storage=postgres,cassandra era=mesa,berkeley',
    },
    {
      name: 'dry-run',
      type: 'flag',
      help: 'with teardown and cleanup: list what would be removed, and remove nothing',
    },
    {
      name: 'older-than',
      type: 'duration',
      default: '24h',
      min: 0,
      help: 'with cleanup: runs that nobody went on with for so long are leftovers, too',
    },
    ...STAGING_OPTIONS,
    ...TOPOLOGY_OPTIONS,
  ],
  async run(call) {
    const { operands, values, sources, env, cwd, stdout } = call;
    const [action = '', ...more] = operands;
    const varies = action === 'run' ? more.filter((word) => word.includes('=')) : [];
    const strangers = more.filter((word) => !varies.includes(word));
    if (!Object.hasOwn(ACTIONS, action) || strangers.length > 0)
      throw new UserError(
        operands.length === 0
          ? 'e2e needs a step'
          : Object.hasOwn(ACTIONS, action)
            ? `e2e does not know "${strangers.join(' ')}"`
            : `e2e does not know "${operands.join(' ')}"${didYouMean(action, Object.keys(ACTIONS))}`,
        { hint: `use one of: ${Object.keys(ACTIONS).join(', ')}`, exitCode: EXIT.usage },
      );
    const strange = Object.keys(values).filter(
      (name) => sources[name] === 'flag' && !ACTIONS[action].includes(name),
    );
    listProblems(
      [
        ...strange.map((name) => `--${name} has no effect with "e2e ${action}"`),
        ...problemsOf(call, action, varies),
      ],
      strange.length === 0 && nameProblem(values.name as string) !== null
        ? 'the folder, database, keys and network of a run have its name: --name mesa-1 is one'
        : strange.length === 0 || ACTIONS[action].length > FEW_OPTIONS
          ? 'see npm run e2e -- --help'
          : `npm run e2e -- ${action} takes ${ACTIONS[action].map((name) => `--${name}`).join(', ')}`,
    );
    if (action === 'assert' && values.from !== undefined)
      return judgeAgain(resolve(cwd, values.from as string), call);
    if (action === 'export') return exportRun(call);
    const screen = new Screen(stdout);
    const interrupts = listenForInterrupts();
    try {
      return await act(
        action,
        [...((values.matrix as string[] | undefined) ?? []), ...varies],
        call,
        {
          env,
          cwd,
          signal: interrupts.first,
          giveUp: interrupts.second,
          say: (line) => screen.line(line),
          status: (text) => screen.status(text),
        },
      );
    } catch (error) {
      if (!interrupts.first.aborted) throw error;
      screen.line('interrupted');
      return EXIT.interrupted;
    } finally {
      interrupts.stop();
      screen.end();
    }
  },
};

function problemsOf({ values }: CommandCall, action: string, varies: readonly string[]): string[] {
  const problem = nameProblem(values.name as string);
  const from = values.from as string | undefined;
  return [
    ...(problem === null ? [] : [`--name ${problem}`]),
    ...(action === 'run' && from !== undefined && !isStep(from)
      ? [
          `--from must be one of ${STEP_NAMES.join(', ')}, but is "${from}"${didYouMean(from, STEP_NAMES)}`,
        ]
      : []),
    ...(action === 'export' && values.out === undefined ? ['export needs --out DIR'] : []),
    ...(varies.length > 0 && values.matrix === undefined
      ? [`"${varies.join(' ')}" belongs to --matrix, which is not there`]
      : []),
    ...(values.matrix !== undefined && (from !== undefined || values.keep === true)
      ? ['--matrix makes runs anew, each to its end: it goes with neither --from nor --keep']
      : []),
  ];
}

async function act(
  action: string,
  varies: readonly string[],
  call: CommandCall,
  harness: HarnessCall,
): Promise<ExitCode> {
  const { values, stdout } = call;
  const runs = values.folder as string;
  const name = values.name as string;
  if (action === 'cleanup') {
    const olderThanMs = values['older-than'] as number;
    const count = await cleanUp({ runs, olderThanMs, dryRun: values['dry-run'] === true }, harness);
    if (count === 0) stdout.write('there are no leftovers\n');
    return EXIT.passed;
  }
  if (varies.length > 0) return matrix(varies, call, harness);
  const folder = stateFolderOf(runs, name);
  if (action === 'teardown' && !hasState(folder)) {
    const left = holderOf(folder) === null && removeEmptyState(folder);
    stdout.write(
      left ? `removed ${folder}\n` : `there is no run in ${folder}: nothing to remove\n`,
    );
    return EXIT.passed;
  }
  if (action === 'teardown' && values['dry-run'] === true) {
    for (const one of openState(folder).state.owned)
      stdout.write(`would remove ${ownedWords(one)}\n`);
    return EXIT.passed;
  }
  const from = (values.from as StepName | undefined) ?? 'setup';
  const begins = action === 'setup' || (action === 'run' && from === 'setup');
  const asked = begins ? decide(call, values, name) : null;
  const topology = asked?.topology ?? null;
  if (action === 'run' && topology !== null) listProblems(loadProblems(topology), SEND_BY_LOAD);
  if (!begins || hasState(folder)) checkState(folder, topology, call);
  // What it is made of was said when it was begun, and may be another thing than is usual.
  if (begins && hasState(folder)) sayGoesOn(folder, call);
  else if (asked !== null) {
    for (const line of topologyLines(asked.topology)) stdout.write(`${line}\n`);
    for (const note of asked.notes) stdout.write(`note: ${note}\n`);
  }
  const chosen = chosenOf(call);
  return withRun({ runs, name, topology, chosen, env: call.env }, async (open) => {
    if (action === 'run') return runAlone(open, { from, keep: values.keep === true }, harness);
    await doStep(open, action as StepName, harness);
    return EXIT.passed;
  });
}

const SEND_BY_LOAD =
  'npm run e2e -- setup and npm run e2e -- start make the system, npm run load -- --e2e sends through it';

/** Of a run of all steps. */
const loadProblems = ({ network }: Topology): string[] =>
  network.kind === LOAD_NETWORK
    ? [`--network ${LOAD_NETWORK} sends nothing by itself, so a whole run would wait in vain`]
    : [];

/** @throws UserError (exit 2) with all that is wrong */
function decide(
  call: CommandCall,
  values: OptionValues,
  name: string,
): { topology: Topology; notes: string[] } {
  const asked = decideTopology(values, name, call.cwd);
  if ('problems' in asked) {
    listProblems(asked.problems, 'see npm run e2e -- --help');
    throw new Error('problems without words');
  }
  return asked;
}

function sayGoesOn(folder: string, { stdout }: CommandCall): void {
  const { topology, createdMs } = openState(folder).state;
  const begun = new Date(createdMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const named = topology.name === 'e2e' ? '' : ` --name ${topology.name}`;
  stdout.write(
    `goes on with the run ${topology.name}, begun at ${begun} (npm run e2e -- teardown${named} removes it):\n`,
  );
  for (const line of topologyLines(topology)) stdout.write(`${line}\n`);
}

/** All of them are decided before the first begins. */
function matrix(
  words: readonly string[],
  call: CommandCall,
  harness: HarnessCall,
): Promise<ExitCode> {
  const { values } = call;
  const asked = combinationsOf(words, OF_TOPOLOGY);
  const problems = 'problems' in asked ? asked.problems : [];
  const combinations = 'problems' in asked ? [] : asked.combinations;
  const names = combinations.map(combinationName);
  const made = combinations.map((combination, i) => {
    const own: OptionValues = { ...values };
    for (const [option, text] of Object.entries(combination)) {
      const spec = TOPOLOGY_OPTIONS.find((one) => one.name === option)!;
      const read = parseValue(spec, text);
      if ('problem' in read) problems.push(`--matrix ${option}: ${read.problem}`);
      else own[option] = read.value;
    }
    const name = `${values.name as string}-${i + 1}`;
    return {
      ...decideTopology(own, name, call.cwd),
      chosen: chosenOf(call, { ...combination, name }),
    };
  });
  const topologies = made.flatMap((one, i) => {
    if ('topology' in one && loadProblems(one.topology).length > 0) {
      problems.push(...loadProblems(one.topology).map((problem) => `${names[i]}: ${problem}`));
      return [];
    }
    if ('topology' in one) {
      // A run that is there is made of something else, perhaps.
      if (hasState(stateFolderOf(values.folder as string, one.topology.name)))
        problems.push(
          `${names[i]}: its run ${one.topology.name} is there already: npm run e2e -- teardown --name ${one.topology.name} removes it, or give another --name`,
        );
      return [{ name: names[i], topology: one.topology, chosen: one.chosen }];
    }
    problems.push(...one.problems.map((problem) => `${names[i]}: ${problem}`));
    return [];
  });
  listProblems([...new Set(problems)], 'see npm run e2e -- --help');
  const place = { runs: values.folder as string, name: values.name as string };
  return runMatrix(place, topologies, harness);
}

/** @throws UserError where there is no run, or one that is made of something else */
function checkState(folder: string, topology: Topology | null, { sources }: CommandCall): void {
  const { state } = openState(folder);
  const isAsked = [...OF_TOPOLOGY, ...OF_STAGING].some((option) => sources[option] === 'flag');
  if (topology !== null && isAsked && JSON.stringify(state.topology) !== JSON.stringify(topology))
    throw new UserError(`the run ${topology.name} is set up already, with other settings`, {
      hint: 'npm run e2e -- teardown removes it; another --name makes one beside it',
      exitCode: EXIT.usage,
    });
}

/** Of a dump, or of a run in which all went right, made from the seed: the same seed gives the same bytes. */
async function exportRun({ values, cwd, env, stdout }: CommandCall): Promise<ExitCode> {
  const out = values.out as string;
  const { exportDump } = await import('../../e2e/dump/export.ts');
  if (values.from !== undefined) {
    const dump = dumpIn(resolve(cwd, values.from as string));
    const { readDump } = await import('../../e2e/dump/read.ts');
    const files = await exportDump(await readDump(dump, secretsOfUser(env)), { folder: dump }, out);
    stdout.write(`${countOf(files.length, 'file')} in ${out}, of the dump ${dump}\n`);
    return EXIT.passed;
  }
  const { makeGolden } = await import('../../e2e/dump/golden.ts');
  const { evidence, blocks } = await makeGolden({
    seed: values.seed as string,
    producers: values.producers as number,
    nodesPerProducer: values['nodes-per-producer'] as number,
    batches: values.batches as number,
    era: values.era as 'mesa' | 'berkeley',
  });
  const files = await exportDump(evidence, blocks, out);
  stdout.write(
    `${countOf(files.length, 'file')} in ${out}, made from the seed "${values.seed as string}"\n`,
  );
  return EXIT.passed;
}

/** The folder itself, or that of the results which holds it. */
const dumpIn = (path: string): string =>
  existsSync(join(path, 'dump.json')) || !existsSync(join(path, 'dump'))
    ? path
    : join(path, 'dump');

/** A dump of any run; its folder may also be that of the results. */
async function judgeAgain(path: string, { env, stdout }: CommandCall): Promise<ExitCode> {
  const judged = await judgeDump(dumpIn(path), secretsOfUser(env));
  for (const line of judgedLines(judged)) stdout.write(`${line}\n`);
  return codeOf(judged);
}
