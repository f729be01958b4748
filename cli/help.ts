/** A command's help, from its table of options. Written by commander. */
import { Command as Parser, type Help, Option } from 'commander';
import type { OptionSpec } from '../system/option.ts';
import type { Command } from './command.ts';

/** `OptionSpec.group` -> the heading in the help; the help has them in this order. */
export const GROUP_HEADINGS: Record<string, string> = {
  what: 'What is sent',
  pace: 'Pace',
  target: 'Target',
  producers: 'Producers',
  storage: 'Storage',
  monitor: 'Monitor',
  faults: 'Faults on purpose',
  gates: 'Gates',
  output: 'Output',
};
const ORDER = Object.keys(GROUP_HEADINGS);

/** Heading of the options without a group, and of `--help`. */
const OTHERS = 'Options';

/** Where an option stands: groups first, in their order; then what has none. */
const placeOf = ({ group }: OptionSpec): number =>
  group === undefined || !ORDER.includes(group) ? ORDER.length : ORDER.indexOf(group);

export function helpText(command: Command): string {
  const help = new Parser(`npm run ${command.name} --`)
    .description(command.summary)
    .helpOption('-h, --help', 'show this help')
    .configureHelp({ padWidth: (parser, helper) => Math.min(MOST_TERM, helper.longestOptionTermLength(parser, helper)), formatItem }); // prettier-ignore
  if (command.operands) {
    const operands = `[${command.operands.replace('…', '')}...]`;
    help.argument(operands);
    if (`Usage: npm run ${command.name} -- [options] ${operands}`.length > USUAL_WIDTH)
      help.usage(`[options]\n       ${operands}`);
  }
  // commander lists groups in the order in which they first appear; the sort is stable.
  for (const spec of [...command.options].sort((a, b) => placeOf(a) - placeOf(b)))
    help.addOption(helpOf(spec));
  return help.helpInformation();
}

const USUAL_WIDTH = 80;
/** Longer names of options have a line of their own: else commander, with too little room beside them, does not wrap at all. */
const MOST_TERM = 28;

function formatItem(term: string, width: number, description: string, helper: Help): string {
  const room = (helper.helpWidth ?? USUAL_WIDTH) - width - 4;
  const lines = helper.boxWrap(description, Math.max(room, 20)).split('\n');
  const first = term.length <= width ? `  ${term.padEnd(width)}  ${lines.shift()}` : `  ${term}`;
  return [first, ...lines.map((line) => `${' '.repeat(width + 4)}${line}`)].join('\n');
}

/** `--vus <N>`, as the help shows it. */
const flagsOf = ({ name, type, argument = 'value' }: OptionSpec): string =>
  type === 'flag' ? `--${name}` : `--${name} <${argument}>`;

function helpOf(spec: OptionSpec): Option {
  const facts = [
    spec.choices && `one of ${spec.choices.join(', ')}`,
    spec.default !== undefined && `default ${spec.default}`,
    spec.env && `or ${spec.env} in the environment`,
  ].filter(Boolean);
  const text = spec.help + (facts.length > 0 ? ` (${facts.join('; ')})` : '');
  const heading = spec.group === undefined ? OTHERS : (GROUP_HEADINGS[spec.group] ?? spec.group);
  return new Option(flagsOf(spec), text).helpGroup(`${heading}:`);
}
