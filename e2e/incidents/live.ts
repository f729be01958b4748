/** How each incident is put into a run: what of the topology, of a component's variables, of the tables or of what the network sends is another than usual. Pure. */
import { SUBMISSION_KINDS, type NetworkPlan } from '../../producers/network-plan.ts';
import { onOwnBranches, silenced } from '../staging/plan-changes.ts';
import type { Staging } from '../staging/staging.ts';
import { allOf, BATCH, FAR_MS, LEAD_MS, windowOf, withLeast } from '../staging/window.ts';
import type { Topology } from '../topology.ts';

/** One that makes no block that it sends without snark work in that batch, if there is one. */
function neverMaker({ submissions }: NetworkPlan, topology: Topology): number {
  const { fromMs, untilMs } = windowOf(topology);
  const makers = new Set(
    submissions.producers.filter(
      (_, i) =>
        submissions.kinds[i] === SUBMISSION_KINDS.indexOf('maker') &&
        submissions.atMs[i] >= fromMs &&
        submissions.atMs[i] < untilMs + LEAD_MS * topology.network.speedup,
    ),
  );
  return allOf(topology).find((producer) => !makers.has(producer)) ?? 0;
}

const faithful = (...components: ('backend' | 'coordinator' | 'leaderboard')[]) =>
  Object.fromEntries(components.map((name) => [name, { [`${name.toUpperCase()}_FAITHFUL`]: '1' }]));

/** Start of the batch in which the row lies, and of that in which it happens, in seconds. */
const START_OF = (interval: number) =>
  `$start + floor((extract(epoch FROM NEW.submitted_at) - $start) / ${interval})::bigint * ${interval}`;

/** A trigger of the run's own database. @param body of its function, which decides on NEW */
const trigger = (name: string, table: string, body: string): string => `
  CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $body$ ${body} $body$;
  CREATE OR REPLACE TRIGGER ${name} BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${name}()`;

/** The block producer's second row of a batch whose block others submitted before: without it all else stays as it is. */
const isSpare = (interval: number): string => `(
  SELECT count(*) FROM submissions s WHERE s.submitter = NEW.submitter AND extract(epoch FROM s.submitted_at) >= ${START_OF(interval)}) > 0
  AND (SELECT count(DISTINCT s.submitter) FROM submissions s WHERE s.block_hash = NEW.block_hash AND s.submitter <> NEW.submitter) > 2`;

/** In the folder of the run's state. */
const NO_BLOCKS = 'no-blocks';

/** Faults of submissions are those of PostgreSQL. */
const inPostgres = (topology: Topology): Topology => ({ ...withLeast(topology), storage: 'postgres' }); // prettier-ignore

