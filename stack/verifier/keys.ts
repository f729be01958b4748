/**
 * Which keys check the proofs of a block: those of its network, which ship with the toolkit, or those that the user gives. Keys of networks of one
 * generation differ in a few of 28 points only, so a wrong one looks right: a key is never guessed.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERAS } from '../../mina/eras.ts';
import type { ParsedBlock } from '../../mina/block.ts';
import { parseVerificationKey } from '../../mina/verification-key.ts';
import { stateHashText } from '../../mina/state-hash.ts';
import { projectRoot } from '../../paths.ts';
import { httpFetch } from '../../system/http.ts';
import { readRegularFileSync } from '../../system/regular-file.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { networkOfBlock, type Rule } from './rule.ts';

export type NetworkKeys = { block: string; transaction: string };

const FILE = join(projectRoot, 'stack', 'verifier', 'data', 'verification-keys.json');

/** Of mainnet, devnet and rc1. */
export const shippedKeys = (): Record<string, NetworkKeys> =>
  (JSON.parse(readFileSync(FILE, 'utf8')) as { keys: Record<string, NetworkKeys> }).keys;

/** Keys of the user's own network; they go before all that ship. */
export type GivenKeys = { block: string | null; transaction: string | null };

/** A key, or why there is none: to stand in a note. */
export type Found = { key: string } | { why: string };

export type KeyStore = {
  /** @param kind whose circuit */
  keyFor(block: ParsedBlock, kind: keyof NetworkKeys): Found;
};

export function createKeyStore(rule: Rule, given: GivenKeys): KeyStore {
  const shipped = shippedKeys();
  return {
    keyFor(block, kind) {
      const { proof, label } = ERAS[block.era];
      if (proof.state !== 'checkable')
        return { why: `proofs of ${label} cannot be checked yet: ${proof.why}` };
      const own = given[kind];
      if (own !== null) return { key: own };
      const genesis = stateHashText(block.protocol_state.body.genesis_state_hash);
      const network =
        rule === 'mainnet' || rule === 'devnet' || rule === 'rc1'
          ? rule
          : networkOfBlock(block, genesis);
      if (network === null || !Object.hasOwn(shipped, network))
        return {
          why: `there is no ${kind} key of the network with genesis ${genesis} (--${kind}-key)`,
        };
      return { key: shipped[network][kind] };
    },
  };
}

const MOST_KEY_BYTES = 1_000_000;
const ASK_MS = 20_000;

/**
 * @param place a file, or a node's GraphQL (`http://127.0.0.1:3085/graphql`), which has the block key of its network only
 * @param option for errors
 * @throws UserError
 */
export async function readKey(place: string, option: string): Promise<string> {
  const isUrl = /^https?:\/\//.test(place);
  // Not repeated: a command line is read by everybody, a log by more.
  if (isUrl && (!URL.canParse(place) || new URL(place).username + new URL(place).password !== ''))
    throw new UserError(`${option} must be a URL without user and password, or a file`, {
      hint: 'such as http://127.0.0.1:3085/graphql',
      exitCode: EXIT.usage,
    });
  const text = isUrl ? await askNode(place, option) : readText(place, option);
  try {
    return parseVerificationKey(text);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new UserError(`${option} ${place} is no verification key: ${cause.message}`, {
      hint: 'a key is the base64 that o1js takes, mina-rust’s verifier_index.json, or what a node’s blockchainVerificationKey says',
      exitCode: EXIT.usage,
      cause,
    });
  }
}

function readText(path: string, option: string): string {
  try {
    return readRegularFileSync(path, { what: option, maxBytes: MOST_KEY_BYTES }).toString('utf8');
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError(`${option} ${path} cannot be read: ${(cause as Error).message}`, {
      hint: 'name a file with a verification key',
      exitCode: EXIT.usage,
      cause,
    });
  }
}

async function askNode(url: string, option: string): Promise<string> {
  const failed = (why: string, cause: unknown) =>
    new UserError(`${option} ${url} did not give a key: ${why}`, {
      hint: 'is the node up, and does the URL end with /graphql?',
      cause,
    });
  let text: string;
  try {
    const response = await httpFetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ blockchainVerificationKey }' }),
      timeoutMs: ASK_MS,
    });
    text = await response.text();
    if (!response.ok) throw new Error(`it answered ${response.status}`);
  } catch (cause) {
    throw failed((cause as Error).message, cause);
  }
  return text.slice(0, MOST_KEY_BYTES);
}
