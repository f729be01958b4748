/**
 * A run's outcome as JUnit XML, for the test pages of CI systems: a case per gate, and one for the run itself, so that a run that broke
 * with all its gates green is not green. No data is an error, a gate that does not hold a failure. Valid against both schemas that readers
 * check: Ant's (windyroad/JUnit-Schema, JUnit.xsd) and that of Jenkins' xUnit plugin (junit-10.xsd). Neither lets a case have properties
 * or, the first, the whole have counts: so what a gate observed, and its limit, are properties of the suite, by the gate's name.
 * Pure.
 */
import type { Gate } from '../results/types.ts';
import { escapeMarkup } from './markup.ts';
import { gateWords, type Outcome } from './outcome.ts';

type Properties = readonly (readonly [name: string, value: string | number | undefined])[];
type Complaint = { element: 'error' | 'failure'; message: string; text: string };
type Case = { name: string; ms: number; complaint?: Complaint };

/** @returns the document, with a final newline */
export const printJunit = (outcome: Outcome): string => printJunitOf([outcome]);

/** A suite for each. @returns the document, with a final newline */
export const printJunitOf = (outcomes: readonly Outcome[]): string =>
  `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    ...outcomes.flatMap(suiteLines),
    '</testsuites>',
  ].join('\n')}\n`;

function suiteLines(outcome: Outcome, index: number): string[] {
  const { id, scenario, startedAt, durationMs, ci } = outcome;
  const cases = [caseOfRun(outcome), ...outcome.gates.map(caseOfGate)];
  const count = (element: Complaint['element']) =>
    cases.filter(({ complaint }) => complaint?.element === element).length;
  const counts = {
    tests: cases.length,
    failures: count('failure'),
    errors: count('error'),
    skipped: 0,
    time: secondsOf(durationMs),
  };
  // Without a zone, as the schema wants it: UTC.
  const timestamp = new Date(startedAt ?? 0).toISOString().slice(0, 19);
  const suite = { name: id, timestamp, hostname: 'localhost', id: index, package: 'mina-load' };
  const properties: Properties = [
    ['scenario', scenario],
    ['target', outcome.target],
    ['verdict', outcome.sentence],
    ['exit-code', outcome.exitCode ?? undefined],
    ['toolkit', outcome.version],
    ['commit', ci.commit],
    ['ci-run', ci.url],
    ...outcome.gates.flatMap(propertiesOf),
  ];
  return [
    `  <testsuite${attributes({ ...suite, ...counts })}>`,
    '    <properties>',
    ...properties.flatMap(([name, value]) =>
      value === undefined ? [] : [`      <property${attributes({ name, value })}/>`],
    ),
    '    </properties>',
    ...cases.flatMap((one) => caseLines(one, `mina-load.${scenario}`)),
    `    <system-out>${escapeMarkup(outcome.sentence)}</system-out>`,
    '    <system-err/>',
    '  </testsuite>',
  ];
}

const attributes = (values: Record<string, string | number>): string =>
  Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeMarkup(String(value))}"`)
    .join('');

/** Without an exponent. */
const secondsOf = (ms: number): string => String(Number((ms / 1000).toFixed(3)));

/** `p95<800ms observed` = `1200.5 ms`. */
const propertiesOf = ({ name, value, limit, unit }: Gate): Properties => [
  [`${name} observed`, value === null ? undefined : `${value} ${unit}`.trim()],
  [`${name} limit`, `${limit} ${unit}`.trim()],
];

function caseOfRun({ faults, durationMs, sentence }: Outcome): Case {
  const one = { name: 'the run', ms: durationMs };
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
  const { name, state } = gate;
  const words = gateWords(gate);
  if (state === 'pass') return { name, ms: 0 };
  const complaint: Complaint =
    state === 'fail'
      ? { element: 'failure', message: words, text: words }
      : {
          element: 'error',
          message: words,
          text: `${words}: nothing was observed, so nothing is proved`,
        };
  return { name, ms: 0, complaint };
}

function caseLines({ name, ms, complaint }: Case, classname: string): string[] {
  const open = `    <testcase${attributes({ name, classname, time: secondsOf(ms) })}`;
  if (complaint === undefined) return [`${open}/>`];
  return [`${open}>`, complaintLine(complaint), '    </testcase>'];
}

const complaintLine = ({ element, message, text }: Complaint): string =>
  `      <${element}${attributes({ message, type: element === 'failure' ? 'gate failed' : 'no verdict' })}>${escapeMarkup(text)}</${element}>`;
