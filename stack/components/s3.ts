/** S3: where a backend keeps submissions and blocks. Embedded it is versitygw; any endpoint by URL. */
import { join } from 'node:path';
import { READY_MS } from '../drivers/ready.ts';
import { versitygwArgs } from '../services/versitygw.ts';
import { readS3Url, type S3Address } from './addresses.ts';
import type { Definition, PlanContext, PlanParts } from './component.ts';

const addressOf = ({ secrets }: PlanContext, at: { host: string; port: number }): S3Address => ({
  kind: 's3',
  endpoint: `http://${at.host}:${at.port}`,
  region: 'us-east-1',
  pathStyle: true,
  account: 'delegation',
  suffix: 'uptime',
  credentials: { accessKeyId: secrets.s3Access, secretAccessKey: secrets.s3Secret },
});

export const s3: Definition = {
  name: 's3',
  summary: 'submissions and blocks of the backend; versitygw, which Go builds once',
  needs: [],
  takes: [],
  kinds: ['embedded', 'image', 'url'],
  port: 59_000,
  containerPort: 9000,
  address: addressOf,
  read: readS3Url,
  plan(context): PlanParts {
    const { use, port, folder, secrets, stack } = context;
    if (use.kind === 'url') return { kind: 'nothing' };
    const preparations = [
      { kind: 'bucket' as const, s3: addressOf(context, { host: '127.0.0.1', port }) },
    ];
    if (use.kind === 'image')
      // MinIO's, as the program's end-to-end suite has it.
      return {
        kind: 'container',
        container: {
          image: use.image,
          args: ['server', '/data'],
          network: 'stack',
          ports: [{ host: port, container: 9000 }],
          volumes: [{ from: `${stack}-s3`, to: '/data', isWritable: true }],
        },
        variables: { MINIO_ROOT_USER: secrets.s3Access, MINIO_ROOT_PASSWORD: secrets.s3Secret },
        ready: { kind: 'port', port, withinMs: READY_MS },
        preparations,
      };
    const folders = { buckets: join(folder, 'buckets'), metadata: join(folder, 'metadata') };
    return {
      kind: 'process',
      program: { kind: 'versitygw', args: versitygwArgs(port, folders) },
      variables: {
        ROOT_ACCESS_KEY_ID: secrets.s3Access,
        ROOT_SECRET_ACCESS_KEY: secrets.s3Secret,
        HOME: folder,
      },
      inherits: false,
      ready: { kind: 'port', port, withinMs: READY_MS },
      folders: [folders.buckets, folders.metadata],
      preparations,
    };
  },
};
