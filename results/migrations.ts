/**
 * Older result folders in today's words. Two things differ from one version of the toolkit to another: the number in `format`,
 * for changes that an older reader would misunderstand, and fields that were added within a format, which are absent in
 * older files. Both are dealt with here and nowhere else. Pure.
 */

import type { Summary, Verdict, VerdictReason } from './types.ts';

/** What this toolkit writes. */
export const FORMAT = 1;

/** The whole files of a folder, which carry a format. */
export type WholeFile = 'plan' | 'reconcile' | 'summary';

type Json = Record<string, unknown>;

/** From one format to the next, for each file that differs; a file that is not named stays as it is. */
export type Migration = Partial<Record<WholeFile, (file: Json) => Json>>;

/** Key n: from format n to n + 1. There is no older format than 1 yet. */
const MIGRATIONS: Readonly<Record<number, Migration>> = {};

/** Names that were changed within a format, since the old one was misleading: its content is the same. Old name -> today's. */
const RENAMED: Partial<Record<WholeFile, Readonly<Record<string, string>>>> = {
  // Beside it `look.classes.missing` counts only those that nothing explains.
  reconcile: { missing: 'notStored' },
};

/** A file of a format that this toolkit does not know; says which version does, as far as the run says. */
export class UnknownFormat extends Error {}

/**
 * A parsed file in the current format; what is no object is left to the check of its shape.
 * @param madeBy version of the toolkit that made the run, from its plan; null: not known
 * @throws UnknownFormat
 */
export function migrate(
  kind: WholeFile,
  file: unknown,
  madeBy: string | null = null,
  { steps = MIGRATIONS, current = FORMAT }: { steps?: typeof MIGRATIONS; current?: number } = {},
): unknown {
  if (typeof file !== 'object' || file === null || Array.isArray(file)) return file;
  let content = file as Json;
  const { format } = content;
  if (typeof format !== 'number') return file;
  if (format > current)
    throw new UnknownFormat(
      `has format ${format}, but this toolkit reads format ${current}; ${madeBy === null ? 'it was made by a later version of the toolkit' : `toolkit ${madeBy} made it`}`,
    );
  for (let from = format; from < current; from++) {
    const step = steps[from];
    if (step === undefined)
      throw new UnknownFormat(`has format ${format}, which no version of the toolkit ever wrote`);
    content = { ...(step[kind]?.(content) ?? content), format: from + 1 };
  }
  const renamed = Object.entries(RENAMED[kind] ?? {}).filter(
    ([old, name]) => old in content && !(name in content),
  );
  if (renamed.length === 0) return content;
  const names = new Map(renamed);
  return Object.fromEntries(
    Object.entries(content).map(([name, value]) => [names.get(name) ?? name, value]),
  );
}

type LoadPart = { warmUpMs?: number };
type FiguresPart = {
  schedule?: unknown;
  sinceIntended?: unknown;
  lateness?: unknown;
  warmUpAnswers?: number;
};

/**
 * What a field means where it is absent, since the toolkit that wrote the file did not know it yet:
 *
 * - plan, `load.warmUpMs`: there was no warm-up, 0;
 * - summary, `figures.schedule`, `sinceIntended`, `lateness`: the load had no schedule, null; `warmUpAnswers`: none, 0;
 * - summary, `firstEndMs`, `lastEndMs`, `loadBeganMs`, `loadEndedMs`: not known, null;
 * - summary, `verdict.reasons`: they stood in the sentence only.
 *
 * Parts that are whole sections (`targets`, `hostile`, `breakpoint`, `cost`, `logs`) stay absent: the run had none. In samples.ndjson
 * an absent `late`, `dropped` or `failedIterations` is 0; the lines are too many to be rewritten.
 * @param file in the current format, its shape checked
 */
export function fillAbsent<File>(kind: WholeFile, file: File): File {
  if (kind === 'plan') {
    const { load } = file as { load: LoadPart };
    return { ...file, load: { ...load, warmUpMs: load.warmUpMs ?? 0 } };
  }
  if (kind === 'reconcile') return file;
  const { figures, firstEndMs, lastEndMs, loadBeganMs, loadEndedMs, verdict, gates } = file as {
    figures: FiguresPart;
    verdict?: Verdict;
    gates?: Summary['gates'];
  } & Partial<Pick<Summary, 'firstEndMs' | 'lastEndMs' | 'loadBeganMs' | 'loadEndedMs'>>;
  return {
    ...file,
    firstEndMs: firstEndMs ?? null,
    lastEndMs: lastEndMs ?? null,
    loadBeganMs: loadBeganMs ?? null,
    loadEndedMs: loadEndedMs ?? null,
    ...(verdict && {
      verdict: { ...verdict, reasons: verdict.reasons ?? reasonsInWords(verdict, gates ?? []) },
    }),
    figures: {
      ...figures,
      schedule: figures.schedule ?? null,
      sinceIntended: figures.sinceIntended ?? null,
      lateness: figures.lateness ?? null,
      warmUpAnswers: figures.warmUpAnswers ?? 0,
    },
  };
}

/** Before reasons were data they stood between the word of the verdict and the counts, by exit code (user-error.ts). */
const IN_WORDS: Readonly<Record<number, (words: string) => VerdictReason>> = {
  3: () => ({ kind: 'no data', failedIterations: 0 }),
  4: (words) => ({ kind: 'generator-limited', words }),
  5: (words) => ({ kind: 'broken', words }),
  130: () => ({ kind: 'interrupted' }),
};

function reasonsInWords({ exitCode, sentence }: Verdict, gates: Summary['gates']): VerdictReason[] {
  const words = sentence
    .replace(/^[A-Z -]+: /, '')
    .replace(/\.$/, '')
    .replace(/(; this says little about the target)?; [\d,]+ of [\d,]+ submissions were .*$/s, '');
  const first = IN_WORDS[exitCode]?.(words);
  const ofGates = gates.flatMap(({ name, state, value, unit }): VerdictReason[] =>
    state === 'pass' ? [] : [{ kind: 'gate', name, state, value, unit }],
  );
  return [...(first ? [first] : []), ...ofGates];
}
