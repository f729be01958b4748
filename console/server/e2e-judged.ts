/** What assertions said of a run: as its end wrote it down, or, of a dump that nobody has judged yet, as they say it now. Nothing is written. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { judge } from '../../e2e/assertions/index.ts';
import { Facts } from '../../e2e/assertions/facts.ts';
import type { Evidence } from '../../e2e/dump/evidence.ts';
import { readDump } from '../../e2e/dump/read.ts';
import { DUMP_FOLDER } from '../../e2e/dump-folder.ts';
import type { Judged } from '../../e2e/judged.ts';
import { type TraceLine, traceOf } from '../../e2e/trace/trace.ts';

const HEAD = 'dump.json';

/** @returns null: there is none */
export const dumpOf = (results: string): string | null =>
  [join(results, DUMP_FOLDER), results].find((folder) => existsSync(join(folder, HEAD))) ?? null;

type Read = { mark: string; evidence: Evidence; facts: Facts; judged: Judged[] };

/** The last dump that was judged here: pages ask for its assertions, then for its traces. */
export class JudgedDumps {
  #last: Promise<Read> | null = null;
  #mark = '';

  #read(dump: string): Promise<Read> {
    const mark = `${dump} ${statSync(join(dump, HEAD)).mtimeMs}`;
    if (this.#last === null || this.#mark !== mark) {
      this.#mark = mark;
      this.#last = readDump(dump, []).then((evidence) => {
        const facts = new Facts(evidence);
        return { mark, evidence, facts, judged: judge(evidence, undefined, facts) };
      });
      this.#last.catch(() => (this.#last = null));
    }
    return this.#last;
  }

  /** @throws UserError for a folder that is no dump of this version */
  async judged(dump: string): Promise<Judged[]> {
    return (await this.#read(dump)).judged;
  }

  /** @throws UserError as above */
  async *trace(dump: string): AsyncGenerator<TraceLine> {
    const { evidence, facts } = await this.#read(dump);
    yield* traceOf(evidence, facts);
  }
}
