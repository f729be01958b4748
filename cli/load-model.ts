/** The scenarios of `npm run load` as its parser sees them: names, and what values of options mean together. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SCENARIOS } from '../load/scenarios/index.ts';
import { projectRoot } from '../paths.ts';
import { didYouMean } from '../system/suggest.ts';

export const BUILT_IN_SCENARIOS: readonly string[] = SCENARIOS.map(({ name }) => name);

/** Names of the files in scenarios/. */
const scenarioFiles = (): string[] =>
  readdirSync(join(projectRoot, 'scenarios'))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => name.slice(0, -'.ts'.length));

/** @returns what is wrong with a scenario's name, to stand after the option's; null: nothing */
export function scenarioProblem(name: string): string | null {
  const names = scenarioFiles();
  if (names.includes(name)) return null;
  const own = names.filter((one) => !BUILT_IN_SCENARIOS.includes(one));
  return (
    `must be one of ${[...BUILT_IN_SCENARIOS, ...own].join(', ')}, or a file of your own in scenarios/, ` +
    `but is "${name}"${didYouMean(name, names)}`
  );
}
