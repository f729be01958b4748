/** Block producers as the network has them: each at its own times, its own blocks, again after a failure. */
import type { OptionSpec } from '../../system/option.ts';
import { pacedShape } from '../shape.ts';
import { fleetProblems, networkStarts } from '../timed-starts.ts';
import type { Definition } from './definition.ts';
import { inGroup } from './options.ts';
import { namesOf, SIGNERS } from './pieces.ts';

const share = (name: string, what: string): OptionSpec => ({
  name,
  type: 'number',
  argument: 'SHARE',
  min: 0,
  max: 1,
  help: `of a fleet: ${what}, 0 to 1`,
});

const OPTIONS: readonly OptionSpec[] = [
  ...inGroup('pace', [
    {
      name: 'speedup',
      type: 'number',
      argument: 'N',
      env: 'MINA_LOAD_SPEEDUP',
      min: 1,
      max: 10_000,
      help: "of a fleet: by what the network's time is divided; 60 runs a day within --duration 24m, 30 a cycle of 15 minutes within 30 s, 1 is the network's pace",
    },
  ]),
  ...inGroup('what', [
    share('fork-share', 'share of slots with two blocks of the same height'),
    share('late-share', 'share of submissions by nodes that see blocks 1 to 3 slots late'),
    share('lagging-share', 'share of producers that lag 2 to 5 blocks behind'),
  ]),
];

export const fleet: Definition = {
  name: 'fleet',
  summary: 'block producers as the network has them',
  options: OPTIONS,
  // 15 producers as in the program's mock, and one cycle of 15 minutes in half a minute.
  defaults: {
    producers: '15',
    duration: '30s',
    speedup: '30',
    'fork-share': '0.05',
    'late-share': '0.02',
    'lagging-share': '0.02',
  },
  uses: () => ['vus', 'duration', 'warm-up', 'era', ...namesOf(OPTIONS), ...SIGNERS],
  request(values) {
    const number = (name: string) => values[name] as number;
    return {
      fleet: {
        speedup: number('speedup'),
        forkShare: number('fork-share'),
        lateShare: number('late-share'),
        laggingShare: number('lagging-share'),
      },
    };
  },
  problems(values, request, isChosen) {
    // How many keys a file holds is known when it is read.
    const isListed = values['producers-file'] !== undefined && !isChosen('producers');
    return fleetProblems({ ...request, seed: '' }, isListed ? 1 : (values.producers as number));
  },
  shape: pacedShape,
  timed: {
    isTimed: () => true,
    starts: (request, { producers, era }) =>
      networkStarts(request, producers ?? request.producers!, era),
  },
  source: () => ({ kind: 'network', fed: 'never', asRecorded: false }),
  // An hour of the network is shorter.
  hourlyLimit({ fleet: network }, usual) {
    const { speedup } = network!;
    const limit = Math.ceil(usual * Math.max(1, speedup));
    const note =
      speedup > 1
        ? `the embedded backend takes ${limit} submissions of a producer in an hour: the ${usual} of the real one, times --speedup`
        : null;
    return { limit, note };
  },
  pictures: ['fleet'],
};
