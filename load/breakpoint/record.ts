/**
 * The folder of a search. Each trial's stands below `trials/`; plan.json and summary.json of the whole are written anew after each, so
 * that a search that is killed shows what it tried. At the end the last load's files become those of the whole.
 *
 * All of it is synchronous: the second interrupt waits for nothing.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Plan, Summary } from '../../results/types.ts';
import { createRun, FILES, type RunWriter } from '../../results/writer.ts';

/** What a run needs while it lasts, in its folder (load/prepare.ts). */
const CORPUS = 'corpus';

/** A load whose figures stand for the whole. */
export type LastLoad = { folder: string; summary: Summary };

/** What the search itself decides of its files. */
export type Whole = {
  plan: Pick<Plan, 'plannedAt' | 'options' | 'seed'> & { isEmbedded: boolean };
  summary: Pick<
    Summary,
    'startedAt' | 'endedAt' | 'interrupted' | 'breakpoint' | 'gates' | 'verdict'
  >;
};

export class SearchRecord {
  readonly folder: string;
  readonly #writer: Pick<RunWriter, 'plan' | 'summary'>;

  /** @throws Error of node:fs */
  constructor(resultsFolder: string, id: string) {
    const writer = createRun(resultsFolder, id);
    // Its lines come with the last load's files.
    writer.close();
    this.#writer = writer;
    this.folder = writer.folder;
    mkdirSync(this.trials);
  }

  get trials(): string {
    return join(this.folder, 'trials');
  }
  get storage(): string {
    return join(this.folder, 'storage');
  }
  get backendLog(): string {
    return join(this.folder, FILES.backendLog);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Plan and summary of the whole, with the figures of `last`. */
  write(last: LastLoad, whole: Whole): Summary {
    const id = basename(this.folder);
    const plan = this.#planOf(last);
    const { isEmbedded, ...ofSearch } = whole.plan;
    if (plan !== null)
      this.#writer.plan({
        ...plan,
        ...ofSearch,
        id,
        target: { ...plan.target, embedded: isEmbedded },
      });
    const summary: Summary = { ...last.summary, ...whole.summary, id };
    this.#writer.summary(summary);
    return summary;
  }

  /** The last load's files become those of the whole; its folder is gone. @param keep the corpus, too, if it is there still */
  takeOver({ folder }: LastLoad, keep: boolean): void {
    if (!keep) rmSync(join(folder, CORPUS), { recursive: true, force: true });
    for (const file of readdirSync(folder))
      if (file !== FILES.summary && file !== FILES.plan)
        renameSync(join(folder, file), join(this.folder, file));
    rmSync(folder, { recursive: true, force: true });
  }

  #planOf({ folder }: LastLoad): Plan | null {
    try {
      return JSON.parse(readFileSync(join(folder, FILES.plan), 'utf8')) as Plan;
    } catch {
      return null;
    }
  }
}
