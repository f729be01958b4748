/**
 * Writes the sample result folders of test/fixtures/runs anew: `node --import tsx test/support/write-fixture-runs.ts`.
 * `minute` is a whole run of one minute; `killed` ended in the middle of a line and has no summary.
 */
import { readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../paths.ts';
import { SYNTHETIC_RUNS, syntheticRun, writeRun } from '../../bench/synthetic-run.ts';

const runs = join(projectRoot, 'test/fixtures/runs');
rmSync(runs, { recursive: true, force: true });
writeRun(join(runs, 'minute'), SYNTHETIC_RUNS.usual());

const killed = join(runs, 'killed');
writeRun(killed, { ...syntheticRun({ seconds: 12 }), summary: null, reconcile: null });
const samples = join(killed, 'samples.ndjson');
truncateSync(samples, readFileSync(samples).length - 400);
