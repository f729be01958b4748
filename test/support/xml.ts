/** A small, strict reader of XML without namespaces, comments, CDATA and document types: what is not well-formed is an error. */
export type Element = {
  name: string;
  attributes: Record<string, string>;
  children: Element[];
  text: string;
};

const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const NAME = '[A-Za-z_][\\w.-]*';
const TAG = new RegExp(`<(?:/(${NAME})\\s*|(${NAME})((?:\\s+${NAME}="[^"<]*")*)\\s*(/?))>`, 'y');

function fail(why: string, at: number): never {
  throw new Error(`XML: ${why} at ${at}`);
}

/** As a parser reads it: `\r\n` and `\r` are `\n`; in an attribute white space is a blank. */
function decode(text: string, at: number, isAttribute: boolean): string {
  if (text.includes(']]>') && !isAttribute) fail(']]> in text', at);
  const normal = text.replace(/\r\n?/g, '\n');
  return (isAttribute ? normal.replace(/[\t\n]/g, ' ') : normal).replace(
    /&(?:#(\d+);|(\w+);)?/g,
    (whole, number?: string, name?: string) => {
      if (number !== undefined) return String.fromCodePoint(Number(number));
      if (name === undefined || !Object.hasOwn(ENTITIES, name)) return fail(`bad reference ${whole}`, at); // prettier-ignore
      return ENTITIES[name];
    },
  );
}

/** @throws Error that begins with `XML` */
export function parseXml(document: string): Element {
  const bad = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u.exec(document);
  if (bad) fail('a forbidden character', bad.index);
  const top: Element = { name: '', attributes: {}, children: [], text: '' };
  const open = [top];
  let at = /^<\?xml version="1\.0" encoding="UTF-8"\?>/.exec(document)?.[0].length ?? 0;
  while (at < document.length) {
    const inside = open.at(-1)!;
    if (document[at] !== '<') {
      const next = document.indexOf('<', at);
      const end = next === -1 ? document.length : next;
      inside.text += decode(document.slice(at, end), at, false);
      at = end;
      continue;
    }
    TAG.lastIndex = at;
    const match = TAG.exec(document) ?? fail('no tag', at);
    const [whole, closed, name, list, isEmpty] = match as unknown as (string | undefined)[];
    if (closed !== undefined) {
      if (open.length === 1 || inside.name !== closed) fail(`</${closed}> closes nothing`, at);
      open.pop();
    } else {
      const element: Element = { name: name!, attributes: {}, children: [], text: '' };
      for (const [, key, value] of list!.matchAll(/([\w.-]+)="([^"]*)"/g)) {
        if (Object.hasOwn(element.attributes, key)) fail(`${key} twice`, at);
        element.attributes[key] = decode(value, at, true);
      }
      inside.children.push(element);
      if (isEmpty === '') open.push(element);
    }
    at += whole!.length;
  }
  if (open.length > 1) fail('an element without its end', at);
  if (top.children.length !== 1 || top.text.trim() !== '') fail('not one root', at);
  return top.children[0];
}
