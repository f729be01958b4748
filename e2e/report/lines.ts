/** Assertions as lines for the terminal. Pure. */
import type { Example } from '../assertions/assertion.ts';
import type { Judged } from '../judged.ts';

const MARK = { held: 'held   ', failed: 'FAILED ', 'no data': 'no data' } as const;

export const judgedLines = (judged: readonly Judged[]): string[] =>
  judged.flatMap((one) => [
    `  ${MARK[one.outcome]} ${one.name}: ${one.title}${figuresText(one)}`,
    ...exampleTexts(one).map((text) => `          ${text}`),
  ]);

/** What was found, each with where to look on. */
export const exampleTexts = (one: Judged): string[] =>
  one.outcome !== 'failed'
    ? []
    : one.examples.map((example, i) => {
        const lead = one.leads?.[i] ?? '';
        return `${exampleText(example)}${lead === '' ? '' : `: ${lead}`}`;
      });

/** ` (stored 120, missing 3)`, or what was lacking. */
export function figuresText(one: Judged): string {
  if (one.outcome === 'no data') return ` (it needs ${one.lacks.join(', ')})`;
  const counts = Object.entries(one.counts).map(([name, count]) => `${name} ${count}`);
  const words = [counts.join(', '), one.note ?? ''].filter(Boolean).join('; ');
  return words === '' ? '' : ` (${words})`;
}

/** What is wrong, and with what. */
function exampleText({ what, submission, submitter, batch }: Example): string {
  const more = [
    ...(submission === undefined ? [] : [`submission ${submission}`]),
    ...(submitter === undefined ? [] : [submitter]),
    ...(batch === undefined
      ? []
      : [`batch ${new Date(batch.startSeconds * 1000).toISOString().replace('.000Z', 'Z')}`]),
  ];
  return more.length === 0 ? what : `${what} [${more.join(', ')}]`;
}
