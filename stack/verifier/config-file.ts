/**
 * `--config-file`: a node's configuration. Of it the record of the hard fork is used, `proof.fork`, which a verifier of Mesa cannot do without: slots and heights of all
 * blocks after it count on from there. The ledger, which the original loads, has no part in what is checked here.
 */
import { z } from 'zod';
import { readRegularFile } from '../../system/regular-file.ts';
import { type ExitCode, UserError } from '../../user-error.ts';
import type { ForkRecord } from './consistency.ts';

/** MinaProtocol/mina, src/app/delegation_verify/delegation_verify.ml: "fail to read config file", and exit 4, which its callers know. */
export const BAD_CONFIG_EXIT: ExitCode = 4;

const wholeNumber = z.number().int().min(0).max(0xffffffff);
const shape = z.looseObject({
  proof: z
    .looseObject({
      fork: z
        .looseObject({
          state_hash: z.string(),
          blockchain_length: wholeNumber,
          global_slot_since_genesis: wholeNumber,
        })
        .optional(),
    })
    .optional(),
});

/** Ledgers of mainnet in full have some hundred megabytes. */
const MOST_BYTES = 500_000_000;

/** @returns null: it names no fork. @throws UserError (exit 4) */
export async function readForkRecord(path: string): Promise<ForkRecord | null> {
  const bad = (why: string, cause: unknown) =>
    new UserError(`fail to read config file: ${why}`, {
      hint: `--config-file ${path} must be a node’s configuration; proof.fork has state_hash, blockchain_length and global_slot_since_genesis`,
      exitCode: BAD_CONFIG_EXIT,
      cause,
    });
  let text: string;
  try {
    text = (
      await readRegularFile(path, { what: 'the configuration', maxBytes: MOST_BYTES })
    ).toString('utf8');
  } catch (cause) {
    throw bad((cause as Error).message, cause);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw bad(`${path} is no JSON`, cause);
  }
  const parsed = shape.safeParse(json);
  if (!parsed.success) {
    const [{ path: where, message }] = parsed.error.issues;
    throw bad(`${where.join('.') || path}: ${message}`, parsed.error);
  }
  const fork = parsed.data.proof?.fork;
  return fork === undefined
    ? null
    : {
        stateHash: fork.state_hash,
        height: fork.blockchain_length,
        globalSlot: fork.global_slot_since_genesis,
      };
}
