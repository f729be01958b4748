/** The coordinator: counts batches and scores block producers. An original one starts its verifiers itself, as containers. */
import { READY_MS } from '../drivers/ready.ts';
import { cassandraVariables, postgresUrl } from './addresses.ts';
import { commandProgram } from './backend.ts';
import type { Definition, PlanContext, PlanParts } from './component.ts';
import { updaterVariables } from './verifier.ts';

const isOriginal = ({ use }: PlanContext): boolean =>
  use.kind === 'command' || use.kind === 'image';

/** Source: o1-labs/uptime-service-validation at 4a46a1e, README and config; uptime-service-e2e, compose at 6972c83. */
function originalVariables(context: PlanContext): Record<string, string> {
  const { settings, verifier, engine } = context;
  const image = verifier?.kind === 'image' ? verifier.image : null;
  const colon = image === null ? -1 : image.lastIndexOf(':');
  return {
    ...updaterVariables(context),
    SURVEY_INTERVAL_MINUTES: String(settings.intervalSeconds / 60),
    MINI_BATCH_NUMBER: String(settings.miniBatches),
    UPTIME_DAYS_FOR_SCORE: '90',
    RETRY_COUNT: '3',
    // Without it block producers come from a Google sheet.
    IGNORE_APPLICATION_STATUS: '1',
    // Verifiers as containers; else it wants a Kubernetes.
    TEST_ENV: '1',
    ...(engine !== null && { CONTAINER_RUNTIME: engine }),
    ...(image !== null &&
      colon > image.lastIndexOf('/') && {
        WORKER_IMAGE: image.slice(0, colon),
        WORKER_TAG: image.slice(colon + 1),
      }),
  };
}

export const coordinator: Definition = {
  name: 'coordinator',
  summary: 'counts batches of submissions and scores block producers',
  needs: ['postgres', 'verifier'],
  takes: ['s3', 'cassandra'],
  kinds: ['embedded', 'command', 'image'],
  port: null,
  address: () => null,
  problems: (context) => [
    ...(isOriginal(context) && context.settings.intervalSeconds % 60 !== 0
      ? [
          `coordinator: the original counts in whole minutes, but --interval is ${context.settings.intervalSeconds} s`,
        ]
      : []),
    ...(isOriginal(context) && context.verifier?.kind !== 'image'
      ? [
          'coordinator: the original starts its verifiers as containers: it needs --use verifier=image:IMAGE:TAG',
        ]
      : []),
  ],
  plan(context): PlanParts {
    const { use, addresses, settings } = context;
    if (use.kind === 'image')
      return {
        kind: 'container',
        container: {
          image: use.image,
          args: [],
          network: 'host',
          ports: [],
          volumes: [{ from: '/var/run/docker.sock', to: '/var/run/docker.sock', isWritable: true }],
        },
        variables: originalVariables(context),
        ready: { kind: 'at once', withinMs: READY_MS },
        preparations: [],
      };
    const process = { folders: [], preparations: [], inherits: true, kind: 'process' as const };
    if (use.kind === 'command')
      return {
        ...process,
        program: commandProgram(use.command),
        variables: originalVariables(context),
        ready: { kind: 'at once', withinMs: READY_MS },
      };
    const { postgres, verifier, cassandra } = addresses;
    return {
      ...process,
      program: {
        kind: 'dist',
        file: 'cli.js',
        args: [
          ...['stack', 'coordinator', '--database', postgresUrl(postgres!)],
          ...['--interval', `${settings.intervalSeconds}s`],
          ...['--mini-batches', String(settings.miniBatches)],
          ...(settings.graceMs === null ? [] : ['--grace', `${settings.graceMs}ms`]),
          ...(settings.faithful ? ['--faithful'] : []),
          ...['--verifier', verifier!.kind === 'http' ? verifier!.url : verifier!.words.join(' ')],
        ],
      },
      variables: {
        PGPASSWORD: postgres!.password,
        ...(verifier!.kind === 'called' && verifier!.variables),
        ...(cassandra && { SUBMISSION_STORAGE: 'CASSANDRA', ...cassandraVariables(cassandra) }),
      },
      ready: { kind: 'line', pattern: '^the coordinator counts batches of ', withinMs: READY_MS },
    };
  },
};
