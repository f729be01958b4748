/** `npm run inspect -- FILE…`: for each recorded submission or block one JSON line; is it really signed, for which network, of which era? */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { decode, encode } from '../../mina/base58check.ts';
import { type Network, NETWORKS } from '../../mina/network.ts';
import { createSigner, type Signer } from '../../mina/signer.ts';
import { createStateHasher } from '../../mina/state-hasher.ts';
import {
  parseSubmission,
  signedFields,
  type Submission,
  SubmissionError,
  tokenBytes,
} from '../../mina/submission.ts';
import { signedText } from '../../mina/submission-text.ts';
import { loadMinaWasm } from '../../paths.ts';
import { ERA_CHOICES, type EraChoice } from '../../producers/chain-origin.ts';
import { readRegularFile } from '../../system/regular-file.ts';
import { countOf } from '../../results/units.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command } from '../command.ts';
import {
  blockFields,
  type BlockFields,
  type BlockTools,
  inspectRaw,
  NO_BLOCK,
  RAW_NAME,
  isRaw,
  type OuterSizes,
} from '../inspect-block.ts';

/** One line of output; null for what could not be found out. */
export type Inspection = BlockFields & {
  file: string;
  submitter: string | null;
  created_at: string | null;
  /** null where there is none to check: unreadable files, and submissions as a backend stores them. */
  signature: 'valid' | 'invalid' | null;
  network: Network | null;
  block_hash: string | null;
};

export const inspect: Command = {
  name: 'inspect',
  summary:
    'check recorded submissions: one JSON line each, with signature, network, era and slot. FILE: JSON, one or a line each; a folder of them; what a backend stored; a raw block or protocol state (.dat, .bin); - for standard input. Exit code 99 if one is not valid.',
  operands: 'FILE…',
  options: [
    {
      name: 'era',
      type: 'choice',
      argument: 'ERA',
      choices: ERA_CHOICES,
      default: 'auto',
      help: 'of which era the blocks must be; auto = each says it: by its version, a bare protocol state by the length of its slots',
    },
  ],
  prints: 'its result',
  async run({ operands, values, cwd, stdout, stderr }) {
    if (operands.length === 0)
      throw new UserError('no file was given', {
        hint: 'give files or folders with submissions, or - for standard input',
        exitCode: EXIT.usage,
      });
    const wasm = loadMinaWasm();
    const tools = {
      signer: createSigner(wasm),
      hash: createStateHasher(wasm),
      era: values.era as EraChoice,
    };
    let faults = 0;
    let unsigned = 0;
    for await (const source of sourcesOf(operands, cwd)) {
      const inspection = await inspectSource(source, tools);
      const { signature, error } = inspection;
      const raw = isRaw(source);
      // A valid signature may be over a block that cannot be decoded: that is reported, but it is no fault of the signature.
      if (signature === 'invalid' || (signature === null && error !== undefined)) faults++;
      if (signature === null && error === undefined && !raw) unsigned++;
      stdout.write(`${JSON.stringify(inspection)}\n`);
    }
    if (unsigned > 0)
      stderr.write(
        `note: ${countOf(unsigned, 'submission')} without a signature (as a backend stores them): nothing was verified there\n`,
      );
    return faults === 0 ? EXIT.passed : EXIT.gateFailed;
  },
};

/** One submission's bytes. `name` is as the user gave it, `path` absolute (null: standard input). */
type Source = { name: string; path: string | null; bytes: Uint8Array };

async function* sourcesOf(operands: readonly string[], cwd: string): AsyncGenerator<Source> {
  // All are looked at first: a wrong name ends the command before it prints anything.
  const files: string[] = [];
  for (const operand of operands) for (const name of await filesOf(operand, cwd)) files.push(name);
  for (const name of files) {
    const path = name === '-' ? null : resolve(cwd, name);
    const bytes = await (path === null
      ? buffer(process.stdin)
      : readRegularFile(path, { what: 'the file', maxBytes: MOST_BYTES }));
    yield* submissionsIn({ name, path, bytes });
  }
}

async function filesOf(operand: string, cwd: string): Promise<string[]> {
  if (operand === '-') return [operand];
  const path = resolve(cwd, operand);
  const found = await stat(path).catch((cause: unknown) => {
    throw new UserError(`there is no file or folder ${operand}`, {
      hint: 'give files or folders with submissions, or - for standard input',
      exitCode: EXIT.usage,
      cause,
    });
  });
  if (!found.isDirectory()) return [operand];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const named = (names: RegExp): string[] =>
    entries
      .filter((entry: Dirent) => entry.isFile() && names.test(entry.name))
      .map((entry) => join(operand, entry.parentPath.slice(path.length), entry.name))
      .sort();
  const inside = named(/\.(json|ndjson)$/);
  if (inside.length > 0) return inside;
  // Beside submissions, blocks are theirs; alone they are what is asked for.
  const blocks = named(RAW_NAME);
  if (blocks.length === 0)
    throw new UserError(`the folder ${operand} holds no .json, .ndjson, .dat or .bin file`, {
      hint: 'give a folder with recorded submissions, or with blocks',
      exitCode: EXIT.noData,
    });
  return blocks;
}

