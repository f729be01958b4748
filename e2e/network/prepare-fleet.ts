/** A fleet of block producers as the network has them, at a pace of its own: who sends which block when, and the bodies. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from '../../mina/base58check.ts';
import { submissionPeriodMs } from '../../mina/eras.ts';
import { createSigner } from '../../mina/signer.ts';
import { loadMinaWasm } from '../../paths.ts';
import { writeBodies } from '../../producers/bodies.ts';
import { originOf } from '../../producers/chain-origin.ts';
import { type Fleet, makeFleet, nodesOf } from '../../producers/fleet.ts';
import { type NetworkPlan, SUBMISSION_KINDS } from '../../producers/network-plan.ts';
import { networkTemplates } from '../../producers/network-templates.ts';
import { readSources, type SubmissionTemplate } from '../../producers/templates.ts';
import { RETRY } from '../../producers/uptime-service.ts';
import { hardForkOf } from '../fork/rehearsal.ts';
import { planOf } from './plan.ts';
import { stagingOf } from '../staging/index.ts';
import { withOwnDigests } from '../staging/sok-digests.ts';
import { LEAST_GAP_MS, type Topology } from '../topology.ts';
import {
  BODIES_FILE,
  type PreparedNetwork,
  type PreparedTemplate,
  signedPart,
  writePrepared,
} from './prepared.ts';

export const fleetOf = ({ seed, network }: Topology): Fleet =>
  makeFleet({ seed, count: network.producers });

/**
 * Writes it into `folder`. Again: anew, the same bytes for the same `nowMs`.
 * @param nowMs no block is younger
 * @returns the network, and the keys that may submit
 * @throws UserError for payloads that no chain can be made of
 */
export async function prepareFleet(
  topology: Topology,
  folder: string,
  nowMs: number,
): Promise<{ network: PreparedNetwork; submitters: string[] }> {
  const { era, payloads, speedup } = topology.network;
  const staging = stagingOf(topology);
  const plan = staging.plan?.(planOf(topology), topology) ?? planOf(topology);
  const fleet = fleetOf(topology);
  const senders = nodesOf(fleet, plan.nodes);
  const made = await networkTemplates(await readSources(payloads ?? undefined), {
    plan,
    producers: fleet.producers,
    endMs: nowMs,
    origin: originOf(hardForkOf(topology)?.from ?? era, 'testnet'),
  });
  const { submissions, nodes } = plan;
  const sent = {
    templates: made.templates,
    templateOf: (i: number): number => made.templateOf[i],
  };
  if (staging.zeroDigestOf !== undefined) {
    const own = withOwnDigests(
      made.templates,
      Array.from(made.templateOf, (template, i) => ({
        template,
        producer: submissions.producers[i],
      })),
      fleet.producers.map(({ publicKey }) => publicKey),
      staging.zeroDigestOf(plan, topology),
    );
    sent.templates = own.templates;
    sent.templateOf = (i) => own.templateOf[i];
  }
  const prepared: PreparedNetwork = {
    format: 1,
    seed: topology.seed,
    producers: fleet.producers.length,
    nodes: senders.producers.map(({ publicKey, peerId }, node) => ({
      name: nameOf(nodes.producers[node], nodes.ordinals[node]),
      producer: nodes.producers[node],
      submitter: publicKey,
      peerId,
    })),
    templates: await bodiesOf(sent.templates, folder, erasOf(sent, plan)),
    sends: Array.from({ length: submissions.count }, (_, i) => ({
      atMs: Math.round(submissions.atMs[i] / speedup),
      node: submissions.nodes[i],
      template: sent.templateOf(i),
      kind: SUBMISSION_KINDS[submissions.kinds[i]],
    })),
    retry: {
      everyMs: Math.max(RETRY.everyMs / speedup, LEAST_GAP_MS),
      attempts: RETRY.attempts,
      // What is not finished when the node's next cycle begins is given up.
      withinMs: submissionPeriodMs(era) / speedup,
      endedBy: [...RETRY.endedBy],
    },
  };
  const network = staging.network?.(prepared, topology) ?? prepared;
  await writePrepared(folder, network);
  return { network, submitters: fleet.producers.map(({ publicKey }) => publicKey) };
}

const nameOf = (producer: number, ordinal: number): string =>
  `P${String(producer).padStart(3, '0')}${ordinal === 0 ? '' : `-${ordinal + 1}`}`;

/** The era of the block of each template. */
function erasOf(
  { templates, templateOf }: { templates: readonly unknown[]; templateOf: (i: number) => number },
  { blocks, submissions, shape }: NetworkPlan,
): PreparedTemplate['era'][] {
  const eras = templates.map(() => shape.era);
  for (let i = 0; i < submissions.count; i++)
    eras[templateOf(i)] = blocks[submissions.blocks[i]].era;
  return eras;
}

/** Writes the bodies. */
async function bodiesOf(
  templates: readonly SubmissionTemplate[],
  folder: string,
  eras: readonly PreparedTemplate['era'][],
): Promise<PreparedTemplate[]> {
  const file = join(folder, BODIES_FILE);
  await rm(file, { force: true });
  const written = await writeBodies(file, templates);
  const bytes = await readFile(file);
  const signer = createSigner(loadMinaWasm());
  const hashes = new Map<string, string>();
  return written.templates.map((body, i): PreparedTemplate => {
    const signing = written.signing[i];
    if ('recorded' in signing) throw new Error('a fleet signs all that it sends');
    const { start, end } = signing.block;
    const text = bytes.toString('latin1', start + 1, end - 1);
    let blockHash = hashes.get(text);
    if (blockHash === undefined) {
      blockHash = encode('blockHash', signer.blake2b256(Buffer.from(text, 'base64')));
      hashes.set(text, blockHash);
    }
    return {
      body,
      signing: signedPart(signing),
      blockHash,
      snarkWork: signing.snarkWork !== undefined,
      graphqlControlPort: String(signing.graphqlControlPort),
      builtWithCommitSha: signing.builtWithCommitSha,
      era: eras[i],
    };
  });
}
