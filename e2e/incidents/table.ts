/**
 * Incidents that happened to the program, or can: what each was, which assertion must catch it, and what it leaves behind. docs/incidents.md is
 * written from this table, and a test proves of each that its assertion catches it, and nothing else but what follows from it.
 */
import * as leaves from './leaves.ts';

export type Incident = {
  name: string;
  /** A sentence. */
  what: string;
  /** When it happened, or what it can come from; with its public source. */
  since: string;
  /** Name of the assertion that must fail. */
  caughtBy: string;
  /** Assertions that fail with it, because it is true what they say. */
  consequences: readonly string[];
  /** How it comes about in a run: what is to be switched on in which component. */
  stage: {
    component: 'network' | 'backend' | 'storage' | 'verifier' | 'coordinator' | 'leaderboard';
    how: string;
  };
  leaves: leaves.Leaves;
};

export const INCIDENTS: readonly Incident[] = [
  {
    name: 'sok-mismatch',
    what: 'Snark work whose last transaction is a zkApp command carries a digest of zeros; the proof is good, and the verifier refuses it.',
    since:
      'nodes from 3.4.0 on; on mainnet from 2026-05-07 to 2026-09-02, 30,249 batches of 77 block producers (MinaProtocol/mina#19299)',
    caughtBy: 'no-sok-refusal',
    consequences: ['producers-counted'],
    stage: {
      component: 'network',
      how: 'the nodes of one key send snark work with an all-zero sok digest; the verifier checks it, without TOLERATE_SOK_MISMATCH',
    },
    leaves: leaves.sokMismatch,
  },
  {
    name: 'same-second-pair',
    what: 'Two nodes of one key submit in the same second. Both are answered 200; filesystem and PostgreSQL keep the first, S3 and Cassandra the last.',
    since:
      'always: submitter and second are the key of every storage (o1-labs/uptime-service-backend, src/delegation_backend/submit.go)',
    caughtBy: 'same-second-pairs',
    consequences: [],
    stage: {
      component: 'network',
      how: 'two nodes of one key start together; the backend answers as the original does (faithful)',
    },
    leaves: leaves.sameSecondPair,
  },
  {
    name: 'storage-fails-200',
    what: 'A storage refuses a submission, the backend logs it and answers 200.',
    since:
      'always: whatever a storage says, the answer is 200 (o1-labs/uptime-service-backend, src/delegation_backend/submit.go)',
    caughtBy: 'accepted-stored-once',
    consequences: ['storages-agree', 'no-error-lines'],
    stage: {
      component: 'storage',
      how: 'the storage refuses some writes; the backend answers as the original does (faithful)',
    },
    leaves: leaves.storageFails200,
  },
  {
    name: 'batch-lost-on-sql-error',
    what: 'A statement of a batch fails; the coordinator logs it, its commit is a rollback, and it goes on to the next batch.',
    since:
      'every release (o1-labs/uptime-service-validation, coordinator/helper.py); seen with two rows of nodes for one key',
    caughtBy: 'batches-cover-time',
    consequences: ['no-error-lines'],
    stage: {
      component: 'coordinator',
      how: 'points takes no row of one batch; the coordinator does as the original (faithful)',
    },
    leaves: leaves.batchLost,
  },
  {
    name: 'nothing-selected',
    what: 'No state has the support of 5 % of the block producers. The original’s coordinator ends after four attempts, and again at each start.',
    since:
      'every release; possible from 21 block producers on (o1-labs/uptime-service-validation, coordinator/helper.py)',
    caughtBy: 'states-selected',
    consequences: [],
    stage: {
      component: 'network',
      how: 'more than 20 block producers, for one batch each on a branch of its own',
    },
    leaves: leaves.nothingSelected,
  },
  {
    name: 'fork-gap',
    what: 'Around a hard fork most nodes are away: they stop with the old chain, and come back when they have gone over.',
    since: 'mainnet, 2026-09-03 15:08Z to 18:08Z: 9 to 46 of 104 block producers in 8 batches',
    caughtBy: 'producers-counted',
    consequences: [],
    stage: {
      component: 'network',
      how: 'half of the nodes fall silent for one batch, and nothing says that it was expected',
    },
    leaves: leaves.forkGap,
  },
  {
    name: 'missing-index',
    what: 'submissions has no index that begins with submitted_at, or one that was not built to its end: each batch reads the whole table.',
    since:
      'until 2026; CREATE INDEX CONCURRENTLY that is broken off leaves an invalid one (o1-labs/uptime-service-validation, database/create_tables.sql at 2d48a8b)',
    caughtBy: 'index-present',
    consequences: [],
    stage: { component: 'storage', how: 'the schema is made without submittedAtIndex' },
    leaves: leaves.missingIndex,
  },
  {
    name: 'wrong-genesis',
    what: 'The verifier was built or set for another genesis, other fork constants or the other era, and refuses every proof: (Pickles.verify dlog_check).',
    since:
      'blocks of the old era after the fork of 2026-09-03, wrong proof.fork, DUNE_PROFILE not exported (MinaProtocol/mina#19294)',
    caughtBy: 'proofs-accepted',
    consequences: ['producers-counted', 'rule-of-time'],
    stage: {
      component: 'verifier',
      how: 'a verifier of the other era (rule) that checks proofs',
    },
    leaves: leaves.wrongGenesis,
  },
  {
    name: 's3-endpoint-ignored',
    what: 'The verifier’s program ignores AWS_ENDPOINT_URL_S3, finds no block and takes each as empty: Fail to decode block.',
    since:
      'every release of o1-labs/submission-updater up to 00cc565; the coordinator’s workers do not pass the variable on either',
    caughtBy: 'blocks-decoded',
    consequences: ['producers-counted'],
    stage: { component: 'verifier', how: 'its block storage is another, empty one' },
    leaves: leaves.s3EndpointIgnored,
  },
  {
    name: 'late-rows',
    what: 'A row is stored or verified after its batch was counted, and nothing looks at that batch again.',
    since:
      'always: a coordinator that runs late waits for nobody (o1-labs/uptime-service-validation, coordinator/coordinator.py)',
    caughtBy: 'files-processed',
    consequences: ['points-right'],
    stage: {
      component: 'storage',
      how: 'the insert of one row of a batch ends when the batch is counted, and the verifier is asked for it once more; the coordinator does as the original (faithful)',
    },
    leaves: leaves.lateRows,
  },
  {
    name: 'hourly-limit-per-replica',
    what: 'Each replica of the backend counts by itself: with n of them a submitter may send n times the limit.',
    since:
      'always: the limit is kept in memory of each process (o1-labs/uptime-service-backend, src/delegation_backend/time_heap.go)',
    caughtBy: 'hourly-limit',
    consequences: [],
    stage: {
      component: 'backend',
      how: 'two backends on one storage, and a submitter that sends to both by turns',
    },
    leaves: leaves.hourlyLimitPerReplica,
  },
  {
    name: 'two-coordinators',
    what: 'Two coordinators work on one database: every batch is counted twice, with twice the points.',
    since: 'every release: no lock (o1-labs/uptime-service-validation, coordinator/coordinator.py)',
    caughtBy: 'one-coordinator',
    consequences: ['scores-right', 'score-history-right', 'no-error-lines'],
    stage: {
      component: 'coordinator',
      how: 'two coordinators that do as the original (faithful) on one database, one a little later than the other',
    },
    leaves: leaves.twoCoordinators,
  },
  {
    name: 'leaderboard-minus-one',
    what: 'A query of the leaderboard fails, say for a table that is not there, and the answer is 200 with the body -1.',
    since: 'o1-labs/delegation-program-leaderboard at 49ac4a8, api/minanet_app/flask_api.py',
    caughtBy: 'leaderboard-shape',
    consequences: ['no-error-lines'],
    stage: {
      component: 'leaderboard',
      how: 'a leaderboard that does as the original (faithful) and looks into an empty schema',
    },
    leaves: leaves.leaderboardMinusOne,
  },
];
