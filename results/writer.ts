/**
 * Writes a run's folder. Lines are appended as they come, whole files replaced atomically, so that a
 * process killed at any moment leaves readable files.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, UserError } from '../user-error.ts';
import { writeWholeSync } from '../whole-file.ts';
import { LineFile } from './line-file.ts';
import type {
  ControlLine,
  LogSecond,
  LogTailLine,
  MarkLine,
  Plan,
  Reconcile,
  ReconcileLiveLine,
  ResourceLine,
  SampleLine,
  Summary,
} from './types.ts';

export const FILES = {
  plan: 'plan.json',
  samples: 'samples.ndjson',
  resources: 'resources.ndjson',
  logs: 'logs.ndjson',
  logTail: 'log-tail.json',
  reconcile: 'reconcile.json',
  reconcileList: 'reconcile.ndjson',
  reconcileLive: 'reconcile-live.ndjson',
  summary: 'summary.json',
  control: 'control.ndjson',
  marks: 'marks.ndjson',
  fleet: 'fleet.ndjson',
  k6Log: 'k6.log',
  backendLog: 'backend.log',
} as const;

/**
 * A text as a name of a file or folder below the results: none of the characters that Windows, or a CI's upload of artifacts, refuses
 * (`< > : " / \\ | ? *` and control characters), and no full stop or blank at its end.
 */
export const fileName = (text: string): string =>
  text.replace(/[<>:"/\\|?*\p{Cc}]/gu, '-').replace(/[. ]+$/, (end) => '-'.repeat(end.length));

/** `2026-01-02T03:04:05.678Z`, `load` -> `2026-01-02T03-04-05Z-load`. */
export const runId = (startedAt: Date, scenario: string): string =>
  fileName(`${startedAt.toISOString().slice(0, 19)}Z-${scenario}`);

/** Creates the folder that holds the runs. @throws UserError (exit 5) if nothing can be written there */
export async function ensureResultsFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => null);
  if (found !== null && !found.isDirectory())
    throw new UserError(`the results folder ${folder} is a file`, {
      hint: 'give a folder with --results DIR',
      exitCode: EXIT.usage,
    });
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK | constants.X_OK);
    // Root passes access() on a read-only mount or a full disk; only a write tells.
    const probe = join(folder, `.write-test-${process.pid}`);
    await mkdir(probe);
    rmSync(probe, { recursive: true });
  } catch (cause) {
    throw new UserError(
      `the results folder ${folder} is not writable (${(cause as Error).message})`,
      {
        hint: 'give another folder with --results DIR, or mend its permissions',
        cause,
      },
    );
  }
}

export type RunWriter = {
  readonly folder: string;
  plan(plan: Plan): void;
  sample(line: SampleLine): void;
  resource(line: ResourceLine): void;
  /** The file is there from the first line on. */
  log(line: LogSecond): void;
  /** The last records of the target's log, over what was there; no more than a few hundred. */
  logTail(lines: readonly LogTailLine[]): void;
  /** The file is there from the first line on. */
  control(line: ControlLine): void;
  look(line: ReconcileLiveLine): void;
  /** The file is there from the first line on. */
  mark(line: MarkLine): void;
  reconcile(reconcile: Reconcile): void;
  summary(summary: Summary): void;
  close(): void;
};

/**
 * Creates the run's folder inside `resultsFolder` (a name taken gets `-2`, `-3`, …).
 * Appending is synchronous: a few hundred bytes a second, and nothing is left in memory at a kill.
 */
export function createRun(resultsFolder: string, id: string): RunWriter & { readonly id: string } {
  let name = id;
  for (let n = 2; ; n++) {
    try {
      mkdirSync(join(resultsFolder, name));
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      name = `${id}-${n}`;
    }
  }
  return { id: name, ...writerOf(join(resultsFolder, name)) };
}

const writeJson = (folder: string, file: string, content: unknown): void =>
  writeWholeSync(join(folder, file), `${JSON.stringify(content, null, 2)}\n`);

/** Of a run that has ended, where something was found afterwards. */
export const writeSummary = (folder: string, summary: Summary): void =>
  writeJson(folder, FILES.summary, summary);

/** Writes into `folder`, which is there. */
export function writerOf(folder: string): RunWriter {
  const samples = new LineFile(join(folder, FILES.samples));
  const resources = new LineFile(join(folder, FILES.resources));
  let logs: LineFile | null = null;
  let control: LineFile | null = null;
  let marks: LineFile | null = null;
  let looks: LineFile | null = null;
  const whole = (file: string, content: unknown) => writeJson(folder, file, content);
  return {
    folder,
    plan: (plan) => whole(FILES.plan, plan),
    sample: (line) => samples.append(JSON.stringify(line)),
    resource: (line) => resources.append(JSON.stringify(line)),
    log(line) {
      logs ??= new LineFile(join(folder, FILES.logs));
      logs.append(JSON.stringify(line));
    },
    // Once a second: what a kill leaves half written is beside it.
    logTail(lines) {
      const path = join(folder, FILES.logTail);
      writeFileSync(`${path}.part`, `${JSON.stringify({ format: 1, lines })}\n`);
      renameSync(`${path}.part`, path);
    },
    control(line) {
      control ??= new LineFile(join(folder, FILES.control));
      control.append(JSON.stringify(line));
    },
    look(line) {
      looks ??= new LineFile(join(folder, FILES.reconcileLive));
      looks.append(JSON.stringify(line));
    },
    mark(line) {
      marks ??= new LineFile(join(folder, FILES.marks));
      marks.append(JSON.stringify(line));
    },
    reconcile: (reconcile) => whole(FILES.reconcile, reconcile),
    summary: (summary) => whole(FILES.summary, summary),
    close() {
      for (const file of [samples, resources, logs, control, marks, looks]) file?.close();
    },
  };
}
