/**
 * What a network sends, decided and written by the step `setup`: `network.json` (nodes, templates, times) and `bodies.bin` (the bodies). Each body is
 * signed when it is sent, with the time of that moment.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BodyTemplate } from '../../mina/envelope.ts';
import type { EraName } from '../../mina/eras.ts';
import type { SignTemplate } from '../../producers/sign-pool.ts';
import { writeWhole } from '../../whole-file.ts';

/** A body before it is signed, and what is known of it. */
export type PreparedTemplate = {
  body: BodyTemplate;
  /** Positions in bodies.bin; a recorded body is sent as it is. */
  signing: SignedPart | 'recorded';
  /** base58check of the block's BLAKE2b-256. */
  blockHash: string;
  snarkWork: boolean;
  graphqlControlPort: string;
  builtWithCommitSha: string;
  era: EraName;
  /** Of a recorded body. */
  recorded?: { submitter: string; createdAt: string; peerId: string };
};

/** A {@link SignTemplate} whose numbers JSON can hold. */
type SignedPart = {
  block: { start: number; end: number };
  snarkWork?: { start: number; end: number };
};

export type PreparedNode = {
  /** `P007`, of further nodes of a key `P007-2`. */
  name: string;
  /** Place in the fleet. */
  producer: number;
  submitter: string;
  peerId: string;
};

export type PreparedSend = {
  /** Real milliseconds from the beginning. */
  atMs: number;
  /** Place in `nodes`. */
  node: number;
  /** Place in `templates`. */
  template: number;
  /** Why the node sends this block: maker, tip, late … */
  kind: string;
  /** Absent: the network's own signature domain. */
  signedFor?: 'mainnet';
};

export type PreparedNetwork = {
  format: 1;
  seed: string;
  producers: number;
  nodes: PreparedNode[];
  templates: PreparedTemplate[];
  /** In order of time. */
  sends: PreparedSend[];
  retry: { everyMs: number; attempts: number; withinMs: number; endedBy: number[] };
};

export const PREPARED_FILE = 'network.json';
export const BODIES_FILE = 'bodies.bin';

export const readPrepared = (folder: string): PreparedNetwork =>
  JSON.parse(readFileSync(join(folder, PREPARED_FILE), 'utf8')) as PreparedNetwork;

export const writePrepared = (folder: string, network: PreparedNetwork): Promise<void> =>
  writeWhole(join(folder, PREPARED_FILE), JSON.stringify(network));

export const signedPart = (template: SignTemplate): SignedPart | 'recorded' =>
  'recorded' in template
    ? 'recorded'
    : {
        block: template.block,
        ...(template.snarkWork !== undefined && { snarkWork: template.snarkWork }),
      };
