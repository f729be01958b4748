/**
 * The network of a run as a program that lives on when the harness ends: `node dist/e2e-network.js NETWORK-FOLDER TARGET[,TARGET…] START-MS`.
 * It says how far it is in status.json beside what it sends, and ends by itself, or at SIGTERM.
 */
import { join } from 'node:path';
import { makeFleet } from '../../producers/fleet.ts';
import { surviveFileSizeLimit } from '../../system/file-size-limit.ts';
import { EXIT } from '../../user-error.ts';
import { writeWholeSync } from '../../whole-file.ts';
import { BODIES_FILE, readPrepared } from './prepared.ts';
import { sendAll, type SenderStatus } from './sender.ts';
import { READY_LINE } from './ready-line.ts';
import { SENT_FILE, STATUS_FILE } from './status.ts';

surviveFileSizeLimit();
const [folder, target, startText] = process.argv.slice(2);
const targets = target.split(',');
const stopping = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopping.abort());

const file = join(folder, STATUS_FILE);
/** Whoever waits looks at it four times a second. */
const WRITE_EVERY_MS = 200;
let writtenMs = 0;
let written = '';
function onStatus(status: SenderStatus): void {
  const nowMs = performance.now();
  const text = JSON.stringify(status);
  if (
    text === written ||
    (status.state === 'sending' && status.sent > 0 && nowMs - writtenMs < WRITE_EVERY_MS)
  )
    return;
  writtenMs = nowMs;
  written = text;
  writeWholeSync(file, text);
}

const network = readPrepared(folder);
process.stdout.write(`${READY_LINE}: ${network.sends.length} submissions to ${target}\n`);
const isSigned = network.templates.some(({ signing }) => signing !== 'recorded');
let last: SenderStatus | null = null;
/** What was held back is written soon. */
const timer = setInterval(() => last !== null && onStatus(last), WRITE_EVERY_MS);
const status = await sendAll({
  network,
  fleet: isSigned ? makeFleet({ seed: network.seed, count: network.producers }) : null,
  bodiesFile: join(folder, BODIES_FILE),
  targets,
  startMs: Number(startText),
  sentFile: join(folder, SENT_FILE),
  onStatus: (now) => {
    last = now;
    onStatus(now);
  },
  signal: stopping.signal,
});
clearInterval(timer);
process.stdout.write(
  `${new Date().toISOString()} network ${stopping.signal.aborted ? 'stopped' : 'ended'}: ${status.sent} of ${status.planned} submissions sent, ${status.accepted} accepted, ${status.failed} failed, ${status.late} late\n`,
);
process.exit(EXIT.passed);
