/** Several kinds of requests by weight, with figures for each kind; hostile ones beside, at their share of the pace. */
import type { OptionSpec, OptionValues } from '../../system/option.ts';
import { hasPart, hostileRateOf, mixedParts, parseMix, shareOf, unpacedRateOf } from '../parts.ts';
import type { PartWeight } from '../request.ts';
import { pacedShape } from '../shape.ts';
import type { Definition } from './definition.ts';
import { inGroup, problemIn } from './options.ts';
import { describeHostile, paceOptions, SIGNERS, whyNoPace } from './pieces.ts';
import { describeSizes, SIZES_OPTIONS, sizesOf } from './sizes.ts';

const MIX_OPTIONS: readonly OptionSpec[] = inGroup('what', [
  {
    name: 'mix',
    type: 'text',
    argument: 'LIST',
    env: 'MINA_LOAD_MIX',
    check: (text) => problemIn(parseMix(text)),
    help: 'kinds of requests of mixed and their weights, such as "load=8,big-blocks=1,replay=1,hostile=1"; replay sends those of --payloads as they are; hostile requests come beside the pace of the others',
  },
]);

/** No parts where --mix is absent or wrong, which the parser reports. */
function mixOf({ mix }: OptionValues): { mix: PartWeight[] } {
  const parts = parseMix((mix as string | undefined) ?? '');
  return { mix: Array.isArray(parts) ? parts : [] };
}

const isPaced = ({ rate, think }: OptionValues): boolean => rate !== undefined || think !== '0';

export const mixed: Definition = {
  name: 'mixed',
  summary: 'several kinds by weight (--mix)',
  options: [...SIZES_OPTIONS, ...MIX_OPTIONS],
  defaults: { mix: 'load=8,big-blocks=1,hostile=1', sizes: '64KB,256KB,1MB' },
  uses: (values) => [
    ...paceOptions(values, { stages: false }),
    ...['sizes', 'mix', ...SIGNERS],
    ...(hasPart(mixOf(values), 'replay') ? ['order'] : []),
    ...(hasPart(mixOf(values), 'hostile') && !isPaced(values) ? ['hostile-rate'] : []),
  ],
  whyUnused: (option, values) =>
    option === 'hostile-rate' && isPaced(values)
      ? 'where --mix and a pace say how many there are'
      : whyNoPace(option, values),
  request: (values) => ({ sizes: sizesOf(values), ...mixOf(values) }),
  problems: (values, request) =>
    hasPart(request, 'replay') && values.payloads === undefined
      ? ['--mix with replay needs --payloads DIR, the folder with the recorded requests']
      : [],
  shape: pacedShape,
  unpacedRate: (request, most) =>
    unpacedRateOf(request.sizes!, shareOf(request, 'big-blocks'), most),
  source: (request) => ({ kind: 'parts', fed: 'never', asRecorded: hasPart(request, 'replay') }),
  parts: { figures: 'kinds', templates: mixedParts },
  hostile: (request) =>
    hasPart(request, 'hostile')
      ? {
          askedBy: '--mix with hostile',
          ratePerSecond: (perSecond, otherwise) => hostileRateOf(request, perSecond, otherwise),
        }
      : null,
  describe(request, { hostilePerSecond }) {
    const parts = request.mix!;
    const sum = parts.reduce((total, { weight }) => total + weight, 0);
    return [
      `kinds         ${parts.map(({ kind, weight }) => `${kind} ${((100 * weight) / sum).toFixed(1)} %`).join(', ')}`,
      ...(hostilePerSecond === null ? [] : [describeHostile(hostilePerSecond)]),
      ...(hasPart(request, 'big-blocks') ? [describeSizes(request.sizes!)] : []),
    ];
  },
  pictures: [],
};
