/**
 * A private network as the network of a run, through programs in the places of minimina and docker that behave as those do (test/fixtures/bin). Its nodes
 * submit to the run's backend by the name that minimina gives them. REAL_MINIMINA: the path of a real one, which then asks the same docker.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, test } from 'node:test';
import { listNetworks, networkFolder } from '../../e2e/network/minimina.ts';
import { prepareFleet } from '../../e2e/network/prepare-fleet.ts';
import { BODIES_FILE, writePrepared } from '../../e2e/network/prepared.ts';
import { keepNodeLogs, removePrivateNetwork, setupPrivateNetwork, startPrivateNetwork, stopPrivateNetwork } from '../../e2e/network/private.ts'; // prettier-ignore
import { makePlaces, placesOf } from '../../e2e/places.ts';
import { createState, newState, readState, stateFolderOf } from '../../e2e/state.ts';
import type { StepContext } from '../../e2e/steps/context.ts';
import { distFile, projectRoot } from '../../paths.ts';
import { processesWith } from '../../system/process-identity.ts';
import { EXIT, type UserError } from '../../user-error.ts';
import { binFixture, binFolder } from '../support/bin-folder.ts';
import { e2eTopology } from '../support/e2e-topology.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const scratch = scratchFolder();
const never = new AbortController().signal;
const SEED = 'private';
const MINIMINA = process.env.REAL_MINIMINA ?? binFixture('minimina.mjs');

/** Docker as it is for one test: its containers, what it was asked, and the environment in which both programs are on the PATH. */
function dockerOf(nodes = 'sleep 600') {
  const root = join(scratchFolder(), 'docker');
  mkdirSync(join(root, 'images'), { recursive: true });
  const asked = join(root, 'asked');
  writeFileSync(asked, '');
  const variables = { FAKE_DOCKER: root, FAKE_ASKED: asked, FAKE_NODES: nodes, FAKE_PROJECT: projectRoot }; // prettier-ignore
  // What a step runs gets little of our environment.
  const exported = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'\n`).join(''); // prettier-ignore
  const script = (file: string, first = ''): string => `#!/bin/sh\n${first}${exported}exec '${file}' "$@"\n`; // prettier-ignore
  // minimina asks for it each time.
  const version = '[ "$1 $2" = "compose version" ] && echo 2.39.1 && exit\n';
  const bin = binFolder({ docker: script(binFixture('docker-compose.mjs'), version), minimina: script(MINIMINA) }); // prettier-ignore
  return {
    root,
    env: { PATH: `${bin}:${process.env.PATH}`, HOME: root },
    asked: (): string[] => readFileSync(asked, 'utf8').split('\n').filter(Boolean),
    containers: (): string[] =>
      readdirSync(root)
        .filter((name) => name.endsWith('.json'))
        .map((name) => name.slice(0, -'.json'.length))
        .sort(),
    images: (): string[] => readdirSync(join(root, 'images')).map(decodeURIComponent).sort(),
    mode: (word: string | null): void =>
      word === null ? rmSync(join(root, 'mode')) : writeFileSync(join(root, 'mode'), word),
  };
}
type Docker = ReturnType<typeof dockerOf>;
const dockers: Docker[] = [];
const newDocker = (nodes?: string): Docker => {
  dockers.push(dockerOf(nodes));
  return dockers.at(-1)!;
};
/** What a failed test leaves must not make others fail. */
afterEach(() => {
  for (const { root } of dockers.splice(0))
    for (const pid of processesWith({ FAKE_DOCKER: root })) process.kill(pid, 'SIGKILL');
});

const ASK = { network: 'minimina', producers: 3, nodesPerProducer: 1, seed: SEED, speedup: 1, intervalMs: 3000, allowsRemote: true, images: { daemon: 'mina:4' } } as const; // prettier-ignore

function contextOf(docker: Docker) {
  const open = createState(join(scratchFolder(), 'state'), newState(e2eTopology(ASK), '/results', 0)); // prettier-ignore
  makePlaces(placesOf(open));
  const context: StepContext = { open, env: docker.env, cwd: '/', signal: never, event: () => undefined, say: () => undefined, status: () => undefined, progress: () => undefined }; // prettier-ignore
  const minimina = { command: 'minimina', env: docker.env, home: join(open.folder, 'minimina') };
  return { open, context, minimina };
}
const ownedOf = ({ open }: ReturnType<typeof contextOf>) => {
  const owned = open.state.owned.find((one) => one.kind === 'minimina');
  assert.ok(owned !== undefined);
  return owned;
};
const NODES = ['producer-1-e2e', 'producer-2-e2e', 'producer-3-e2e', 'seed-e2e', 'snark-coordinator-e2e', 'snark-coordinator-worker_1-e2e']; // prettier-ignore

