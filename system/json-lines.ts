/**
 * JSON that people or other programs wrote, and in which line its values stand. JSON.parse reads what is right, a hundred
 * times as fast as anything that keeps positions; the package yaml, whose language holds JSON, is asked for a line only
 * when something is to be said about one. What YAML takes beyond JSON is taken too: a comma after the last value, a comment.
 */
import { type Document, isNode, LineCounter, parseDocument } from 'yaml';

export type JsonText = {
  value: unknown;
  /** Where the value at `path` begins, from 1; null in a file that is too large to look. */
  lineOf(path: readonly (string | number)[]): number | null;
};

/** Text that is not JSON: the line from which on it is not, where that is known. */
export class JsonProblem extends Error {
  readonly line: number | null;
  constructor(line: number | null) {
    super('is not valid JSON');
    this.name = 'JsonProblem';
    this.line = line;
  }
}

/** yaml takes half a second for a megabyte (measured). */
const LOOKED_AT_CHARACTERS = 4_000_000;

/** @throws JsonProblem */
export function readJson(text: string): JsonText {
  let lines: ReturnType<typeof withLines> | undefined;
  const lineOf: JsonText['lineOf'] = (path) => {
    if (text.length > LOOKED_AT_CHARACTERS) return null;
    lines ??= withLines(text);
    return lines === null ? null : lineAt(lines, path);
  };
  try {
    return { value: JSON.parse(text) as unknown, lineOf };
  } catch {
    // V8 names no place, and quotes what stands there.
  }
  if (text.length > LOOKED_AT_CHARACTERS) throw new JsonProblem(null);
  lines = withLines(text);
  if (lines === null) throw new JsonProblem(1);
  const [error] = lines.document.errors;
  if (error) throw new JsonProblem(lines.counter.linePos(error.pos[0]).line);
  try {
    return { value: lines.document.toJS() as unknown, lineOf };
  } catch {
    // Aliases that would fill the memory.
    throw new JsonProblem(1);
  }
}

/** @returns null for what is nested too deeply */
function withLines(text: string): { document: Document; counter: LineCounter } | null {
  const counter = new LineCounter();
  try {
    const document = parseDocument(text, {
      lineCounter: counter,
      prettyErrors: false,
      schema: 'json',
      logLevel: 'error',
    });
    return { document, counter };
  } catch {
    return null;
  }
}

function lineAt(
  { document, counter }: NonNullable<ReturnType<typeof withLines>>,
  path: readonly (string | number)[],
): number | null {
  const node = path.length === 0 ? document.contents : document.getIn(path, true);
  return isNode(node) && node.range ? counter.linePos(node.range[0]).line : null;
}
