/** A run of the harness as a page: Markdown, and the summary of a job. Pure. */
import { code, type Page, paragraph, type Section, table } from '../../report/page.ts';
import { durationText } from '../../system/duration.ts';
import { exampleTexts, figuresText } from './lines.ts';
import { type E2eRun, sentenceOf } from './outcome.ts';

export const pageOf = (run: E2eRun): Page => ({
  title: `End-to-end run ${run.id}`,
  sections: sectionsOf(run),
});

/** Of one of several runs all ids and titles have its name. */
export function sectionsOf(run: E2eRun, name = ''): Section[] {
  const { topology, steps, judged, pictures } = run;
  const of = name === '' ? '' : `${name}: `;
  const failed = judged.filter((one) => one.outcome === 'failed');
  return [
    {
      id: `${name}head`,
      title: name === '' ? null : name,
      blocks: [
        paragraph([{ strong: [sentenceOf(run)] }]),
        { kind: 'code', language: 'text', text: topology.join('\n') },
      ],
    },
    {
      id: `${name}steps`,
      title: `${of}Steps`,
      blocks: [
        table(
          ['step', 'what', 'outcome', 'time', 'why'],
          steps.map(({ step, title, outcome, ms, message = '' }) => [
            step,
            title,
            outcome,
            durationText(Math.round(ms)),
            message,
          ]),
          ['left', 'left', 'left', 'right', 'left'],
        ),
      ],
    },
    {
      id: `${name}assertions`,
      title: `${of}Assertions`,
      blocks:
        judged.length === 0
          ? [paragraph('None was judged.')]
          : [
              table(
                ['assertion', 'what it says', 'outcome', 'found'],
                judged.map((one) => [
                  [code(one.name)],
                  one.title,
                  one.outcome,
                  figuresText(one)
                    .trim()
                    .replace(/^\(|\)$/g, ''),
                ]),
                ['left', 'left', 'left', 'left'],
              ),
            ],
    },
    ...(pictures.length === 0 || name !== ''
      ? []
      : [
          {
            id: 'pictures',
            title: 'The way of a submission',
            blocks: pictures.map((picture) => ({ kind: 'picture' as const, ...picture })),
          },
        ]),
    ...failed.map((one): Section => ({
      id: `${name}${one.name}`,
      title: `${of}${one.name}`,
      blocks: [paragraph(`${one.title}: not so.`), { kind: 'notes', items: exampleTexts(one) }],
    })),
  ];
}
