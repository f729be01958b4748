/** The steps of a run, in their order. */
import type { StepName } from '../state.ts';
import { assertStep } from './assert.ts';
import type { Step } from './context.ts';
import { dumpLogs } from './dump-logs.ts';
import { setup } from './setup.ts';
import { start } from './start.ts';
import { stop } from './stop.ts';
import { teardown } from './teardown.ts';
import { wait } from './wait.ts';

export const STEPS: readonly Step[] = [setup, start, wait, stop, dumpLogs, assertStep, teardown];

export const stepOf = (name: StepName): Step => STEPS.find((step) => step.name === name)!;
