/** The updater: a storage of rows, a place of blocks, and what verifies; open as long as windows come. */
import { BACKEND_WORDS as CASSANDRA_WORDS } from '../../../system/cassandra.ts';
import { BACKEND_WORDS as POSTGRES_WORDS } from '../../../system/postgres.ts';
import { openStorageReader } from '../../storage/storage-url.ts';
import type { StorageReader } from '../../storage/storage.ts';
import { readForkRecord } from '../config-file.ts';
import type { GivenKeys } from '../keys.ts';
import type { ProofChecker } from '../proof-pool.ts';
import type { Rule } from '../rule.ts';
import { createVerifier } from '../verifier.ts';
import { blockFinder } from './block-source.ts';
import type { UpdaterConfig, VerifierSetting } from './config.ts';
import { embeddedDriver, type VerifierDriver } from './driver.ts';
import { programDriver } from './program-driver.ts';
import type { RowStorage } from './row.ts';
import {
  type UpdateReport,
  type UpdaterLog,
  updateWindow,
  type VerifierCall,
  type Verifiers,
  callsOf,
} from './update-window.ts';

export type Updater = {
  /** For the log: storage and verifiers. */
  readonly name: string;
  /**
   * Rows with start <= submitted_at < end, verified and written. Windows may run side by side, and the same may come again.
   * @param startMs of the server's clock, milliseconds since 1970; so `endMs`
   * @throws UserError when rows may have stayed as they were; what was verified has been written
   */
  updateWindow(startMs: number, endMs: number, signal?: AbortSignal): Promise<UpdateReport>;
  /** Who judges which part of a window, and by which rule. */
  callsOf(startMs: number, endMs: number): VerifierCall[];
  close(): Promise<void>;
};

export type UpdaterOptions = {
  config: UpdaterConfig;
  /** Of the embedded verifier. In dual mode its eras are those of the two sides, whatever it says. */
  rule: Rule;
  strict: boolean;
  keys: GivenKeys;
  /** Opens what checks proofs; called only where the embedded verifier is to check them. */
  openProofs: () => ProofChecker;
  /** For tests, see verifier.ts. */
  takesProofs?: boolean;
  env: NodeJS.ProcessEnv;
  cwd: string;
  log: UpdaterLog;
};

/** @throws UserError */
export async function openUpdater(options: UpdaterOptions): Promise<Updater> {
  const { config, env, log } = options;
  const opened: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const one of opened.splice(0).reverse()) await one.close();
  };
  try {
    const verifiers = await verifiersOf(options, opened);
    const storage = await openRows(config.storage);
    opened.push(storage);
    let blocks: StorageReader | null = null;
    if (config.blocks !== null) {
      blocks = await openStorageReader(config.blocks, env);
      opened.push(blocks);
    }
    const settings = {
      storage,
      verifiers,
      blockOf: blockFinder(blocks, (text) => log('error', text)),
      toleratesSokMismatch: config.toleratesSokMismatch,
      log,
    };
    return {
      name: `${storage.name}, ${namesOf(verifiers)}`,
      updateWindow: (startMs, endMs, signal) => updateWindow(settings, startMs, endMs, signal),
      callsOf: (startMs, endMs) => callsOf(verifiers, startMs, endMs),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const openRows = async (storage: UpdaterConfig['storage']): Promise<RowStorage> =>
  storage.kind === 'postgres'
    ? (await import('./postgres-rows.ts')).openPostgresRows(storage, POSTGRES_WORDS)
    : (await import('./cassandra-rows.ts')).openCassandraRows(storage, CASSANDRA_WORDS);

const namesOf = (verifiers: Verifiers): string =>
  verifiers.mode === 'single'
    ? `verifier ${verifiers.driver.name}`
    : `verifiers ${verifiers.preFork.name} and ${verifiers.postFork.name}`;

async function verifiersOf(
  options: UpdaterOptions,
  opened: { close(): Promise<void> }[],
): Promise<Verifiers> {
  const { config, rule, strict, keys, openProofs, takesProofs, env, cwd } = options;
  let proofs: ProofChecker | null = null;
  const driverOf = async (
    { program, configFile }: VerifierSetting,
    ofSide: Rule,
  ): Promise<VerifierDriver> => {
    if (program !== null)
      return programDriver({ program, configFile, noChecks: config.noChecks, env, cwd });
    const fork = configFile === null ? null : await readForkRecord(configFile);
    if (!config.noChecks && proofs === null) {
      proofs = openProofs();
      opened.push(proofs);
    }
    return embeddedDriver(
      createVerifier({ rule: ofSide, strict, keys, fork, proofs, takesProofs }),
      ofSide,
    );
  };
  const { verifier, fork } = config;
  if (fork === null) return { mode: 'single', driver: await driverOf(verifier, rule) };
  return {
    mode: 'dual',
    cutoverMs: fork.cutoverMs,
    // The table of eras has no other fork that is known here.
    preFork: await driverOf(verifier, rule === 'rc1' || rule === 'rampup' ? rule : 'berkeley'),
    postFork: await driverOf(fork.verifier, 'mesa'),
  };
}
