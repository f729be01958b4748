/** What a set of components becomes: order, addresses, variables; and what is refused, all of it at once. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { ComponentName, PlannedComponent } from '../../../stack/components/component.ts';
import { COMPONENT_NAMES } from '../../../stack/components/component.ts';
import {
  planStack,
  type StackFacts,
  type StackPlan,
  type StackRequest,
} from '../../../stack/components/plan.ts';
import {
  PRESETS,
  readComponents,
  readUses,
  readVariables,
  type Uses,
} from '../../../stack/components/use.ts';
import { claimPorts } from '../../../system/port-claims.ts';
import { UserError } from '../../../user-error.ts';
import { scratchFolder } from '../../support/scratch.ts';

const request = (
  components: readonly ComponentName[],
  more: Partial<StackRequest> = {},
): StackRequest => ({
  components,
  uses: {},
  variables: {},
  settings: {
    network: 'devnet',
    whitelist: null,
    hourlyLimit: 120,
    checksSignatures: true,
    faithful: false,
    checksProofs: false,
    intervalSeconds: 1200,
    graceMs: null,
    miniBatches: 5,
    startSeconds: 1_700_000_000,
  },
  backendPort: null,
  allowsRemote: false,
  folder: '/stack',
  ...more,
});
const facts = (more: Partial<StackFacts> = {}): StackFacts => ({
  stack: 'delegation-1',
  secrets: { postgres: 'pg secret', s3Access: 'access', s3Secret: 's3 secret' },
  ports: Object.fromEntries(
    COMPONENT_NAMES.map((name, i) => [name, { port: 1000 + i, other: 2000 + i }]),
  ) as StackFacts['ports'],
  taken: new Map(),
  engine: 'docker',
  engineProblem: null,
  missing: {},
  postgresFolder: '/pg',
  env: {},
  ...more,
});
type Started = Exclude<PlannedComponent, { kind: 'nothing' }>;
const find = (plan: StackPlan, name: ComponentName): Started => {
  const found = plan.components.find((one) => one.name === name);
  assert.ok(found !== undefined && found.kind !== 'nothing', name);
  return found;
};
const namesOf = ({ components }: StackPlan): string[] => components.map(({ name }) => name);
const problemsOf = (action: () => unknown): { exitCode: number; lines: string[] } => {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError)
      return { exitCode: error.exitCode, lines: error.message.split('\n') };
    throw error;
  }
  assert.fail('nothing was wrong');
};

describe('order and needs', () => {
  test('what is needed comes along and first; what is only taken does not come', () => {
    assert.deepEqual(namesOf(planStack(request(['coordinator']), facts())), [
      'postgres',
      'verifier',
      'coordinator',
    ]);
    assert.deepEqual(namesOf(planStack(request(['backend']), facts())), ['backend']);
  });

  test('each component comes after all that it needs, whichever were asked for', () => {
    for (let set = 1; set < 2 ** COMPONENT_NAMES.length; set++) {
      const wanted = COMPONENT_NAMES.filter((_, i) => (set & (1 << i)) !== 0);
      const plan = planStack(request(wanted), facts());
      const order = namesOf(plan);
      assert.ok(wanted.every((name) => order.includes(name)));
      for (const { name, needs } of plan.components)
        for (const one of needs) assert.ok(order.indexOf(one) < order.indexOf(name), `${one} before ${name}`); // prettier-ignore
    }
  });

  test('what is given is not started, and brings nothing along', () => {
    const uses: Uses = { postgres: { kind: 'url', url: 'postgres://me@db.test:5433/scores?sslmode=disable' } }; // prettier-ignore
    const env = { PGPASSWORD: 'theirs' };
    const plan = planStack(request(['leaderboard'], { uses }), facts({ env }));
    assert.deepEqual(plan.components[0], {
      name: 'postgres',
      how: 'given',
      url: 'postgres://db.test:5433/scores',
      needs: [],
      kind: 'nothing',
    });
    const { variables, ...leaderboard } = find(plan, 'leaderboard');
    assert.equal(variables.PGPASSWORD, 'theirs');
    assert.ok(leaderboard.kind === 'process' && leaderboard.program.kind === 'dist');
    assert.ok(leaderboard.program.args.includes('postgres://me@db.test:5433/scores?sslmode=disable')); // prettier-ignore
  });
});

test('each component that may be given by URL takes one, and refuses what is none', () => {
  for (const [name, url] of Object.entries({
    backend: 'http://127.0.0.1:1',
    verifier: 'http://127.0.0.1:1/',
    leaderboard: 'https://scores.test',
    postgres: 'postgres://me@127.0.0.1/scores',
    s3: 's3://1-uptime?endpoint=http://127.0.0.1:1',
    cassandra: 'cassandra://127.0.0.1/uptime?tls=0',
  })) {
    const planOf = (text: string) =>
      planStack(request([name as ComponentName], { uses: { [name]: { kind: 'url', url: text } } }), facts({ env: { PGPASSWORD: 'x' } })); // prettier-ignore
    assert.equal(planOf(url).components[0].kind, 'nothing');
    assert.match(problemsOf(() => planOf('ftp://x')).lines.join(), new RegExp(`^--use ${name}: `));
  }
});

describe('variables', () => {
  test('the backend writes to every storage of the set; blocks are kept where there is no S3', () => {
    const alone = find(planStack(request(['backend']), facts()), 'backend').variables;
    assert.equal(alone.CONFIG_FILESYSTEM_PATH, '/stack/data/backend');
    assert.equal(alone.POSTGRES_HOST, undefined);
    const both = find(planStack(request(['backend', 'postgres', 's3']), facts()), 'backend').variables; // prettier-ignore
    assert.equal(both.CONFIG_FILESYSTEM_PATH, undefined);
    assert.equal(both.POSTGRES_PORT, '1000');
    assert.equal(both.POSTGRES_PASSWORD, 'pg secret');
    assert.equal(both.AWS_ENDPOINT_URL_S3, 'http://127.0.0.1:1001');
    assert.equal(`${both.AWS_ACCOUNT_ID}-${both.AWS_BUCKET_NAME_SUFFIX}`, 'delegation-uptime');
  });

  test('with Cassandra submissions go there, and verifier and coordinator read them there', () => {
    const plan = planStack(request(['backend', 'cassandra', 'coordinator']), facts());
    const backend = find(plan, 'backend').variables;
    assert.equal(backend.AWS_KEYSPACE, 'uptime');
    assert.equal(backend.CASSANDRA_PORT, '1002');
    assert.equal(backend.AWS_SSL_CERTIFICATE_PATH, '/stack/data/cassandra/node.pem');
    assert.equal(backend.POSTGRES_HOST, undefined);
    for (const name of ['verifier', 'coordinator'] as const) {
      const { variables } = find(plan, name);
      assert.equal(variables.SUBMISSION_STORAGE, 'CASSANDRA');
      assert.equal(variables.AWS_KEYSPACE, 'uptime');
    }
  });

  test('no password and no key stands in arguments or in what people are shown', () => {
    const plan = planStack(request(COMPONENT_NAMES), facts());
    const shown = plan.components.map((one) => [
      one.how,
      one.url,
      one.kind === 'process' ? one.program : null,
    ]);
    assert.doesNotMatch(JSON.stringify(shown), /secret/);
  });

  test('PostgreSQL is 18, or 16 where that is asked for', () => {
    const programOf = (uses: Uses) => {
      const plan = planStack(request(['postgres'], { uses }), facts());
      const { how } = find(plan, 'postgres');
      const one = find(plan, 'postgres');
      assert.ok(one.kind === 'process');
      return [how, one.program];
    };
    assert.deepEqual(programOf({}), ['embedded', { kind: 'postgres', version: '18' }]);
    const problems: string[] = [];
    const uses = readUses(['postgres=embedded:16'], problems);
    assert.deepEqual(programOf(uses), ['embedded 16', { kind: 'postgres', version: '16' }]);
    assert.deepEqual(problems, []);
    readUses(['postgres=embedded:17'], problems);
    readUses(['backend=embedded:2'], problems);
    assert.deepEqual(problems, [
      '--use postgres=embedded:17: the embedded postgres is 18 or 16',
      '--use backend=embedded:2: there is one embedded backend only, without a version',
    ]);
  });

  test('--set goes last', () => {
    const variables = { backend: { REQUESTS_PER_PK_HOURLY: '7' } };
    const plan = planStack(request(['backend'], { variables }), facts());
    assert.equal(find(plan, 'backend').variables.REQUESTS_PER_PK_HOURLY, '7');
  });
});

describe('images and programs', () => {
  test('preset o1labs: containers in a network of their own; nothing of this machine is open', () => {
    const uses: Uses = {
      ...PRESETS.o1labs,
      verifier: { kind: 'image', image: 'example/updater:main-1' },
    };
    const plan = planStack(request(COMPONENT_NAMES.filter((name) => name !== 'cassandra'), { uses }), facts()); // prettier-ignore
    assert.equal(plan.network, 'delegation-1');
    const backend = find(plan, 'backend');
    assert.ok(backend.kind === 'container');
    assert.equal(backend.container.network, 'stack');
    assert.deepEqual(backend.container.ports, [{ host: 1003, container: 8080 }]);
    assert.equal(backend.variables.POSTGRES_HOST, 'postgres');
    assert.equal(backend.variables.POSTGRES_PORT, '5432');
    assert.equal(backend.variables.AWS_ENDPOINT_URL_S3, 'http://s3:9000');
    const coordinator = find(plan, 'coordinator').variables;
    // It is in the host's network, as its verifiers are.
    assert.equal(coordinator.POSTGRES_HOST, '127.0.0.1');
    assert.equal(coordinator.POSTGRES_PORT, '1000');
    assert.equal(coordinator.WORKER_IMAGE, 'example/updater');
    assert.equal(coordinator.WORKER_TAG, 'main-1');
    assert.equal(coordinator.SURVEY_INTERVAL_MINUTES, '20');
    assert.deepEqual(plan.volumes, ['delegation-1-postgres', 'delegation-1-s3']);
  });

  test('a backend as image beside an embedded PostgreSQL listens on every address: only where that is allowed', () => {
    const uses: Uses = { backend: { kind: 'image', image: 'example/backend:1' } };
    const set = ['backend', 'postgres'] as const;
    const { exitCode, lines } = problemsOf(() => planStack(request(set, { uses }), facts()));
    assert.equal(exitCode, 2);
    assert.match(lines.join('\n'), /every address of this machine.*--allow-remote/);
    const plan = planStack(request(set, { uses, allowsRemote: true }), facts());
    const backend = find(plan, 'backend');
    assert.ok(backend.kind === 'container');
    assert.equal(backend.container.network, 'host');
    assert.equal(backend.variables.POSTGRES_HOST, '127.0.0.1');
  });

  test('a verifier as program or image is called by the coordinator, with its variables', () => {
    const called = (use: Uses['verifier']) => {
      const plan = planStack(request(['coordinator'], { uses: { verifier: use } }), facts());
      const coordinator = find(plan, 'coordinator');
      assert.ok(coordinator.kind === 'process' && coordinator.program.kind === 'dist');
      assert.equal(coordinator.variables.POSTGRES_PASSWORD, 'pg secret');
      return coordinator.program.args.at(-1)!;
    };
    assert.equal(called({ kind: 'command', command: '/opt/updater --x' }), '/opt/updater --x');
    assert.match(
      called({ kind: 'image', image: 'example/updater:1' }),
      /^docker run --rm --network host --label delegation-toolkit\.stack=delegation-1 .*--env POSTGRES_PASSWORD .* example\/updater:1$/,
    );
  });
});

describe('what is refused', () => {
  test('everything that is wrong is said at once; where only the machine lacks something, with exit 5', () => {
    const problems: string[] = [];
    const env = {};
    const components = readComponents(['backend,bakcend', 'coordinator'], problems);
    const uses = readUses(
      [
        'leaderboard=embedded',
        'coordinator=postgres://x',
        'nobody=embedded',
        'backend',
        'postgres=postgres://me:secret@h/d',
        'verifier=magic',
      ],
      problems,
    );
    const variables = readVariables(['backend.LOG_LEVEL=debug', 'backend.ABSENT', 'x'], env, problems); // prettier-ignore
    const { exitCode, lines } = problemsOf(() =>
      planStack(
        request(components, { uses, variables }),
        facts({ missing: { s3: 'not asked for' }, taken: new Map([[8080, 'port 8080 of 127.0.0.1 is in use']]) }), // prettier-ignore
        problems,
      ),
    );
    assert.equal(exitCode, 2);
    assert.deepEqual(
      lines.map((line) => line.split(':')[0].slice(0, 60)),
      [
        '--component does not know "bakcend" (did you mean backend?); it takes postgres, s3, cassandra, backend, verifier, coordinator, leaderboard',
        '--use coordinator=… cannot be a URL',
        '--use does not know the component "nobody"; it takes postgres, s3, cassandra, backend, verifier, coordinator, leaderboard',
        '--use must be NAME=embedded, NAME=command',
        '--use verifier=… must be embedded, command',
        '--set backend.ABSENT',
        '--set must be NAME.VARIABLE=VALUE, or NAME.VARIABLE for what the environment says',
        '--use leaderboard has no effect',
        '--use postgres',
      ].map((line) => line.slice(0, 60)),
    );
    assert.doesNotMatch(lines.join('\n'), /secret/);
    const machine = problemsOf(() =>
      planStack(
        request(['backend', 's3'], { uses: { backend: { kind: 'command', command: 'x' } } }),
        facts({ missing: { s3: 'no Go' }, taken: new Map([[8080, 'port 8080 of 127.0.0.1 is in use']]) }), // prettier-ignore
      ),
    );
    assert.deepEqual(machine, {
      exitCode: 5,
      lines: ['s3: no Go', 'backend: port 8080 of 127.0.0.1 is in use'],
    });
    const images = problemsOf(() =>
      planStack(
        request(['postgres'], { uses: { postgres: { kind: 'image', image: 'postgres:16-alpine' } } }), // prettier-ignore
        facts({ engine: null, engineProblem: 'there is no docker and no podman on the PATH' }),
      ),
    );
    assert.deepEqual(images, {
      exitCode: 5,
      lines: ['images cannot be run: there is no docker and no podman on the PATH'],
    });
  });

  test('an original coordinator wants whole minutes and a verifier it can start', () => {
    const uses: Uses = { coordinator: { kind: 'image', image: 'example/validation:1' } };
    const settings = { ...request([]).settings, intervalSeconds: 90 };
    const { lines } = problemsOf(() =>
      planStack(request(['coordinator'], { uses, settings }), facts()),
    );
    assert.match(lines.join('\n'), /whole minutes, but --interval is 90 s\n.*needs --use verifier=image:/); // prettier-ignore
  });
});

describe('stacks that start at the same moment', () => {
  const firstFree = (
    claimed: ReadonlySet<number>,
  ): Promise<{ chosen: number; ports: number[] }> => {
    const chosen = [7001, 7002, 7003].find((port) => !claimed.has(port))!;
    return Promise.resolve({ chosen, ports: [chosen] });
  };

  test('choose other ports, until a port is let go or its process is gone', async () => {
    const folder = join(scratchFolder(), 'ports');
    const claims = await Promise.all([1, 2, 3].map(() => claimPorts(folder, firstFree)));
    assert.deepEqual(claims.map(({ chosen }) => chosen).sort(), [7001, 7002, 7003]);
    claims.find(({ chosen }) => chosen === 7002)!.letGo();
    const again = await claimPorts(folder, firstFree);
    assert.equal(again.chosen, 7002);
    // One above the most that Linux gives (proc(5), pid_max).
    writeFileSync(join(folder, '4194305-gone.json'), '[7001]');
    for (const claim of [...claims, again]) claim.letGo();
    assert.equal((await claimPorts(folder, firstFree)).chosen, 7001);
    assert.ok(!existsSync(join(folder, '4194305-gone.json')));
  });

  test('where there is no place for claims, ports are chosen all the same', async () => {
    const file = join(scratchFolder(), 'file');
    writeFileSync(file, '');
    assert.equal((await claimPorts(file, firstFree)).chosen, 7001);
  });
});
