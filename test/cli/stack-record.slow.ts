/** A recording of a load, and its replay; and a recorder that is killed while it is under load. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { payloadBytes, readPayloadFolder, type Payload } from '../../producers/payloads.ts';
import { RECORDING_FILES } from '../../producers/recording/format.ts';
import type { Summary } from '../../results/types.ts';
import { type CliResult, runCli, startCli } from '../support/cli.ts';
import { k6Path } from '../support/k6.ts';
import { json, theRun } from '../support/load-results.ts';
import { readRecorded, RECORDED_NAMES } from '../support/recorded.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const hashOf = async (payload: Payload): Promise<string> =>
  createHash('sha256')
    .update(await payloadBytes(payload))
    .digest('hex');
const hashesOf = async (payloads: readonly Payload[]): Promise<string[]> =>
  (await Promise.all(payloads.map(hashOf))).sort();

/** 4: a busy machine held k6 back, and all was sent all the same. */
const assertWent = ({ exitCode, stdout, stderr }: CliResult): void =>
  assert.ok(exitCode === 0 || exitCode === 4, `exit code ${exitCode}: ${stdout}${stderr}`);

async function startRecorder(t: TestContext, out: string, more: string[] = []) {
  const running = startCli(['stack', 'record', '--out', out, '--port', '0', ...more]);
  t.after(() => running.child.kill('SIGKILL'));
  await until(
    () => running.output().includes('Ctrl-C'),
    () => running.output(),
  );
  const url = /http:\/\/\S+(?=\/v1\/submit)/.exec(running.output())![0];
  const end = async () => {
    running.child.kill('SIGINT');
    assert.equal((await running.result).exitCode, 0, running.output());
  };
  return { url, end, child: running.child, result: running.result };
}

test('a recording of a load, replayed at its times through a second recorder, sends the same bytes', async (t) => {
  const folder = scratchFolder(t);
  const env = { K6_BIN: await k6Path() };
  const [first, second] = [join(folder, 'first'), join(folder, 'second')];
  const a = await startRecorder(t, first);
  const load = ['load', '--scenario', 'arrival', '--rate', '60/s', '--duration', '4s', '--producers', '90']; // prettier-ignore
  const sent = await runCli([...load, '--target', a.url, '--results', join(folder, 'load')], env);
  assertWent(sent);
  await a.end();
  const recorded = await readPayloadFolder(first);
  assert.deepEqual(
    recorded.notes,
    [`requests of the recording ${first} that are not used: 1 whose bodies are no submissions`],
    'the question "are you a backend?"',
  );
  const { figures } = json<Summary>(theRun(join(folder, 'load')), 'summary.json');
  assert.equal(recorded.payloads.length, figures.accepted);

  const b = await startRecorder(t, second);
  const replay = ['load', '--scenario', 'replay', '--timing', 'recorded', '--payloads', first];
  const again = await runCli([...replay, '--target', b.url, '--results', join(folder, 'replay')], env); // prettier-ignore
  assertWent(again);
  await b.end();
  const replayed = await readPayloadFolder(second);
  assert.deepEqual(await hashesOf(replayed.payloads), await hashesOf(recorded.payloads));
  // At its times: none before its own, as the first one sets the clock.
  const timesOf = async (payloads: readonly Payload[]) => {
    const times = new Map<string, number>();
    const [start] = payloads.map(({ receivedAtMs }) => receivedAtMs!);
    for (const payload of payloads) times.set(await hashOf(payload), payload.receivedAtMs! - start);
    return times;
  };
  const before = await timesOf(recorded.payloads);
  for (const [hash, ms] of await timesOf(replayed.payloads))
    assert.ok(ms >= before.get(hash)! - 150, `${ms} ms, recorded at ${before.get(hash)} ms`);
});

test('killed under load: all that was answered is in the recording, and replay takes what is whole', async (t) => {
  const out = join(scratchFolder(t), 'recording');
  const { url, child, result } = await startRecorder(t, out);
  const template = JSON.parse(readRecorded(RECORDED_NAMES[0])) as { data: { peer_id: string } };
  const bodyOf = (n: number) =>
    JSON.stringify({ ...template, data: { ...template.data, peer_id: `peer-${n}` } });
  const answered = new Set<string>();
  let n = 0;
  let isKilled = false;
  const sender = async () => {
    while (!isKilled) {
      const body = bodyOf(n++);
      const ok = await fetch(`${url}/v1/submit`, { method: 'POST', body }).then(
        ({ ok }) => ok,
        () => false,
      );
      if (ok) answered.add(createHash('sha256').update(body).digest('hex'));
    }
  };
  const senders = Array.from({ length: 20 }, sender);
  await until(() => answered.size > 500);
  child.kill('SIGKILL');
  isKilled = true;
  await Promise.all(senders);
  await result;
  const { payloads, notes } = await readPayloadFolder(out);
  const found = new Set(await hashesOf(payloads));
  assert.deepEqual(
    [...answered].filter((hash) => !found.has(hash)),
    [],
  );
  assert.match(notes[0], /was cut off: \d+ submissions are whole/);
  assert.ok(!readFileSync(join(out, RECORDING_FILES.head), 'utf8').includes('"end"'));
});
