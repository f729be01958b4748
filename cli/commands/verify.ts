/**
 * `npm run verify -- stdin|fs|serve|update …`: the stateless verifier, called as the original is, and the updater that drives it.
 * Source of the calls: MinaProtocol/mina, src/app/delegation_verify; o1-labs/submission-updater.
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { readForkRecord } from '../../stack/verifier/config-file.ts';
import { verifyFile } from '../../stack/verifier/files.ts';
import { type GivenKeys, readKey } from '../../stack/verifier/keys.ts';
import { knownProof } from '../../stack/verifier/known-proof.ts';
import {
  type Backend,
  BACKENDS,
  openProofPool,
  type ProofChecker,
} from '../../stack/verifier/proof-pool.ts';
import { type Rule, RULES } from '../../stack/verifier/rule.ts';
import { answerStream, arrayTexts, lineTexts } from '../../stack/verifier/stream.ts';
import { updaterConfigOf } from '../../stack/verifier/updater/config.ts';
import { openUpdater } from '../../stack/verifier/updater/updater.ts';
import { createVerifier, type Verifier } from '../../stack/verifier/verifier.ts';
import { listenForInterrupts } from '../../system/interrupts.ts';
import { parseInstant } from '../../system/instant.ts';
import { JsonArrayError } from '../../system/json-array.ts';
import { countOf } from '../../results/units.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command, CommandCall } from '../command.ts';
import { throwProblems } from '../parse.ts';
import { didYouMean } from '../../system/suggest.ts';

const MODES = ['stdin', 'fs', 'serve', 'update'] as const;
type Mode = (typeof MODES)[number];

/** Options that mean something in some modes only. */
const ONLY_IN: Record<string, readonly Mode[]> = {
  'block-dir': ['fs'],
  blocks: ['update'],
  // The updater has one for each side of a fork, in its environment.
  'config-file': ['stdin', 'fs', 'serve'],
};
/** Options that mean something only where proofs are checked. */
const OF_PROOFS = ['block-key', 'transaction-key', 'workers', 'backend'];

const USE =
  'use: verify -- stdin, verify -- fs --block-dir DIR FILE…, verify -- serve, or verify -- update START END';

