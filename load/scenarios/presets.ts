/** Fleets as a network has them (--preset): values of options, as a user would write them, with where they come from. Pure. */
import type { OptionValues } from '../../system/option.ts';
import type { IsChosen } from './definition.ts';

export const PRESET_NAMES = ['mainnet'] as const;

type Preset = {
  /** An option chosen beside it that says something else contradicts it. */
  values: Readonly<Record<string, string | number>>;
  /** What the user may choose otherwise. */
  usual: Readonly<Record<string, string>>;
};

/**
 * `mainnet`: 108 producers with 2.07 nodes each are figures of the autumn of 2026 that were given for this toolkit. Public records near them:
 * 104 to 107 submitters a batch around the fork (uptime-service-validation, docs/score-corrections), 5,585 rows in six hours of Berkeley's cycles,
 * of which 338 (6.1 %) share submitter and second with another one (submission-updater, a comment of submissionKey). How large blocks of today are
 * nobody publishes: these sizes give requests with snark work of 46 KB on average, as large as the program's own recordings (rampup8: 17 to 64 KB).
 */
const PRESETS: Readonly<Record<(typeof PRESET_NAMES)[number], Preset>> = {
  mainnet: {
    values: {
      era: 'mesa',
      producers: 108,
      'nodes-per-producer': 2.07,
      'same-second-share': 0.06,
      'block-size': '13KB-34KB',
    },
    usual: { network: 'mainnet' },
  },
};

const presetOf = ({ preset }: OptionValues): Preset | null =>
  preset === undefined ? null : PRESETS[preset as (typeof PRESET_NAMES)[number]];

/** The values with those of the preset where nobody chose others. */
export function withPreset(values: OptionValues, isChosen: IsChosen): OptionValues {
  const preset = presetOf(values);
  if (preset === null) return values;
  const all = { ...values };
  for (const [name, value] of Object.entries({ ...preset.values, ...preset.usual }))
    if (!isChosen(name)) all[name] = value;
  if (isChosen('producers-file')) delete all.producers;
  return all;
}

/** Options that contradict the preset, one sentence each. @param values with those of the preset */
export function presetProblems(values: OptionValues, isChosen: IsChosen): string[] {
  const preset = presetOf(values);
  if (preset === null) return [];
  const name = `--preset ${String(values.preset)}`;
  const problems = Object.entries(preset.values)
    .filter(([option, value]) => isChosen(option) && values[option] !== value)
    .map(
      ([option, value]) =>
        `${name} means --${option} ${value}, but --${option} is ${String(values[option])}`,
    );
  if (isChosen('producers-file'))
    problems.push(`${name} means --producers ${preset.values.producers}, but --producers-file says who they are`); // prettier-ignore
  return problems;
}
