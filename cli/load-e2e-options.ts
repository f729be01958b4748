/** The options of `npm run load -- --e2e`, and what they do not go together with. */
import { definitionOf } from '../load/scenarios/index.ts';
import type { LoadRequest } from '../load/request.ts';
import { nameProblem } from '../e2e/topology.ts';
import type { OptionSpec, OptionValues } from '../system/option.ts';
import type { OptionValue } from '../results/types.ts';

export const E2E_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'e2e',
    group: 'target',
    type: 'flag',
    help: 'load the whole program and judge the whole chain: accepted = stored = verified, points and scores right, and a coordinator that keeps up; it goes through the system that npm run e2e -- start has started, or, if there is none, through one that is made for this load and removed after it',
  },
  {
    name: 'e2e-name',
    group: 'target',
    type: 'text',
    argument: 'NAME',
    default: 'e2e',
    check: nameProblem,
    help: 'with --e2e: name of the run of npm run e2e that is loaded',
  },
  {
    name: 'e2e-folder',
    group: 'target',
    type: 'path',
    argument: 'DIR',
    default: 'e2e-runs',
    help: 'with --e2e: where runs of npm run e2e are kept',
  },
  {
    name: 'e2e-wait',
    group: 'target',
    type: 'duration',
    argument: 'TIME',
    min: 0,
    help: 'with --e2e: how long after the load all of it may take to be stored, verified and counted (three batches, the pauses of the coordinator after each, and a minute)',
  },
];

const OF_E2E = E2E_OPTIONS.map(({ name }) => name);

/** What says elsewhere where the load goes, or who sends. */
const EXCLUDED = ['target', 'ab', 'storage', 'target-pid', 'target-container', 'port', 'producers-file', 'allow-remote'] as const; // prettier-ignore
/** Submissions of these sources are whole blocks, each signed by a producer of the system. */
const SIGNED: readonly string[] = ['signed', 'network'];

/** @returns every problem */
export function e2eProblems(
  values: OptionValues,
  sources: Record<string, OptionValue['source']>,
  request: LoadRequest,
): string[] {
  const isGiven = (name: string) => !['default', 'scenario'].includes(sources[name] ?? 'default');
  if (values.e2e !== true)
    return OF_E2E.filter((name) => name !== 'e2e' && sources[name] === 'flag').map(
      (name) => `--${name} has no effect without --e2e`,
    );
  const definition = definitionOf(request.scenario);
  const { kind } = definition.source(request);
  const isWhole =
    SIGNED.includes(kind) &&
    definition.search === undefined &&
    (definition.hostile?.(request) ?? null) === null;
  return [
    ...EXCLUDED.filter(isGiven).map((name) => `--e2e and --${name} exclude each other`),
    ...(isWhole
      ? []
      : [
          `--e2e takes a load of whole blocks, each signed by a producer of the system, and the scenario ${request.scenario} is another one`,
        ]),
    ...(request.network === 'testnet'
      ? []
      : [`--e2e signs as its system does, for testnet: --network is ${request.network}`]),
    ...((request.forkAtMs ?? null) === null
      ? []
      : ['--e2e and --fork-at exclude each other: npm run e2e -- run --fork-at rehearses a fork']),
  ];
}
