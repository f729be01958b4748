/** Base rate, stress rate, pause, again and again, with a share of the producers stopped in each round, as the program's performance cluster runs it. */
import type { OptionSpec, OptionValues } from '../../system/option.ts';
import { MOST_STARTS_PER_SECOND, parseRate } from '../pace.ts';
import type { LoadRequest, Rate } from '../request.ts';
import { roundsMs, roundsProblems, roundsProducers } from '../rounds.ts';
import { pacedShape } from '../shape.ts';
import { MOST_TIMED_SUBMISSIONS, roundStarts } from '../timed-starts.ts';
import { roundsSubmissions } from '../rounds.ts';
import type { Definition } from './definition.ts';
import { inGroup, problemIn } from './options.ts';
import { namesOf, SIGNERS } from './pieces.ts';

const time = (name: string, help: string, min: number): OptionSpec => ({
  name,
  type: 'duration',
  argument: 'TIME',
  min,
  max: 86_400_000,
  help: `of rounds: ${help}`,
});

const OPTIONS: readonly OptionSpec[] = inGroup('pace', [
  {
    name: 'repeats',
    type: 'integer',
    argument: 'N',
    min: 1,
    max: 1000,
    help: 'of rounds: how many there are',
  },
  {
    name: 'stress-rate',
    type: 'text',
    argument: 'N/s',
    check: (text) => problemIn(parseRate(text)),
    help: 'of rounds: submissions that begin per second in the stress of each round; --rate is that of its base time',
  },
  time('base-time', 'how long each sends at the base rate', 1000),
  time('stress-time', 'how long each sends at the stress rate', 1000),
  time('pause', 'how long nothing is sent after each', 2000),
  {
    name: 'stopped-share',
    type: 'number',
    argument: 'SHARE',
    min: 0,
    max: 0.95,
    help: 'of rounds: share of the producers, 0 to 0.95, that are stopped in each and send nothing until it is over; in the next one others are',
  },
]);

const perSecond = ({ starts, timeUnitMs }: Rate): number => (starts * 1000) / timeUnitMs;

function rateOf(values: OptionValues, name: string): number {
  const rate = parseRate((values[name] as string | undefined) ?? '');
  return 'problem' in rate ? 0 : perSecond(rate);
}

const producersOf = (request: LoadRequest): number =>
  request.producers ?? roundsProducers(request.rounds!);

export const rounds: Definition = {
  name: 'rounds',
  summary: 'base rate, stress rate and pause in turns, with producers stopped in each round',
  options: OPTIONS,
  defaults: {
    rate: '20/s',
    'stress-rate': '100/s',
    repeats: '3',
    'base-time': '20s',
    'stress-time': '10s',
    pause: '5s',
    'stopped-share': '0.2',
  },
  uses: () => ['vus', 'rate', 'warm-up', ...namesOf(OPTIONS), ...SIGNERS],
  whyUnused: (option) =>
    option === 'duration' ? 'in the scenario rounds: --repeats and its times say how long' : null,
  request: (values) => ({
    rounds: {
      rounds: values.repeats as number,
      basePerSecond: rateOf(values, 'rate'),
      stressPerSecond: rateOf(values, 'stress-rate'),
      baseMs: values['base-time'] as number,
      stressMs: values['stress-time'] as number,
      pauseMs: values.pause as number,
      stoppedShare: values['stopped-share'] as number,
    },
  }),
  problems(values, request, isChosen) {
    const asked = request.rounds!;
    const problems: string[] = [];
    for (const name of ['rate', 'stress-rate'])
      if (rateOf(values, name) <= 0)
        problems.push(`--${name} must be more than 0 in the scenario rounds, but is "${String(values[name])}"`); // prettier-ignore
    const count = roundsSubmissions(asked);
    if (count > MOST_TIMED_SUBMISSIONS)
      problems.push(
        `--repeats ${asked.rounds} make ${count} submissions, but ${MOST_TIMED_SUBMISSIONS} is the most that is signed beforehand`,
      );
    if (problems.length > 0) return problems;
    // How many keys a file holds is known when it is read.
    const isListed = values['producers-file'] !== undefined && !isChosen('producers');
    return isListed ? [] : roundsProblems(asked, producersOf(request));
  },
  shape: (request) =>
    pacedShape({
      ...request,
      rate: { starts: MOST_STARTS_PER_SECOND, timeUnitMs: 1000 },
      durationMs: roundsMs(request.rounds!),
    }),
  timed: {
    isTimed: () => true,
    starts: (request, { producers }) => roundStarts(request, producers ?? producersOf(request)),
  },
  producers: producersOf,
  source: () => ({ kind: 'signed', fed: 'never', asRecorded: false }),
  pictures: ['asked'],
};
