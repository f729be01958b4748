/** Recorded request bodies: as they are or by other submitters, at a pace of VUs or at the times of the recording. */
import type { OptionSpec, OptionValues } from '../../system/option.ts';
import { pacedShape } from '../shape.ts';
import { recordedStarts } from '../timed-starts.ts';
import type { Definition } from './definition.ts';
import { inGroup } from './options.ts';
import { SIGNERS } from './pieces.ts';

const OPTIONS: readonly OptionSpec[] = [
  ...inGroup('pace', [
    {
      name: 'timing',
      type: 'choice',
      argument: 'TIMING',
      choices: ['think', 'recorded'],
      default: 'think',
      help: 'when replay sends: think = VUs with think times; recorded = at the times of a recording (stack record), else those in the payloads (created_at), each once, whatever answers take',
    },
    {
      name: 'time-factor',
      type: 'number',
      argument: 'N',
      min: 0.001,
      max: 1_000_000,
      help: 'by what --timing recorded divides the recorded times: 2 is twice as fast (1)',
    },
  ]),
  ...inGroup('what', [
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
  ]),
];

const isAtRecordedTimes = ({ timing }: OptionValues): boolean => timing === 'recorded';
const isByOthers = ({ submitters }: OptionValues): boolean => submitters === 'random';

const OF_VUS = ['think', 'order', 'duration'] as const;
const OF_OTHERS = [...SIGNERS, 'signatures'] as const;

export const replay: Definition = {
  name: 'replay',
  summary: 'recorded requests of --payloads as they are',
  options: OPTIONS,
  defaults: {},
  uses: (values) => [
    ...['vus', 'warm-up', 'timing', 'submitters'],
    ...(isAtRecordedTimes(values) ? ['time-factor'] : OF_VUS),
    ...(isByOthers(values) ? OF_OTHERS : []),
  ],
  whyUnused(option) {
    const of = (names: readonly string[]) => names.includes(option);
    const where = 'in the scenario replay';
    if (option === 'time-factor') return `${where} without --timing recorded`;
    if (of(OF_VUS)) return `${where} with --timing recorded`;
    return of(OF_OTHERS) ? `${where} without --submitters random` : null;
  },
  problems: ({ payloads }) =>
    payloads === undefined
      ? ['--scenario replay needs --payloads DIR, the folder with the recorded requests']
      : [],
  request: (values) => ({
    timeFactor: isAtRecordedTimes(values) ? ((values['time-factor'] as number) ?? 1) : null,
    byOthers: isByOthers(values) ? { signatures: values.signatures as 'valid' | 'broken' } : null,
  }),
  shape: pacedShape,
  timed: {
    isTimed: ({ timeFactor }) => Boolean(timeFactor),
    starts: (request, { payloads }) => recordedStarts(request, payloads ?? []),
  },
  source: ({ byOthers }) => ({
    kind: byOthers ? 'by others' : 'recorded',
    fed: 'never',
    asRecorded: !byOthers,
    ...(byOthers?.signatures === 'broken' && { broken: true }),
  }),
  pictures: [],
};
