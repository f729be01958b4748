/** A run as its state and its results tell it: for steps that were done one by one, and for a run of all. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { toolkitVersion } from '../../paths.ts';
import { verdictOf } from '../incidents/verdict.ts';
import { readJudged } from '../judged.ts';
import { STEP_NAMES, type RunState } from '../state.ts';
import { stepOf } from '../steps/index.ts';
import { topologyLines } from '../topology.ts';
import type { E2eRun, StepResult } from './outcome.ts';
import { ciFactsOf } from './write.ts';

const LAGS_PICTURE = 'stage-lags.png';

/** @param results of the steps that this process did; of the others the state's record stands */
export function runOf(
  state: RunState,
  results: readonly StepResult[],
  exitCode: number,
  env: NodeJS.ProcessEnv,
): E2eRun {
  const steps = STEP_NAMES.flatMap((name): StepResult[] => {
    const result = results.find(({ step }) => step === name);
    const record = state.steps[name];
    const counts = record?.progress && { counts: record.progress };
    if (result !== undefined) return [{ ...result, ...counts }];
    if (record === undefined) return [];
    const ms = (record.endedMs ?? record.beganMs) - record.beganMs;
    const { title } = stepOf(name);
    if (record.status === 'done') return [{ step: name, title, outcome: 'done', ms, ...counts }];
    const message = record.error?.message ?? 'it was killed in its middle';
    return [{ step: name, title, outcome: 'failed', ms, message, ...counts }];
  });
  const judged = readJudged(state.results);
  const verdict = judged.length === 0 ? null : verdictOf(state.topology, judged);
  return {
    id: state.topology.name,
    topology: topologyLines(state.topology),
    startedMs: state.createdMs,
    endedMs: Date.now(),
    steps,
    judged,
    ...(verdict !== null && { verdict }),
    pictures: existsSync(join(state.results, LAGS_PICTURE))
      ? [{ title: 'How long each stage took', file: LAGS_PICTURE }]
      : [],
    exitCode,
    version: toolkitVersion(),
    ci: ciFactsOf(env),
  };
}
