/** The files of a private network: key files of its nodes, topology, genesis ledger, the dummy backend's settings. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from '../../mina/base58check.ts';
import { bytesToIntegerLE } from '../../mina/field.ts';
import {
  encryptLibp2pKeyPair,
  encryptWallet,
  type EncryptOptions,
  NONCE_BYTES,
  SALT_BYTES,
} from '../../mina/key-files.ts';
import { encodePeerId } from '../../mina/peer-id.ts';
import { ed25519PublicKey, makeFleet } from '../../producers/fleet.ts';
import { hashOfSeed } from '../../producers/random.ts';
import { networkNameOf, type Topology } from '../topology.ts';
import { genesisFile, KEY_PASSWORD, type MiniminaNode, topologyFile } from './minimina-files.ts';

export type MiniminaFiles = { topology: string; genesis: string; submitters: string[] | null };

/** What a daemon reads as well as its own, and what costs nothing: the passphrase is known to everybody. */
const COST = { memoryBytes: 64 * 1024, passes: 3 } as const;
/** Nodes start, find each other and prove; the genesis lies ahead of that. */
const GENESIS_AHEAD_MS = 5 * 60_000;
const KEY_BYTES = 32;
/** Of the dummy, which is taken out before it ever runs. */
const DUMMY_IMAGE = 'ghcr.io/o1-labs/uptime-service-backend:v2.0.5';

/**
 * Written anew, the same keys for the same seed. What was given is not written.
 * @returns `submitters` null: a given topology says who they are
 */
export async function prepareMinimina(
  topology: Topology,
  folder: string,
  nowMs: number,
): Promise<MiniminaFiles> {
  const { network, seed, images } = topology;
  if (network.topologyFile !== null && network.genesisFile !== null)
    return { topology: network.topologyFile, genesis: network.genesisFile, submitters: null };
  const keys = join(folder, 'keys');
  mkdirSync(keys, { recursive: true, mode: 0o700 });
  const fleet = makeFleet({ seed, count: network.producers + 2 });
  const nodes: MiniminaNode[] = [];
  for (const [i, { publicKey }] of fleet.producers.entries()) {
    const name =
      i < network.producers
        ? `producer-${i + 1}`
        : i === network.producers
          ? 'seed'
          : 'snark-coordinator';
    const privateKey = fleet.privateKeys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES);
    const libp2pSeed = hashOfSeed('libp2p-identity/e2e', seed, name).subarray(0, KEY_BYTES);
    const libp2pKeyFile = join(keys, `${name}.libp2p`);
    const keyFile = join(keys, name);
    writeFileSync(keyFile, await encryptWallet(bytesToIntegerLE(privateKey), sealing(seed, `${name} wallet`)), { mode: 0o600 }); // prettier-ignore
    writeFileSync(libp2pKeyFile, await encryptLibp2pKeyPair(libp2pSeed, sealing(seed, `${name} libp2p`)), { mode: 0o600 }); // prettier-ignore
    nodes.push({
      name,
      publicKey,
      privateKey: encode('privateKey', privateKey),
      keyFile,
      libp2pKeyFile,
      peerId: encodePeerId(ed25519PublicKey(libp2pSeed)),
    });
  }
  const producers = nodes.slice(0, network.producers);
  const [seedNode, snark] = nodes.slice(network.producers);
  const appConfig = join(folder, 'app_config.json');
  const sheet = join(folder, 'minasheets.json');
  writeFileSync(
    appConfig,
    `${JSON.stringify({ network_name: networkNameOf(topology), delegation_whitelist_disabled: true, filesystem: { path: '/uptime-storage' } }, null, 2)}\n`,
  );
  writeFileSync(sheet, '{}\n');
  const files = { topology: join(folder, 'topology.json'), genesis: join(folder, 'genesis.json') };
  writeFileSync(
    files.topology,
    topologyFile(
      { seed: seedNode, producers, snark },
      { daemon: images.daemon ?? '', backend: DUMMY_IMAGE },
      { appConfig, sheet },
    ),
    { mode: 0o600 },
  );
  writeFileSync(files.genesis, genesisFile(producers, [seedNode, snark], nowMs + GENESIS_AHEAD_MS));
  return {
    topology: network.topologyFile ?? files.topology,
    genesis: network.genesisFile ?? files.genesis,
    submitters: network.topologyFile === null ? producers.map(({ publicKey }) => publicKey) : null,
  };
}

/** From the seed, so that the same seed gives the same files; each box has its own. */
const sealing = (seed: string, what: string): EncryptOptions => ({
  passphrase: KEY_PASSWORD,
  nonce: hashOfSeed('box nonce/e2e', seed, what).subarray(0, NONCE_BYTES),
  salt: hashOfSeed('box salt/e2e', seed, what).subarray(0, SALT_BYTES),
  cost: COST,
});
