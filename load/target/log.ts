/** The target's log beside a load: which logs are followed, what of them is kept, and where it goes. */
import { join } from 'node:path';
import { followLogs, type LogFollower, type LogSource } from '../../monitor/logs/follow.ts';
import type { LogSecond, LogTailLine } from '../../results/types.ts';
import { FILES } from '../../results/writer.ts';
import { redact, secretsOf } from '../../scenarios/lib/secrets.ts';
import { knownMessages } from './known-messages.ts';

/** What the user asks for. */
export type TargetLogs = {
  sources: readonly LogSource[];
  /** Errors that match one of them are no errors of the run. */
  allow: readonly RegExp[];
};

/** @returns what is wrong with a pattern of the allow-list, to stand after the option's name; null: nothing */
export function allowProblem(text: string): string | null {
  try {
    new RegExp(text);
    return null;
  } catch (error) {
    return `must be a regular expression, but is "${text}" (${(error as Error).message})`;
  }
}

/** @returns null: the target's log is out of sight, and nobody named one */
export function followTargetLogs(call: {
  logs: TargetLogs | undefined;
  /** The embedded backend writes into this run's folder. */
  embeddedIn: string | null;
  /** Hostile requests are sent beside the load. */
  isHostile: boolean;
  secretHeaders: Record<string, string>;
  env: NodeJS.ProcessEnv;
  onLine: (line: LogSecond) => void;
  onTail: (lines: readonly LogTailLine[]) => void;
  onNote: (text: string) => void;
}): LogFollower | null {
  const { logs, embeddedIn, isHostile, secretHeaders, env, onLine, onTail, onNote } = call;
  const sources = [...(logs?.sources ?? [])];
  if (embeddedIn !== null)
    sources.push({
      kind: 'file',
      path: join(embeddedIn, FILES.backendLog),
      fromEnd: false,
      name: FILES.backendLog,
    });
  if (sources.length === 0) return null;
  const secrets = secretsOf(secretHeaders);
  return followLogs({
    sources,
    allow: logs?.allow ?? [],
    known: knownMessages(isHostile),
    redact: (text) => redact(text, secrets),
    env,
    onLine,
    onTail,
    onNote,
  });
}
