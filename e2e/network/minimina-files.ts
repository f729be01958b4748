/**
 * The files of a private Mina network as minimina reads them, and what is changed in those that it writes. Pure.
 * Sources: minimina 0.2.0 (fa1befb), src/topology.rs and src/service.rs; uptime-service-e2e at 6972c83 (genesis, compose).
 */
import { type Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap } from 'yaml';

export type MiniminaNode = {
  name: string;
  publicKey: string;
  /** `EK…`. */
  privateKey: string;
  /** The same, encrypted, as a daemon reads it. */
  keyFile: string;
  peerId: string;
  libp2pKeyFile: string;
};

/** Of the keys that minimina's own documentation, and the program's suite, protect with it; nothing but test money is behind them. */
export const KEY_PASSWORD = 'naughty blue worm';

/** The role of which there is at most one, and without which no producer gets an uptime URL. */
export const BACKEND_NODE = 'uptime-service-backend';

/** The name by which nodes reach the backend (`http://NAME-ID:8080/v1/submit`), and that of its service and container. */
export const backendAlias = (network: string, node = BACKEND_NODE): string => `${node}-${network}`;

/** A seed, producers, a snark coordinator with one worker, and a dummy backend that is taken out of the network again. */
export function topologyFile(
  {
    seed,
    producers,
    snark,
  }: { seed: MiniminaNode; producers: readonly MiniminaNode[]; snark: MiniminaNode },
  images: { daemon: string; backend: string },
  files: { appConfig: string; sheet: string },
): string {
  const nodeOf = (role: string, node: MiniminaNode): Record<string, unknown> => ({
    role,
    pk: node.publicKey,
    sk: node.privateKey,
    docker_image: images.daemon,
    privkey_path: node.keyFile,
    libp2p_pass: KEY_PASSWORD,
    libp2p_keyfile: node.libp2pKeyFile,
    libp2p_peerid: node.peerId,
  });
  return `${JSON.stringify(
    {
      [seed.name]: nodeOf('Seed_node', seed),
      ...Object.fromEntries(producers.map((node) => [node.name, nodeOf('Block_producer', node)])),
      [snark.name]: {
        ...nodeOf('Snark_coordinator', snark),
        worker_nodes: 1,
        snark_worker_fee: '0.001',
      },
      [BACKEND_NODE]: {
        role: 'Uptime_service_backend',
        docker_image: images.backend,
        app_config_path: files.appConfig,
        minasheets_path: files.sheet,
        other_config_files: [],
      },
    },
    null,
    2,
  )}\n`;
}

/** Of small networks: an epoch lasts 16 hours, a slot two minutes. Source: uptime-service-e2e. */
const SMALL_NETWORK = {
  genesis: {
    k: 20,
    delta: 0,
    slots_per_epoch: 480,
    slots_per_sub_window: 2,
    grace_period_slots: 150,
  },
  proof: { block_window_duration_ms: 120_000 },
} as const;

/** @param producers share the stake @param genesisMs time of slot 0 */
export const genesisFile = (
  producers: readonly MiniminaNode[],
  others: readonly MiniminaNode[],
  genesisMs: number,
): string =>
  `${JSON.stringify(
    {
      ...SMALL_NETWORK,
      genesis: {
        ...SMALL_NETWORK.genesis,
        genesis_state_timestamp: new Date(genesisMs).toISOString(),
      },
      ledger: {
        name: 'e2e',
        accounts: [
          ...producers.map(({ publicKey }) => ({
            pk: publicKey,
            balance: '11550000.000000000',
            delegate: null,
            sk: null,
          })),
          ...others.map(({ publicKey }) => ({
            pk: publicKey,
            balance: '1000.000000000',
            delegate: null,
            sk: null,
          })),
        ],
      },
    },
    null,
    2,
  )}\n`;

/**
 * The compose file that minimina wrote, without the dummy backend; its name leads to this machine instead, where the run's backend listens. Again: the same.
 * @param node name of the dummy in the topology
 * @throws RangeError for a text that is no compose file
 */
export function withOwnBackend(compose: string, network: string, node = BACKEND_NODE): string {
  const { document, services } = servicesOf(compose);
  const alias = backendAlias(network, node);
  for (const { key, value } of [...services.items]) {
    const name = nameOf(key);
    if (name === node || name === alias) {
      services.delete(key);
      continue;
    }
    if (!isMap(value)) continue;
    forget(value, [node, alias]);
    const hosts = value.get('extra_hosts');
    const line = `${alias}:host-gateway`;
    if (isSeq(hosts)) {
      if (!hosts.items.some((item) => nameOf(item) === line)) hosts.add(line);
    } else value.set('extra_hosts', document.createNode([line]));
  }
  return document.toString();
}

function servicesOf(compose: string): { document: Document; services: YAMLMap } {
  const document: Document = parseDocument(compose);
  const services = document.get('services');
  if (document.errors.length > 0 || !isMap(services))
    throw new RangeError(`no compose file: ${document.errors[0]?.message ?? 'it has no services'}`);
  return { document, services };
}

const nameOf = (node: unknown): string => String(isScalar(node) ? node.value : node);

/** Names of its services, which are those of their containers. @throws RangeError for a text that is no compose file */
export const serviceNames = (compose: string): string[] =>
  servicesOf(compose).services.items.map(({ key }) => nameOf(key));

/** Others may wait for it. */
function forget(service: YAMLMap, names: readonly string[]): void {
  const needs = service.get('depends_on');
  if (isSeq(needs)) {
    needs.items = needs.items.filter((item) => !names.includes(nameOf(item)));
    if (needs.items.length === 0) service.delete('depends_on');
  } else if (isMap(needs)) {
    for (const name of names) needs.delete(name);
    if (needs.items.length === 0) service.delete('depends_on');
  }
}
