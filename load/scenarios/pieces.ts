/** What several definitions have in common: which shared options they take, and where their submissions come from. Pure. */
import type { OptionSpec, OptionValues } from '../../system/option.ts';
import type { Source } from './definition.ts';

/** Of loads that sign: who submits, for which network. */
export const SIGNERS = ['producers', 'producers-file', 'network'] as const;
/** The same, with new blocks in place of the recorded ones; `era` counts where there are some (rules.ts). */
export const SIGNED = [...SIGNERS, 'chain', 'era'] as const;

export const namesOf = (options: readonly OptionSpec[]): string[] =>
  options.map(({ name }) => name);

/** A closed model of constant VUs. */
export const CLOSED = ['vus', 'duration', 'think', 'warm-up'] as const;

/**
 * Shared options of a pace: with a rate an open model, else VUs with think times; in stages where the scenario takes them, which
 * then say how long, and without a rate how many.
 */
export function paceOptions(values: OptionValues, takes: { stages: boolean }): string[] {
  const hasStages = takes.stages && values.stages !== undefined;
  const hasRate = values.rate !== undefined;
  return [
    'rate',
    'warm-up',
    ...(takes.stages ? ['stages'] : []),
    ...(hasStages ? [] : ['duration']),
    ...(hasRate ? [] : ['think']),
    ...(hasStages && !hasRate ? [] : ['vus']),
  ];
}

/** Why {@link paceOptions} leaves one out. */
export function whyNoPace(option: string, values: OptionValues): string | null {
  const where = `in the scenario ${String(values.scenario)}`;
  if (option === 'think' && values.rate !== undefined) return `${where} with --rate`;
  if (values.stages === undefined) return null;
  if (option === 'vus') return `${where} without --rate: the stages say how many`;
  return option === 'duration' ? `${where}: the stages say how long` : null;
}

/** One stream of signed submissions, beforehand unless there are too many. */
export const signed = (): Source => ({ kind: 'signed', fed: 'if large', asRecorded: false });
