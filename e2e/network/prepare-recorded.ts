/**
 * A network of recorded submissions: each is sent byte for byte, at the times at which it came, or was made, divided by the speedup. Two of a submitter
 * are kept more than a second apart, for a backend keeps one of each second.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from '../../mina/base58check.ts';
import { parseBlock } from '../../mina/block.ts';
import { parseSubmission, tokenBytes } from '../../mina/submission.ts';
import { createSigner } from '../../mina/signer.ts';
import { loadMinaWasm } from '../../paths.ts';
import { writeBodies } from '../../producers/bodies.ts';
import { payloadBytes, type Payload, readPayloads } from '../../producers/payloads.ts';
import { RETRY } from '../../producers/uptime-service.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { LEAST_GAP_MS, sendingMs, type Topology } from '../topology.ts';
import {
  BODIES_FILE,
  type PreparedNetwork,
  type PreparedNode,
  type PreparedTemplate,
  writePrepared,
} from './prepared.ts';

/** @throws UserError for a folder without submissions, or whose times go beyond the batches */
export async function prepareRecorded(
  topology: Topology,
  folder: string,
): Promise<{ network: PreparedNetwork; submitters: string[] }> {
  const { payloads: source, speedup, era } = topology.network;
  const payloads = inOrder(await readPayloads(source!));
  const file = join(folder, BODIES_FILE);
  await rm(file, { force: true });
  const written = await writeBodies(
    file,
    payloads.map((payload) => ({
      name: payload.name,
      weight: 1,
      hasSnarkWork: payload.snarkWork !== undefined,
      recorded: () => payloadBytes(payload),
      load: () => Promise.reject(new Error('a recorded body is sent as it is')),
    })),
  );
  const bytes = await readFile(file);
  const signer = createSigner(loadMinaWasm());
  const nodes: PreparedNode[] = [];
  const placeOf = new Map<string, number>();
  const templates = written.templates.map((body): { node: number; template: PreparedTemplate } => {
    const submission = parseSubmission(bytes.subarray(body.offset, body.offset + body.bytes));
    const block = tokenBytes(submission.body, submission.block);
    const { submitter, peerId, createdAt } = submission;
    const name = `${submitter} ${peerId}`;
    let node = placeOf.get(name);
    if (node === undefined) {
      node = nodes.length;
      placeOf.set(name, node);
      nodes.push({ name: `R${String(node).padStart(3, '0')}`, producer: -1, submitter, peerId });
    }
    const template: PreparedTemplate = {
      body,
      signing: 'recorded',
      blockHash: encode('blockHash', signer.blake2b256(block)),
      snarkWork: submission.snarkWork !== null,
      graphqlControlPort: String(submission.graphqlControlPort),
      builtWithCommitSha: submission.builtWithCommitSha,
      era: eraOf(block) ?? era,
      recorded: { submitter, peerId, createdAt: createdAt.utc },
    };
    return { node, template };
  });
  const firstMs = timeOf(payloads[0]);
  const lastMs = new Map<string, number>();
  const sends = payloads
    .map((payload, template) => {
      const { submitter } = templates[template].template.recorded!;
      const wanted = (timeOf(payload) - firstMs) / speedup;
      const atMs = Math.round(
        Math.max(wanted, (lastMs.get(submitter) ?? -Infinity) + LEAST_GAP_MS),
      );
      lastMs.set(submitter, atMs);
      return { atMs, node: templates[template].node, template, kind: 'recorded' };
    })
    .sort((a, b) => a.atMs - b.atMs);
  const spanMs = sends.at(-1)!.atMs;
  if (spanMs > sendingMs(topology))
    throw new UserError(
      `the recorded submissions take ${Math.ceil(spanMs / 1000)} s, but ${topology.batches} batches of ${topology.intervalSeconds} s end before`,
      {
        hint: 'raise --speedup, --batches or --interval',
        exitCode: EXIT.usage,
      },
    );
  const submitters = [...new Set(nodes.map(({ submitter }) => submitter))];
  const network: PreparedNetwork = {
    format: 1,
    seed: topology.seed,
    producers: submitters.length,
    nodes,
    templates: templates.map(({ template }) => template),
    sends,
    retry: {
      everyMs: LEAST_GAP_MS,
      attempts: RETRY.attempts,
      withinMs: sendingMs(topology),
      endedBy: [...RETRY.endedBy],
    },
  };
  await writePrepared(folder, network);
  return { network, submitters };
}

const timeOf = ({ receivedAtMs, createdAtMs }: Payload): number => receivedAtMs ?? createdAtMs;
const inOrder = (payloads: readonly Payload[]): Payload[] =>
  payloads.toSorted((a, b) => timeOf(a) - timeOf(b));

/** null: it is no block of any era; whoever verifies it says so. */
function eraOf(block: Uint8Array): PreparedTemplate['era'] | null {
  try {
    return parseBlock(block).era;
  } catch {
    return null;
  }
}