export const verify: Command = {
  name: 'verify',
  summary:
    'verify submissions as the stateless verifier does: stdin (a JSON array of them), fs (files of a backend), serve (one a line, for as long as they come), update START END (rows of a database)',
  operands: 'MODE…',
  prints: 'its result',
  options: [
    {
      name: 'no-checks',
      type: 'flag',
      env: 'NO_CHECKS',
      help: 'check no proof: decode, hash, compare what the block says twice',
    },
    {
      name: 'config-file',
      type: 'path',
      argument: 'FILE',
      help: 'a node’s configuration; its proof.fork says where the network’s last hard fork was',
    },
    {
      name: 'block-dir',
      type: 'path',
      argument: 'DIR',
      help: 'fs: folder of the blocks, <block hash>.dat',
    },
    {
      name: 'network',
      type: 'choice',
      choices: RULES,
      default: 'auto',
      help: 'by whose rule blocks are read and with whose keys proofs are checked; auto: what each block itself says',
    },
    {
      name: 'strict',
      type: 'flag',
      help: 'refuse inconsistent blocks too, which the original takes',
    },
    {
      name: 'block-key',
      type: 'path',
      argument: 'FILE|URL',
      isPath: (word) => !/^https?:\/\//.test(word),
      help: 'verification key of the block circuit of a network of your own: a file, or the GraphQL of a node (http://127.0.0.1:3085/graphql)',
    },
    {
      name: 'transaction-key',
      type: 'path',
      argument: 'FILE',
      help: 'the same of the transaction circuit, for snark work',
    },
    {
      name: 'workers',
      type: 'integer',
      argument: 'N',
      min: 1,
      max: 64,
      help: 'processes that check proofs, each 300 to 400 MB (default: a core each, at most 4)',
    },
    {
      name: 'backend',
      type: 'choice',
      choices: BACKENDS,
      default: 'auto',
      help: 'of o1js; auto: native where it starts, else WebAssembly, four times as slow',
    },
    {
      name: 'blocks',
      type: 'path',
      argument: 'URL|DIR',
      isPath: (word) => !/^[a-z][a-z0-9+.-]*:/i.test(word),
      help: 'update: where blocks lie, s3://BUCKET/NETWORK or a folder (default: s3://AWS_S3_BUCKET/NETWORK_NAME)',
    },
  ],
  async run(call) {
    const { operands, values, sources } = call;
    const mode = modeOf(operands);
    const checks = values['no-checks'] !== true;
    throwProblems(
      [
        ...Object.entries(ONLY_IN)
          .filter(([name, modes]) => values[name] !== undefined && !modes.includes(mode))
          .map(([name, modes]) => `--${name} has an effect only in ${modes.join(', ')}`),
        ...OF_PROOFS.filter((name) => !checks && sources[name] === 'flag').map(
          (name) => `--${name} has no effect with --no-checks`,
        ),
        ...(mode === 'fs' && values['block-dir'] === undefined
          ? ['fs needs --block-dir DIR, the folder of the blocks']
          : []),
        ...((mode === 'stdin' || mode === 'serve') && operands.length > 1
          ? [`${mode} takes no operands, but was given ${operands.slice(1).join(' ')}`]
          : []),
      ],
      USE,
    );
    if (mode === 'update') return update(call);
    const opened = await openVerifier(call);
    try {
      return await (mode === 'fs'
        ? overFiles(call, opened.verifier)
        : overStream(call, mode, opened.verifier));
    } catch (error) {
      if (!(error instanceof JsonArrayError)) throw error;
      throw new UserError(`standard input cannot be read: ${error.message}`, {
        hint: 'stdin takes a JSON array of submissions; serve takes one a line',
        exitCode: EXIT.usage,
        cause: error,
      });
    } finally {
      await opened.close();
    }
  },
};

function modeOf([word]: readonly string[]): Mode {
  const mode = MODES.find((one) => one === word);
  if (mode !== undefined) return mode;
  throw new UserError(
    word === undefined
      ? 'verify needs to know what to read'
      : `verify does not know "${word}"${didYouMean(word, MODES)}`,
    { hint: USE, exitCode: EXIT.usage },
  );
}

async function keysOf({ values }: CommandCall): Promise<GivenKeys> {
  const keyOf = async (name: 'block-key' | 'transaction-key'): Promise<string | null> =>
    values[name] === undefined ? null : readKey(values[name] as string, `--${name}`);
  return { block: await keyOf('block-key'), transaction: await keyOf('transaction-key') };
}

const openProofs = ({ values, stderr }: CommandCall): ProofChecker =>
  openProofPool({
    ...(values.workers !== undefined && { workers: values.workers as number }),
    backend: values.backend as Backend,
    known: knownProof(),
    onNote: (note) => stderr.write(`note: ${note}\n`),
  });

async function openVerifier(
  call: CommandCall,
): Promise<{ verifier: Verifier; close: () => Promise<void> }> {
  const { values } = call;
  const configFile = values['config-file'] as string | undefined;
  const fork = configFile === undefined ? null : await readForkRecord(configFile);
  const keys = await keysOf(call);
  const proofs = values['no-checks'] === true ? null : openProofs(call);
  const verifier = createVerifier({
    rule: values.network as Rule,
    strict: values.strict === true,
    keys,
    fork,
    proofs,
  });
  return { verifier, close: async () => proofs?.close() };
}

async function overStream(
  { stdout, stderr, stdin = process.stdin }: CommandCall,
  mode: 'stdin' | 'serve',
  verifier: Verifier,
): Promise<number> {
  const chunks = stdin as AsyncIterable<Buffer>;
  const texts = mode === 'stdin' ? arrayTexts(chunks) : lineTexts(chunks);
  const { notCheckable } = await answerStream(texts, verifier, stdout);
  noteNotCheckable(notCheckable, stderr);
  return EXIT.passed;
}

