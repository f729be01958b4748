/** One option's text -> its checked value, and back. Pure. */
import type { OptionValue } from '../results/types.ts';
import { durationText, parseDuration } from '../system/duration.ts';
import type { OptionSpec, OptionValues } from '../system/option.ts';
import { didYouMean } from '../system/suggest.ts';
import { withoutUser } from '../system/secret-names.ts';

/** As people write numbers: no hexadecimal, no spaces. */
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** @returns the value, or a problem as text that goes after the option's name */
export function parseValue(
  spec: OptionSpec,
  text: string,
): { value: number | string } | { problem: string } {
  const range = () => {
    if (spec.min !== undefined && spec.max !== undefined) return ` from ${spec.min} to ${spec.max}`;
    if (spec.min !== undefined) return ` of at least ${spec.min}`;
    return spec.max === undefined ? '' : ` of at most ${spec.max}`;
  };
  const outside = (value: number) =>
    value < (spec.min ?? -Infinity) || value > (spec.max ?? Infinity);
  switch (spec.type) {
    case 'integer': {
      const value = Number(text);
      if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(value) || outside(value))
        return { problem: `must be a whole number${range()}, but is "${text}"` };
      return { value };
    }
    case 'number': {
      const value = Number(text);
      if (!DECIMAL.test(text) || !Number.isFinite(value) || outside(value))
        return { problem: `must be a number${range()}, but is "${text}"` };
      return { value };
    }
    case 'duration': {
      const value = parseDuration(text);
      if (value === null)
        return { problem: `must be a duration such as 90s, 1m30s or 2h, but is "${text}"` };
      if (outside(value)) {
        const limits = [
          spec.min === undefined ? '' : `at least ${durationText(spec.min)}`,
          spec.max === undefined ? '' : `at most ${durationText(spec.max)}`,
        ];
        return { problem: `must be ${limits.filter(Boolean).join(' and ')}, but is "${text}"` };
      }
      return { value };
    }
    case 'choice':
      if (!spec.choices!.includes(text))
        return {
          problem: `must be one of ${spec.choices!.join(', ')}, but is "${text}"${didYouMean(text, spec.choices!)}`,
        };
      return { value: text };
    case 'url':
      if (!/^https?:\/\//.test(text) || !URL.canParse(text))
        return {
          problem: `must be a URL such as http://127.0.0.1:8080, but is "${withoutUser(text)}"`,
        };
      return { value: text };
    case 'text':
    case 'path':
    case 'flag':
      if (text === '') return { problem: 'must not be empty' };
      break;
  }
  const problem = spec.check?.(text) ?? null;
  return problem === null ? { value: text } : { problem };
}

/** `true`/`1`/`yes` and their opposites, for flags set in the environment. */
export function parseSwitch(text: string): boolean | null {
  if (['1', 'true', 'yes', 'on'].includes(text.toLowerCase())) return true;
  if (['0', 'false', 'no', 'off'].includes(text.toLowerCase())) return false;
  return null;
}

/** Options as a plan keeps them: every one with its value, as the user would write it, and where it came from. */
export function optionRecord(
  specs: readonly OptionSpec[],
  values: OptionValues,
  sources: Record<string, OptionValue['source']>,
): Record<string, OptionValue> {
  return Object.fromEntries(
    specs.map(({ name, type }) => {
      const value = values[name];
      const written = Array.isArray(value)
        ? value.join(', ')
        : type === 'duration' && typeof value === 'number'
          ? durationText(value)
          : (value ?? null);
      const each = Array.isArray(value) && value.length > 1 ? { values: value.map(String) } : {};
      return [name, { value: written, ...each, source: sources[name] ?? 'default' }];
    }),
  );
}
