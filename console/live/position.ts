/**
 * How far a viewer has read a run: the length of its steps, and places in its files. It is the id of an event, so that whoever comes
 * back (a reload, a laptop's sleep, a console that was started anew) gets what came since, from the files alone. Pure.
 */

export type Position = {
  /** Seconds of a step. */
  stepS: number;
  /** Bytes of whole lines. */
  samples: number;
  resources: number;
  logs: number;
  /** Records of the target's log, as they came. */
  tail: number;
};

export const positionText = ({ stepS, samples, resources, logs, tail }: Position): string =>
  [stepS, samples, resources, logs, tail].join('-');

/** @returns null for what is no position: everything is sent anew */
export function parsePosition(text: string | undefined): Position | null {
  const match = /^(\d{1,6})-(\d{1,15})-(\d{1,15})-(\d{1,15})-(\d{1,15})$/.exec(text ?? '');
  if (match === null) return null;
  const [stepS, samples, resources, logs, tail] = match.slice(1).map(Number);
  return { stepS, samples, resources, logs, tail };
}