const noteNotCheckable = (count: number, stderr: NodeJS.WritableStream): void => {
  if (count > 0)
    stderr.write(
      `note: ${countOf(count, 'submission')} not checkable, so neither valid nor refused (verified is false; checks.notes says why)\n`,
    );
};

/** Files under way: reading is what takes time. */
const FILES_AT_ONCE = 32;

async function overFiles(
  { operands, values, cwd, stdout, stderr, stdin = process.stdin }: CommandCall,
  verifier: Verifier,
): Promise<number> {
  const named = operands.slice(1);
  // As the original: names from standard input, one a line.
  const files =
    named.length === 0 || (named.length === 1 && named[0] === '-')
      ? (await text(stdin)).split(/\r?\n/).filter((line) => line.trim() !== '')
      : named;
  const blockDir = resolve(cwd, values['block-dir'] as string);
  if (statSync(blockDir, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new UserError(`--block-dir ${blockDir} is no folder`, {
      hint: 'name the folder of the blocks, <block hash>.dat',
      exitCode: EXIT.usage,
    });
  let unreadable = 0;
  let notCheckable = 0;
  for (let at = 0; at < files.length; at += FILES_AT_ONCE) {
    const some = files.slice(at, at + FILES_AT_ONCE);
    const answers = await Promise.all(
      some.map((file) => verifyFile(file, { blockDir, cwd, verifier })),
    );
    for (const { line, isUnreadable, isCheckable } of answers) {
      stdout.write(`${line}\n`);
      if (isUnreadable) unreadable++;
      if (!isCheckable) notCheckable++;
    }
  }
  noteNotCheckable(notCheckable, stderr);
  if (unreadable === 0) return EXIT.passed;
  throw new UserError(`${countOf(unreadable, 'file')} of ${files.length} could not be read`, {
    hint: 'a file is a submission as a backend stores it, JSON; all others were verified',
    exitCode: EXIT.usage,
  });
}

/** `2006-01-02 15:04:05.0-0700`, as the original's arguments, or RFC 3339. */
const TIME = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)? ?(Z|[+-]\d\d:?\d\d)$/;

function timeOf(word: string, name: string, problems: string[]): number {
  const match = TIME.exec(word);
  const ms = (match === null ? null : parseInstant(word)) ?? NaN;
  if (Number.isNaN(ms))
    problems.push(`${name} must be a time such as "2026-09-03 18:00:00.0+0000", but is "${word}"`);
  return ms;
}

async function update(call: CommandCall): Promise<number> {
  const { operands, values, env, cwd, stdout, stderr } = call;
  const [, start, end, ...more] = operands;
  const problems: string[] = [];
  const [startMs, endMs] =
    end === undefined
      ? [NaN, NaN]
      : [timeOf(start, 'START', problems), timeOf(end, 'END', problems)];
  if (end === undefined || more.length > 0)
    problems.push(`update takes two times, but was given ${operands.length - 1}`);
  else if (startMs >= endMs) problems.push(`START ${start} is not before END ${end}`);
  throwProblems(problems, USE);
  const config = updaterConfigOf(env, { blocks: values.blocks as string | undefined });
  const updater = await openUpdater({
    config: { ...config, noChecks: values['no-checks'] === true },
    rule: values.network as Rule,
    strict: values.strict === true,
    keys: await keysOf(call),
    openProofs: () => openProofs(call),
    env,
    cwd,
    log: (level, line) => void stderr.write(`${level}: ${line}\n`),
  });
  const interrupts = listenForInterrupts();
  try {
    const report = await updater.updateWindow(startMs, endMs, interrupts.first);
    stdout.write(`${JSON.stringify({ updater: updater.name, ...report })}\n`);
    return EXIT.passed;
  } catch (error) {
    if (!interrupts.first.aborted) throw error;
    return EXIT.interrupted;
  } finally {
    interrupts.stop();
    await updater.close();
  }
}
