/** What the page's program uses of a browser, whose types a program for Node does not have. */

export type Element = {
  textContent: string | null;
  hidden: boolean;
  value: string;
  style: Record<string, string>;
  dataset: Record<string, string | undefined>;
  addEventListener(event: string, listener: () => void): void;
  setAttribute(name: string, value: string): void;
  append(child: Element): void;
  remove(): void;
  select(): void;
};

export type Page = {
  title: string;
  body: Element;
  fonts: { load(font: string): Promise<unknown> };
  getElementById(id: string): Element | null;
  querySelectorAll(selector: string): Iterable<Element>;
  createElement(name: string): Element;
  execCommand(command: string): boolean;
};

export type MediaQuery = {
  matches: boolean;
  addEventListener(event: 'change', listener: () => void): void;
};

export type Browser = {
  matchMedia(query: string): MediaQuery;
  addEventListener(event: string, listener: () => void): void;
  document: Page;
  navigator: { clipboard?: { writeText(text: string): Promise<void> } };
};
