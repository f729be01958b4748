/** `npm run bench -- NAME…`: every figure that the project claims, each beside its peer in the same run. */
import { EXIT, UserError } from '../../user-error.ts';
import type { BenchLine } from '../../bench/measure.ts';
import type { Command } from '../command.ts';

type Bench = { bench: (report: (line: BenchLine) => void) => Promise<void> };

/** By the names that the user gives. */
export const BENCHES: Record<string, () => Promise<Bench>> = {
  sign: () => import('../../bench/sign.ts'),
  verify: () => import('../../bench/verify.ts'),
  'state-hash': () => import('../../bench/state-hash.ts'),
  submission: () => import('../../bench/submission.ts'),
  corpus: () => import('../../bench/corpus.ts'),
  backend: () => import('../../bench/backend.ts'),
  generator: () => import('../../bench/generator.ts'),
  monitor: () => import('../../bench/monitor.ts'),
  reconcile: () => import('../../bench/reconcile.ts'),
  cost: () => import('../../bench/cost.ts'),
  compare: () => import('../../bench/compare.ts'),
  breakpoint: () => import('../../bench/breakpoint.ts'),
  verifier: () => import('../../bench/verifier.ts'),
  proofs: () => import('../../bench/proofs.ts'),
  plots: () => import('../../bench/plots.ts'),
  report: () => import('../../bench/report.ts'),
  record: () => import('../../bench/record.ts'),
  'fault-proxy': () => import('../../bench/fault-proxy.ts'),
  coordinator: () => import('../../bench/coordinator.ts'),
  'e2e-judge': () => import('../../bench/e2e-judge.ts'),
  console: () => import('../../bench/console.ts'),
};

/** Those that take many minutes: only for who names them. */
export const LONG_BENCHES: Record<string, () => Promise<Bench>> = {
  'breakpoint-real': () => import('../../bench/breakpoint-real.ts'),
};

export const bench: Command = {
  name: 'bench',
  summary:
    'Measure this toolkit beside its peers; one JSON line a figure. Without NAME: all but breakpoint-real, which takes half an hour.',
  operands: 'NAME…',
  options: [],
  prints: 'its result',
  async run({ operands, stdout, stderr }) {
    const all = { ...BENCHES, ...LONG_BENCHES };
    const unknown = operands.filter((name) => !Object.hasOwn(all, name));
    if (unknown.length > 0)
      throw new UserError(`there is no benchmark "${unknown.join('", "')}"`, {
        hint: `use one of: ${Object.keys(all).join(', ')}`,
        exitCode: EXIT.usage,
      });
    const names = operands.length > 0 ? operands : Object.keys(BENCHES);
    for (const name of names) {
      stderr.write(`bench ${name}: measuring, nothing else should run on this machine\n`);
      const { bench: measure } = await all[name]();
      await measure((line) => stdout.write(`${JSON.stringify(line)}\n`));
    }
    return EXIT.passed;
  },
};
