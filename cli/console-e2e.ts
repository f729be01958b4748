/** What the console may start of `npm run e2e -- run`: its options as a browser may choose them, and the command line's own decision. */
import { LOAD_NETWORK, NETWORK_CHOICES } from '../e2e/network/kinds.ts';
import { cycleMs, nameProblem, S3_CHOICES, sendingMs, type Topology, topologyLines } from '../e2e/topology.ts'; // prettier-ignore
import { STEPS } from '../e2e/steps/index.ts';
import { conditionsOf } from '../e2e/steps/wait.ts';
import type { E2ePlanned, E2ePlanner, GivenOptions } from '../console/server/planner.ts';
import { wordsOf } from '../console/server/planner.ts';
import { formatDuration } from '../results/units.ts';
import type { OptionSpec } from '../system/option.ts';
import { UserError } from '../user-error.ts';
import { e2e } from './commands/e2e.ts';
import { decideTopology, STAGING_OPTIONS } from './e2e-staging-options.ts';
import { TOPOLOGY_OPTIONS } from './e2e-options.ts';
import { parseCommandLine } from './parse.ts';

/**
 * Programs and images to run, databases and buckets of others, a private network that listens on every address: a browser is not to choose them,
 * whoever sits before it.
 */
const NOT_TAKEN: readonly string[] = ['database', 'backend', 'backend-image', 'verifier-image', 'coordinator', 'leaderboard', 'daemon-image', 'minimina', 'allow-remote', 'topology-file', 'genesis-file']; // prettier-ignore

const CHOICES: Record<string, readonly string[]> = {
  network: NETWORK_CHOICES.filter((kind) => kind !== 'minimina' && kind !== LOAD_NETWORK),
  s3: S3_CHOICES,
};

/** Words about what may be chosen elsewhere only would mislead. */
const HELP: Record<string, string> = {
  network:
    'who sends: a fleet of simulated block producers, or the recorded submissions of --payloads',
  s3: 'where blocks lie: the filesystem, or versitygw, an S3 server of this run (built by Go, once)',
  keep: 'leave out teardown, so that one can look around',
};

const optionsOf = (): OptionSpec[] => {
  const own = e2e.options.filter(({ name }) => ['name', 'keep'].includes(name));
  return [...own, ...TOPOLOGY_OPTIONS, ...STAGING_OPTIONS]
    .filter(({ name }) => !NOT_TAKEN.includes(name))
    .map((option) => ({ ...option, help: HELP[option.name] ?? option.help }))
    .map((option) => (Object.hasOwn(CHOICES, option.name) ? { ...option, type: 'choice', choices: CHOICES[option.name] } : option)); // prettier-ignore
};

/** @param folder of all runs */
export function e2ePlannerOf(env: NodeJS.ProcessEnv, cwd: string, folder: string): E2ePlanner {
  // Of another script than e2e, npm's own words explain nothing.
  const ours = { ...env, npm_lifecycle_event: undefined };
  const plan = (given: GivenOptions): E2ePlanned => {
    try {
      const strange = Object.entries(CHOICES).flatMap(([name, choices]) => {
        const value = given[name];
        return value === undefined || choices.includes(String(value)) ? [] : [`--${name} must be ${choices.join(' or ')} here, but is "${String(value)}"`]; // prettier-ignore
      });
      const { values } = parseCommandLine(e2e, ['run', ...wordsOf(given), `--folder=${folder}`], ours, cwd); // prettier-ignore
      const name = values.name as string;
      const problem = nameProblem(name);
      const decided = decideTopology(values, name, cwd);
      const problems = [
        ...strange,
        ...('problems' in decided ? decided.problems : problem === null ? [] : [`--name ${problem}`]), // prettier-ignore
      ];
      if ('problems' in decided || problems.length > 0) return { problems: [...new Set(problems)] };
      const { topology, notes } = decided;
      return {
        name,
        lines: [
          ...[...topologyLines(topology), volumeLine(topology)].map(lineParts),
          ...notes.map((text) => ({ name: 'note', text })),
        ],
        steps: STEPS.filter((step) => !(values.keep === true && step.name === 'teardown')).map(({ name: step, title }) => ({ name: step, title })), // prettier-ignore
        conditions: conditionsOf(topology).map(({ words, withinMs }) => ({ words, withinMs })),
      };
    } catch (error) {
      if (error instanceof UserError) return { problems: error.message.split('\n') };
      throw error;
    }
  };
  return { options: optionsOf(), plan };
}

function volumeLine(topology: Topology): string {
  const { network } = topology;
  const forMs = sendingMs(topology);
  const about = Math.round((network.producers * network.nodesPerProducer * forMs) / cycleMs(topology)); // prettier-ignore
  return network.kind === NETWORK_CHOICES[0]
    ? `volume    about ${about} submissions in ${formatDuration(forMs)}`
    : `volume    all of the payloads, within ${formatDuration(forMs)}`;
}

const lineParts = (line: string): { name: string; text: string } => {
  const [, name, text] = /^(\S+(?: \S+)*?)\s{2,}(.*)$/.exec(line) ?? ['', '', line];
  return { name, text };
};
