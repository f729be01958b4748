/** A run of each scenario that is as short as it can be, and what its options alone say about it. */
import { join } from 'node:path';
import { projectRoot } from '../../paths.ts';
import type { Known } from './compare.ts';
import { LENIENT } from './run.ts';
import type { Programme } from './target.ts';

const RECORDED = join(projectRoot, 'producers', 'data');

export type TruthCase = { args: string[]; programme?: Programme; known: Known };

const THINK = ['--think', '100ms-100ms'];
const closed = (seconds: number): Known => ({
  durationMs: seconds * 1000,
  thinkMs: 100,
  perSecond: null,
});
/** Answers that take their time, each another: the percentiles are far apart. */
const UNEVEN: Programme = {
  deedOf: (n) => ({ afterMs: n % 50 === 7 ? 400 : n % 10 === 3 ? 150 : 20 + (n % 7) * 5 }),
};

/** By the scenario's name. */
export const CASES: Readonly<Record<string, TruthCase>> = {
  load: {
    args: ['--vus', '8', ...THINK, '--duration', '5s'],
    programme: UNEVEN,
    known: closed(5),
  },
  smoke: {
    args: ['--scenario', 'smoke'],
    programme: { deedOf: (n) => ({ afterMs: 30 * n }) },
    known: { durationMs: null, thinkMs: 1100, perSecond: null },
  },
  replay: {
    args: [
      '--scenario',
      'replay',
      '--payloads',
      RECORDED,
      '--vus',
      '4',
      ...THINK,
      '--duration',
      '4s',
    ],
    programme: UNEVEN,
    known: closed(4),
  },
  ramp: {
    args: ['--scenario', 'ramp', '--stages', '2s:8,1s:8,1s:0', ...THINK],
    programme: UNEVEN,
    known: closed(4),
  },
  arrival: {
    args: ['--scenario', 'arrival', '--rate', '40/s', '--duration', '4s', ...LENIENT],
    programme: UNEVEN,
    known: { durationMs: 4000, thinkMs: null, perSecond: 40 },
  },
  fleet: {
    // A cycle of the network, 7.5 minutes: each producer once, and the makers' own blocks.
    args: [
      '--scenario',
      'fleet',
      '--producers',
      '30',
      '--speedup',
      '150',
      '--duration',
      '3s',
      ...LENIENT,
    ],
    programme: { deedOf: (n) => ({ afterMs: 5 * n }) },
    known: { durationMs: null, thinkMs: null, perSecond: null },
  },
  rounds: {
    args: [
      ...['--scenario', 'rounds', '--repeats', '2', '--rate', '10/s', '--stress-rate', '30/s'],
      ...['--base-time', '2s', '--stress-time', '1s', '--pause', '2s', ...LENIENT],
    ],
    programme: UNEVEN,
    known: { durationMs: null, thinkMs: null, perSecond: null },
  },
  spike: {
    args: [
      ...['--scenario', 'spike', '--vus', '2', '--burst-factor', '5', '--burst-from', '1s'],
      ...['--burst-time', '1500ms', '--duration', '4s', ...THINK],
    ],
    programme: UNEVEN,
    known: closed(4),
  },
  soak: {
    args: ['--scenario', 'soak', '--rate', '30/s', '--duration', '4s', ...LENIENT],
    programme: UNEVEN,
    known: { durationMs: 4000, thinkMs: null, perSecond: 30 },
  },
  hostile: {
    args: ['--scenario', 'hostile', '--vus', '5', ...THINK, '--duration', '4s'],
    programme: UNEVEN,
    known: closed(4),
  },
  'big-blocks': {
    args: [
      '--scenario',
      'big-blocks',
      '--sizes',
      '17.5KB,64KB,1MB',
      '--vus',
      '3',
      ...THINK,
      '--duration',
      '4s',
    ],
    programme: UNEVEN,
    known: closed(4),
  },
  mixed: {
    args: [
      ...[
        '--scenario',
        'mixed',
        '--mix',
        'load=4,big-blocks=2,replay=1,hostile=1',
        '--payloads',
        RECORDED,
      ],
      ...['--sizes', '64KB,300KB', '--vus', '5', ...THINK, '--duration', '4s'],
    ],
    programme: UNEVEN,
    known: closed(4),
  },
  breakpoint: {
    args: [
      ...[
        '--scenario',
        'breakpoint',
        '--rate',
        '10/s',
        '--max-rate',
        '10',
        '--max-trials',
        '3',
        '--settle',
        '0',
      ],
      ...['--hold', '2s', '--duration', '3s', ...LENIENT, '--gate', 'keeping-up>=0%'],
    ],
    known: { durationMs: 3000, thinkMs: null, perSecond: 10, isLastOfSeveral: true },
  },
};
