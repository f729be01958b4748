/** What came of the requests that are wrong on purpose. Pure. */
import { compareAnswers, describeAnswer } from '../../results/answers.ts';
import type { HostileCaseFigures, HostileFigures } from '../../results/types.ts';
import { countOf, formatNumber } from '../../results/units.ts';
import { type Align, code, paragraph, type Section, type Span, table } from '../page.ts';

const checkOf = (check: HostileCaseFigures['check']): string =>
  check === 'http' ? 'HTTP' : String(check);

const were = (count: number): string => (count === 1 ? 'was' : 'were');

function outcomeOf({ played, unexpected, cut, examples, notRun }: HostileCaseFigures): string {
  const parts: string[] = [];
  if (unexpected > 0) parts.push(`❌ ${formatNumber(unexpected)}: ${examples.join('; ')}`);
  if (cut > 0) parts.push(`${formatNumber(cut)} cut by the stop`);
  if (notRun !== undefined)
    parts.push(`${played + cut === 0 ? 'not run' : 'not always run'}: ${notRun}`);
  return parts.join(' · ');
}

/** A sentence, and a row a case with those that were not answered as they should be on top. */
export function hostileSection(hostile: HostileFigures | undefined): Section[] {
  if (hostile === undefined) return [];
  const { played, unexpected, requests, rounds, cut, cases, answers } = hostile;
  const came = Object.entries(answers)
    .sort(([a], [b]) => compareAnswers(a, b))
    .map(
      ([answer, count]) =>
        `${formatNumber(count)} × ${answer.startsWith('error:') ? describeAnswer(answer) : answer}`,
    );
  const verdict: Span =
    played === 0
      ? 'No hostile case was played to its end.'
      : unexpected === 0
        ? `All ${formatNumber(played)} were answered as they should be.`
        : {
            strong: [
              `${formatNumber(unexpected)} of ${formatNumber(played)} ${were(unexpected)} not answered as ${unexpected === 1 ? 'it' : 'they'} should be.`,
            ],
          };
  const rows = [...cases]
    .sort((a, b) => Number(b.unexpected > 0) - Number(a.unexpected > 0))
    .map((figures) => [
      checkOf(figures.check),
      [code(figures.name)],
      figures.what,
      figures.expected,
      formatNumber(figures.played),
      formatNumber(figures.asExpected),
      outcomeOf(figures),
    ]);
  const head = ['Check', 'Case', 'What', 'Expected', 'Played', 'As expected', 'Otherwise'];
  const align: Align[] = ['left', 'left', 'left', 'left', 'right', 'right', 'left'];
  return [
    {
      id: 'hostile-requests',
      title: 'Hostile requests',
      blocks: [
        paragraph([
          `Beside the load, requests that are wrong on purpose: ${formatNumber(requests)} in ${countOf(rounds, 'whole round')} of ${countOf(cases.length, 'case')}. `,
          verdict,
          ...(cut > 0 ? [` ${formatNumber(cut)} ${were(cut)} cut by the stop.`] : []),
        ]),
        ...(came.length > 0 ? [paragraph(`What came: ${came.join(', ')}.`)] : []),
        table(head, rows, align),
      ],
    },
  ];
}
