/**
 * A dump of 1,000 block producers over twelve hours, 100,000 submissions, read, judged and traced. There is no peer: the program's own suite
 * has no such assertions. In a process of its own, so that the peak of memory is that of judging.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Facts } from '../e2e/assertions/facts.ts';
import { judge } from '../e2e/assertions/index.ts';
import { makeGolden } from '../e2e/dump/golden.ts';
import { readDump } from '../e2e/dump/read.ts';
import { writeEvidence } from '../e2e/dump/write-evidence.ts';
import { writeTrace } from '../e2e/trace/write-trace.ts';
import type { BenchLine } from './measure.ts';

const PRODUCERS = 1000;
const BATCHES = 38;
/** MiB of heap: more is asked for than needed where nothing bounds it. */
const HEAP_MIB = 400;
const LONGEST_MS = 300_000;

type Figures = {
  submissions: number;
  failed: string[];
  readSeconds: number;
  judgeSeconds: number;
  traceSeconds: number;
  peakBytes: number;
};

/** Called in the other process. */
export async function measureJudging(folder: string): Promise<Figures> {
  let last = 0;
  /** CPU seconds since it was last asked. */
  const lap = (): number => {
    const { user, system } = process.cpuUsage();
    const before = last;
    last = (user + system) / 1e6;
    return last - before;
  };
  lap();
  const evidence = await readDump(folder);
  const readSeconds = lap();
  const facts = new Facts(evidence);
  const failed = judge(evidence, undefined, facts)
    .filter(({ outcome }) => outcome !== 'held')
    .map(({ name }) => name);
  const judgeSeconds = lap();
  await writeTrace(evidence, folder, 'benchmark', facts);
  return {
    submissions: evidence.sent.length,
    failed,
    readSeconds,
    judgeSeconds,
    traceSeconds: lap(),
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}

const run = promisify(execFile);

async function inProcess(folder: string): Promise<Figures> {
  const code = `import(${JSON.stringify(import.meta.url)})
    .then(({ measureJudging }) => measureJudging(process.argv[1]))
    .then((figures) => console.log(JSON.stringify(figures)))`;
  const args = [`--max-old-space-size=${HEAP_MIB}`, '-e', code, folder];
  const { stdout } = await run(process.execPath, args, { timeout: LONGEST_MS });
  return JSON.parse(stdout) as Figures;
}

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'bench-e2e-judge-'));
  try {
    const folder = join(scratch, 'dump');
    const made = await makeGolden({ seed: 'bench', producers: PRODUCERS, batches: BATCHES });
    await writeEvidence(made.evidence, made.blocks, folder);
    const figures = await inProcess(folder);
    if (figures.failed.length > 0)
      throw new Error(`a right run did not hold: ${figures.failed.join(', ')}`);
    const line = (what: string, value: number, unit: string): void =>
      report({
        bench: 'e2e-judge',
        case: `${figures.submissions} submissions of ${PRODUCERS} block producers: ${what}`,
        value: Number(value.toFixed(1)),
        unit,
        peer: null,
        peer_value: null,
        ratio: null,
      });
    line('reading', figures.readSeconds, 'CPU s');
    line('judging', figures.judgeSeconds, 'CPU s');
    line('tracing', figures.traceSeconds, 'CPU s');
    line('peak memory', figures.peakBytes / 2 ** 20, 'MiB');
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
