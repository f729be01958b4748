/** All faults, in the order of help and docs. A new one is its file and a line here. */
import { diskFull } from './component/disk-full.ts';
import { kill } from './component/kill.ts';
import { pause } from './component/pause.ts';
import { stop } from './component/stop.ts';
import type { Fault } from './fault.ts';
import { bandwidth } from './way/bandwidth.ts';
import { cut } from './way/cut.ts';
import { latency } from './way/latency.ts';
import { refuse } from './way/refuse.ts';
import { reset } from './way/reset.ts';
import { stall } from './way/stall.ts';
import { status } from './way/status.ts';

export const FAULTS: readonly Fault[] = [
  latency,
  bandwidth,
  stall,
  refuse,
  reset,
  cut,
  status,
  pause('backend'),
  kill('backend'),
  stop('backend'),
  diskFull,
];
