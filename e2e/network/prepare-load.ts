/** Who may send where only loads do: the producers of the seed, and nothing that they send. */
import { makeFleet } from '../../producers/fleet.ts';
import { RETRY } from '../../producers/uptime-service.ts';
import type { Topology } from '../topology.ts';
import { type PreparedNetwork, writePrepared } from './prepared.ts';

/** Writes it into `folder`. @returns the network, and the keys that may submit */
export async function prepareForLoad(
  { seed, network: { producers } }: Topology,
  folder: string,
): Promise<{ network: PreparedNetwork; submitters: string[] }> {
  const fleet = makeFleet({ seed, count: producers });
  const network: PreparedNetwork = {
    format: 1,
    seed,
    producers,
    nodes: fleet.producers.map(({ publicKey, peerId }, producer) => ({
      name: `P${String(producer).padStart(3, '0')}`,
      producer,
      submitter: publicKey,
      peerId,
    })),
    templates: [],
    sends: [],
    retry: { everyMs: 0, attempts: 1, withinMs: 0, endedBy: [...RETRY.endedBy] },
  };
  await writePrepared(folder, network);
  return { network, submitters: fleet.producers.map(({ publicKey }) => publicKey) };
}
