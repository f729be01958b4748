/** What must not stand in any output of a run: passwords of its own services, and those that it was given. In memory only. */
import type { Secret } from './dump/secrets.ts';
import { serviceAddresses } from './stacks.ts';
import type { OpenState } from './state.ts';

/** Variables whose values are secrets of the user. */
const OF_USER = [
  'PGPASSWORD',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'CASSANDRA_PASSWORD',
  'MINA_PRIVKEY_PASS',
  'MINA_LIBP2P_PASS',
  'UPTIME_PRIVKEY_PASS',
  'E2E_SECRET',
] as const;

export const secretsOfUser = (env: NodeJS.ProcessEnv): Secret[] =>
  OF_USER.flatMap((name) => (env[name] ? [{ name, value: env[name] }] : []));

/** Cassandra's usual password is no secret: it stands in its own documents. */
export async function knownSecrets(open: OpenState, env: NodeJS.ProcessEnv): Promise<Secret[]> {
  const { postgres, s3 } = await serviceAddresses(open, env);
  return [
    ...(postgres === undefined
      ? []
      : [{ name: 'the password of PostgreSQL', value: postgres.password }]),
    ...(s3?.credentials
      ? [{ name: 'the secret key of S3', value: s3.credentials.secretAccessKey }]
      : []),
    ...secretsOfUser(env),
  ];
}