/** What Node holds in one piece. */
const MOST_BYTES = 2 ** 31 - 1;
const LF = 0x0a;

/** A file is one submission, or one a line where its name or its first line says so. */
function* submissionsIn(source: Source): Generator<Source> {
  const { name, path, bytes } = source;
  if (isRaw(source)) {
    yield source;
    return;
  }
  const firstEnd = bytes.indexOf(LF);
  const isLines =
    name.endsWith('.ndjson') ||
    (path === null && firstEnd !== -1 && isWhole(bytes.subarray(0, firstEnd)));
  if (!isLines) {
    yield source;
    return;
  }
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const at = bytes.indexOf(LF, start);
    const end = at === -1 ? bytes.length : at;
    const part = bytes.subarray(start, end);
    if (part.some((byte) => byte > 0x20)) yield { name: `${name}:${line}`, path, bytes: part };
    start = end + 1;
  }
}

function isWhole(line: Uint8Array): boolean {
  try {
    JSON.parse(Buffer.from(line).toString());
    return true;
  } catch {
    return false;
  }
}

const UNKNOWN = {
  submitter: null,
  created_at: null,
  signature: null,
  network: null,
  block_hash: null,
  ...NO_BLOCK,
} as const;

type Tools = BlockTools & { signer: Signer };

async function inspectSource(source: Source, tools: Tools): Promise<Inspection> {
  const { name, path, bytes } = source;
  if (isRaw(source))
    return {
      file: name,
      ...UNKNOWN,
      ...inspectRaw(name, bytes, tools, (block) =>
        encode('blockHash', tools.signer.blake2b256(block)),
      ),
    };
  try {
    return { file: name, ...UNKNOWN, ...inspectSubmission(parseSubmission(bytes), tools) };
  } catch (error) {
    if (!(error instanceof SubmissionError)) throw error;
    const stored = path === null || error.problem !== 'missing' ? null : storedSubmission(bytes);
    if (stored === null || path === null) return { file: name, ...UNKNOWN, error: error.message };
    return { file: name, ...UNKNOWN, ...(await inspectStored(stored, path, bytes.length, tools)) };
  }
}

/** What a submission itself says: its signature under both networks, and its block. */
export function inspectSubmission(
  submission: Submission,
  { signer, ...tools }: Tools,
): Pick<Inspection, 'submitter' | 'created_at' | 'signature' | 'network' | 'block_hash'> &
  Partial<BlockFields> {
  const { body, submitter, createdAt, submitterKey, signature } = submission;
  const message = signer.blake2b256(signedText(signedFields(submission)));
  const block = tokenBytes(body, submission.block);
  const { snarkWork } = submission;
  const sizes: OuterSizes = {
    submission: body.length,
    ...(snarkWork && { snark_work: tokenBytes(body, snarkWork).length }),
  };
  const facts = {
    submitter,
    created_at: createdAt.utc,
    block_hash: encode('blockHash', signer.blake2b256(block)),
    ...blockFields(block, sizes, tools),
  };
  try {
    const network = NETWORKS.find((each) => signer.verify(submitterKey, signature, message, each));
    return network === undefined
      ? { ...facts, signature: 'invalid', network: null }
      : { ...facts, signature: 'valid', network };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { ...facts, signature: 'invalid', network: null, error: error.message };
  }
}

type Stored = { submitter: string; created_at: string; block_hash: string };

/** @returns null if this is not the form in which a backend stores a submission */
function storedSubmission(bytes: Uint8Array): Stored | null {
  const record = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown> | null;
  const texts = [record?.submitter, record?.created_at, record?.block_hash, record?.remote_addr];
  return texts.every((text) => typeof text === 'string') ? (record as Stored) : null;
}

/**
 * A stored submission has no signature any more; its block lies in `blocks/`, and its name says who sent it.
 * @param submission its length in bytes
 */
async function inspectStored(
  { submitter, created_at, block_hash }: Stored,
  path: string,
  submission: number,
  { signer, ...tools }: Tools,
): Promise<Partial<Inspection>> {
  const facts = { submitter, created_at, block_hash };
  const fault = (error: string): Partial<Inspection> => ({ ...facts, error });
  try {
    decode('publicKey', submitter);
    decode('blockHash', block_hash);
  } catch (error) {
    return fault((error as Error).message);
  }
  if (!basename(path, '.json').endsWith(`-${submitter}`))
    return fault(`the file's name does not end with its submitter ${submitter}`);
  // submissions/<day>/<file> and blocks/ lie side by side.
  const blockPath = join(dirname(path), '..', '..', 'blocks', `${block_hash}.dat`);
  const block = await readRegularFile(blockPath, { what: 'the block', maxBytes: MOST_BYTES }).catch(() => null); // prettier-ignore
  if (block === null) return fault(`its block is missing: there is no ${blockPath}`);
  const found = encode('blockHash', signer.blake2b256(block));
  if (found !== block_hash) return fault(`its block ${blockPath} has the hash ${found}`);
  return { ...facts, ...blockFields(block, { submission }, tools) };
}
