/**
 * A page as one HTML file that needs no network and may not use one: text, the data of its charts, and the program that draws them
 * (report/browser/). What users and targets wrote is text and nothing else; beyond that the policy lets no program run but that one.
 * Pure.
 */
import { EMBEDDED_FONT } from '../plots/panels.ts';
import { escapeMarkup } from './markup.ts';
import type { Block, Page, Section, Span, Text } from './page.ts';
import { HTML_STYLE } from './html-style.ts';

export type HtmlParts = {
  /** Of report/browser/main.ts, bundled; `hash`: base64 of its SHA-256. */
  program: { text: string; hash: string };
  /** Base64 of the SHA-256 of {@link styleOf} `fonts`. */
  styleHash: string;
  /** Of WOFF2 files, base64, by weight. */
  fonts: readonly { weight: number; base64: string }[];
  /** What its charts are drawn from; null: the page has none. */
  chartData: unknown;
  /** Markdown that the button copies. */
  issue: string;
  /** Addresses of the web, by their words. */
  links: readonly { words: string; url: string }[];
};

export const styleOf = (fonts: HtmlParts['fonts']): string =>
  fonts
    .map(
      ({ weight, base64 }) =>
        `@font-face{font-family:'${EMBEDDED_FONT}';font-weight:${weight};src:url(data:font/woff2;base64,${base64}) format("woff2")}\n`,
    )
    .join('') + HTML_STYLE;

/** Inside `<script>`: nothing in it may look like the end of the element, or begin a comment. */
export const jsonInHtml = (value: unknown): string =>
  JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('>', '\\u003e')
    .replaceAll('&', '\\u0026')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');

function spanText(span: Span): string {
  if (typeof span === 'string') return escapeMarkup(span);
  if ('code' in span) return `<code>${escapeMarkup(span.code)}</code>`;
  if ('em' in span) return `<em>${escapeMarkup(span.em)}</em>`;
  return `<strong>${span.strong.map(spanText).join('')}</strong>`;
}

const htmlOf = (text: Text): string =>
  typeof text === 'string' ? escapeMarkup(text) : text.map(spanText).join('');

const plainOf = (text: Text): string =>
  typeof text === 'string'
    ? text
    : text
        .map((span) =>
          typeof span === 'string'
            ? span
            : 'code' in span
              ? span.code
              : 'em' in span
                ? span.em
                : plainOf(span.strong),
        )
        .join('');

function blockText(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
      return `<p>${htmlOf(block.text)}</p>`;
    case 'notes':
      return `<aside class="notes"><p>Note</p><ul>${block.items.map((item) => `<li>${htmlOf(item)}</li>`).join('')}</ul></aside>`;
    case 'table':
      return tableText(block);
    case 'picture':
      return pictureText(block);
    case 'code':
      return `<pre><code>${escapeMarkup(block.text)}</code></pre>`;
  }
}

/** One for a closer look is folded. */
function pictureText({
  title,
  file,
  caption = '',
  isFolded,
}: Extract<Block, { kind: 'picture' }>): string {
  const chart = escapeMarkup(file.replace(/\.\w+$/, ''));
  const figure = `<figure><div class="chart"><canvas role="img" data-chart="${chart}"></canvas></div><figcaption>${escapeMarkup(caption)}</figcaption></figure>`;
  return isFolded === true
    ? `<details><summary>${escapeMarkup(title)}</summary>${figure}</details>`
    : figure;
}

function tableText({ head, rows, align }: Extract<Block, { kind: 'table' }>): string {
  const cells = (row: readonly Text[], element: 'td' | 'th') =>
    row
      .map(
        (cell, i) =>
          `<${element}${align[i] === 'right' ? ' class="n"' : ''}>${htmlOf(cell)}</${element}>`,
      )
      .join('');
  return `<div class="table"><table><thead><tr>${cells(head, 'th')}</tr></thead><tbody>${rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n')}</tbody></table></div>`;
}

const sectionText = ({ id, title, blocks }: Section): string =>
  `<section id="${escapeMarkup(id)}">${title === null ? '' : `<h2>${htmlOf(title)}</h2>`}\n${blocks.map(blockText).join('\n')}</section>`;

/** @param state of the verdict, which colours the top. @returns the document */
export function printHtml(
  { title, sections }: Page,
  state: 'passed' | 'failed',
  parts: HtmlParts,
): string {
  const { program, styleHash, fonts, chartData, issue, links } = parts;
  const policy = `default-src 'none'; script-src 'sha256-${program.hash}'; style-src 'sha256-${styleHash}'; font-src data:; img-src data:; base-uri 'none'; form-action 'none'`;
  const anchors = links
    .filter(({ url }) => /^https?:\/\//.test(url))
    .map(
      ({ words, url }) =>
        `<a href="${escapeMarkup(url)}" rel="noreferrer noopener">${escapeMarkup(words)}</a>`,
    );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>${escapeMarkup(plainOf(title))}</title>
<style>${styleOf(fonts)}</style>
</head>
<body class="${state}">
<header><h1>${htmlOf(title)}</h1><nav>${anchors.join('')}<button id="copy-issue" type="button" hidden>Copy as issue</button></nav></header>
<noscript><p>The charts need JavaScript; all figures are in the text.</p></noscript>
<main>
${sections.map(sectionText).join('\n')}
</main>
${chartData === null ? '' : `<script type="application/json" id="chart-data">${jsonInHtml(chartData)}</script>\n`}<script type="application/json" id="issue">${jsonInHtml(issue)}</script>
<script>${program.text}</script>
</body>
</html>
`;
}
