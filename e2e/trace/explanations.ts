/** Writes beside a run's results what `npm run explain` says of the examples of failed assertions, while the tables are there: teardown removes them. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { explainProducer, lastBatchEnd } from '../../stack/coordinator/explain.ts';
import { writeWhole } from '../../whole-file.ts';
import { runDatabase, withDatabase } from '../database.ts';
import type { Judged } from '../judged.ts';
import type { OpenState } from '../state.ts';
import { explainClosely, explainInShort } from './explain-page.ts';

const FOLDER = 'explain';
/** Of all examples: more say nothing new. */
const MOST_PAGES = 40;

type Asked = { submitter: string; startSeconds: number | null };

const fileOf = ({ submitter, startSeconds }: Asked): string =>
  `${FOLDER}/${submitter}${startSeconds === null ? '' : `-${new Date(startSeconds * 1000).toISOString().slice(0, 19).replaceAll(':', '-')}`}.txt`;

/**
 * @param results a folder that is there
 * @returns the same, each example of a block producer with the file that explains it among its leads; as it was where the tables cannot be read
 */
export async function withExplanations(
  open: OpenState,
  judged: readonly Judged[],
  results: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Judged[]> {
  const asked = new Map<string, Asked>();
  const fileFor = ({ submitter, batch }: { submitter?: string; batch?: { startSeconds: number } }): string | null => {
    if (submitter === undefined || !submitter.startsWith('B62')) return null;
    const one = { submitter, startSeconds: batch?.startSeconds ?? null };
    const file = fileOf(one);
    if (!asked.has(file) && asked.size === MOST_PAGES) return null;
    asked.set(file, one);
    return file;
  }; // prettier-ignore
  const files = judged.map((one) => (one.outcome === 'failed' ? one.examples.map(fileFor) : []));
  if (asked.size === 0) return [...judged];
  try {
    await write(open, asked, results, env, signal);
  } catch (error) {
    signal.throwIfAborted();
    // The incident may be just this: tables that cannot be read. The judgement stands without them.
    say(`note: the examples could not be explained from the tables (${(error as Error).message})`);
    return [...judged];
  }
  return judged.map((one, i) =>
    one.outcome !== 'failed'
      ? one
      : {
          ...one,
          leads: one.examples.map((_, n) =>
            [one.leads?.[n] ?? '', files[i][n] ?? ''].filter(Boolean).join('; '),
          ),
        },
  );
}

async function write(
  open: OpenState,
  asked: ReadonlyMap<string, Asked>,
  results: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<void> {
  const { miniBatches, fork } = open.state.topology;
  const startMs = (open.state.startSeconds ?? 0) * 1000;
  const cutoverMs = fork === undefined ? null : startMs + fork.atMs;
  const pages = await withDatabase(await runDatabase(open, env), signal, async (client) => {
    // Rows are read by a cursor, and all of it is of one moment.
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const last = (await lastBatchEnd(client)) ?? 0;
    const texts: [file: string, text: string][] = [];
    for (const [file, { submitter, startSeconds }] of asked) {
      const facts = await explainProducer(client, submitter, {
        fromSeconds: startSeconds ?? startMs / 1000,
        toSeconds: startSeconds ?? last,
        cutoverMs,
        closely: startSeconds !== null,
      });
      texts.push([file, startSeconds === null ? explainInShort(facts) : explainClosely(facts, miniBatches, null)]); // prettier-ignore
    }
    return texts;
  });
  mkdirSync(join(results, FOLDER), { recursive: true });
  for (const [file, text] of pages) await writeWhole(join(results, file), `${text}\n`);
}
