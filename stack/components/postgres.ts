/** PostgreSQL: the coordinator's database. Embedded it is 18 from npm, or 16, which production runs. */
import { join } from 'node:path';
import { READY_MS } from '../drivers/ready.ts';
import { POSTGRES_VERSIONS, type PostgresVersion } from '../services/postgres-versions.ts';
import { type PostgresAddress, readPostgresUrl } from './addresses.ts';
import type { Definition, PlanContext, PlanParts } from './component.ts';

const DATABASE = 'coordinator';
const USER = 'postgres';

const addressOf = (
  { secrets }: PlanContext,
  at: { host: string; port: number },
): PostgresAddress => ({
  kind: 'postgres',
  ...at,
  user: USER,
  password: secrets.postgres,
  database: DATABASE,
  sslmode: 'disable',
  sslRootCert: null,
});

export const postgres: Definition = {
  name: 'postgres',
  summary: 'the coordinator’s database; PostgreSQL 18 or 16 from npm',
  needs: [],
  takes: [],
  kinds: ['embedded', 'image', 'url'],
  versions: POSTGRES_VERSIONS,
  port: 55_432,
  containerPort: 5432,
  address: addressOf,
  read: readPostgresUrl,
  plan(context): PlanParts {
    const { use, port, folder, secrets, stack, settings } = context;
    const own = addressOf(context, { host: '127.0.0.1', port });
    const { password } = own;
    const preparations = [
      { kind: 'tables' as const, postgres: own, startSeconds: settings.startSeconds },
    ];
    if (use.kind === 'url') return { kind: 'nothing' };
    // The image's server restarts once while it is made: only its own database is a sign.
    const ready = {
      kind: 'postgres' as const,
      port,
      user: USER,
      database: DATABASE,
      password,
      withinMs: READY_MS,
    };
    if (use.kind === 'image')
      return {
        kind: 'container',
        container: {
          image: use.image,
          args: [],
          network: 'stack',
          ports: [{ host: port, container: 5432 }],
          volumes: [
            { from: `${stack}-postgres`, to: '/var/lib/postgresql/data', isWritable: true },
          ],
        },
        variables: { POSTGRES_USER: USER, POSTGRES_PASSWORD: password, POSTGRES_DB: DATABASE },
        ready,
        preparations,
      };
    // Words are read by use.ts, which knows the versions.
    const version = ((use.kind === 'embedded' && use.version) || POSTGRES_VERSIONS[0]) as PostgresVersion; // prettier-ignore
    return {
      kind: 'process',
      program: { kind: 'postgres', version },
      variables: {
        POSTGRES_SERVICE_FOLDER: join(folder, 'data'),
        POSTGRES_SERVICE_PORT: String(port),
        POSTGRES_SERVICE_PASSWORD: secrets.postgres,
        POSTGRES_SERVICE_DATABASE: DATABASE,
      },
      inherits: false,
      ready,
      folders: [folder],
      preparations,
    };
  },
};
