/** A page as Markdown, ready for a GitHub wiki. Pure. */
import { markdownTable } from 'markdown-table';
import type { Block, Page, Span, Text } from './page.ts';

/** What the user or a target chose must not become markup: table cells, links, HTML. */
export const escapeMarkdown = (text: string): string =>
  text.replace(/[\\`*_[\]<>|]/g, '\\$&').replace(/\s+/g, ' ');

/** Text that stands for itself, e.g. a URL, which GitHub would turn into a link. A pipe would end a cell. */
function codeSpan(text: string): string {
  const plain = text.replace(/\s+/g, ' ').replaceAll('|', '\\|');
  return plain.includes('`') ? `\`\` ${plain} \`\`` : `\`${plain}\``;
}

function spanText(span: Span): string {
  if (typeof span === 'string') return escapeMarkdown(span);
  if ('code' in span) return codeSpan(span.code);
  if ('em' in span) return `*${escapeMarkdown(span.em)}*`;
  return `**${span.strong.map(spanText).join('')}**`;
}

export const markdownOf = (text: Text): string =>
  typeof text === 'string' ? escapeMarkdown(text) : text.map(spanText).join('');

export function blockText(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
      return markdownOf(block.text);
    case 'notes':
      return `> **Note**\n${block.items.map((item) => `> - ${markdownOf(item)}`).join('\n')}`;
    case 'table':
      return markdownTable(
        [block.head, ...block.rows].map((row) => row.map(markdownOf)),
        { align: [...block.align] },
      );
    case 'picture': {
      // For who cannot see it, what one sees stands in its place too.
      const words = block.caption === undefined ? block.title : `${block.title}. ${block.caption}`;
      const picture = `![${escapeMarkdown(words)}](${encodeURI(block.file)})`;
      const linked = block.link === undefined ? picture : `[${picture}](${encodeURI(block.link)})`;
      return block.caption === undefined
        ? linked
        : `${linked}\n\n*${escapeMarkdown(block.caption)}*`;
    }
    case 'code':
      return fenced(block);
  }
}

/** The fence is longer than any in the text. */
function fenced({ language, text }: { language: string; text: string }): string {
  const longest = (text.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 2);
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** @returns the page, with a final newline */
export function printMarkdown({ title, sections }: Page): string {
  const parts = [
    `# ${markdownOf(title)}`,
    ...sections.flatMap((section) => [
      ...(section.title === null ? [] : [`## ${markdownOf(section.title)}`]),
      ...section.blocks.map(blockText),
    ]),
  ];
  return `${parts.join('\n\n')}\n`;
}
