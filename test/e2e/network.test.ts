/** Networks of a run: what a fleet and a folder of recorded submissions send, how it is sent, and the files of a private network. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { parse } from 'yaml';
import {
  backendAlias,
  KEY_PASSWORD,
  serviceNames,
  withOwnBackend,
} from '../../e2e/network/minimina-files.ts';
import { prepareFleet } from '../../e2e/network/prepare-fleet.ts';
import { prepareMinimina } from '../../e2e/network/prepare-minimina.ts';
import { prepareRecorded } from '../../e2e/network/prepare-recorded.ts';
import { BODIES_FILE, readPrepared } from '../../e2e/network/prepared.ts';
import { sendAll, type SentLine } from '../../e2e/network/sender.ts';
import { sendingMs, type Topology } from '../../e2e/topology.ts';
import { encode } from '../../mina/base58check.ts';
import { decryptLibp2pKeyPair, decryptWallet } from '../../mina/key-files.ts';
import { createSigner } from '../../mina/signer.ts';
import { parseSubmission, signedFields, tokenBytes } from '../../mina/submission.ts';
import { messageOf, signedText } from '../../mina/submission-text.ts';
import { loadMinaWasm } from '../../paths.ts';
import { makeFleet } from '../../producers/fleet.ts';
import { RECORDED_FOLDER } from '../support/recorded.ts';
import { scratchFolder } from '../support/scratch.ts';

const never = new AbortController().signal;
const NOW_MS = Date.UTC(2026, 10, 26, 12);
const scratch = scratchFolder();
const newFolder = (): string => mkdtempSync(join(scratch, 'network-'));

function topologyOf(
  network: Partial<Topology['network']> = {},
  change: Partial<Topology> = {},
): Topology {
  return {
    name: 'e2e',
    seed: 'a seed',
    network: {
      kind: 'fleet',
      era: 'mesa',
      producers: 3,
      nodesPerProducer: 1.5,
      sameSecondShare: 0,
      forkShare: 0.05,
      lateShare: 0.02,
      laggingShare: 0.04,
      speedup: 100,
      payloads: null,
      minimina: 'minimina',
      topologyFile: null,
      genesisFile: null,
      ...network,
    },
    batches: 1,
    intervalSeconds: 12,
    miniBatches: 2,
    uptimeDays: 90,
    retries: 3,
    storage: 'postgres',
    blocks: 'filesystem',
    database: null,
    noChecks: true,
    faithful: false,
    hourlyLimit: 1000,
    images: {},
    ...change,
  };
}

test('a fleet is the same for the same seed and time, and fits its batches', async () => {
  const topology = topologyOf();
  const [a, b] = [newFolder(), newFolder()];
  const { network, submitters } = await prepareFleet(topology, a, NOW_MS);
  await prepareFleet(topology, b, NOW_MS);
  for (const name of readdirSync(a))
    assert.deepEqual(readFileSync(join(a, name)), readFileSync(join(b, name)), name);
  assert.deepEqual(readPrepared(a), JSON.parse(JSON.stringify(network)));
  assert.deepEqual(
    submitters,
    makeFleet({ seed: 'a seed', count: 3 }).producers.map(({ publicKey }) => publicKey),
  );
  // Two producers have a second node.
  assert.equal(network.nodes.length, 5);
  assert.ok(network.sends.length >= 5);
  assert.ok(network.sends.every(({ atMs }) => atMs >= 0 && atMs < sendingMs(topology)));
  // A backend keeps one submission of a submitter and second.
  for (const submitter of submitters) {
    const times = network.sends
      .filter(({ node }) => network.nodes[node].submitter === submitter)
      .map(({ atMs }) => atMs);
    for (const [i, atMs] of times.slice(1).entries()) assert.ok(atMs - times[i] >= 1000);
  }
});

type Answer = (body: Buffer, times: number) => { status: number; text: string };

/** A backend that answers as it is told, and keeps what it was sent. */
async function backendOf(
  answer: Answer,
): Promise<{ url: string; bodies: Buffer[]; server: Server }> {
  const bodies: Buffer[] = [];
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      bodies.push(body);
      const { status, text } = answer(body, bodies.filter((one) => one.equals(body)).length);
      response.writeHead(status, { 'content-type': 'application/json' }).end(text);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies, server };
}

const OK = { status: 200, text: '{"status":"ok"}' };

