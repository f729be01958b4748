/**
 * A report as data: a page of sections, a section of blocks, texts of spans. Whoever prints it (Markdown, HTML) decides how a table or
 * a picture looks, and makes plain text of what users and targets wrote. Pure.
 */

/** Plain text, text that stands for itself such as a URL, or emphasis. */
export type Span = string | { code: string } | { em: string } | { strong: readonly Span[] };
export type Text = string | readonly Span[];

export type Align = 'left' | 'right';

export type Block =
  | { kind: 'paragraph'; text: Text }
  | { kind: 'notes'; items: readonly Text[] }
  | {
      kind: 'table';
      head: readonly Text[];
      align: readonly Align[];
      rows: readonly (readonly Text[])[];
    }
  /** `file`: its name beside the page; `link`: that of the same picture in another form, where a click on it leads. */
  | {
      kind: 'picture';
      title: string;
      file: string;
      link?: string;
      /** What one sees in it, in whole sentences. */
      caption?: string;
      /** Folded away where the reader's program can do that. */
      isFolded?: boolean;
    }
  /** Lines as they are, e.g. a diagram that the reader's program draws. */
  | { kind: 'code'; language: string; text: string };

export type Section = {
  /** Stable, for links and for whoever wants one section only. */
  id: string;
  /** null: it stands right below the page's title. */
  title: Text | null;
  blocks: readonly Block[];
};

export type Page = { title: Text; sections: readonly Section[] };

export const paragraph = (text: Text): Block => ({ kind: 'paragraph', text });
export const code = (text: string): Span => ({ code: text });

/** A table whose first column is words and whose others are figures, unless `align` says otherwise. */
export const table = (
  head: readonly Text[],
  rows: readonly (readonly Text[])[],
  align: readonly Align[] = head.map((_, i) => (i === 0 ? 'left' : 'right')),
): Block => ({ kind: 'table', head, align, rows });

/** Spans of several texts one after another, with `between` between them. */
export const joined = (texts: readonly Text[], between: string): Span[] =>
  texts.flatMap((text, i): Span[] => [
    ...(i === 0 ? [] : [between]),
    ...(typeof text === 'string' ? [text] : text),
  ]);

export const NO_DATA = 'no data';

export const orNoData = <T>(value: T | null | undefined, format: (value: T) => string): string =>
  value === null || value === undefined ? NO_DATA : format(value);
