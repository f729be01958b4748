/** The embedded backend as a decision wants it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fleet, formatFleet } from '../producers/fleet.ts';
import { type HeldBackend, holdBackend } from '../faults/held-backend.ts';
import { quietPorts } from '../faults/ports.ts';
import { startBackend } from '../stack/backend-process.ts';
import type { BackendSettings } from './decide.ts';

/** One that runs, where it stores, and where it logs. */
export type EmbeddedBackend = { process: HeldBackend; storageFolder: string; logFile: string };

/** @throws UserError if it does not come up */
export async function startEmbedded(call: {
  settings: BackendSettings;
  network: string;
  port: number;
  /** A fault ends it for a while: nobody may get its port then. */
  isDownAtTimes?: boolean;
  /** Is made. */
  storageFolder: string;
  /** File of public keys; null: everyone may submit. */
  whitelist: string | null;
  logFile: string;
  env: NodeJS.ProcessEnv;
}): Promise<EmbeddedBackend> {
  const { settings, network, storageFolder, env, ...rest } = call;
  await mkdir(storageFolder, { recursive: true });
  const process = await holdBackend((port) =>
    startBackend({
      ...(port === null
        ? { port: rest.port, ...(rest.isDownAtTimes && { otherPorts: quietPorts() }) }
        : { port, isPortFixed: true }),
      storageFolder,
      whitelist: rest.whitelist,
      logFile: rest.logFile,
      env: {
        ...env,
        CONFIG_NETWORK_NAME: network,
        BACKEND_FAITHFUL: settings.faithful ? '1' : '0',
        BACKEND_PORTABLE_NAMES: '1',
        // Of the variable of this name, where that decides.
        REQUESTS_PER_PK_HOURLY: String(settings.hourlyLimit),
        ...(!settings.checksSignatures && { VERIFY_SIGNATURE_DISABLED: '1' }),
      },
    }),
  );
  return { process, storageFolder, logFile: rest.logFile };
}

/** @param more public keys beside the fleet's @returns the path of a file in `folder` */
export async function writeWhitelist(
  fleet: Fleet,
  more: readonly string[],
  folder: string,
): Promise<string> {
  const file = join(folder, 'whitelist.txt');
  await writeFile(file, formatFleet(fleet, 'text') + more.map((key) => `${key}\n`).join(''));
  return file;
}