test('each deed of a private network; the images of its nodes stay', async () => {
  const docker = newDocker();
  const of = contextOf(docker);
  const { open, context, minimina } = of;
  assert.deepEqual(await listNetworks(minimina, never), [], 'without its folder it would panic');
  await setupPrivateNetwork(context);
  assert.deepEqual(docker.containers(), NODES, 'without the dummy backend');
  const asked = docker.asked().length;
  await setupPrivateNetwork(context);
  assert.equal(docker.asked().length, asked, 'a setup that is repeated does nothing twice');
  // minimina itself says nothing of it.
  docker.mode('idle');
  await assert.rejects(startPrivateNetwork(context), (error: UserError) => {
    assert.match(error.message, /not all nodes of the network e2e run: (\S+ is created(, )?){6}$/);
    return error.exitCode === EXIT.broken;
  });
  docker.mode(null);
  await startPrivateNetwork(context);
  const logs = scratchFolder();
  assert.deepEqual(await keepNodeLogs(context, logs), { kept: 6, notes: [] });
  for (const name of NODES)
    assert.ok(statSync(join(logs, `node-${name.replace(/-e2e$/, '')}.log`)).size > 400_000, name);
  assert.equal(await stopPrivateNetwork(context), true);
  rmSync(join(docker.root, 'seed-e2e.json'));
  const { kept, notes } = await keepNodeLogs(context, logs);
  assert.equal(kept, 5);
  assert.match(notes.join(), /^the log of seed could not be had: .*No such container: seed-e2e/);
  assert.ok(!existsSync(join(logs, 'node-seed.log')));

  // Nor does it look whether docker could remove anything.
  docker.mode('busy');
  await assert.rejects(
    removePrivateNetwork(ownedOf(of), docker.env, never),
    /docker compose down failed for the network e2e: .*resource busy/,
  );
  assert.ok(docker.containers().length > 0 && existsSync(networkFolder(minimina, 'e2e')));
  docker.mode(null);
  const images = docker.images();
  assert.ok(images.includes('mina:4'));
  assert.equal(await removePrivateNetwork(ownedOf(of), docker.env, never), true);
  assert.deepEqual(docker.containers(), []);
  assert.deepEqual(docker.images(), images, 'they are not ours to remove');
  assert.equal(existsSync(networkFolder(minimina, 'e2e')), false);
  assert.ok(docker.asked().some((line) => line.startsWith('minimina network delete')) || process.env.REAL_MINIMINA !== undefined); // prettier-ignore
  assert.equal(await removePrivateNetwork(ownedOf(of), docker.env, never), false);
  assert.equal(open.state.owned.length, 1);
});

