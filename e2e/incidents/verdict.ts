/** Whether an incident that was put into a run was caught as its table says. Pure. */
import type { Judged } from '../assertions/index.ts';
import type { Topology } from '../topology.ts';
import { type Incident, INCIDENTS } from './table.ts';

export type Verdict = {
  isCaught: boolean;
  sentence: string;
  /** Assertions that had to fail. */
  wanted: readonly string[];
};

/** null: no incident was put into this run. */
export function verdictOf(
  { staged }: Pick<Topology, 'staged'>,
  judged: readonly Judged[],
): Verdict | null {
  const incident = INCIDENTS.find(({ name }) => name === staged?.incident);
  return incident === undefined ? null : verdictOn(incident, judged);
}

/** Caught: its assertion failed, and of the others those that follow from it and no more. */
export function verdictOn(incident: Incident, judged: readonly Judged[]): Verdict {
  const { name, caughtBy, consequences } = incident;
  const failed = judged.filter(({ outcome }) => outcome === 'failed').map((one) => one.name);
  const wanted = [caughtBy, ...consequences];
  const strangers = failed.filter((one) => !wanted.includes(one));
  const missing = wanted.filter((one) => !failed.includes(one));
  if (strangers.length === 0 && missing.length === 0)
    return {
      isCaught: true,
      sentence: `${name} was caught by ${caughtBy}${consequences.length === 0 ? '' : `, and with it failed ${consequences.join(', ')}`}`,
      wanted,
    };
  const words = [
    ...(missing.length === 0 ? [] : [`${missing.join(', ')} held or could not be judged`]),
    ...(strangers.length === 0 ? [] : [`${strangers.join(', ')} failed, too`]),
  ];
  return {
    isCaught: false,
    sentence: `${name} was ${failed.includes(caughtBy) ? 'caught, but not as expected' : 'not caught'}: ${words.join('; ')}`,
    wanted,
  };
}
