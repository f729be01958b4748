/** The highest rate that meets the gates: many loads at constant rates, one after another (load/breakpoint/). */
import type { OptionSpec, OptionValues } from '../../system/option.ts';
import type { SearchPlan } from '../breakpoint/search.ts';
import { parseRate } from '../pace.ts';
import { pacedShape, trialVus } from '../shape.ts';
import type { Definition } from './definition.ts';
import { inGroup } from './options.ts';
import { namesOf, SIGNED, whyNoPace } from './pieces.ts';

const OPTIONS: readonly OptionSpec[] = inGroup('pace', [
  {
    name: 'max-rate',
    type: 'number',
    argument: 'N',
    default: '5000',
    min: 1,
    max: 50_000,
    help: 'submissions per second that breakpoint goes up to, from --rate at first',
  },
  {
    name: 'hold',
    type: 'duration',
    argument: 'TIME',
    default: '10s',
    min: 2000,
    max: 3_600_000,
    help: 'how long breakpoint holds each rate; --duration is that of the last load, which confirms what was found: longer than the target takes to throttle',
  },
  {
    name: 'settle',
    type: 'duration',
    argument: 'TIME',
    default: '1s',
    min: 0,
    max: 600_000,
    help: 'pause of breakpoint between two rates; after one that failed it also waits until the target answers as before',
  },
  {
    name: 'precision',
    type: 'number',
    argument: 'PERCENT',
    default: '5',
    min: 1,
    max: 50,
    help: 'width of the range in which the knee lies with 95 % probability when breakpoint ends; a blurred knee may take more trials than --max-trials',
  },
  {
    name: 'max-trials',
    type: 'integer',
    argument: 'N',
    default: '26',
    min: 2,
    max: 500,
    help: 'how many rates breakpoint tries at most',
  },
]);

/** Three trials and more on end at least: what allows for a burst or throttles does so within seconds to a minute. */
const CONFIRMING = '90s';
/** Lowest rate that the search goes down to, as a share of --rate. */
const LOWEST_SHARE = 1 / 64;
/** Submissions of a trial, at least: of fewer none may be due in its second half, so whether the target keeps up cannot be seen. */
const FEWEST_IN_TRIAL = 10;

/** Of values without problems. */
export function searchOf(values: OptionValues): SearchPlan {
  const rate = parseRate(values.rate as string);
  const holdMs = values.hold as number;
  // A trial's rate is a whole number of hundredths (load/breakpoint/trial.ts), and must be able to equal these.
  const round = (perSecond: number) => Math.max(0.01, Math.round(perSecond * 100) / 100);
  const first = 'problem' in rate ? 1 : round((rate.starts * 1000) / rate.timeUnitMs);
  const fewest = (FEWEST_IN_TRIAL * 1000) / holdMs;
  return {
    first,
    lowest: Math.min(first, round(Math.max(first * LOWEST_SHARE, fewest))),
    highest: round(values['max-rate'] as number),
    precision: (values.precision as number) / 100,
    mostTrials: values['max-trials'] as number,
    holdMs,
    settleMs: values.settle as number,
  };
}

export const breakpoint: Definition = {
  name: 'breakpoint',
  summary: 'the highest rate that meets the gates',
  options: OPTIONS,
  defaults: { rate: '50/s', duration: CONFIRMING, timeout: '10s' },
  uses: () => ['vus', 'rate', 'duration', ...namesOf(OPTIONS), ...SIGNED],
  whyUnused: whyNoPace,
  problems(values) {
    const { first, highest, holdMs } = searchOf(values);
    const duration = values.duration as number;
    return [
      ...(first > highest
        ? [`--max-rate must be at least --rate, but is ${highest}/s, and --rate ${first}/s`]
        : []),
      ...(duration < holdMs
        ? [
            `--duration, of the load that confirms, must be at least --hold, but is ${duration / 1000} s, and --hold ${holdMs / 1000} s`,
          ]
        : []),
    ];
  },
  shape: (request) => pacedShape(request, trialVus),
  search: searchOf,
  source: () => ({ kind: 'signed', fed: 'never', asRecorded: false }),
  pictures: ['breakpoint'],
};
