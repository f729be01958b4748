/** Cassandra: where a backend keeps submissions in place of PostgreSQL. Embedded it is the daemon's jars from Maven, with TLS and passwords. */
import { CASSANDRA_USER, certificateOf } from '../services/cassandra.ts';
import { type CassandraAddress, readCassandraUrl } from './addresses.ts';
import type { Definition, PlanContext, PlanParts } from './component.ts';

const KEYSPACE = 'uptime';
/** On a busy machine it takes a minute and more. */
const UP_WITHIN_MS = 240_000;

const addressOf = (
  { folder, use }: PlanContext,
  at: { host: string; port: number },
): CassandraAddress => ({
  kind: 'cassandra',
  ...at,
  keyspace: KEYSPACE,
  credentials: use.kind === 'image' ? null : { ...CASSANDRA_USER },
  caFile: use.kind === 'image' ? null : certificateOf(folder),
  datacenter: null,
});

export const cassandra: Definition = {
  name: 'cassandra',
  summary:
    'submissions of the backend in place of PostgreSQL; Cassandra’s jars, with Java 17 and Maven',
  needs: [],
  takes: [],
  kinds: ['embedded', 'image', 'url'],
  port: 59_042,
  containerPort: 9042,
  address: addressOf,
  read: readCassandraUrl,
  plan(context): PlanParts {
    const { use, port, otherPort, folder, stack } = context;
    if (use.kind === 'url') return { kind: 'nothing' };
    const preparations = [
      { kind: 'keyspace' as const, cassandra: addressOf(context, { host: '127.0.0.1', port }) },
    ];
    if (use.kind === 'image')
      return {
        kind: 'container',
        container: {
          image: use.image,
          args: [],
          network: 'stack',
          ports: [{ host: port, container: 9042 }],
          volumes: [{ from: `${stack}-cassandra`, to: '/var/lib/cassandra', isWritable: true }],
        },
        variables: {},
        ready: { kind: 'cassandra', port, ...CASSANDRA_USER, withinMs: UP_WITHIN_MS },
        preparations,
      };
    return {
      kind: 'process',
      program: { kind: 'cassandra', folder, port, storagePort: otherPort },
      variables: {},
      // Java finds itself by PATH and JAVA_HOME.
      inherits: true,
      ready: { kind: 'cassandra', port, ...CASSANDRA_USER, withinMs: UP_WITHIN_MS },
      folders: [folder],
      preparations,
    };
  },
};
