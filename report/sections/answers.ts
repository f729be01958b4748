/** What the target answered: by class, and in its own words where it refused; with several targets, each one's. Pure. */
import { ACCEPTED, compareAnswers, describeAnswer, labelAnswer } from '../../results/answers.ts';
import type { AnswerClass, Refusal, Summary, TargetFigures } from '../../results/types.ts';
import { formatNumber, formatShare } from '../../results/units.ts';
import { type Block, code, NO_DATA, paragraph, type Section, table } from '../page.ts';

const shareOf = (count: number, all: number): string =>
  all === 0 ? NO_DATA : formatShare(count / all);

/** `3 × 503 unavailable, 1 × request timeout (k6 1050)`: all but those that were accepted. */
export const otherAnswers = (answers: Record<AnswerClass, number>): string =>
  Object.entries(answers)
    .filter(([answer, count]) => answer !== ACCEPTED && count > 0)
    .sort(([a], [b]) => compareAnswers(a, b))
    .map(([answer, count]) => `${formatNumber(count)} × ${labelAnswer(answer)}`)
    .join(', ');

export function answersSection({
  sent,
  accepted,
  answers,
  refusals = [],
}: Summary['figures']): Section {
  return {
    id: 'answers',
    title: 'Answers',
    blocks: [
      ...byClass(sent, answers),
      ...otherBodies((answers[ACCEPTED] ?? 0) - accepted),
      ...inItsWords(refusals),
    ],
  };
}

/** `400`, `k6 1050`. */
const classWord = (answer: AnswerClass): string =>
  answer.startsWith('error:') ? `k6 ${answer.slice('error:'.length)}` : answer;

function byClass(sent: number, answers: Record<AnswerClass, number>): Block[] {
  const classes = Object.keys(answers)
    .filter((answer) => answers[answer] > 0)
    .sort(compareAnswers);
  if (classes.length === 0) return [paragraph('Not one request was answered.')];
  const rows = classes.map((answer) => [
    classWord(answer),
    describeAnswer(answer),
    formatNumber(answers[answer]),
    shareOf(answers[answer], sent),
  ]);
  return [table(['Answer', 'Meaning', 'Count', 'Share'], rows, ['left', 'left', 'right', 'right'])];
}

const otherBodies = (count: number): Block[] =>
  count <= 0
    ? []
    : [
        paragraph([
          `${formatNumber(count)} of the answers 200 had another body than the backend's `,
          code('{"status":"ok"}'),
          `, and ${count === 1 ? 'does' : 'do'} not count as accepted.`,
        ]),
      ];

function inItsWords(refusals: readonly Refusal[]): Block[] {
  if (refusals.length === 0) return [];
  const rows = refusals.map(({ answer, text, count }) => [
    formatNumber(count),
    classWord(answer),
    text === '' ? 'not known' : [code(text)],
  ]);
  return [
    paragraph('What came instead of an expected answer, in its own words:'),
    table(['Count', 'Answer', 'Words'], rows, ['right', 'left', 'left']),
  ];
}

/** Totals of each target, where there are several. */
export function targetsSection(targets: readonly TargetFigures[] | undefined): Section[] {
  if (targets === undefined) return [];
  const weights = targets.reduce((sum, { weight }) => sum + weight, 0);
  const sentInAll = targets.reduce((sum, { sent }) => sum + sent, 0);
  const rows = targets.map(({ url, weight, sent, accepted, answers }) => [
    [code(url)],
    formatShare(weight / weights),
    shareOf(sent, sentInAll),
    formatNumber(sent),
    formatNumber(accepted),
    otherAnswers(answers),
  ]);
  const head = ['Target', 'Share, planned', 'Share, sent', 'Sent', 'Accepted', 'Other answers'];
  return [
    {
      id: 'targets',
      title: 'Targets',
      blocks: [table(head, rows, ['left', 'right', 'right', 'right', 'right', 'left'])],
    },
  ];
}
