/** Which backend answers: of each one its own name, and of what hides it, that it is hidden. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import { identifyTarget, identityOf, type Evidence } from '../../../load/target/identify.ts';
import { runHere } from '../../support/run-command.ts';
import { recordInto } from '../../stack/recorder-support.ts';
import { startTestBackend } from '../../stack/support.ts';

const LIMIT_MS = 10_000;

test('the embedded backend and a recorder are known, whatever stands behind /v1/submit in the address', async (t) => {
  const backend = await startTestBackend();
  t.after(() => backend.stop());
  const url = `http://127.0.0.1:${backend.port}`;
  for (const target of [url, `${url}/`, `${url}/v1/submit`])
    assert.equal((await identifyTarget(target, LIMIT_MS)).kind, 'embedded', target);
  assert.deepEqual(backend.storage.saved, []);
  assert.ok(
    !backend.logged.some((line) => line.includes('"level":"error"')),
    'the question made an error',
  );
  const { url: recorder } = await recordInto(t);
  assert.equal((await identifyTarget(recorder, LIMIT_MS)).kind, 'recorder');
  const before = await recordInto(t, { forward: url });
  assert.equal((await identifyTarget(before.url, LIMIT_MS)).kind, 'embedded');
});

const INCOMPLETE = `{"error":"One of required fields wasn't provided"}`;
const SERVICE = 'delegation backend service';

/** Answers to the questions as the original gave them (a358915, built with Go 1.26.8): read off the wire. */
const ORIGINAL: Evidence = {
  root: { version: '1.1', status: 200, body: SERVICE },
  health: { version: '1.1', status: 200, body: '{"status":"ok"}\n' },
  online: { version: '1.1', status: 200, body: SERVICE },
  empty: { version: '1.1', status: 400, body: INCOMPLETE },
  old: { version: '1.0', status: 200, body: '{"status":"ok"}\n' },
  method: { version: '1.1', status: 200, body: SERVICE },
};

test('the original is known by what Go does below its handlers, and its age by /v1/online', () => {
  assert.match(identityOf(ORIGINAL).found, /^the original backend \(Go\), v2\.0\.5 or earlier/);
  const online = { version: '1.1', status: 200, body: '[]' };
  assert.match(identityOf({ ...ORIGINAL, online }).found, /later than v2\.0\.5/);
  const proxied = { ...ORIGINAL, old: { ...ORIGINAL.old!, version: '1.1' } };
  assert.equal(identityOf(proxied).kind, 'unseen backend');
  const unavailable = { ...ORIGINAL.health!, status: 503 };
  assert.match(identityOf({ ...ORIGINAL, health: unavailable }).found, /unavailable/);
  const nothing = { root: null, health: null, online: null, empty: null, old: null, method: null };
  assert.deepEqual(identityOf(nothing), { kind: 'none', found: 'nothing answers there' });
});

async function listening(t: TestContext, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('doctor says what answers, and fails for what is no backend', async (t) => {
  const greedy = await listening(
    t,
    createHttpServer((req, res) => {
      req.resume();
      res.end('{"status":"ok"}');
    }),
  );
  const mute = await listening(
    t,
    createServer((socket) => void socket.destroy()),
  );
  const backend = await startTestBackend();
  t.after(() => backend.stop());
  const asked = async (url: string) => {
    const { stdout, exitCode } = await runHere(['doctor', '--json', '--target', url]);
    const { checks } = JSON.parse(stdout) as {
      checks: { name: string; status: string; found: string }[];
    };
    const { status, found } = checks.find(({ name }) => name === 'target')!;
    return { status, found, exitCode };
  };
  const embedded = await asked(`http://127.0.0.1:${backend.port}`);
  assert.equal(embedded.status, 'ok');
  assert.match(embedded.found, /: the embedded backend of this toolkit$/);
  const greedyOne = await asked(greedy);
  assert.deepEqual([greedyOne.status, greedyOne.exitCode], ['missing', 5]);
  assert.match(greedyOne.found, /takes an empty submission/);
  const muteOne = await asked(mute);
  assert.match(muteOne.found, /nothing answers there/);
});
