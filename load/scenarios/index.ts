/** The scenarios of the toolkit, in the order of help and docs. A new one is a line here. */
import type { OptionSpec } from '../../system/option.ts';
import { arrival } from './arrival.ts';
import { bigBlocks } from './big-blocks.ts';
import { breakpoint } from './breakpoint.ts';
import { customScenario } from './custom.ts';
import type { Definition } from './definition.ts';
import { fleet } from './fleet.ts';
import { hostile } from './hostile.ts';
import { load } from './load.ts';
import { mixed } from './mixed.ts';
import { ramp } from './ramp.ts';
import { replay } from './replay.ts';
import { rounds } from './rounds.ts';
import { smoke } from './smoke.ts';
import { soak } from './soak.ts';
import { spike } from './spike.ts';

export const SCENARIOS: readonly Definition[] = [
  load,
  smoke,
  replay,
  ramp,
  arrival,
  fleet,
  spike,
  soak,
  rounds,
  hostile,
  bigBlocks,
  mixed,
  breakpoint,
];

/** @returns that of the list, or a generic one: any other file of scenarios/ is a user's own */
export const definitionOf = (
  name: string,
  scenarios: readonly Definition[] = SCENARIOS,
): Definition => scenarios.find((one) => one.name === name) ?? customScenario(name);

/** Options that only some scenarios have, each once. */
export const ownOptions = (scenarios: readonly Definition[] = SCENARIOS): OptionSpec[] => [
  ...new Map(
    scenarios.flatMap(({ options }) => options.map((option) => [option.name, option] as const)),
  ).values(),
];