test('what is sent is signed in that moment, retried as a node does, and written down', async (t) => {
  const folder = newFolder();
  const topology = topologyOf();
  const { network } = await prepareFleet(topology, folder, NOW_MS);
  // All at once, and a short pause before it is sent again.
  network.sends = network.sends.slice(0, 6).map((send) => ({ ...send, atMs: 0 }));
  network.retry = { everyMs: 5, attempts: 3, withinMs: 60_000, endedBy: [200, 400, 401] };
  const firstOf: Buffer[] = [];
  const { url, bodies, server } = await backendOf((body, times) => {
    if (times === 1) firstOf.push(body);
    const place = firstOf.findIndex((one) => one.equals(body));
    if (place === 0) return times < 3 ? { status: 503, text: 'busy' } : OK;
    if (place === 1) return { status: 401, text: '{"error":"Invalid signature"}' };
    if (place === 2) return { status: 500, text: 'no' };
    // Another page of the same server is no acceptance.
    if (place === 3) return times === 1 ? { status: 200, text: 'delegation backend service' } : OK;
    return OK;
  });
  t.after(() => server.close());
  const sentFile = join(folder, 'sent.ndjson');
  const status = await sendAll({
    network,
    fleet: makeFleet({ seed: topology.seed, count: 3 }),
    bodiesFile: join(folder, BODIES_FILE),
    targets: [url],
    startMs: Date.now(),
    sentFile,
    onStatus: () => undefined,
    signal: never,
  });
  assert.deepEqual(status, { state: 'ended', planned: 6, sent: 6, accepted: 4, failed: 2, late: status.late }); // prettier-ignore
  const lines = readFileSync(sentFile, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as SentLine); // prettier-ignore
  assert.equal(lines.length, 3 + 1 + 3 + 2 + 2);
  assert.equal(bodies.length, lines.length);
  // The same bytes each time that it is sent again.
  assert.equal(firstOf.length, 6);
  assert.deepEqual(
    lines.filter(({ status: code }) => code !== 200).map(({ status: code, message }) => `${code} ${message}`).sort(), // prettier-ignore
    [
      '0 delegation backend service',
      '401 {"error":"Invalid signature"}',
      '500 no',
      '500 no',
      '500 no',
      '503 busy',
      '503 busy',
    ],
  );
  const signer = createSigner(loadMinaWasm());
  for (const body of firstOf) {
    const submission = parseSubmission(body);
    const text = signedText(signedFields(submission));
    assert.ok(signer.verify(submission.submitterKey, submission.signature, messageOf(text), 'testnet')); // prettier-ignore
    const line = lines.find(
      ({ submitter, peer_id: peerId, created_at: at, block_hash: hash }) =>
        submitter === submission.submitter &&
        peerId === submission.peerId &&
        at === submission.createdAt.utc &&
        hash === encode('blockHash', signer.blake2b256(tokenBytes(body, submission.block))),
    );
    assert.ok(line !== undefined, 'each body has its line');
    assert.equal(line.snark_work, submission.snarkWork !== null);
    assert.equal(line.graphql_control_port ?? 0, Number(submission.graphqlControlPort));
    assert.equal(line.built_with_commit_sha ?? '', submission.builtWithCommitSha);
  }
});

test('a stopped network sends nothing more, and waits for answers', async (t) => {
  const folder = newFolder();
  const topology = topologyOf();
  const { network } = await prepareFleet(topology, folder, NOW_MS);
  const stopping = new AbortController();
  network.sends = network.sends.slice(0, 3).map((send, i) => ({ ...send, atMs: i === 0 ? 0 : 3_600_000 })); // prettier-ignore
  const { url, server } = await backendOf(() => {
    stopping.abort();
    return OK;
  });
  t.after(() => server.close());
  const status = await sendAll({
    network,
    fleet: makeFleet({ seed: topology.seed, count: 3 }),
    bodiesFile: join(folder, BODIES_FILE),
    targets: [url],
    startMs: Date.now(),
    sentFile: join(folder, 'sent.ndjson'),
    onStatus: () => undefined,
    signal: stopping.signal,
  });
  assert.deepEqual([status.sent, status.accepted], [1, 1]);
});

