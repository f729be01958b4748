/** `npm run e2e -- setup | start | wait | stop | dump-logs | assert | teardown | run | cleanup`: the end-to-end harness. */
import { mkdirSync } from 'node:fs';
import { eventsOf } from '../../e2e/events.ts';
import { holderOf, takeLock } from '../../e2e/lock.ts';
import { runOf } from '../../e2e/report/from-state.ts';
import { outcomeOf } from '../../e2e/report/outcome.ts';
import { pageOf } from '../../e2e/report/page.ts';
import { reportToGithub, writeReport } from '../../e2e/report/write.ts';
import { runSteps } from '../../e2e/run.ts';
import {
  createState,
  hasState,
  newState,
  type OpenState,
  openState,
  removeEmptyState,
  resultsFolderOf,
  stateFolderOf,
  STEP_NAMES,
  type StepName,
} from '../../e2e/state.ts';
import { runStep } from '../../e2e/steps/engine.ts';
import { stepOf } from '../../e2e/steps/index.ts';
import { ownedWords } from '../../e2e/steps/teardown.ts';
import { nameProblem, type Topology, topologyLines, topologyOf } from '../../e2e/topology.ts';
import { listenForInterrupts } from '../../system/interrupts.ts';
import { listProblems } from '../../system/problems.ts';
import { Screen } from '../../system/screen.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command, CommandCall } from '../command.ts';
import { TOPOLOGY_OPTIONS, topologyAsk } from '../e2e-options.ts';

const HARNESS_OPTIONS = ['name', 'folder'] as const;
const OF_TOPOLOGY = TOPOLOGY_OPTIONS.map(({ name }) => name);

/** Options of each of its deeds, beside name and folder. */
const ACTIONS: Record<string, readonly string[]> = {
  setup: OF_TOPOLOGY,
  start: [],
  wait: [],
  stop: [],
  'dump-logs': [],
  assert: [],
  teardown: ['dry-run'],
  run: [...OF_TOPOLOGY, 'from', 'keep'],
};

export const e2e: Command = {
  name: 'e2e',
  summary:
    'Test the whole program, from block producers to scores: run does all steps and removes what it made; each step may also be done alone, in another process or on another day.',
  operands: Object.keys(ACTIONS).join('|'),
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
      help: 'where runs are kept: results in DIR/NAME, the state in DIR/NAME/state until teardown',
    },
    {
      name: 'from',
      type: 'choice',
      choices: STEP_NAMES,
      argument: 'STEP',
      help: 'with run: begin here, with what the steps before have made',
    },
    {
      name: 'keep',
      type: 'flag',
      help: 'with run: leave out teardown, so that one can look around',
    },
    {
      name: 'dry-run',
      type: 'flag',
      help: 'with teardown and cleanup: list what would be removed, and remove nothing',
    },
    ...TOPOLOGY_OPTIONS,
  ],
  async run(call) {
    const { operands, values, sources, stdout } = call;
    const action = operands.length === 1 ? operands[0] : '';
    if (!Object.hasOwn(ACTIONS, action))
      throw new UserError(
        operands.length === 0 ? 'e2e needs a step' : `e2e does not know "${operands.join(' ')}"`,
        { hint: `use one of: ${Object.keys(ACTIONS).join(', ')}`, exitCode: EXIT.usage },
      );
    const known: readonly string[] = [...HARNESS_OPTIONS, ...ACTIONS[action]];
    listProblems(
      Object.keys(values)
        .filter((name) => sources[name] === 'flag' && !known.includes(name))
        .map((name) => `--${name} has no effect with "e2e ${action}"`),
      `npm run e2e -- ${action} takes ${known.map((name) => `--${name}`).join(', ')}`,
    );
    const from = (values.from as StepName | undefined) ?? 'setup';
    const name = values.name as string;
    const problem = nameProblem(name);
    listProblems(problem === null ? [] : [`--name ${problem}`], 'e.g. --name e2e-nightly');
    const folder = stateFolderOf(values.folder as string, name);
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
    const begins = action === 'setup' || (action === 'run' && from === 'setup');
    const topology = begins ? decide(call, name) : null;
    if (!begins || hasState(folder)) checkState(folder, topology, call);
    const screen = new Screen(stdout);
    return withRun(folder, topology, call, (open) =>
      action === 'run'
        ? runAll(open, screen, call, { from, keep: values.keep === true })
        : runOne(open, screen, call, action as StepName),
    );
  },
};