export const LIVE: Readonly<Record<string, Staging>> = {
  'sok-mismatch': {
    topology: (asked) => ({ ...withLeast(asked), noChecks: false }),
    zeroDigestOf: neverMaker,
    variables: () => ({
      verifier: { VERIFIER_TEST_TAKES_PROOFS: '1', TOLERATE_SOK_MISMATCH: '0' },
    }),
  },
  'same-second-pair': {
    topology(asked) {
      const topology = withLeast(asked);
      return {
        ...topology,
        network: {
          ...topology.network,
          nodesPerProducer: Math.max(1.25, topology.network.nodesPerProducer),
          sameSecondShare: Math.max(0.2, topology.network.sameSecondShare),
        },
      };
    },
    variables: () => faithful('backend'),
    head: (head) => ({ ...head, allowed: { ...head.allowed, sameSecondLoss: false } }),
  },
  'storage-fails-200': {
    topology: inPostgres,
    variables: () => faithful('backend'),
    sql: ({ intervalSeconds }) => [
      'CREATE SEQUENCE IF NOT EXISTS e2e_refused',
      trigger(
        'e2e_refuse',
        'submissions',
        `BEGIN
          IF ${START_OF(intervalSeconds)} = $start + ${BATCH * intervalSeconds} AND ${isSpare(intervalSeconds)} AND nextval('e2e_refused') <= 3
          THEN RAISE EXCEPTION 'refused on purpose (e2e)'; END IF;
          RETURN NEW; END`,
      ),
    ],
  },
  'batch-lost-on-sql-error': {
    topology: (asked) => withLeast(asked),
    variables: () => faithful('coordinator'),
    sql: ({ intervalSeconds }) => [
      trigger(
        'e2e_fail',
        'points',
        `BEGIN
          IF (SELECT batch_start_epoch FROM bot_logs WHERE id = NEW.bot_log_id) = $start + ${BATCH * intervalSeconds}
          THEN RAISE EXCEPTION 'failed on purpose (e2e)'; END IF;
          RETURN NEW; END`,
      ),
    ],
  },
  'nothing-selected': {
    topology: (asked) => withLeast(asked),
    plan: (plan, topology) =>
      onOwnBranches(plan, new Set(allOf(topology)), windowOf(topology), FAR_MS),
  },
  'fork-gap': {
    topology: (asked) => withLeast(asked),
    plan: (plan, topology) =>
      silenced(
        plan,
        new Set(allOf(topology).slice(0, topology.network.producers >> 1)),
        windowOf(topology),
      ),
  },
  'missing-index': {
    topology: inPostgres,
    sql: () => ['DROP INDEX IF EXISTS idx_submissions_submitted_at'],
  },
  'wrong-genesis': {
    topology: (asked) => ({ ...withLeast(asked), noChecks: false }),
    // Its circuits are those of the other side of the fork.
    variables: (_, { network: { era } }) => ({
      verifier: {
        VERIFIER_NETWORK: era === 'mesa' ? 'berkeley' : 'mesa',
        VERIFIER_TEST_TAKES_PROOFS: '1',
      },
    }),
  },
  's3-endpoint-ignored': {
    topology: (asked) => withLeast(asked),
    folders: [NO_BLOCKS],
    variables: (folder) => ({ verifier: { VERIFIER_BLOCKS: `${folder}/${NO_BLOCKS}` } }),
  },
  'late-rows': {
    topology: inPostgres,
    variables: () => faithful('coordinator'),
    sql: ({ intervalSeconds }) => [
      'CREATE SEQUENCE IF NOT EXISTS e2e_held',
      trigger(
        'e2e_hold',
        'submissions',
        `BEGIN
          IF ${START_OF(intervalSeconds)} = $start + ${BATCH * intervalSeconds} AND ${isSpare(intervalSeconds)} AND nextval('e2e_held') = 1 THEN
            FOR i IN 1..250 LOOP
              EXIT WHEN EXISTS (SELECT FROM bot_logs WHERE files_processed > -1 AND batch_start_epoch = $start + ${BATCH * intervalSeconds});
              PERFORM pg_sleep(0.1);
            END LOOP;
          END IF;
          RETURN NEW; END`,
      ),
    ],
    // Somebody runs the verifier for that time once more.
    disturbances: () => [
      {
        name: 'verified once more',
        when: { count: 'late', atLeast: 1 },
        do: { kind: 'verify', batch: BATCH },
      },
    ],
  },
  'hourly-limit-per-replica': {
    topology: (asked) => ({ ...withLeast(asked), hourlyLimit: 4 }),
    double: { component: 'backend' },
  },
  'two-coordinators': {
    topology: (asked) => withLeast(asked),
    variables: () => faithful('coordinator'),
    double: { component: 'coordinator', laterMs: 3000 },
  },
  'leaderboard-minus-one': {
    topology: (asked) => withLeast(asked),
    // Its queries find no table: the schema that it looks into is empty.
    sql: () => ['CREATE SCHEMA IF NOT EXISTS e2e_empty'],
    variables: () => ({ leaderboard: { ...faithful('leaderboard').leaderboard, PGOPTIONS: '-c search_path=e2e_empty' } }), // prettier-ignore
  },
};
