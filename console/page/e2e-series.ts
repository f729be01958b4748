/** What the page knows of an end-to-end run that goes on: messages one after another make the data of its chart. Bounded by the server's steps. Pure. */
import type { E2eMessage } from '../live/e2e-message.ts';
import type { E2eCounts } from '../../plots/e2e-counts.ts';
import { joinSteps } from './series.ts';

export type E2eLive = { last: E2eMessage; points: E2eCounts['points'] };

export const withE2eMessage = (before: E2eLive | null, message: E2eMessage): E2eLive => ({
  last: message,
  points: joinSteps(message.isAnew || before === null ? [] : before.points, message.points),
});

/** The axis ends where the last event is. */
export const countsOf = ({ last, points }: E2eLive): E2eCounts => ({
  seconds: Math.max(1, last.seconds),
  stepS: last.stepS,
  points,
  marks: last.marks,
});

/** `12 ms`, `1.5 s`, `1:05`: of a step. */
export function timeOf(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} min`;
}