test('containers of somebody else’s project of that name are neither taken nor removed', async () => {
  const docker = newDocker();
  const theirs = { name: 'seed-e2e', service: 'seed-e2e', project: 'e2e', file: '/home/them/docker-compose.yaml', state: 'running' }; // prettier-ignore
  const path = join(docker.root, 'seed-e2e.json');
  writeFileSync(path, JSON.stringify(theirs));
  const of = contextOf(docker);
  await assert.rejects(setupPrivateNetwork(of.context), (error: UserError) => {
    assert.match(error.message, /a compose project "e2e" that are not this run's: they were made from \/home\/them\//); // prettier-ignore
    return error.exitCode === EXIT.usage;
  });
  assert.deepEqual(of.open.state.owned, []);
  rmSync(path);
  await setupPrivateNetwork(of.context);
  writeFileSync(join(docker.root, 'theirs.json'), JSON.stringify({ ...theirs, name: 'theirs' }));
  await assert.rejects(removePrivateNetwork(ownedOf(of), docker.env, never), /not this run's/);
  assert.ok(docker.containers().includes('theirs'));
});

test('what minimina cannot do is said in its words', async () => {
  const docker = newDocker();
  const given = join(scratch, 'topology.json');
  writeFileSync(given, '{"producer": {"role": "Block_producer"}}');
  const of = contextOf(docker);
  of.open.change(({ topology }) => (topology.network.topologyFile = given));
  await assert.rejects(
    setupPrivateNetwork(of.context),
    /minimina network create failed: .*parsing the topology file: path: \S+topology\.json error: .*untagged enum/,
  );
  // What was half made is made anew, and goes.
  of.open.change(({ topology }) => (topology.network.topologyFile = null));
  await setupPrivateNetwork(of.context);
  assert.deepEqual(docker.containers(), NODES);
  assert.equal(await removePrivateNetwork(ownedOf(of), docker.env, never), true);
  const none = { ...of.minimina, command: join(scratch, 'none') };
  await assert.rejects(listNetworks(none, never), /is not there \(ENOENT\)/);
});

const alone = ['--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
/** Nodes are given port 8080 by minimina. */
const canBeAlone = spawnSync('unshare', [...alone, 'true']).status === 0;

/** The harness, in a network of its own. */
function begin(docker: Docker, words: readonly string[]) {
  const { env } = docker;
  const folder = ['--folder', join(docker.root, 'runs')];
  const child = spawn(
    'unshare',
    [...alone, process.execPath, distFile('cli.js'), 'e2e', ...words, ...folder],
    { env: { ...env, MINA_LOAD_CACHE: join(docker.root, 'cache') }, stdio: ['ignore', 'pipe', 'pipe'] }, // prettier-ignore
  );
  const written = Promise.all([text(child.stdout), text(child.stderr)]);
  const ended = once(child, 'close').then(async ([code]) => {
    const [stdout, stderr] = await written;
    return { code: code as number | null, said: `${stdout}${stderr}` };
  });
  return { child, ended };
}

const RUN = ['--network', 'minimina', '--producers', '3', '--seed', SEED, '--daemon-image', 'mina:4', '--allow-remote', '--interval', '3s', '--batches', '2', '--mini-batches', '2']; // prettier-ignore

test(
  'a whole run with nodes that submit by themselves',
  { skip: canBeAlone ? false : 'no network namespace can be made here' },
  async () => {
    // What each of the nodes sends: by the keys of its topology, or the backend refuses it.
    const prepared = scratchFolder();
    const { network } = await prepareFleet(e2eTopology({ producers: 3, seed: SEED, speedup: 200, intervalMs: 6000, batches: 10 }), prepared, Date.now()); // prettier-ignore
    for (let producer = 0; producer < 3; producer++) {
      const folder = join(prepared, `producer-${producer + 1}-e2e`);
      mkdirSync(folder);
      copyFileSync(join(prepared, BODIES_FILE), join(folder, BODIES_FILE));
      const sends = network.sends.filter(({ node }) => network.nodes[node].producer === producer);
      await writePrepared(folder, { ...network, sends });
    }
    const docker = newDocker(`exec '${process.execPath}' '${distFile('e2e-network.js')}' '${prepared}'/$NODE "$UPTIME_URL" "$(date +%s)000"`); // prettier-ignore
    const { code, said } = await begin(docker, ['run', ...RUN]).ended;
    assert.equal(code, EXIT.passed, said);
    for (const name of ['submitters-agree', 'storages-agree', 'block-set', 'states-right', 'points-right', 'leaderboard-right', 'no-secrets']) assert.match(said, new RegExp(`held +${name}`)); // prettier-ignore
    assert.match(said, /no data producers-counted/);
    const [results, ...others] = readdirSync(join(docker.root, 'runs', 'e2e'));
    assert.deepEqual(others, [], 'the state is gone');
    const logs = readdirSync(join(docker.root, 'runs', 'e2e', results, 'logs'));
    for (const name of ['node-seed.log', 'node-producer-3.log', 'backend.log']) assert.ok(logs.includes(name), logs.join()); // prettier-ignore
    assert.ok(!logs.includes('node-uptime-service-backend.log'));
    assert.deepEqual(docker.containers(), []);
    await until(() => processesWith({ FAKE_DOCKER: docker.root }).length === 0);
  },
);

test(
  'a harness that is killed while minimina creates: teardown leaves nothing',
  { skip: canBeAlone ? false : 'no network namespace can be made here' },
  async () => {
    const docker = newDocker();
    docker.mode('slow');
    const { child, ended } = begin(docker, ['setup', ...RUN]);
    await until(() => child.exitCode !== null || docker.asked().some((line) => line.endsWith(' create'))); // prettier-ignore
    child.kill('SIGKILL');
    await ended;
    docker.mode(null);
    const state = stateFolderOf(join(docker.root, 'runs'), 'e2e');
    assert.ok(readState(state).owned.some(({ kind }) => kind === 'minimina'));
    const { code, said } = await begin(docker, ['teardown']).ended;
    assert.equal(code, EXIT.passed, said);
    assert.match(said, /removed network e2e of minimina/);
    assert.deepEqual(docker.containers(), []);
    assert.equal(existsSync(state), false);
    await until(() => processesWith({ FAKE_DOCKER: docker.root }).length === 0);
  },
);
