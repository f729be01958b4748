/** Options that several scenarios take, and the groups under which the help lists all options of a load. */
import { HOURLY_LIMIT } from '../../mina/limits.ts';
import type { OptionSpec } from '../../system/option.ts';
import { parseRate } from '../pace.ts';

/** In the order of the help. */
export const OPTION_GROUPS = [
  'what',
  'pace',
  'target',
  'producers',
  'storage',
  'monitor',
  'faults',
  'gates',
  'output',
] as const;
export type OptionGroup = (typeof OPTION_GROUPS)[number];

/** The same options in a group. */
export const inGroup = (group: OptionGroup, options: readonly OptionSpec[]): OptionSpec[] =>
  options.map((option) => ({ ...option, group }));

/** In the order of the groups, in each as they were. */
export const byGroup = (options: readonly OptionSpec[]): OptionSpec[] =>
  OPTION_GROUPS.flatMap((group) => options.filter((option) => option.group === group));

/** @returns what stands after the option's name, if `parsed` holds problems */
export const problemIn = (parsed: object): string | null =>
  'problems' in parsed
    ? (parsed.problems as string[]).join('; ')
    : 'problem' in parsed
      ? (parsed.problem as string)
      : null;

export const SHARED_OPTIONS: readonly OptionSpec[] = [
  ...inGroup('pace', [
    {
      name: 'vus',
      type: 'integer',
      argument: 'N',
      default: '100',
      env: 'MINA_LOAD_VUS',
      min: 1,
      max: 20_000,
      help: 'virtual users; each sends, waits for the answer, thinks, and sends again',
    },
    {
      name: 'rate',
      type: 'text',
      argument: 'N/s',
      env: 'MINA_LOAD_RATE',
      check: (text) => problemIn(parseRate(text)),
      help: 'submissions that begin per second (N/min, N/h) however long answers take, for arrival, ramp, rounds, spike, soak and your own; --vus is then how many VUs stand ready (as many as answers of 1 s need, and a quarter more)',
    },
    {
      name: 'steerable',
      type: 'flag',
      help: 'let npm run ctl change the pace while the load runs: submissions are signed while they are sent, each when its turn comes; up to 4 times the --rate it begins with, or, of VUs with think times, down from their own pace',
    },
    {
      name: 'stages',
      type: 'text',
      argument: 'LIST',
      env: 'MINA_LOAD_STAGES',
      help: 'stages of ramp, duration:target, such as "30s:100,1m:100,30s:0"; targets are VUs, from none at first; with --rate they are rates in its unit, from that rate at first',
    },
    {
      name: 'duration',
      type: 'duration',
      argument: 'TIME',
      default: '1m',
      env: 'MINA_LOAD_DURATION',
      min: 1000,
      max: 604_800_000,
      help: 'how long to send, such as 90s or 1h30m',
    },
    {
      name: 'think',
      type: 'text',
      argument: 'FROM-TO',
      default: '1s-5s',
      env: 'MINA_LOAD_THINK',
      help: 'think time after each answer, uniform between the two; 0 for none',
    },
    {
      name: 'warm-up',
      type: 'duration',
      argument: 'TIME',
      default: '0',
      env: 'MINA_LOAD_WARM_UP',
      min: 0,
      max: 86_400_000,
      help: 'answers within this time after the start count, but not in the latency figures and their gates',
    },
    {
      name: 'hostile-rate',
      type: 'number',
      argument: 'N',
      default: '20',
      min: 0.1,
      max: 10_000,
      help: 'hostile requests per second of the scenario hostile, beside the good load',
    },
  ]),
  ...inGroup('target', [
    {
      name: 'hourly-limit',
      type: 'integer',
      argument: 'N',
      env: 'MINA_LOAD_HOURLY_LIMIT',
      min: 0,
      max: 2 ** 31 - 1,
      help: `how many submissions of a producer the target takes in an hour, its REQUESTS_PER_PK_HOURLY (${HOURLY_LIMIT} unless it says otherwise): decides how many producers a load has, and lets hostile play the edge of the limit; the embedded backend is set to it`,
    },
  ]),
  ...inGroup('what', [
    {
      name: 'fork-at',
      type: 'duration',
      argument: 'TIME',
      min: 0,
      max: 604_800_000,
      help: 'of a fleet, or with --chain: rehearse the hard fork from Berkeley to Mesa so long after the load began: the old chain stops (no transactions, then no blocks), then the new era begins with its genesis',
    },
    {
      name: 'order',
      type: 'choice',
      argument: 'ORDER',
      choices: ['sequence', 'random'],
      default: 'sequence',
      help: 'in which order replay sends the payloads',
    },
  ]),
];

/** Those, and what every command that signs has: a scenario says which of these it makes something of. */
export const SHARED_NAMES: readonly string[] = [
  ...SHARED_OPTIONS.map(({ name }) => name),
  'producers',
  'producers-file',
  'network',
  'chain',
  'era',
];