/** Prints what it decides. @throws UserError (exit 2) with all that is wrong */
function decide({ values, cwd, stdout }: CommandCall, name: string): Topology {
  const asked = topologyOf(topologyAsk(values, name, cwd));
  if ('problems' in asked) {
    listProblems(asked.problems, 'see npm run e2e -- --help');
    throw new Error('problems without words');
  }
  for (const line of topologyLines(asked.topology)) stdout.write(`${line}\n`);
  for (const note of asked.notes) stdout.write(`note: ${note}\n`);
  return asked.topology;
}

/** @throws UserError where there is no run, or one that is made of something else */
function checkState(folder: string, topology: Topology | null, { sources }: CommandCall): void {
  const { state } = openState(folder);
  const isAsked = OF_TOPOLOGY.some((option) => sources[option] === 'flag');
  if (topology !== null && isAsked && JSON.stringify(state.topology) !== JSON.stringify(topology))
    throw new UserError(`the run ${topology.name} is set up already, with other settings`, {
      hint: 'npm run e2e -- teardown removes it; another --name makes one beside it',
      exitCode: EXIT.usage,
    });
}

/** Under its lock. The state is made where there is none. */
async function withRun(
  folder: string,
  topology: Topology | null,
  { values }: CommandCall,
  action: (open: OpenState) => Promise<number>,
): Promise<number> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = takeLock(folder);
  try {
    const nowMs = Date.now();
    const results = resultsFolderOf(values.folder as string, values.name as string, nowMs);
    return await action(
      hasState(folder)
        ? openState(folder)
        : createState(folder, newState(topology!, results, nowMs)),
    );
  } finally {
    lock.release();
  }
}

async function runOne(
  open: OpenState,
  screen: Screen,
  { env, cwd }: CommandCall,
  name: StepName,
): Promise<number> {
  const interrupts = listenForInterrupts();
  try {
    await runStep(stepOf(name), {
      open,
      env,
      cwd,
      signal: interrupts.first,
      event: eventsOf(open.folder),
      say: (line) => screen.line(line),
      status: (text) => screen.status(text),
    });
    return EXIT.passed;
  } catch (error) {
    if (!interrupts.first.aborted || error instanceof UserError) throw error;
    return EXIT.interrupted;
  } finally {
    interrupts.stop();
    screen.end();
  }
}

async function runAll(
  open: OpenState,
  screen: Screen,
  { env, cwd }: CommandCall,
  { from, keep }: { from: StepName; keep: boolean },
): Promise<number> {
  const interrupts = listenForInterrupts();
  try {
    const { results, exitCode } = await runSteps(
      {
        open,
        env,
        cwd,
        signal: interrupts.first,
        giveUp: interrupts.second,
        say: (line) => screen.line(line),
        status: (text) => screen.status(text),
      },
      { from, keep },
    );
    const { state } = open;
    const run = runOf(state, results, exitCode, env);
    const [page, outcome] = [pageOf(run), outcomeOf(run)];
    mkdirSync(state.results, { recursive: true });
    await writeReport(state.results, page, outcome);
    await reportToGithub(page, outcome, env, (line) => screen.line(line));
    screen.line(`${outcome.sentence}\nresults: ${state.results}`);
    return exitCode;
  } finally {
    interrupts.stop();
    screen.end();
  }
}
