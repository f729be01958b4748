/** Block producers as the network has them: each at its own times, its own blocks, again after a failure. */
import type { OptionSpec, OptionValues } from '../../system/option.ts';
import type { SizeRange } from '../../producers/network-templates.ts';
import { pacedShape } from '../shape.ts';
import { forkLine } from '../hard-fork.ts';
import { parseSizeRange } from '../pace.ts';
import { fleetProblems, networkStarts } from '../timed-starts.ts';
import type { Definition } from './definition.ts';
import { inGroup, problemIn } from './options.ts';
import { PRESET_NAMES, presetProblems, withPreset } from './presets.ts';
import { namesOf, SIGNERS } from './pieces.ts';

const share = (name: string, what: string): OptionSpec => ({
  name,
  type: 'number',
  argument: 'SHARE',
  min: 0,
  max: 1,
  help: `of a fleet: ${what}, 0 to 1`,
});

const STAY_BEHIND = 'stay-behind-share';
const hasFork = (values: OptionValues): boolean => values['fork-at'] !== undefined;

/** null: as recorded, or a text that the parser refuses. */
function sizesOf({ 'block-size': text }: OptionValues): SizeRange | null {
  const range = text === undefined ? null : parseSizeRange(text as string);
  return range === null || 'problem' in range ? null : range;
}

const OPTIONS: readonly OptionSpec[] = [
  ...inGroup('pace', [
    {
      name: 'speedup',
      type: 'number',
      argument: 'N',
      env: 'MINA_LOAD_SPEEDUP',
      min: 1,
      max: 10_000,
      help: "of a fleet: by what the network's time is divided; 60 runs a day within --duration 24m, 30 a cycle of 7.5 minutes within 15 s, 1 is the network's pace",
    },
  ]),
  ...inGroup('what', [
    {
      name: 'preset',
      type: 'choice',
      argument: 'NAME',
      choices: PRESET_NAMES,
      env: 'MINA_LOAD_PRESET',
      help: 'of a fleet: a network as it is; mainnet = 108 producers with 2.07 nodes each, cycles of 7.5 minutes, 6 % of the rows in same-second pairs, blocks of 13 to 34 KB; docs/scenarios.md says where the figures come from',
    },
    {
      name: 'nodes-per-producer',
      type: 'number',
      argument: 'N',
      min: 1,
      max: 20,
      help: 'of a fleet: nodes that submit with one key, each with a peer id and an address of its own; 2.07 = two, and three for 7 % of the producers',
    },
    {
      name: 'block-size',
      type: 'text',
      argument: 'FROM-TO',
      check: (text) => problemIn(parseSizeRange(text)),
      help: 'of a fleet: sizes of blocks, such as 13KB-34KB, drawn for each (as recorded)',
    },
    share(
      'same-second-share',
      'share of nodes that started together with another one of their key, so that both submit in the same second each cycle: the case in which a storage of the program keeps only one',
    ),
    share(
      'stay-behind-share',
      'with --fork-at: share of nodes that stay on the old chain and go on submitting its last block',
    ),
    share('fork-share', 'share of slots with two blocks of the same height'),
    share('late-share', 'share of submissions by nodes that see blocks 1 to 3 slots late'),
    share('lagging-share', 'share of nodes that lag 2 to 5 blocks behind'),
  ]),
];

export const fleet: Definition = {
  name: 'fleet',
  summary: 'block producers as the network has them',
  options: OPTIONS,
  // 15 producers as in the program's mock, and two cycles of 7.5 minutes in half a minute.
  defaults: {
    producers: '15',
    duration: '30s',
    speedup: '30',
    'fork-share': '0.05',
    'late-share': '0.02',
    'lagging-share': '0.02',
    'nodes-per-producer': '1',
    'same-second-share': '0',
    'stay-behind-share': '0.1',
  },
  uses: (values) => [
    ...['vus', 'duration', 'warm-up', 'era', 'fork-at'],
    ...namesOf(OPTIONS).filter((name) => name !== STAY_BEHIND || hasFork(values)),
    ...SIGNERS,
  ],
  whyUnused: (option, values) =>
    option === STAY_BEHIND && !hasFork(values) ? 'without --fork-at' : null,
  adjusted: withPreset,
  request(values) {
    const number = (name: string) => values[name] as number;
    return {
      fleet: {
        speedup: number('speedup'),
        forkShare: number('fork-share'),
        lateShare: number('late-share'),
        laggingShare: number('lagging-share'),
        nodesPerProducer: number('nodes-per-producer'),
        sameSecondShare: number('same-second-share'),
        stayedShare: number(STAY_BEHIND) ?? 0,
        blockBytes: sizesOf(values),
      },
    };
  },
  problems(values, request, isChosen) {
    // How many keys a file holds is known when it is read.
    const isListed = values['producers-file'] !== undefined && !isChosen('producers');
    return [
      ...presetProblems(values, isChosen),
      ...fleetProblems({ ...request, seed: '' }, isListed ? 1 : (values.producers as number)),
    ];
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
  describe(request) {
    const { nodesPerProducer, sameSecondShare } = request.fleet!;
    const line = forkLine(request);
    return [
      ...(nodesPerProducer === 1
        ? []
        : [
            `nodes         ${nodesPerProducer} of each producer on average, ${(100 * sameSecondShare).toFixed(1)} % of them in pairs that submit in the same second`,
          ]),
      ...(line === null ? [] : [line]),
    ];
  },
  pictures: ['fleet'],
};
