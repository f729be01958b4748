/** A page for a place that takes only so many bytes, GitHub's job summary: whole blocks and whole rows, and a note where it was cut. Pure. */
import type { Block, Page, Section } from './page.ts';
import { blockText, markdownOf } from './print-markdown.ts';

/** What GitHub takes of a step, all that is written to its file; more, and it drops the whole summary (docs.github.com, "Workflow commands"). */
export const SUMMARY_LIMIT_BYTES = 1024 * 1024;

const NOTE = '> **Note:** the rest was left out for its length; `report.md` of the run has it all.';

/** A piece that is shown whole or not at all, and what stands before it. */
type Piece = { before: string; text: string };

/**
 * @param limitBytes of UTF-8, the note included
 * @returns the page, as much of it as fits, with a final newline; '' if not even the note fits
 */
export function printSummary(page: Page, limitBytes = SUMMARY_LIMIT_BYTES): string {
  const pieces = [
    { before: '', text: `# ${markdownOf(page.title)}` },
    ...page.sections.flatMap(piecesOfSection),
  ];
  const bytesOf = ({ before, text }: Piece) => Buffer.byteLength(before) + Buffer.byteLength(text);
  const sizes = pieces.map(bytesOf);
  const all = sizes.reduce((sum, size) => sum + size, 0) + 1;
  const join = (shown: readonly Piece[]) =>
    `${shown.map(({ before, text }) => before + text).join('')}\n`;
  if (all <= limitBytes) return join(pieces);
  const note = { before: '\n\n', text: NOTE };
  let room = limitBytes - bytesOf(note) - 1;
  if (room < 0) return '';
  let count = 0;
  while (count < pieces.length && sizes[count] <= room) room -= sizes[count++];
  if (count === 0) return `${NOTE}\n`;
  return join([...pieces.slice(0, count), note]);
}

const piecesOfSection = ({ title, blocks }: Section): Piece[] => [
  ...(title === null ? [] : [{ before: '\n\n', text: `## ${markdownOf(title)}` }]),
  ...blocks.flatMap(piecesOfBlock),
];

/** A table's head with its line below is one piece, then each row. */
function piecesOfBlock(block: Block): Piece[] {
  const text = blockText(block);
  if (block.kind !== 'table') return [{ before: '\n\n', text }];
  const [head, delimiter, ...rows] = text.split('\n');
  return [
    { before: '\n\n', text: `${head}\n${delimiter}` },
    ...rows.map((row) => ({ before: '\n', text: row })),
  ];
}

/** The same page with another section behind that of `id`, or at the end. */
export function withSectionsAfter(page: Page, id: string, more: readonly Section[]): Page {
  const at = page.sections.findIndex((section) => section.id === id);
  const count = at === -1 ? page.sections.length : at + 1;
  return {
    ...page,
    sections: [...page.sections.slice(0, count), ...more, ...page.sections.slice(count)],
  };
}
