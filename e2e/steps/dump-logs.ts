/** Keeps what the run left: logs and events always, whatever failed before; what storages, tables and leaderboard say where there is something. */
import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { collectRun } from '../collect.ts';
import { DUMP_FOLDER } from '../dump-folder.ts';
import { EVENTS_FILE } from '../events.ts';
import { keepNodeLogs } from '../network/private.ts';
import { SENT_FILE } from '../network/status.ts';
import { placesOf } from '../places.ts';
import { componentLogs } from '../stacks.ts';
import type { Step } from './context.ts';

export const dumpLogs: Step = {
  name: 'dump-logs',
  title: 'logs, tables and storages are kept',
  needs: [],
  limitMs: () => 15 * 60_000,
  counts: ['logs'],
  async run(context) {
    const { open, env, signal, progress, say } = context;
    const { logs, network } = placesOf(open);
    const { results, startSeconds, topology } = open.state;
    const kept = join(results, 'logs');
    mkdirSync(kept, { recursive: true });
    let count = 0;
    for (const name of existsSync(logs) ? readdirSync(logs) : []) {
      cpSync(join(logs, name), join(kept, name));
      count++;
    }
    for (const { component, path } of componentLogs(open.folder)) {
      cpSync(path, join(kept, `${component}.log`));
      count++;
    }
    if (topology.network.kind === 'minimina') {
      const ofNodes = await keepNodeLogs(context, kept);
      count += ofNodes.kept;
      for (const note of ofNodes.notes) say(`dump-logs: ${note}`);
    }
    for (const [folder, name] of [
      [open.folder, EVENTS_FILE],
      [network, SENT_FILE],
    ])
      if (existsSync(join(folder, name))) cpSync(join(folder, name), join(results, name));
    progress({ logs: count });
    const dump = join(results, DUMP_FOLDER);
    // Before it was started nothing was sent or stored.
    if (startSeconds === null) say('dump-logs: the run was not started, so there are logs only');
    else if (!existsSync(dump)) await collectRun(open, env, dump, signal);
  },
};