test('recorded submissions are sent byte for byte, at their own times', async (t) => {
  const folder = newFolder();
  // 13 minutes lie between them.
  const topology = topologyOf({ kind: 'recorded', payloads: RECORDED_FOLDER, speedup: 100 });
  const { network, submitters } = await prepareRecorded(topology, folder);
  assert.equal(network.sends.length, 2);
  assert.equal(submitters.length, new Set(network.nodes.map(({ submitter }) => submitter)).size);
  assert.ok(network.sends[1].atMs >= 6000, String(network.sends[1].atMs));
  network.sends = network.sends.map((send) => ({ ...send, atMs: 0 }));
  const { url, bodies, server } = await backendOf(() => OK);
  t.after(() => server.close());
  await sendAll({
    network,
    fleet: null,
    bodiesFile: join(folder, BODIES_FILE),
    targets: [url],
    startMs: Date.now(),
    sentFile: join(folder, 'sent.ndjson'),
    onStatus: () => undefined,
    signal: never,
  });
  const recorded = readdirSync(RECORDED_FOLDER)
    .filter((name) => name.endsWith('.json'))
    .map((name) => readFileSync(join(RECORDED_FOLDER, name)));
  assert.ok(recorded.every((one) => bodies.some((body) => body.equals(one))));
  await assert.rejects(
    prepareRecorded(
      topologyOf({ kind: 'recorded', payloads: RECORDED_FOLDER, speedup: 1 }),
      folder,
    ),
    /take \d+ s, but 1 batches of 12 s end before/,
  );
});

test('keys, topology and genesis of a private network belong together', async () => {
  const folder = newFolder();
  const { topology, genesis, submitters } = await prepareMinimina(topologyOf({ kind: 'minimina' }, { images: { daemon: 'mina:4' } }), folder, NOW_MS); // prettier-ignore
  const nodes = JSON.parse(readFileSync(topology, 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  const producers = Object.values(nodes).filter(({ role }) => role === 'Block_producer');
  assert.deepEqual(
    producers.map(({ pk }) => pk),
    submitters,
  );
  for (const { pk, privkey_path: path, libp2p_keyfile: libp2p, libp2p_peerid: peerId, libp2p_pass: pass } of producers) {
    assert.equal((await decryptWallet(readFileSync(path, 'utf8'), KEY_PASSWORD)).publicKey, pk);
    assert.equal((await decryptLibp2pKeyPair(readFileSync(libp2p, 'utf8'), pass)).peerId, peerId);
  } // prettier-ignore
  const { genesis: constants, ledger } = JSON.parse(readFileSync(genesis, 'utf8')) as {
    genesis: { k: number; genesis_state_timestamp: string };
    ledger: { accounts: { pk: string }[] };
  };
  assert.equal(constants.k, 20);
  assert.ok(Date.parse(constants.genesis_state_timestamp) > NOW_MS);
  assert.deepEqual(
    ledger.accounts.slice(0, 3).map(({ pk }) => pk),
    submitters,
  );
  const given = topologyOf({ kind: 'minimina', topologyFile: '/t.json', genesisFile: '/g.json' });
  assert.deepEqual(await prepareMinimina(given, folder, NOW_MS), { topology: '/t.json', genesis: '/g.json', submitters: null }); // prettier-ignore
});

test('the dummy backend is taken out of the compose file, and its name leads here', () => {
  // Anchors and merges as minimina writes them.
  const compose = `version: '3.8'
x-defaults: &default-attributes
  environment:
    MINA_PRIVKEY_PASS: naughty blue worm
volumes:
  seed-e2e:
services:
  seed-e2e:
    <<: *default-attributes
    image: mina
    depends_on: [uptime-service-backend-e2e, other]
  producer-1-e2e:
    <<: *default-attributes
    image: mina
    depends_on:
      uptime-service-backend-e2e:
        condition: service_started
    extra_hosts: ['a:1.2.3.4']
  uptime-service-backend-e2e:
    image: dummy
`;
  const changed = withOwnBackend(compose, 'e2e');
  const environment = { MINA_PRIVKEY_PASS: 'naughty blue worm' };
  const { services } = parse(changed, { merge: true }) as { services: Record<string, unknown> };
  assert.equal(backendAlias('e2e'), 'uptime-service-backend-e2e');
  assert.deepEqual(services, {
    'seed-e2e': {
      environment,
      image: 'mina',
      depends_on: ['other'],
      extra_hosts: ['uptime-service-backend-e2e:host-gateway'],
    },
    'producer-1-e2e': {
      environment,
      image: 'mina',
      extra_hosts: ['a:1.2.3.4', 'uptime-service-backend-e2e:host-gateway'],
    },
  });
  assert.deepEqual(serviceNames(changed), ['seed-e2e', 'producer-1-e2e']);
  assert.equal(withOwnBackend(changed, 'e2e'), changed);
  // A topology of somebody's own may have another name for it.
  assert.deepEqual(serviceNames(withOwnBackend(compose, 'e2e', 'seed')), ['producer-1-e2e', 'uptime-service-backend-e2e']); // prettier-ignore
  assert.throws(() => withOwnBackend('a: 1', 'e2e'), /no compose file: it has no services/);
});
