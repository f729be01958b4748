/** `run.json`: what became of a run as data, beside its report, for whoever shows it on another day. What was judged stands in assertions.json. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../../whole-file.ts';
import { z } from 'zod';
import type { Chosen } from '../state.ts';
import { type E2eRun, sentenceOf } from './outcome.ts';

const RUN_FILE = 'run.json';

const shape = z.object({
  format: z.literal(1),
  id: z.string(),
  sentence: z.string(),
  exitCode: z.int(),
  /** What it was made of, a line each. */
  topology: z.array(z.string()),
  /** What was chosen for it: options as somebody would type them. Absent: an older toolkit made it. */
  chosen: z.record(z.string(), z.union([z.string(), z.array(z.string()), z.literal(true)])).optional(), // prettier-ignore
  startedMs: z.number(),
  endedMs: z.number(),
  steps: z.array(
    z.object({
      step: z.string(),
      title: z.string(),
      outcome: z.enum(['done', 'done before', 'failed', 'left out']),
      ms: z.number(),
      /** What it counted last. */
      counts: z.record(z.string(), z.number().nullable()).optional(),
      message: z.string().optional(),
      hint: z.string().optional(),
    }),
  ),
  /** Of an incident that was put into it: assertions that had to fail. */
  wanted: z.array(z.string()).optional(),
  version: z.string(),
});
export type RunFile = z.infer<typeof shape>;

/** @throws Error of node:fs */
export async function writeRunFile(folder: string, run: E2eRun, chosen?: Chosen): Promise<void> {
  const { id, exitCode, topology, startedMs, endedMs, steps, verdict, version } = run;
  const file: RunFile = {
    format: 1,
    id,
    sentence: sentenceOf(run),
    exitCode,
    topology: [...topology],
    ...(chosen && { chosen }),
    startedMs,
    endedMs,
    steps: [...steps],
    ...(verdict && { wanted: [...verdict.wanted] }),
    version,
  };
  await writeWhole(join(folder, RUN_FILE), `${JSON.stringify(file, null, 2)}\n`);
}

/** @returns null: there is none of this version */
export function readRunFile(folder: string): RunFile | null {
  try {
    return shape.parse(JSON.parse(readFileSync(join(folder, RUN_FILE), 'utf8')));
  } catch {
    return null;
  }
}
