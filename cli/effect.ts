/** `--effect p95=10%`: from which change on a figure of a comparison counts. */
import { COMPARED_FIGURES } from '../judge/compare/figures.ts';
import type { OptionSpec, OptionValues } from '../system/option.ts';
import { didYouMean } from '../system/suggest.ts';

export type Effects = Readonly<Record<string, number>>;

const NAMES = COMPARED_FIGURES.map(({ name }) => name);
const PERCENTAGE = /^(\d+(?:\.\d+)?)\s*%$/;

/** @returns the share: 0.1 for 10 %; or what is wrong, to stand after the option's name */
function parseEffect(text: string): { name: string; share: number } | { problem: string } {
  const at = text.indexOf('=');
  if (at === -1)
    return { problem: `must be a figure and a percentage such as p95=10%, but is "${text}"` };
  const [name, amount] = [text.slice(0, at).trim(), text.slice(at + 1).trim()];
  if (!NAMES.includes(name))
    return { problem: `names the figure "${name}", which there is not${didYouMean(name, NAMES)}: use one of ${NAMES.join(', ')}` }; // prettier-ignore
  const [, digits] = PERCENTAGE.exec(amount) ?? [];
  const percent = Number(digits);
  if (digits === undefined || percent >= 100)
    return { problem: `${name} must be a percentage from 0% up to below 100%, but is "${amount}"` };
  return { name, share: percent / 100 };
}

export const effectOption = (group?: string): OptionSpec => ({
  name: 'effect',
  ...(group !== undefined && { group }),
  type: 'text',
  argument: 'FIGURE=N%',
  repeatable: true,
  check: (text) => {
    const effect = parseEffect(text);
    return 'problem' in effect ? effect.problem : null;
  },
  help: `${group === undefined ? '' : 'of --ab: '}from which change on a figure counts, such as "p95=10%", in place of ${COMPARED_FIGURES.map(
    ({ name, minimumEffect }) => `${name}=${100 * minimumEffect}%`,
  ).join(', ')}; may be given several times`,
});

/** Of values that were checked. @returns null: none was given */
export function effectsOf(values: OptionValues): {
  effects: Effects | null;
  problems: string[];
} {
  const texts = (values.effect as string[] | undefined) ?? [];
  const given = texts.map(parseEffect).filter((one) => 'name' in one);
  const names = given.map(({ name }) => name);
  const twice = new Set(names.filter((name, i) => names.indexOf(name) !== i));
  return {
    effects:
      given.length === 0 ? null : Object.fromEntries(given.map(({ name, share }) => [name, share])),
    problems: [...twice].map((name) => `--effect names ${name} more than once`),
  };
}
