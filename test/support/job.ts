/** A checked job of `npm run load`, as small as it can be, and facts to decide on. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from '../../cli/commands/load.ts';
import { parseCommandLine } from '../../cli/parse.ts';
import { askedFaults } from '../../load/faults.ts';
import type { Facts } from '../../load/facts.ts';
import type { LoadJob } from '../../load/job.ts';
import { definitionOf } from '../../load/scenarios/index.ts';
import { requestOf } from '../../load/scenarios/rules.ts';
import { PLAIN_TRANSPORT } from '../../load/target/transport.ts';

/** @param args of the command line, as far as they shape the load; they must be right */
export function jobOf(args: readonly string[] = [], change: Partial<LoadJob> = {}): LoadJob {
  const { values, sources } = parseCommandLine(load, args, {}, tmpdir());
  const request = requestOf(values, sources);
  return {
    request,
    search: definitionOf(request.scenario).search?.(values) ?? null,
    ab: null,
    options: {},
    targets: [],
    transport: PLAIN_TRANSPORT,
    port: 0,
    allowRemote: false,
    targetPid: null,
    targetContainer: null,
    monitorSources: () => [],
    producersFile: null,
    payloads: (values.payloads as string | undefined) ?? null,
    chain: values.chain as number,
    order: values.order as LoadJob['order'],
    resultsFolder: join(tmpdir(), 'not-made'),
    k6Flag: null,
    monitorIntervalMs: 1000,
    gates: (values.gate as string[] | undefined) ?? [],
    storage: null,
    storageWaitMs: null,
    reconcileEveryMs: null,
    hostileRate: values['hostile-rate'] as number,
    hourlyLimit: (values['hourly-limit'] as number | undefined) ?? null,
    faithful: false,
    keep: false,
    pictures: false,
    faults: askedFaults((values.fault as string[] | undefined) ?? []),
    notes: [],
    ...change,
  };
}

/** A machine with plenty of everything, and one body of 20 KB. */
export const factsOf = (change: Partial<Facts> = {}): Facts => ({
  producers: null,
  payloads: null,
  bodies: [{ bytes: 20_000, snarkWorkBytes: 8000, weight: 1 }],
  backendSwitches: {},
  memory: { totalBytes: 64e9, limitBytes: null },
  freeBytes: 1e15,
  openFilesLimit: 1_000_000,
  localPorts: 1_000_000,
  era: null,
  ...change,
});
