/** vegeta as a peer of the generator's bench: its report, its targets, how it is found, and what it really sends. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startSink } from '../../bench/start-sink.ts';
import {
  bodiesSent,
  findVegeta,
  parseVegetaReport,
  presentVegeta,
  readVegetaResults,
  targetsText,
} from '../../bench/vegeta.ts';
import { projectRoot } from '../../paths.ts';
import { exportSubmissions } from '../../producers/export.ts';
import { makeFleet } from '../../producers/fleet.ts';
import { readTemplates } from '../../producers/templates.ts';
import { UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';

const recorded = (name: string): string =>
  readFileSync(join(projectRoot, 'test', 'fixtures', 'vegeta', name), 'utf8');

test('recorded reports of vegeta give what was sent, what was accepted, and its errors', () => {
  assert.deepEqual(parseVegetaReport(recorded('every-tenth-503.json')), {
    requests: 50,
    accepted: 45,
    errors: ['503 Service Unavailable'],
  });
  assert.deepEqual(parseVegetaReport(recorded('refused.json')), {
    requests: 5,
    accepted: 0,
    errors: [
      'Post "http://127.0.0.1:1/v1/submit": dial tcp 0.0.0.0:0->127.0.0.1:1: connect: connection refused',
    ],
  });
});

test('what is no report of vegeta is refused', () => {
  const whole = JSON.parse(recorded('every-tenth-503.json')) as Record<string, unknown>;
  for (const text of ['', 'Requests      [total, rate, throughput]', '{}', '[]'])
    assert.throws(() => parseVegetaReport(text));
  for (const name of ['requests', 'status_codes', 'errors'])
    assert.throws(() => parseVegetaReport(JSON.stringify({ ...whole, [name]: 'x' })), name);
});

test('each body file is a target of its own', () => {
  assert.equal(
    targetsText('http://127.0.0.1:9/v1/submit', ['/a/0.json', '/a/1.json']),
    'POST http://127.0.0.1:9/v1/submit\nContent-Type: application/json\n@/a/0.json\n\n' +
      'POST http://127.0.0.1:9/v1/submit\nContent-Type: application/json\n@/a/1.json\n\n',
  );
});

function program(folder: string, name: string, script: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}
const VERSION = `printf 'Version: \\nCommit: \\nRuntime: go1.26.8 linux/amd64\\nDate: \\n'`;

test('vegeta is the one of VEGETA_BIN, else of the PATH; a wrong one is refused or passed over', async (t) => {
  const folder = scratchFolder(t);
  const right = program(join(folder, 'right'), 'vegeta', VERSION);
  const other = program(join(folder, 'other'), 'vegeta', 'echo plots of vega');
  const nowhere = { MINA_LOAD_CACHE: join(folder, 'cache') };
  const named = { ...nowhere, PATH: '', VEGETA_BIN: right };
  assert.deepEqual(await findVegeta(named), { path: right });
  const PATH = `${join(folder, 'other')}:${join(folder, 'right')}`;
  assert.deepEqual(await findVegeta({ ...nowhere, PATH, VEGETA_BIN: '' }), { path: right });
  assert.deepEqual(await findVegeta({ ...nowhere, PATH: join(folder, 'other') }), {
    missing: 'neither vegeta nor go is on the PATH',
  });
  const faults = {
    [other]: `VEGETA_BIN names ${other}, which is not vegeta: it answered "plots of vega"`,
    [join(folder, 'none')]: `VEGETA_BIN names ${join(folder, 'none')}, which is no program`,
  };
  for (const [VEGETA_BIN, message] of Object.entries(faults))
    await assert.rejects(
      findVegeta({ ...named, VEGETA_BIN }),
      (error) => error instanceof UserError && error.message === message,
    );
});

/** Answers `go env`; `go build` writes {@link VERSION} to where -o says, or fails. */
const fakeGo = (build: string): string => `
if [ "$1" = env ]; then printf 'go1.26.8\\nauto\\n'; exit; fi
while [ "$1" != -o ]; do shift; done
${build}`;

