/**
 * The verifier and what gives it its rows. Embedded it is a service that stays warm, asked by the embedded coordinator for each mini-batch. A
 * given program or image is what the program has: `submission-updater START END`, called anew each time.
 */
import { READY_MS } from '../drivers/ready.ts';
import { STACK_LABEL } from '../drivers/container.ts';
import {
  awsVariables,
  bucketOf,
  cassandraVariables,
  postgresVariables,
  readHttpUrl,
} from './addresses.ts';
import { commandProgram } from './backend.ts';
import type { Definition, PlanContext, PlanParts } from './component.ts';

/** Of the user's environment: verifiers in place of the embedded one, and the fork. */
const OF_USER = [
  'DELEGATION_VERIFY_BIN_PATH',
  'GENESIS_LEDGER_FILE',
  'FORK_CUTOVER_TIME',
  'DELEGATION_VERIFY_BIN_PATH_POST_FORK',
  'GENESIS_LEDGER_FILE_POST_FORK',
  'TOLERATE_SOK_MISMATCH',
] as const;

/** What the updater is given, however it is run. */
export function updaterVariables({
  addresses,
  settings,
  env,
}: PlanContext): Record<string, string> {
  const { postgres, s3, cassandra } = addresses;
  return {
    NETWORK_NAME: settings.network,
    NO_CHECKS: settings.checksProofs ? '0' : '1',
    SUBMISSION_STORAGE: cassandra ? 'CASSANDRA' : 'POSTGRES',
    ...(cassandra ? cassandraVariables(cassandra) : postgres && postgresVariables(postgres)),
    ...(s3 && { ...awsVariables(s3), AWS_S3_BUCKET: bucketOf(s3) }),
    ...Object.fromEntries(OF_USER.flatMap((name) => (env[name] ? [[name, env[name]]] : []))),
  };
}

export const verifier: Definition = {
  name: 'verifier',
  summary: 'verifies stored submissions for the coordinator; a service that stays warm',
  needs: ['postgres'],
  takes: ['s3', 'cassandra'],
  kinds: ['embedded', 'command', 'image', 'url'],
  port: 58_081,
  address(context, { host, port }) {
    const { use, engine, stack } = context;
    if (use.kind === 'command') {
      const { file, args } = commandProgram(use.command);
      return { kind: 'called', words: [file, ...args], variables: updaterVariables(context) };
    }
    if (use.kind !== 'image') return { kind: 'http', url: `http://${host}:${port}` };
    const variables = updaterVariables(context);
    return {
      kind: 'called',
      words: [
        ...[engine ?? 'docker', 'run', '--rm', '--network', 'host'],
        ...['--label', `${STACK_LABEL}=${stack}`],
        ...Object.keys(variables).flatMap((name) => ['--env', name]),
        use.image,
      ],
      variables,
    };
  },
  read: readHttpUrl,
  plan(context): PlanParts {
    const { use, port, addresses, blocksFolder } = context;
    if (use.kind !== 'embedded') return { kind: 'nothing' };
    return {
      kind: 'process',
      program: { kind: 'dist', file: 'verifier.js', args: [] },
      variables: {
        ...updaterVariables(context),
        ...(addresses.s3 === undefined && { VERIFIER_BLOCKS: blocksFolder }),
        VERIFIER_HOST: '127.0.0.1',
        VERIFIER_PORT: String(port),
      },
      // It may run programs of the user's.
      inherits: true,
      ready: {
        kind: 'http',
        url: `http://127.0.0.1:${port}/health`,
        statuses: [200],
        withinMs: READY_MS,
      },
      folders: addresses.s3 === undefined ? [blocksFolder] : [],
      preparations: [],
    };
  },
};
