/** A recorder inside the test's process, with a real recording on disk; and a reader of the whole of one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  type RecordedAnswer,
  type RecordedRequest,
  RECORDING_FILES,
} from '../../producers/recording/format.ts';
import { RecordingWriter, type WriteV } from '../../producers/recording/writer.ts';
import { openForward } from '../../stack/recorder/forward.ts';
import { type Recorder, startRecorder } from '../../stack/recorder/server.ts';
import { scratchFolder } from '../support/scratch.ts';

export type Recording = {
  recorder: Recorder;
  writer: RecordingWriter;
  folder: string;
  url: string;
  notes: string[];
  /** In order, once. */
  end: () => Promise<void>;
};

export async function recordInto(
  t: TestContext,
  { forward, write }: { forward?: string; write?: WriteV } = {},
): Promise<Recording> {
  const folder = join(scratchFolder(t), 'recording');
  const head = { startedAt: new Date().toISOString(), forward: forward ?? null };
  const writer = await RecordingWriter.open(folder, head, write);
  const notes: string[] = [];
  const recorder = await startRecorder({
    recording: writer,
    forward: forward === undefined ? null : await openForward(new URL(forward)),
    host: '127.0.0.1',
    port: 0,
    onNote: (text) => notes.push(text),
  });
  let ended: Promise<void> | null = null;
  const stop = async () => {
    await recorder.stop();
    await writer.close(recorder.counts);
  };
  const end = () => (ended ??= stop());
  t.after(end);
  return { recorder, writer, folder, url: `http://127.0.0.1:${recorder.port}`, notes, end };
}

export const bytesOf = (folder: string, { pieces }: { pieces: [number, number][] }): Buffer => {
  const all = readFileSync(join(folder, RECORDING_FILES.bodies));
  return Buffer.concat(pieces.map(([at, bytes]) => all.subarray(at, at + bytes)));
};

const linesOf = <T>(folder: string, name: string): T[] =>
  readFileSync(join(folder, name), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);

export const requestsOf = (folder: string): RecordedRequest[] =>
  linesOf<RecordedRequest>(folder, RECORDING_FILES.requests);

export const answersOf = (folder: string): RecordedAnswer[] =>
  linesOf<RecordedAnswer>(folder, RECORDING_FILES.answers);
