/** Every command by its name. */
import type { Command } from './command.ts';

/** Loaded one by one, so that `--help` and errors come at once and a command pays for itself only. */
export const COMMANDS: Record<string, () => Promise<Command>> = {
  load: async () => (await import('./commands/load.ts')).load,
  monitor: async () => (await import('./commands/monitor.ts')).monitor,
  plot: async () => (await import('./commands/plot.ts')).plot,
  merge: async () => (await import('./commands/merge.ts')).merge,
  report: async () => (await import('./commands/report.ts')).report,
  producers: async () => (await import('./commands/producers.ts')).producers,
  corpus: async () => (await import('./commands/corpus.ts')).corpus,
  inspect: async () => (await import('./commands/inspect.ts')).inspect,
  stack: async () => (await import('./commands/stack.ts')).stack,
  verify: async () => (await import('./commands/verify.ts')).verify,
  doctor: async () => (await import('./commands/doctor.ts')).doctor,
  bench: async () => (await import('./commands/bench.ts')).bench,
};

export const COMMAND_NAMES = Object.keys(COMMANDS);
