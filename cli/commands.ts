/** Every command by its name. */
import type { Command } from './command.ts';

/** Loaded one by one, so that `--help` and errors come at once and a command pays for itself only. */
export const COMMANDS: Record<string, () => Promise<Command>> = {
  load: async () => (await import('./commands/load.ts')).load,
  ctl: async () => (await import('./commands/ctl.ts')).ctl,
  monitor: async () => (await import('./commands/monitor.ts')).monitor,
  plot: async () => (await import('./commands/plot.ts')).plot,
  nightly: async () => (await import('./commands/nightly.ts')).nightly,
  merge: async () => (await import('./commands/merge.ts')).merge,
  compare: async () => (await import('./commands/compare.ts')).compare,
  console: async () => (await import('./commands/console.ts')).console_,
  report: async () => (await import('./commands/report.ts')).report,
  producers: async () => (await import('./commands/producers.ts')).producers,
  corpus: async () => (await import('./commands/corpus.ts')).corpus,
  inspect: async () => (await import('./commands/inspect.ts')).inspect,
  e2e: async () => (await import('./commands/e2e.ts')).e2e,
  stack: async () => (await import('./commands/stack.ts')).stack,
  score: async () => (await import('./commands/score.ts')).score,
  explain: async () => (await import('./commands/explain.ts')).explain,
  verify: async () => (await import('./commands/verify.ts')).verify,
  doctor: async () => (await import('./commands/doctor.ts')).doctor,
  bench: async () => (await import('./commands/bench.ts')).bench,
};

export const COMMAND_NAMES = Object.keys(COMMANDS);

/** The command of this name, or the part of it that its first operand names; the words that are left are that one's. */
export async function loadCommand(
  name: string,
  args: readonly string[],
): Promise<{ command: Command; args: readonly string[] }> {
  const command = await COMMANDS[name]();
  const [first = '', ...rest] = args;
  const { parts = {} } = command;
  return Object.hasOwn(parts, first)
    ? { command: await parts[first](), args: rest }
    : { command, args };
}
