/**
 * A run's outcome as JUnit XML, for the test pages of CI systems: a case per gate, and one for the run itself, so that a run that broke
 * with all its gates green is not green. No data is an error, a gate that does not hold a failure. Attributes and the order of elements
 * are those of Ant's `<junitreport>`; properties of a case (observed value, limit) are newer and stand first, as Jenkins and pytest have them.
 * Pure.
 */
import type { Gate } from '../results/types.ts';
import { escapeMarkup } from './markup.ts';
import { gateWords, type Outcome } from './outcome.ts';

type Properties = readonly (readonly [name: string, value: string | number | undefined])[];
type Complaint = { element: 'error' | 'failure'; message: string; text: string };
type Case = { name: string; seconds: number; properties: Properties; complaint?: Complaint };

/** @returns the document, with a final newline */
export function printJunit(outcome: Outcome): string {
  const { id, scenario, startedAt, durationMs, ci } = outcome;
  const cases = [caseOfRun(outcome), ...outcome.gates.map(caseOfGate)];
  const count = (element: Complaint['element']) =>
    cases.filter(({ complaint }) => complaint?.element === element).length;
  const seconds = durationMs / 1000;
  const counts = {
    tests: cases.length,
    failures: count('failure'),
    errors: count('error'),
    time: seconds,
  };
  // Without a zone, as the schema wants it: UTC.
  const timestamp = new Date(startedAt ?? 0).toISOString().slice(0, 19);
  const suite = { name: id, timestamp, hostname: 'localhost', id: 0, package: 'mina-load' };
  const properties: Properties = [
    ['scenario', scenario],
    ['target', outcome.target],
    ['verdict', outcome.sentence],
    ['exit-code', outcome.exitCode ?? undefined],
    ['toolkit', outcome.version],
    ['commit', ci.commit],
    ['ci-run', ci.url],
  ];
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: 'Mina load tests', ...counts })}>`,
    `  <testsuite${attributes({ ...suite, ...counts, skipped: 0 })}>`,
    ...propertyLines(properties, '    '),
    ...cases.flatMap((one) => caseLines(one, `mina-load.${scenario}`)),
    '  </testsuite>',
    '</testsuites>',
  ].join('\n')}\n`;
}

const attributes = (values: Record<string, string | number>): string =>
  Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeMarkup(String(value))}"`)
    .join('');

function propertyLines(properties: Properties, indent: string): string[] {
  const known = properties.flatMap(([name, value]) =>
    value === undefined ? [] : [`${indent}  <property${attributes({ name, value })}/>`],
  );
  return known.length === 0 ? [] : [`${indent}<properties>`, ...known, `${indent}</properties>`];
}

function caseOfRun({ faults, durationMs, sentence }: Outcome): Case {
  const one = { name: 'the run', seconds: durationMs / 1000, properties: [] };
  if (faults.length === 0) return one;
  const element = faults.some(({ kind }) => kind === 'error') ? 'error' : 'failure';
  return {
    ...one,
    complaint: {
      element,
      message: faults.map(({ words }) => words).join('; '),
      text: sentence,
    },
  };
}

function caseOfGate(gate: Gate): Case {
  const { name, state, value, limit, unit } = gate;
  const properties: Properties = [
    ['observed', value ?? undefined],
    ['limit', limit],
    ['unit', unit === '' ? undefined : unit],
  ];
  const words = gateWords(gate);
  return {
    name,
    seconds: 0,
    properties,
    ...(state !== 'pass' && {
      complaint: {
        element: state === 'fail' ? 'failure' : 'error',
        message: words,
        text: state === 'fail' ? words : `${words}: nothing was observed, so nothing is proved`,
      },
    }),
  };
}

function caseLines({ name, seconds, properties, complaint }: Case, classname: string): string[] {
  const open = `<testcase${attributes({ name, classname, time: seconds })}`;
  const inside = [
    ...propertyLines(properties, '      '),
    ...(complaint === undefined ? [] : [complaintLine(complaint)]),
  ];
  return inside.length === 0 ? [`    ${open}/>`] : [`    ${open}>`, ...inside, '    </testcase>'];
}

const complaintLine = ({ element, message, text }: Complaint): string =>
  `      <${element}${attributes({ message, type: element === 'failure' ? 'gate failed' : 'no verdict' })}>${escapeMarkup(text)}</${element}>`;
