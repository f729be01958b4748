/** Storages of a run as the URLs by which readers, and components that are given them, are told apart (stack/storage/storage-url.ts). No password is in them. Pure. */
import { bucketOf, type CassandraAddress, type S3Address } from '../stack/components/addresses.ts';
import type { PostgresConfig } from '../system/postgres.ts';

export function postgresUrl(config: PostgresConfig): string {
  const { user, host, port, database, sslmode, sslRootCert } = config;
  const parameters = new URLSearchParams({
    sslmode,
    ...(sslRootCert !== null && { sslrootcert: sslRootCert }),
  });
  const shown = host.includes(':') ? `[${host}]` : encodeURIComponent(host);
  return `postgres://${encodeURIComponent(user)}@${shown}:${port}/${encodeURIComponent(database)}?${parameters.toString()}`;
}

/** @param network the prefix of its keys; absent: of the bucket alone */
export function s3Url(address: S3Address, network?: string): string {
  const parameters = new URLSearchParams({
    ...(address.endpoint !== null && { endpoint: address.endpoint }),
    region: address.region,
    ...(address.pathStyle && { 'path-style': '1' }),
  });
  const path = network === undefined ? '' : `/${encodeURIComponent(network)}`;
  return `s3://${bucketOf(address)}${path}?${parameters.toString()}`;
}

export function cassandraUrl(address: CassandraAddress): string {
  const { host, port, keyspace, credentials, caFile } = address;
  const user = credentials === null ? '' : `${encodeURIComponent(credentials.username)}@`;
  const parameters = new URLSearchParams(caFile === null ? { tls: '0' } : { ca: caFile });
  return `cassandra://${user}${host}:${port}/${encodeURIComponent(keyspace)}?${parameters.toString()}`;
}
