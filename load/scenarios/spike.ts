/** A base load with one burst: VUs, or with a rate the rate, are many times more for a while. */
import type { OptionSpec } from '../../system/option.ts';
import { MOST_VUS } from '../pace.ts';
import { pacedShape } from '../shape.ts';
import type { Definition } from './definition.ts';
import { inGroup } from './options.ts';
import { namesOf, paceOptions, SIGNED, signed, whyNoPace } from './pieces.ts';

const OPTIONS: readonly OptionSpec[] = inGroup('pace', [
  {
    name: 'burst-factor',
    type: 'number',
    argument: 'N',
    min: 1.01,
    max: 1000,
    help: 'how many times the base load of spike its burst is',
  },
  {
    name: 'burst-from',
    type: 'duration',
    argument: 'TIME',
    min: 0,
    max: 86_400_000,
    help: 'when the burst of spike begins',
  },
  {
    name: 'burst-time',
    type: 'duration',
    argument: 'TIME',
    min: 100,
    max: 86_400_000,
    help: 'how long the burst of spike lasts',
  },
]);

export const spike: Definition = {
  name: 'spike',
  summary: 'a burst on a base load',
  options: OPTIONS,
  defaults: { vus: '20', 'burst-factor': '10', 'burst-from': '20s', 'burst-time': '20s' },
  uses: (values) => [...paceOptions(values, { stages: false }), ...namesOf(OPTIONS), ...SIGNED],
  whyUnused: whyNoPace,
  request: (values) => ({
    burst: {
      factor: values['burst-factor'] as number,
      fromMs: values['burst-from'] as number,
      lengthMs: values['burst-time'] as number,
    },
  }),
  problems(_, request) {
    const { fromMs, lengthMs, factor } = request.burst!;
    const { durationMs } = request;
    const { vus } = pacedShape(request);
    return [
      ...(fromMs + lengthMs > durationMs
        ? [
            `--burst-from and --burst-time must end within --duration, but are ${(fromMs + lengthMs) / 1000} s of ${durationMs / 1000} s`,
          ]
        : []),
      ...(vus > MOST_VUS
        ? [
            `--burst-factor ${factor} makes ${vus} VUs of ${request.vus}, but ${MOST_VUS} is the most`,
          ]
        : []),
    ];
  },
  shape: pacedShape,
  source: signed,
  pictures: ['asked'],
};
