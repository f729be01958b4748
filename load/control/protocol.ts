/**
 * What can be asked of a running load, and how it is found: a file in its folder says where it listens and what to show there. The file is
 * gone when the load has ended; one that a killed load left leads nowhere. Pure.
 */
import { z } from 'zod';

/** In the run's folder, readable by its user alone. */
export const CONTROL_FILE = 'control.json';

export const controlFile = z.object({
  format: z.literal(1),
  /** Of the run. */
  id: z.string(),
  pid: z.number().int(),
  url: z.string().regex(/^http:\/\/127\.0\.0\.1:\d+\/$/),
  token: z.string().min(32),
});
export type ControlFile = z.infer<typeof controlFile>;

export const controlRequest = z.discriminatedUnion('action', [
  z.strictObject({
    action: z.literal('rate'),
    /** Submissions. */
    perSecond: z.number().positive().finite(),
    by: z.string().max(40),
  }),
  z.strictObject({
    action: z.enum(['free', 'pause', 'resume', 'stop']),
    by: z.string().max(40),
  }),
  z.strictObject({ action: z.literal('status'), by: z.string().max(40) }),
]);
/**
 * `rate`: so many a second, which also ends a pause; `free`: VUs at their own pace again; `resume`: as before the pause; `stop`: as one
 * Ctrl-C, results are whole. `by`: who asks, `terminal` or `console`.
 */
export type ControlRequest = z.infer<typeof controlRequest>;

export const controlState = z.object({
  id: z.string(),
  /** Whether its pace can be changed. */
  steerable: z.boolean(),
  /** Submissions per second that are asked for; 0: none; null: nothing limits its VUs, or its pace is that of its plan. */
  askedPerSecond: z.number().nullable(),
  paused: z.boolean(),
  /** Of a steerable open model. */
  mostPerSecond: z.number().nullable(),
  /** In the last whole second; null: there is none yet. */
  startedPerSecond: z.number().nullable(),
  sent: z.number(),
  elapsedMs: z.number(),
  durationMs: z.number(),
  stopping: z.boolean(),
});
export type ControlState = z.infer<typeof controlState>;

/** Why a request was refused: the sentence, and what to do. */
export const controlRefusal = z.object({ problem: z.string(), hint: z.string() });
