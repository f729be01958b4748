/** Options of loads in which each start has a time of its own: of the scenario fleet, and of a replay. */
import { fleetProblems } from '../load/own-times.ts';
import type { LoadRequest } from '../load/plan.ts';
import type { CommandCall } from './command.ts';
import type { OptionSpec, OptionValues } from '../system/option.ts';

/** The scenario's own defaults: 15 producers as in the program's mock, and one cycle of 15 minutes in half a minute. */
export const FLEET_DEFAULTS: Record<string, string> = {
  producers: '15',
  duration: '30s',
  speedup: '30',
  'fork-share': '0.05',
  'late-share': '0.02',
  'lagging-share': '0.02',
};

const share = (name: string, what: string): OptionSpec => ({
  name,
  type: 'number',
  argument: 'SHARE',
  min: 0,
  max: 1,
  help: `of a fleet: ${what}, 0 to 1`,
});

const FLEET_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'speedup',
    type: 'number',
    argument: 'N',
    env: 'MINA_LOAD_SPEEDUP',
    min: 1,
    max: 10_000,
    help: "of a fleet: by what the network's time is divided; 60 runs a day within --duration 24m, 30 a cycle of 15 minutes within 30 s, 1 is the network's pace",
  },
  share('fork-share', 'share of slots with two blocks of the same height'),
  share('late-share', 'share of submissions by nodes that see blocks 1 to 3 slots late'),
  share('lagging-share', 'share of producers that lag 2 to 5 blocks behind'),
];

const REPLAY_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'timing',
    type: 'choice',
    argument: 'TIMING',
    choices: ['think', 'recorded'],
    default: 'think',
    help: 'when replay sends: think = VUs with think times; recorded = at the times in the payloads (created_at), each once, whatever answers take',
  },
  {
    name: 'time-factor',
    type: 'number',
    argument: 'N',
    min: 0.001,
    max: 1_000_000,
    help: 'by what --timing recorded divides the recorded times: 2 is twice as fast (1)',
  },
  {
    name: 'submitters',
    type: 'choice',
    argument: 'WHO',
    choices: ['recorded', 'random'],
    default: 'recorded',
    help: 'who submits the payloads of replay: recorded = as they are; random = the producers of --producers or --producers-file, who sign them anew',
  },
  {
    name: 'signatures',
    type: 'choice',
    argument: 'KIND',
    choices: ['valid', 'broken'],
    default: 'valid',
    help: 'with --submitters random: valid = signed anew; broken = only the submitter is replaced and the recorded signature stays, for targets with VERIFY_SIGNATURE_DISABLED=1',
  },
];

export const OWN_TIMES_OPTIONS: readonly OptionSpec[] = [...FLEET_OPTIONS, ...REPLAY_OPTIONS];

/** Each with the scenarios that make something of it. */
export const OWN_TIMES_ONLY_IN: Record<string, readonly string[]> = {
  ...Object.fromEntries(FLEET_OPTIONS.map(({ name }) => [name, ['fleet']])),
  ...Object.fromEntries(REPLAY_OPTIONS.map(({ name }) => [name, ['replay']])),
};

const isAtRecordedTimes = ({ scenario, timing }: OptionValues): boolean =>
  scenario === 'replay' && timing === 'recorded';
const isByOthers = ({ scenario, submitters }: OptionValues): boolean =>
  scenario === 'replay' && submitters === 'random';

/** Whether the starts of the load have a time each. */
export const hasOwnTimes = (values: OptionValues): boolean =>
  values.scenario === 'fleet' || isAtRecordedTimes(values);

const FLEET_NEEDS_NOT = ['think', 'order', 'rate', 'stages', 'chain'];

/** Options that a fleet, or a replay, makes nothing of; beside those that no scenario of this kind does. */
export function uselessWithOwnTimes(values: OptionValues): string[] {
  if (values.scenario === 'fleet') return FLEET_NEEDS_NOT;
  return [
    'chain',
    'rate',
    'stages',
    ...(isByOthers(values) ? [] : ['producers', 'producers-file', 'network', 'signatures']),
    ...(isAtRecordedTimes(values) ? ['think', 'order', 'duration'] : ['time-factor']),
  ];
}

/** Why a replay makes nothing of an option, to stand after the scenario's name; empty: it never does. */
export function uselessReason(name: string, values: OptionValues): string {
  if (values.scenario !== 'replay') return '';
  if (name === 'time-factor') return ' without --timing recorded';
  if (['think', 'order', 'duration'].includes(name)) return ' with --timing recorded';
  if (['producers', 'producers-file', 'network', 'signatures'].includes(name))
    return ' without --submitters random';
  return '';
}

/** What of a request these options decide. */
export function ownTimesModel(
  values: OptionValues,
): Pick<LoadRequest, 'fleet' | 'timeFactor' | 'resign'> {
  const number = (name: string) => values[name] as number;
  return {
    fleet:
      values.scenario === 'fleet'
        ? {
            speedup: number('speedup'),
            forkShare: number('fork-share'),
            lateShare: number('late-share'),
            laggingShare: number('lagging-share'),
          }
        : null,
    timeFactor: isAtRecordedTimes(values) ? (number('time-factor') ?? 1) : null,
    resign: isByOthers(values) ? { signatures: values.signatures as 'valid' | 'broken' } : null,
  };
}

/** Values that only make sense together. @returns every problem */
export function ownTimesProblems(
  values: OptionValues,
  request: Pick<LoadRequest, 'durationMs' | 'fleet'>,
  sources: CommandCall['sources'],
): string[] {
  if (!request.fleet) return [];
  // How many keys a file holds is told when it is read.
  const isListed = values['producers-file'] !== undefined && sources.producers === 'scenario';
  return fleetProblems({ ...request, seed: '' }, isListed ? 1 : (values.producers as number));
}