test('a vegeta that Go builds stays in the cache; a build that fails is a reason, not an error', async (t) => {
  const folder = scratchFolder(t);
  const cache = join(folder, 'cache');
  const system = '/usr/bin:/bin';
  const failing = join(folder, 'failing');
  program(failing, 'go', fakeGo('echo "go: no such host" >&2; exit 1'));
  const env = { MINA_LOAD_CACHE: cache, PATH: `${failing}:${system}` };
  const missing = await findVegeta(env);
  assert.ok('missing' in missing, 'there is a vegeta in /usr/bin');
  assert.match(missing.missing, /"go build" failed: go: no such host/);
  assert.deepEqual(readdirSync(join(cache, 'vegeta')), []);

  const building = join(folder, 'building');
  const script = `printf '#!/bin/sh\\n%s\\n' "${VERSION.replaceAll('\\', '\\\\\\\\')}" > "$2"; chmod 755 "$2"`;
  program(building, 'go', fakeGo(script));
  const built = await findVegeta({ ...env, PATH: `${building}:${system}` });
  assert.ok('path' in built, JSON.stringify(built));
  const name = `vegeta-v12.13.0-${process.platform}-${process.arch}`;
  assert.deepEqual(readdirSync(join(cache, 'vegeta')), [name]);
  assert.equal(await presentVegeta({ MINA_LOAD_CACHE: cache, PATH: '' }), built.path);
});

test('the sink counts posts, and bodies that differ where it is asked to', async (t) => {
  const sink = await startSink();
  t.after(() => sink.process.disconnect());
  const post = async (body: string) => {
    const answer = await fetch(sink.url, { method: 'POST', body });
    assert.equal(await answer.text(), '{"status":"ok"}');
  };
  const large = 'x'.repeat(3_000_000);
  sink.watchBodies();
  for (const body of ['a', large, 'a']) await post(body);
  const { count, digests } = await sink.takeDigests();
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  assert.equal(count, 3);
  assert.deepEqual(digests, ['a', large].map(sha256));
  await post('b');
  assert.deepEqual(await sink.takeDigests(), { count: 1, digests: [] });
});

const vegeta = await presentVegeta(process.env);

test(
  'vegeta sends the signed bodies of the corpus in turns, each as it is',
  { skip: vegeta === null && 'there is no vegeta here' },
  async (t) => {
    const folder = scratchFolder(t);
    const bodies = join(folder, 'bodies');
    await exportSubmissions({
      folder: bodies,
      format: 'json',
      fleet: makeFleet({ seed: 'vegeta', count: 10 }),
      templates: await readTemplates(),
      count: 60,
      network: 'testnet',
      seed: 'vegeta',
      createdAt: { startSeconds: 1_767_225_600, perSecond: 10 },
    });
    const paths = readdirSync(bodies).map((file) => join(bodies, file));
    const signed = new Set(
      paths.map((path) => createHash('sha256').update(readFileSync(path)).digest('hex')),
    );
    assert.equal(signed.size, 60);
    const sink = await startSink();
    t.after(() => sink.process.disconnect());
    const outputPath = join(folder, 'results.bin');
    const sent = (list: string[]) => {
      const targetsPath = join(folder, 'targets.txt');
      writeFileSync(targetsPath, targetsText(sink.url, list));
      const call = { vegeta: vegeta!, sink, targetsPath, outputPath, workers: 4, signed };
      return bodiesSent({ ...call, perSecond: 50 });
    };
    // At 50/s for a second; a busy machine sends one or two fewer.
    const all = await sent(paths);
    assert.ok(all.count > 20 && all.count <= 50, JSON.stringify(all));
    assert.equal(all.different, all.count);
    assert.deepEqual(await readVegetaResults(vegeta!, outputPath, process.env), {
      requests: all.count,
      accepted: all.count,
      errors: [],
    });
    const some = await sent(paths.slice(0, 20));
    assert.ok(some.count > 20 && some.count <= 50, JSON.stringify(some));
    assert.equal(some.different, 20);
    const other = join(folder, 'other.json');
    writeFileSync(other, '{}');
    assert.equal((await sent([other])).different, 0);
    await assert.rejects(readVegetaResults(vegeta!, other, process.env), /gave no report/);
  },
);
