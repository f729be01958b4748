/** The uptime service backend, with the variables of the original. It writes to every storage of the set. */
import { isWebAddress } from '../backend/whitelist.ts';
import { READY_MS } from '../drivers/ready.ts';
import { awsVariables, cassandraVariables, postgresVariables, readHttpUrl } from './addresses.ts';
import type { Definition, PlanContext, PlanParts } from './component.ts';

/** Hard-coded in the original (src/cmd/delegation_backend/main_bpu.go). */
const ORIGINAL_PORT = 8080;
/** Where a container finds the root of Cassandra's certificates. */
const CA_IN_CONTAINER = '/etc/cassandra-ca.pem';

function variablesOf({ settings, addresses, use, blocksFolder }: PlanContext, caFile?: string) {
  const { whitelist } = settings;
  const { postgres, s3, cassandra } = addresses;
  return {
    CONFIG_NETWORK_NAME: settings.network,
    DELEGATION_WHITELIST_DISABLED: whitelist === null ? '1' : '0',
    ...(whitelist !== null && {
      [isWebAddress(whitelist) ? 'DELEGATION_WHITELIST_URL' : 'DELEGATION_WHITELIST_FILE']:
        whitelist,
    }),
    REQUESTS_PER_PK_HOURLY: String(settings.hourlyLimit),
    VERIFY_SIGNATURE_DISABLED: settings.checksSignatures ? '0' : '1',
    ...(s3 && {
      ...awsVariables(s3),
      AWS_ACCOUNT_ID: s3.account,
      AWS_BUCKET_NAME_SUFFIX: s3.suffix,
    }),
    // With both, submissions go to Cassandra, and PostgreSQL is the coordinator's alone.
    ...(cassandra
      ? cassandraVariables(cassandra, caFile ?? cassandra.caFile)
      : postgres && postgresVariables(postgres)),
    // Blocks have to be somewhere: PostgreSQL keeps none.
    ...(s3 === undefined && { CONFIG_FILESYSTEM_PATH: use.kind === 'image' ? '/data' : blocksFolder }), // prettier-ignore
  };
}

export const backend: Definition = {
  name: 'backend',
  summary: 'takes submissions',
  needs: [],
  takes: ['postgres', 's3', 'cassandra'],
  kinds: ['embedded', 'command', 'image', 'url'],
  port: 8080,
  containerPort: ORIGINAL_PORT,
  fixedPort: ({ kind }, network) =>
    kind === 'command' || (kind === 'image' && network === 'host') ? ORIGINAL_PORT : null,
  address: (_, { host, port }) => ({ kind: 'http', url: `http://${host}:${port}` }),
  problems: ({ use, settings }) =>
    (use.kind === 'command' || use.kind === 'image') && settings.whitelist !== null
      ? [
          'backend: the original reads its whitelist from a Google sheet only, so --whitelist has no effect on it; give its variables with --set',
        ]
      : [],
  read: readHttpUrl,
  plan(context): PlanParts {
    const { use, port, settings, blocksFolder, addresses, network } = context;
    if (use.kind === 'url') return { kind: 'nothing' };
    const ready = {
      kind: 'http' as const,
      url: `http://127.0.0.1:${port}/health`,
      statuses: [200],
      withinMs: READY_MS,
    };
    const folders = addresses.s3 === undefined ? [blocksFolder] : [];
    if (use.kind === 'image') {
      const caFile = addresses.cassandra?.caFile;
      return {
        kind: 'container',
        container: {
          image: use.image,
          args: [],
          network,
          ports: network === 'host' ? [] : [{ host: port, container: ORIGINAL_PORT }],
          volumes: [
            ...(folders.length === 0
              ? []
              : [{ from: blocksFolder, to: '/data', isWritable: true }]),
            ...(caFile ? [{ from: caFile, to: CA_IN_CONTAINER }] : []),
          ],
        },
        variables: variablesOf(context, caFile ? CA_IN_CONTAINER : undefined),
        ready,
        preparations: [],
      };
    }
    const variables = {
      ...variablesOf(context),
      BACKEND_HOST: '127.0.0.1',
      BACKEND_PORT: String(port),
    };
    return {
      kind: 'process',
      program:
        use.kind === 'command'
          ? commandProgram(use.command)
          : { kind: 'dist', file: 'backend.js', args: [] },
      variables: {
        ...variables,
        ...(use.kind === 'embedded' && { BACKEND_FAITHFUL: settings.faithful ? '1' : '0' }),
      },
      inherits: use.kind === 'command',
      ready,
      folders,
      preparations: [],
    };
  },
};

/** A file and its first arguments, with spaces between. */
export function commandProgram(command: string): { kind: 'file'; file: string; args: string[] } {
  const [file, ...args] = command.split(' ').filter((word) => word !== '');
  return { kind: 'file', file, args };
}
