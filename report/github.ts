/** What GitHub Actions reads from a step's output: annotations. Escaped as its toolkit does (actions/toolkit, @actions/core, command.ts). Pure. */
import { gateWords, type Outcome } from './outcome.ts';

const escapeData = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const escapeProperty = (text: string): string =>
  escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

type Level = 'error' | 'warning';
export type Annotation = { level: Level; title: string; text: string };

/** GitHub shows so many of each level of a step, and drops the others. */
const MOST = 10;

/**
 * A line per gate that does not hold, and per reason why there is no verdict on the target: a gate and a broken run are errors, a
 * run that is cut short or limited by the generator a warning, since it says nothing against the target.
 * @returns lines for the standard output, each a workflow command
 */
export function annotationsOf({ id, gates, faults, exitCode }: Outcome): string[] {
  const broken: Level =
    exitCode === 4 || exitCode === 130 || exitCode === null ? 'warning' : 'error';
  const all: Annotation[] = [
    ...faults.map(({ words }): Annotation => ({ level: broken, title: id, text: words })),
    ...gates
      .filter(({ state }) => state !== 'pass')
      .map((gate): Annotation => ({
        level: 'error',
        title: `${id}: gate ${gate.name}`,
        text: gateWords(gate),
      })),
  ];
  return annotationLines(all);
}

/** As workflow commands, errors first. */
export const annotationLines = (all: readonly Annotation[]): string[] =>
  (['error', 'warning'] as const).flatMap((level) =>
    atMost(all.filter((one) => one.level === level)).map(
      ({ title, text }) => `::${level} title=${escapeProperty(title)}::${escapeData(text)}`,
    ),
  );

/** The last one names how many are not shown. */
function atMost(annotations: readonly Annotation[]): Annotation[] {
  if (annotations.length <= MOST) return [...annotations];
  const shown = annotations.slice(0, MOST - 1);
  const { level, title } = annotations[MOST - 1];
  const text = `${annotations.length - shown.length} more; the report has them all`;
  return [...shown, { level, title, text }];
}
