/** `npm run stack -- record`: stands in for an uptime backend, or before one, and writes down what it is sent, until Ctrl-C. */
import getPort from 'get-port';
import { checkAddress } from '../../load/target/target.ts';
import { redactUrl } from '../../load/target/transport.ts';
import { RecordingWriter } from '../../producers/recording/writer.ts';
import { countOf, formatBytes } from '../../results/units.ts';
import { openForward } from '../../stack/recorder/forward.ts';
import { type Recorder, startRecorder } from '../../stack/recorder/server.ts';
import { listenForInterrupts } from '../../system/interrupts.ts';
import { isLoopbackAddress } from '../../system/loopback.ts';
import type { OptionSpec } from '../../system/option.ts';
import { listProblems } from '../../system/problems.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { CommandCall } from '../command.ts';

export const RECORD_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'out',
    type: 'path',
    argument: 'DIR',
    help: 'of record: the new folder for the recording, which replay then takes as --payloads',
  },
  {
    name: 'forward',
    type: 'url',
    argument: 'URL',
    help: 'of record: the backend that answers; without it the recorder answers as a backend does to a good submission',
  },
  {
    name: 'allow-remote',
    type: 'flag',
    help: 'of record: let other machines in (--host), and pass on to one that is not this machine (--forward)',
  },
];

const isThisMachine = (host: string): boolean => host === 'localhost' || isLoopbackAddress(host);

/** @throws UserError with all that is wrong with the options together */
function checked({ values }: CommandCall): { out: string; forward: URL | null; host: string } {
  const out = values.out as string | undefined;
  const host = values.host as string;
  const text = values.forward as string | undefined;
  const forward = text === undefined ? null : new URL(text);
  listProblems(
    [
      ...(out === undefined ? ['record needs --out DIR, the folder for the recording'] : []),
      ...(isThisMachine(host) || values['allow-remote'] === true
        ? []
        : [`--host ${host} would let other machines in, which needs --allow-remote`]),
      ...(forward !== null && !/^https?:$/.test(forward.protocol)
        ? [`--forward must be an http or https address, but is "${redactUrl(text!)}"`]
        : []),
      ...(forward !== null && (forward.search !== '' || forward.hash !== '')
        ? [`--forward must have no query, but is "${forward.origin}${forward.pathname}?…"`]
        : []),
    ],
    'npm run stack -- record --out recording --forward http://127.0.0.1:8080',
  );
  return { out: out!, forward, host };
}

/** @param checkPort throws where a chosen port cannot be listened on @returns the exit code */
export async function recordStack(
  call: CommandCall,
  checkPort: (host: string, port: number) => Promise<void>,
): Promise<number> {
  const { values, sources, stdout, stderr } = call;
  const { out, forward, host } = checked(call);
  if (forward !== null)
    await checkAddress(forward.href, { allowRemote: values['allow-remote'] === true });
  const wanted = values.port as number;
  const isChosen = sources.port !== 'default';
  if (isChosen) await checkPort(host, wanted);
  const port = isChosen ? wanted : await getPort({ port: wanted, host });
  if (port !== wanted)
    stdout.write(`port ${wanted} is in use, so the recorder listens on port ${port}\n`);
  const shown = forward === null ? null : redactUrl(forward.href);
  const recording = await RecordingWriter.open(out, {
    startedAt: new Date().toISOString(),
    forward: shown,
  });
  // From here on a Ctrl-C ends it in order.
  const interrupts = listenForInterrupts();
  try {
    const recorder = await startRecorder({
      recording,
      forward: forward === null ? null : await openForward(forward),
      host,
      port,
      onNote: (text) => stderr.write(`${text}\n`),
    }).catch(async (cause: NodeJS.ErrnoException) => {
      await recording.close({ answers: {}, lost: 0 });
      throw new UserError(`cannot listen on ${host}:${port}: ${cause.message}`, {
        hint: 'choose another address with --host and --port (0: any free one)',
        cause,
      });
    });
    const shownHost = recorder.host.includes(':') ? `[${recorder.host}]` : recorder.host;
    stdout.write(
      `recording to ${out} at http://${shownHost}:${recorder.port}/v1/submit, ` +
        `${shown === null ? 'answering in place of a backend' : `passing on to ${shown}`}; Ctrl-C stops\n`,
    );
    await firstOf(interrupts.first, recording.failure);
    return await end({ recorder, recording, out, isHurried: interrupts.second, stdout });
  } finally {
    interrupts.stop();
  }
}

const firstOf = (...signals: AbortSignal[]): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of signals)
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
  });

async function end({
  recorder,
  recording,
  out,
  isHurried,
  stdout,
}: {
  recorder: Recorder;
  recording: RecordingWriter;
  out: string;
  /** A second Ctrl-C: those under way are not waited for. */
  isHurried: AbortSignal;
  stdout: NodeJS.WritableStream;
}): Promise<number> {
  await Promise.race([recorder.stop(), firstOf(isHurried)]);
  const { answers, lost, forwardFailures } = recorder.counts;
  await recording.close({ answers, lost });
  const { requests, bodyBytes } = recording.counts;
  const answered = Object.entries(answers)
    .map(([status, times]) => `${status === '0' ? 'none' : status}: ${times}`)
    .join(', ');
  stdout.write(
    `recorded ${countOf(requests, 'request')} (${formatBytes(bodyBytes)})` +
      `${answered === '' ? '' : `, answered ${answered}`}` +
      `${forwardFailures === 0 ? '' : `; ${countOf(forwardFailures, 'time')} the target did not answer`}\n`,
  );
  if (requests > 0)
    stdout.write(
      `replay it: npm run load -- --scenario replay --payloads ${out} --timing recorded\n`,
    );
  if (recording.failure.aborted) {
    const { code, message } = recording.failure.reason as NodeJS.ErrnoException;
    throw new UserError(
      `the recording stopped after ${countOf(requests, 'request')}: ${code ?? message}` +
        `${lost === 0 ? '' : `; ${countOf(lost, 'request')} could not be written and got no answer 200`}`,
      {
        hint: 'what was answered before is whole and can be replayed; make room, and record into a new folder',
      },
    );
  }
  if (isHurried.aborted) return EXIT.interrupted;
  return EXIT.passed;
}
