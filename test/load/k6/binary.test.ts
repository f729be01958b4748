/** The k6 resolver, against fake programs (test/fixtures/bin), a local release server and a fake Go. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { crc32, deflateRawSync } from 'node:zlib';
import * as tar from 'tar';
import type { K6Progress, K6Request } from '../../../load/k6/binary.ts';
import { findK6, hermeticK6Env, resolveK6, unusedProxy } from '../../../load/k6/binary.ts';
import { checkGoForK6 } from '../../../load/k6/build-with-go.ts';
import { checksumOf, releaseAsset, releaseUnreachable } from '../../../load/k6/download.ts';
import { probeK6 } from '../../../load/k6/probe.ts';
import { projectRoot } from '../../../paths.ts';
import { cacheFolder } from '../../../system/cache-folder.ts';
import { programsOnPath } from '../../../system/programs-on-path.ts';
import { UserError } from '../../../user-error.ts';
import { startTestProxy, tlsFile } from '../../support/tls-target.ts';
import { binFixture, binFolder, unreachableUrl } from '../../support/bin-folder.ts';
import { scratchFolder } from '../../support/scratch.ts';
import { program } from '../../support/program.ts';

const scratch = scratchFolder();

const ASSET = 'k6-v2.2.0-linux-amd64.tar.gz';
const LIST = 'k6-v2.2.0-checksums.txt';
const UNREACHABLE = await unreachableUrl();
const LINUX = { platform: 'linux', arch: 'x64' };

/** A request that finds nothing unless a test adds something. */
const request = (changes: Partial<K6Request> = {}): K6Request & { cacheFolder: string } => ({
  env: { PATH: '' },
  cacheFolder: scratchFolder(),
  releaseBaseUrl: UNREACHABLE,
  ...LINUX,
  ...changes,
});

const userError = async (promise: Promise<unknown>): Promise<UserError> => {
  const error = await promise.then(
    () => assert.fail('it should have been refused'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof UserError, String(error));
  assert.notEqual(error.hint, '');
  return error;
};

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A release server on loopback; `answers` by path below `/v2.2.0/`, else 404. */
async function releaseServer(answers: Record<string, Buffer | string | Answer>) {
  const paths: string[] = [];
  const server = createServer((message, response) => {
    const path = message.url ?? '';
    paths.push(path);
    const answer = answers[path.replace(/^\/v2\.2\.0\//, '')] ?? answers[path];
    if (answer === undefined) response.writeHead(404).end('not found');
    else if (typeof answer === 'function') answer(message, response);
    else response.end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    paths,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** The release's archive as k6 packs it: one folder, one program. */
async function tarGz(inside: string, program = binFixture('k6-2.2.0')): Promise<Buffer> {
  const base = scratchFolder();
  const path = join(base, inside);
  mkdirSync(join(path, '..'), { recursive: true });
  copyFileSync(program, path);
  const file = join(base, 'archive');
  await tar.create({ file, gzip: true, cwd: base }, [inside]);
  return readFileSync(file);
}

/** A zip of one deflated file (APPNOTE.TXT 6.3: local header, central directory, end record). */
function zip(name: string, content: Buffer): Buffer {
  const data = deflateRawSync(content);
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0); // version needed
  common.writeUInt16LE(8, 4); // deflate
  common.writeUInt32LE(crc32(content), 10);
  common.writeUInt32LE(data.length, 14);
  common.writeUInt32LE(content.length, 18);
  common.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), data]);
  const central = Buffer.concat([
    Buffer.from('PK\x01\x02\x14\x00'),
    common,
    Buffer.alloc(14),
    Buffer.from(name),
  ]);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}

const goodArchive = await tarGz('k6-v2.2.0-linux-amd64/k6');
const listOf = (archive: Buffer, asset = ASSET) =>
  `${'0'.repeat(64)}  k6-v2.2.0-linux-arm64.tar.gz\n${sha256(archive)}  ${asset}\n`;

// ---- what is accepted

test('an accepted k6 tells its version', async () => {
  const env = {};
  assert.equal(await probeK6(binFixture('k6-2.2.0'), { env }), '2.2.0');
  assert.equal(await probeK6(binFixture('k6-2.9.1'), { env }), '2.9.1');
});

test('no K6_ setting of the user reaches k6', async () => {
  const env = { K6_VUS: '9', K6_OUT: 'json', k6_config: '/x', OTHER: 'kept' };
  assert.equal(await probeK6(binFixture('k6-2.2.0'), { env }), '2.2.0');
  const hermetic = hermeticK6Env(env);
  assert.deepEqual(Object.keys(hermetic).sort(), [
    'K6_AUTO_EXTENSION_RESOLUTION',
    'K6_NEW_MACHINE_READABLE_SUMMARY',
    'K6_NO_USAGE_REPORT',
    'OTHER',
  ]);
  assert.equal(hermetic.OTHER, 'kept');
});

test('a k6 that leaves a child behind with its pipes is still heard', async () => {
  assert.equal(await probeK6(binFixture('k6-leaves-child'), { env: {} }), '2.2.0');
});

// ---- --k6 and K6_BIN: taken or refused, never replaced

const text = join(scratch, 'plain-text');
writeFileSync(text, 'just text', { mode: 0o644 });
const noProgram = join(scratch, 'no-program');
writeFileSync(noProgram, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0, 0, 0]), { mode: 0o755 });

const WRONG: { program: string; says: RegExp; hint: RegExp; probeTimeoutMs?: number }[] = [
  { program: join(scratch, 'nowhere', 'k6'), says: /does not exist$/, hint: /path right/ },
  { program: scratch, says: /is a folder$/, hint: /program itself/ },
  { program: text, says: /is not executable$/, hint: /chmod \+x/ },
  { program: noProgram, says: /cannot be run on this machine|failed at "k6 version"/, hint: /./ },
  {
    program: binFixture('k6-1.7.1'),
    says: /is k6 1\.7\.1, but >=2\.2\.0 <3 is needed$/,
    hint: /2\.2\.0/,
  },
  { program: binFixture('k6-2.2.0-rc.1'), says: /is k6 2\.2\.0-rc\.1, but/, hint: /2\.2\.0/ },
  { program: binFixture('k6-3.0.0'), says: /is k6 3\.0\.0, but/, hint: /2\.2\.0/ },
  { program: binFixture('k6-3.0.0-rc.1'), says: /is k6 3\.0\.0-rc\.1, but/, hint: /2\.2\.0/ },
  {
    program: binFixture('k6-garbage'),
    says: /is not k6: .*"Hello, I am another/,
    hint: /k6 program/,
  },
  {
    program: binFixture('k6-crashes'),
    says: /signal SIGSEGV \("panic: runtime error/,
    hint: /by hand/,
  },
  {
    program: binFixture('k6-fails'),
    says: /exit code 3 \("GLIBC_9\.99 not found"\)/,
    hint: /by hand/,
  },
  {
    program: binFixture('k6-hangs'),
    says: /did not answer .* within 200 ms/,
    hint: /by hand/,
    probeTimeoutMs: 200,
  },
  {
    program: binFixture('k6-floods'),
    says: /did not answer .* within 200 ms/,
    hint: /by hand/,
    probeTimeoutMs: 200,
  },
];

for (const { program, says, hint, probeTimeoutMs } of WRONG) {
  const name = program.split('/').at(-1)!;
  test(`--k6 and K6_BIN refuse ${name} by name, though a right k6 is on the PATH`, async () => {
    const PATH = binFolder({ k6: 'k6-2.2.0' });
    const byFlag = await userError(
      resolveK6(request({ flag: program, env: { PATH }, probeTimeoutMs })),
    );
    assert.match(byFlag.message, says);
    assert.ok(byFlag.message.startsWith(`--k6 names ${program}, which `), byFlag.message);
    assert.equal(byFlag.message.includes('\n'), false);
    assert.match(byFlag.hint, hint);
    assert.equal(byFlag.exitCode, 5);
    const env = { PATH, K6_BIN: program };
    const byEnvironment = await userError(resolveK6(request({ env, probeTimeoutMs })));
    assert.ok(byEnvironment.message.startsWith(`K6_BIN names ${program}, which `));
    assert.match(byEnvironment.message, says);
  });
}

test('--k6 goes before K6_BIN, K6_BIN before the PATH', async () => {
  const env = { PATH: binFolder({ k6: 'k6-2.2.0' }), K6_BIN: binFixture('k6-2.9.1') };
  assert.deepEqual(await resolveK6(request({ flag: binFixture('k6-2.2.0'), env })), {
    path: binFixture('k6-2.2.0'),
    version: '2.2.0',
    source: 'flag',
  });
  assert.deepEqual(await resolveK6(request({ env })), {
    path: binFixture('k6-2.9.1'),
    version: '2.9.1',
    source: 'environment',
  });
  assert.equal((await resolveK6(request({ env: { ...env, K6_BIN: '' } }))).source, 'PATH');
});

test('--k6 with an empty value is refused, and a bare name is looked for on the PATH', async () => {
  const PATH = binFolder({ 'my-k6': 'k6-2.9.1' });
  assert.equal((await resolveK6(request({ flag: 'my-k6', env: { PATH } }))).version, '2.9.1');
  const { message } = await userError(resolveK6(request({ flag: '', env: { PATH } })));
  assert.match(message, /^--k6 names ""/);
  const unknown = await userError(resolveK6(request({ flag: 'no-such-k6', env: { PATH } })));
  assert.match(unknown.message, /no-such-k6, which does not exist$/);
});

test('a relative K6_BIN is meant from where the user stands', async () => {
  const cwd = binFolder({ 'my-k6': 'k6-2.2.0' });
  for (const K6_BIN of ['my-k6', './my-k6'])
    assert.deepEqual(await resolveK6(request({ cwd, env: { PATH: '', K6_BIN } })), {
      path: join(cwd, 'my-k6'),
      version: '2.2.0',
      source: 'environment',
    });
});

// ---- PATH

test('a wrong k6 on the PATH is passed over with a note, the next one is taken', async () => {
  const old = binFolder({ k6: 'k6-1.7.1' });
  const right = binFolder({ k6: 'k6-2.9.1' });
  const notes: K6Progress[] = [];
  const env = { PATH: ['', '/no/such/folder', old, right].join(delimiter) };
  const k6 = await resolveK6(request({ env, onProgress: (progress) => notes.push(progress) }));
  assert.deepEqual(k6, { path: join(right, 'k6'), version: '2.9.1', source: 'PATH' });
  assert.deepEqual(notes, [
    {
      kind: 'note',
      text: `${join(old, 'k6')} is passed over: it is k6 1.7.1, but >=2.2.0 <3 is needed`,
    },
  ]);
});

test('the PATH gives each program once and never one of the current folder', () => {
  const bin = binFolder({ k6: 'k6-2.2.0' });
  const link = join(scratchFolder(), 'link');
  symlinkSync(bin, link);
  const PATH = ['', bin, link, bin].join(delimiter);
  assert.deepEqual(programsOnPath('k6', { PATH }), [join(bin, 'k6')]);
  assert.deepEqual(programsOnPath('k6', {}), []);
});

// ---- download

test('the release is downloaded, checked, kept, and found again in the cache', async () => {
  await using server = await releaseServer({ [ASSET]: goodArchive, [LIST]: listOf(goodArchive) });
  const progress: K6Progress[] = [];
  const wanted = request({ releaseBaseUrl: `${server.url}/`, onProgress: (p) => progress.push(p) });
  const k6 = await resolveK6(wanted);
  assert.equal(k6.source, 'download');
  assert.equal(k6.version, '2.2.0');
  assert.deepEqual(readFileSync(k6.path), readFileSync(binFixture('k6-2.2.0')));
  assert.deepEqual(server.paths, [`/v2.2.0/${LIST}`, `/v2.2.0/${ASSET}`]);
  assert.deepEqual(progress.at(-1), {
    kind: 'download',
    url: `${server.url}/v2.2.0/${ASSET}`,
    bytes: goodArchive.length,
    totalBytes: goodArchive.length,
  });
  // nothing else is left in the cache
  assert.deepEqual(readdirSync(join(wanted.cacheFolder, 'k6')), [
    `k6-v2.2.0-linux-x64-${sha256(readFileSync(binFixture('k6-2.2.0')))}`,
  ]);

  const again = await resolveK6({ ...wanted, releaseBaseUrl: UNREACHABLE });
  assert.deepEqual(again, { ...k6, source: 'cache' });
  assert.equal(server.paths.length, 2);
});

test('the mirror is taken from the environment, and a redirect is followed', async () => {
  await using server = await releaseServer({
    [`/mirror/v2.2.0/${LIST}`]: listOf(goodArchive)
      .toUpperCase()
      .replaceAll('K6-V', 'k6-v')
      .replaceAll('LINUX', 'linux')
      .replaceAll('AMD64.TAR.GZ', 'amd64.tar.gz'),
    [`/mirror/v2.2.0/${ASSET}`]: (_, response) =>
      response.writeHead(302, { location: '/elsewhere' }).end(),
    '/elsewhere': goodArchive,
  });
  const env = { PATH: '', MINA_LOAD_K6_MIRROR: `${server.url}/mirror` };
  const k6 = await resolveK6(request({ env, releaseBaseUrl: undefined }));
  assert.equal(k6.source, 'download');
  assert.equal(server.paths.at(-1), '/elsewhere');
});

test('a zip for macOS is unpacked', async () => {
  const asset = 'k6-v2.2.0-macos-arm64.zip';
  const archive = zip('k6-v2.2.0-macos-arm64/k6', readFileSync(binFixture('k6-2.2.0')));
  await using server = await releaseServer({ [asset]: archive, [LIST]: listOf(archive, asset) });
  const k6 = await resolveK6(
    request({ releaseBaseUrl: server.url, platform: 'darwin', arch: 'arm64' }),
  );
  assert.equal(k6.source, 'download');
  assert.deepEqual(readFileSync(k6.path), readFileSync(binFixture('k6-2.2.0')));
});

const otherArchive = await tarGz('k6-v2.2.0-linux-amd64/README.md');
const linkArchive = await (async () => {
  const base = scratchFolder();
  mkdirSync(join(base, 'k6-v2.2.0-linux-amd64'));
  symlinkSync('/bin/sh', join(base, 'k6-v2.2.0-linux-amd64', 'k6'));
  await tar.create({ file: join(base, 'a'), gzip: true, cwd: base }, ['k6-v2.2.0-linux-amd64']);
  return readFileSync(join(base, 'a'));
})();
const oldArchive = await tarGz('k6-v2.2.0-linux-amd64/k6', binFixture('k6-1.7.1'));
const noArchive = Buffer.from('<html>Please sign in to the network</html>');
const stalls: Answer = (_, response) => {
  response.writeHead(200, { 'content-length': goodArchive.length });
  response.write(goodArchive.subarray(0, 100));
};
const breaksOff: Answer = (_, response) => {
  response.writeHead(200, { 'content-length': goodArchive.length });
  response.write(goodArchive.subarray(0, 100), () => response.destroy());
};

const BAD_RELEASES: {
  name: string;
  answers: Record<string, Buffer | string | Answer>;
  says: RegExp;
}[] = [
  {
    name: 'another checksum',
    answers: { [ASSET]: goodArchive, [LIST]: listOf(otherArchive) },
    says: new RegExp(
      `has SHA-256 ${sha256(goodArchive)}, but the release's list says ${sha256(otherArchive)}`,
    ),
  },
  {
    name: 'no checksum of the archive',
    answers: { [ASSET]: goodArchive, [LIST]: `${sha256(goodArchive)}  another.tar.gz\n` },
    says: /has no SHA-256 for k6-v2\.2\.0-linux-amd64\.tar\.gz/,
  },
  {
    name: 'a sign-in page instead of the list',
    answers: { [ASSET]: goodArchive, [LIST]: noArchive },
    says: /has no SHA-256 for/,
  },
  { name: 'no list', answers: { [ASSET]: goodArchive }, says: /checksums\.txt answered 404/ },
  {
    name: 'no archive',
    answers: { [LIST]: listOf(goodArchive) },
    says: /amd64\.tar\.gz answered 404/,
  },
  {
    name: 'a body that breaks off',
    answers: { [ASSET]: breaksOff, [LIST]: listOf(goodArchive) },
    says: /broke off|ended after/,
  },
  {
    name: 'a body that is cut short without saying so',
    answers: { [ASSET]: goodArchive.subarray(0, 100), [LIST]: listOf(goodArchive) },
    says: /has SHA-256/,
  },
  {
    name: 'a body that stalls',
    answers: { [ASSET]: stalls, [LIST]: listOf(goodArchive) },
    says: /sent nothing for 300 ms \(100 bytes came before\)/,
  },
  {
    name: 'an archive without k6',
    answers: { [ASSET]: otherArchive, [LIST]: listOf(otherArchive) },
    says: /holds no k6/,
  },
  {
    name: 'an archive in which k6 is a link',
    answers: { [ASSET]: linkArchive, [LIST]: listOf(linkArchive) },
    says: /holds no k6/,
  },
  {
    name: 'something that is no archive',
    answers: { [ASSET]: noArchive, [LIST]: listOf(noArchive) },
    says: /cannot be unpacked/,
  },
  {
    name: 'a k6 of another version',
    answers: { [ASSET]: oldArchive, [LIST]: listOf(oldArchive) },
    says: /the k6 that came is k6 1\.7\.1/,
  },
  {
    name: 'redirects without end',
    answers: { [LIST]: (_, response) => response.writeHead(302, { location: LIST }).end() },
    says: /redirect count exceeded/,
  },
];

for (const { name, answers, says } of BAD_RELEASES) {
  test(`a release with ${name} is refused and leaves nothing in the cache`, async () => {
    await using server = await releaseServer(answers);
    const wanted = request({
      releaseBaseUrl: server.url,
      downloadLimits: { stallMs: name === 'a body that stalls' ? 300 : 20_000, totalMs: 60_000 },
    });
    const error = await userError(resolveK6(wanted));
    assert.match(error.message, says);
    assert.deepEqual(readdirSync(join(wanted.cacheFolder, 'k6')), []);
  });
}

test('a download that never ends is ended by the overall limit', async () => {
  let timer: NodeJS.Timeout | undefined;
  await using server = await releaseServer({
    [LIST]: listOf(goodArchive),
    [ASSET]: (_, response) => {
      timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    },
  });
  const downloadLimits = { stallMs: 20_000, totalMs: 500 };
  const error = await userError(resolveK6(request({ releaseBaseUrl: server.url, downloadLimits })));
  assert.match(error.message, /was not complete within 500 ms/);
});

test('an abort ends a download at once, is not taken for a fault, and leaves nothing', async () => {
  const abort = new AbortController();
  await using server = await releaseServer({ [LIST]: listOf(goodArchive), [ASSET]: stalls });
  const wanted = request({
    releaseBaseUrl: server.url,
    signal: abort.signal,
    onProgress: () => abort.abort(new Error('Ctrl-C')),
  });
  await assert.rejects(resolveK6(wanted), { message: 'Ctrl-C' });
  assert.deepEqual(readdirSync(join(wanted.cacheFolder, 'k6')), []);
});

test('the release comes through the proxy of the environment', async () => {
  await using server = await releaseServer({ [ASSET]: goodArchive, [LIST]: listOf(goodArchive) });
  const proxy = await startTestProxy({ 'releases.test:80': Number(new URL(server.url).port) });
  const env = { PATH: '', HTTP_PROXY: `http://127.0.0.1:${proxy.port}` };
  const k6 = await resolveK6(request({ env, releaseBaseUrl: 'http://releases.test' }));
  assert.equal(k6.source, 'download');
  assert.deepEqual(
    proxy.seen.map(({ kind, to }) => `${kind} ${to}`),
    Array(2).fill('request releases.test:80'),
  );
  await proxy.stop();
  const error = await userError(
    resolveK6(request({ env, releaseBaseUrl: 'http://releases.test' })),
  );
  assert.match(error.message, /ECONNREFUSED.* \(HTTP_PROXY is http:\/\/127\.0\.0\.1:\d+\)/);
});

test('a redirect away from https is not followed to its data', async () => {
  await using plain = await releaseServer({ '/list': 'a list' });
  const tls = {
    cert: readFileSync(tlsFile('server.cert.pem')),
    key: readFileSync(tlsFile('server.key.pem')),
  };
  const server = createTlsServer(tls, (_, response) =>
    response.writeHead(302, { location: `${plain.url}/list` }).end(),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const call = { ...request({ releaseBaseUrl: `https://127.0.0.1:${port}` }), env: { PATH: '' } };
  const words = program(`
    import { resolveK6 } from './load/k6/binary.ts';
    await resolveK6(${JSON.stringify(call)}).catch((error) => console.log(error.message));`);
  const { stdout } = await promisify(execFile)(process.execPath, words, {
    env: { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: tlsFile('ca.cert.pem') },
  });
  assert.match(stdout, /leads to http:\/\/127\.0\.0\.1:\d+\/list, which is not https/);
  server.close();
});

test('names of the release for each machine, null where there is none', () => {
  assert.equal(releaseAsset('linux', 'x64'), 'k6-v2.2.0-linux-amd64.tar.gz');
  assert.equal(releaseAsset('linux', 'arm64'), 'k6-v2.2.0-linux-arm64.tar.gz');
  assert.equal(releaseAsset('darwin', 'x64'), 'k6-v2.2.0-macos-amd64.zip');
  assert.equal(releaseAsset('darwin', 'arm64'), 'k6-v2.2.0-macos-arm64.zip');
  assert.equal(releaseAsset('win32', 'x64'), 'k6-v2.2.0-windows-amd64.zip');
  assert.equal(releaseAsset('win32', 'arm64'), null);
  assert.equal(releaseAsset('linux', 's390x'), null);
  assert.equal(releaseAsset('freebsd', 'x64'), null);
});

test('a line of the checksum list is read as sha256sum writes it, and nothing else is', () => {
  const digest = 'ab'.repeat(32);
  assert.equal(checksumOf('a.zip', `${digest}  a.zip\n`), digest);
  assert.equal(checksumOf('a.zip', `${digest} *a.zip\r\n`), digest);
  assert.equal(checksumOf('a.zip', `${digest}  b-a.zip\n`), null);
  assert.equal(checksumOf('a.zip', `${digest}  a.zip.asc\n`), null);
  assert.equal(checksumOf('a.zip', `${digest.slice(1)}  a.zip\n`), null);
  assert.equal(checksumOf('a.zip', ''), null);
});

test('whether the release answers is told without fetching it', async () => {
  await using server = await releaseServer({ [LIST]: 'x' });
  assert.equal(await releaseUnreachable({ baseUrl: server.url, env: {}, timeoutMs: 20_000 }), null);
  assert.match(
    (await releaseUnreachable({ baseUrl: `${server.url}/no`, env: {}, timeoutMs: 20_000 }))!,
    /404/,
  );
  assert.match(
    (await releaseUnreachable({ baseUrl: UNREACHABLE, env: {}, timeoutMs: 20_000 }))!,
    /./,
  );
});

// ---- cache

test('a damaged program in the cache is passed over and replaced', async () => {
  await using server = await releaseServer({ [ASSET]: goodArchive, [LIST]: listOf(goodArchive) });
  const wanted = request({ releaseBaseUrl: server.url });
  const { path } = await resolveK6(wanted);
  for (const damage of ['', '#!/bin/sh\necho "k6 v2.2.0 (changed)"\n']) {
    chmodSync(path, 0o755);
    writeFileSync(path, damage);
    const notes: string[] = [];
    const onProgress = (progress: K6Progress) => {
      if (progress.kind === 'note') notes.push(progress.text);
    };
    const k6 = await resolveK6({ ...wanted, onProgress });
    assert.deepEqual(k6, { path, version: '2.2.0', source: 'download' });
    assert.match(notes.join(), /the cached .* is damaged/);
    assert.deepEqual(readFileSync(path), readFileSync(binFixture('k6-2.2.0')));
  }
});

test('a whole program in the cache that does not run here is passed over', async () => {
  const wanted = request();
  const cache = join(wanted.cacheFolder, 'k6');
  mkdirSync(cache);
  const bytes = readFileSync(binFixture('k6-fails'));
  writeFileSync(join(cache, `k6-v2.2.0-linux-x64-${sha256(bytes)}`), bytes, { mode: 0o755 });
  const error = await userError(resolveK6(wanted));
  assert.match(error.message, /no k6 from the cache: .* failed at "k6 version"/);
});

test('another release, another machine and strange names in the cache are not taken', async () => {
  const wanted = request();
  const cache = join(wanted.cacheFolder, 'k6');
  mkdirSync(cache);
  const bytes = readFileSync(binFixture('k6-2.2.0'));
  for (const name of [
    `k6-v2.1.0-linux-x64-${sha256(bytes)}`,
    `k6-v2.2.0-linux-arm64-${sha256(bytes)}`,
    'k6-v2.2.0-linux-x64-',
    'k6',
  ])
    writeFileSync(join(cache, name), bytes, { mode: 0o755 });
  assert.equal((await findK6(wanted)).found, null);
});

test('two calls at once both get k6, and one program is left', async () => {
  await using server = await releaseServer({ [ASSET]: goodArchive, [LIST]: listOf(goodArchive) });
  const wanted = request({ releaseBaseUrl: server.url });
  const [one, two] = await Promise.all([resolveK6(wanted), resolveK6(wanted)]);
  assert.deepEqual(one, two);
  assert.equal(readdirSync(join(wanted.cacheFolder, 'k6')).length, 1);
});

test('two processes at once both get k6, and one program is left', async () => {
  await using server = await releaseServer({ [ASSET]: goodArchive, [LIST]: listOf(goodArchive) });
  const cache = scratchFolder();
  const call = {
    ...request({ releaseBaseUrl: server.url, cacheFolder: cache }),
    env: { PATH: '' },
  };
  const words = program(`
    import { resolveK6 } from './load/k6/binary.ts';
    console.log(JSON.stringify(await resolveK6(${JSON.stringify(call)})));`);
  const run = () => promisify(execFile)(process.execPath, words);
  const answers = await Promise.all([run(), run()]);
  for (const { stdout } of answers)
    assert.equal((JSON.parse(stdout) as { version: string }).version, '2.2.0');
  assert.equal(readdirSync(join(cache, 'k6')).length, 1);
});

test('what a killed process left in the cache is removed after a day, not before', async () => {
  await using server = await releaseServer({ [ASSET]: goodArchive, [LIST]: listOf(goodArchive) });
  const wanted = request({ releaseBaseUrl: server.url });
  const cache = join(wanted.cacheFolder, 'k6');
  const old = join(cache, 'temporary-old');
  const young = join(cache, 'temporary-young');
  for (const left of [old, young]) {
    mkdirSync(left, { recursive: true });
    writeFileSync(join(left, ASSET), 'half');
  }
  const twoDaysAgo = new Date(Date.now() - 2 * 86_400_000);
  utimesSync(old, twoDaysAgo, twoDaysAgo);
  await resolveK6(wanted);
  assert.equal(existsSync(old), false);
  assert.equal(existsSync(young), true);
});

test('a cache folder that cannot be written is named', async () => {
  const file = join(scratchFolder(), 'file');
  writeFileSync(file, '');
  await using server = await releaseServer({ [ASSET]: goodArchive, [LIST]: listOf(goodArchive) });
  const error = await userError(
    resolveK6(request({ cacheFolder: file, releaseBaseUrl: server.url })),
  );
  assert.match(error.message, /the cache folder .*\/file\/k6 cannot be written \(ENOTDIR\)/);
  assert.match(error.hint, /MINA_LOAD_CACHE/);
});

test('MINA_LOAD_CACHE is the cache folder, else one of the user', () => {
  assert.equal(cacheFolder({ MINA_LOAD_CACHE: '/somewhere' }), '/somewhere');
  // npm runs its scripts in the project's folder, wherever the user is.
  const npm = { npm_command: 'run-script', INIT_CWD: '/home/me/here' };
  assert.equal(
    cacheFolder({ MINA_LOAD_CACHE: 'cache', ...npm }),
    process.cwd() === projectRoot ? '/home/me/here/cache' : join(process.cwd(), 'cache'),
  );
  assert.equal(cacheFolder({ MINA_LOAD_CACHE: '../cache' }, '/a/b'), '/a/cache');
  if (process.platform !== 'linux') return;
  assert.equal(cacheFolder({ HOME: '/home/me' }), '/home/me/.cache/mina-load');
  assert.equal(cacheFolder({ HOME: '/home/me', XDG_CACHE_HOME: '/c' }), '/c/mina-load');
  assert.equal(
    cacheFolder({ MINA_LOAD_CACHE: '', XDG_CACHE_HOME: '', HOME: '/h' }),
    '/h/.cache/mina-load',
  );
});

const isRoot = process.getuid?.() === 0;
test(
  'a user without HOME and without an entry in /etc/passwd is told what to set, and needs nothing where k6 is there',
  { skip: !isRoot && 'NOT TESTED: only root can become another user' },
  async () => {
    const words = program(`
      process.setgroups([]);
      process.setgid(12345);
      process.setuid(12345);
      const { findK6, resolveK6 } = await import('./load/k6/binary.ts');
      const env = { PATH: '', MINA_LOAD_OFFLINE: '1' };
      const K6_BIN = process.argv[2];
      console.log((await resolveK6({ env: { ...env, K6_BIN } })).source);
      console.log((await findK6({ env })).tried.at(-1).reason);
      const error = await resolveK6({ env }).catch((error) => error);
      console.log(error.message);
      console.log(error.hint);`);
    const bin = scratchFolder();
    chmodSync(bin, 0o755);
    const k6 = join(bin, 'k6');
    copyFileSync(binFixture('k6-2.2.0'), k6);
    const { stdout } = await promisify(execFile)(process.execPath, [...words, k6], {
      env: { PATH: process.env.PATH },
    });
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines[0], 'environment');
    assert.match(lines[1], /^this user has no home folder.*set HOME, or MINA_LOAD_CACHE/);
    assert.equal(lines[2], 'this user has no home folder, so there is no place to keep programs');
    assert.equal(
      lines[3],
      'set HOME, or MINA_LOAD_CACHE to a folder, or K6_BIN to a k6 that is there',
    );
  },
);

// ---- Go

const goEnvironment = (changes: Record<string, string> = {}) => {
  const log = join(scratchFolder(), 'go.log');
  return {
    log,
    env: { PATH: binFolder({ go: 'go' }), FAKE_GO_LOG: log, ...changes },
  };
};
// The fake Go finds its k6 beside itself.
const goBin = () => {
  const bin = binFolder({ 'k6-2.2.0': 'k6-2.2.0', 'k6-1.7.1': 'k6-1.7.1' });
  copyFileSync(binFixture('go'), join(bin, 'go'));
  chmodSync(join(bin, 'go'), 0o755);
  return bin;
};

test('without a release k6 is built by Go from an empty module, kept, and found again', async () => {
  const { log, env } = goEnvironment({
    PATH: goBin(),
    GOPROXY: 'https://proxy.example',
    GOFLAGS: '-mod=vendor',
    GOOS: 'plan9',
  });
  const progress: K6Progress[] = [];
  const wanted = request({ env, onProgress: (p) => progress.push(p) });
  const k6 = await resolveK6(wanted);
  assert.equal(k6.source, 'go build');
  assert.equal(k6.version, '2.2.0');
  assert.deepEqual(progress.at(-1), {
    kind: 'go build',
    modules: 2,
    packages: 3,
    expectedPackages: 780,
  });

  const calls = readFileSync(log, 'utf8');
  const [, build = ''] = calls.split(/^(?=call: build)/m);
  assert.match(build, /^call: build -mod=mod -trimpath -v -o \S+ go\.k6\.io\/k6\/v2$/m);
  assert.match(
    build,
    /GOPROXY=https:\/\/proxy\.example GOFLAGS=-mod=vendor GOWORK=off CGO_ENABLED=0/,
  );
  assert.doesNotMatch(build, /plan9/);
  assert.match(build, /^go\.mod: require go\.k6\.io\/k6\/v2 v2\.2\.0$/m);
  assert.match(build, /^go\.sum: go\.k6\.io\/k6\/v2 v2\.2\.0 h1:/m);
  assert.match(build, /^tools\.go: \/\/go:build tools$/m);
  assert.match(build, /^tools\.go: import _ "go\.k6\.io\/k6\/v2"$/m);

  assert.equal(readdirSync(join(wanted.cacheFolder, 'k6')).length, 1);
  assert.deepEqual(await resolveK6(wanted), { ...k6, source: 'cache' });
});

const GO_FAULTS: {
  name: string;
  env: Record<string, string>;
  says: RegExp;
  buildTimeoutMs?: number;
}[] = [
  {
    name: 'fails',
    env: { FAKE_GO_BUILD: 'fails' },
    says: /"go build" failed: go: .*connection refused/,
  },
  {
    name: 'hangs',
    env: { FAKE_GO_BUILD: 'hangs' },
    says: /was not done within 400 ms/,
    buildTimeoutMs: 400,
  },
  {
    name: 'makes another version',
    env: { FAKE_GO_BUILD: 'wrong' },
    says: /the k6 that came is k6 1\.7\.1/,
  },
  {
    name: 'makes nothing',
    env: { FAKE_GO_BUILD: 'nothing' },
    says: /no k6 from a build with Go: "go build" ended well, but made no program/,
  },
  {
    name: 'is too old to fetch a newer Go',
    env: { FAKE_GO_VERSION: 'go1.20.14' },
    says: /is Go 1\.20\.14, but k6 needs Go 1\.25\.0 or later/,
  },
  {
    name: 'is too old and may not fetch a newer Go',
    env: { FAKE_GO_VERSION: 'go1.24.3', FAKE_GO_TOOLCHAIN: 'local' },
    says: /is Go 1\.24\.3, k6 needs Go 1\.25\.0, and GOTOOLCHAIN=local forbids/,
  },
  {
    name: 'is another program',
    env: { FAKE_GO_VERSION: 'a board game' },
    says: /is not Go: it answered "a board game"/,
  },
];

for (const { name, env, says, buildTimeoutMs } of GO_FAULTS) {
  test(`a Go that ${name} is told and leaves nothing in the cache`, async () => {
    const wanted = request({ env: goEnvironment({ PATH: goBin(), ...env }).env, buildTimeoutMs });
    const error = await userError(resolveK6(wanted));
    assert.match(error.message, says);
    assert.deepEqual(readdirSync(join(wanted.cacheFolder, 'k6')), []);
  });
}

test('an older Go is used where it may fetch the one that k6 needs', async () => {
  const env = { FAKE_GO_VERSION: 'go1.21.0', FAKE_GO_TOOLCHAIN: 'auto' };
  assert.equal(await checkGoForK6(binFixture('go'), { env }), '1.21.0');
  assert.equal(
    await checkGoForK6(binFixture('go'), { env: { FAKE_GO_VERSION: 'go1.25.0' } }),
    '1.25.0',
  );
  const devel = { FAKE_GO_VERSION: 'devel go1.28-abcdef Mon' };
  assert.equal(await checkGoForK6(binFixture('go'), { env: devel }), '1.28.0');
});

test('an abort ends a build at once', async () => {
  const abort = new AbortController();
  const wanted = request({
    env: goEnvironment({ PATH: goBin(), FAKE_GO_BUILD: 'hangs' }).env,
    signal: abort.signal,
    onProgress: ({ kind }) => {
      if (kind === 'go build') abort.abort(new Error('Ctrl-C'));
    },
  });
  await assert.rejects(resolveK6(wanted), { message: 'Ctrl-C' });
  assert.deepEqual(readdirSync(join(wanted.cacheFolder, 'k6')), []);
});

// ---- nothing works

test('when nothing works the error lists every place with its reason, and what to do', async () => {
  const old = binFolder({ k6: 'k6-1.7.1' });
  const wanted = request({ env: { PATH: old, ALL_PROXY: 'http://proxy.example' } });
  const error = await userError(resolveK6(wanted));
  assert.equal(error.exitCode, 5);
  const lines = error.message.split('\n');
  assert.equal(lines[0], 'there is no k6 to run');
  assert.deepEqual(
    lines.slice(1).map((line) => line.replace(/^(no k6 from .*?): .*/, '$1')),
    [
      'no k6 from --k6',
      'no k6 from K6_BIN',
      'no k6 from PATH',
      'no k6 from the cache',
      'no k6 from the official release',
      'no k6 from a build with Go',
    ],
  );
  assert.match(error.message, /PATH: \S+ is k6 1\.7\.1/);
  assert.match(error.message, /no go on the PATH/);
  assert.match(error.message, /official release: http\S+ .*ECONNREFUSED/);
  for (const way of ['install k6', 'K6_BIN', 'MINA_LOAD_K6_MIRROR', 'install Go', 'HTTPS_PROXY'])
    assert.ok(error.hint.includes(way), way);
});

test('offline: nothing is downloaded, and Go gets no proxy', async () => {
  await using server = await releaseServer({ [ASSET]: goodArchive, [LIST]: listOf(goodArchive) });
  const { log, env } = goEnvironment({
    PATH: goBin(),
    MINA_LOAD_OFFLINE: '1',
    GOPROXY: 'https://x',
  });
  const k6 = await resolveK6(request({ env, releaseBaseUrl: server.url }));
  assert.equal(k6.source, 'go build');
  assert.deepEqual(server.paths, []);
  assert.match(readFileSync(log, 'utf8').split('call: build')[1], /GOPROXY=off/);
});

test('a machine without a release is told so', async () => {
  const { message } = await userError(resolveK6(request({ platform: 'freebsd' })));
  assert.match(message, /official release: k6 publishes none for freebsd\/x64/);
});

test('wrong settings are wrong usage, and a password is not repeated', async () => {
  const refused = async (env: Record<string, string>) =>
    userError(resolveK6(request({ env, releaseBaseUrl: undefined })));
  const mirror = await refused({ MINA_LOAD_K6_MIRROR: 'ftp://x' });
  assert.equal(mirror.exitCode, 2);
  assert.match(
    mirror.message,
    /MINA_LOAD_K6_MIRROR must be an http or https URL, but is "ftp:\/\/x"/,
  );
  const secret = await refused({ MINA_LOAD_K6_MIRROR: 'https://me:hunter2@mirror.example' });
  assert.equal(secret.exitCode, 2);
  assert.doesNotMatch(secret.message + secret.hint, /hunter2/);
  const offline = await refused({ MINA_LOAD_OFFLINE: 'maybe' });
  assert.equal(offline.exitCode, 2);
  assert.match(offline.message, /MINA_LOAD_OFFLINE must be 1 or 0, but is "maybe"/);
});

test('ALL_PROXY alone is named as unused, HTTPS_PROXY is used', () => {
  assert.match(unusedProxy({ all_proxy: 'http://p' })!, /^all_proxy is set, but downloads read/);
  assert.equal(unusedProxy({ ALL_PROXY: 'http://p', https_proxy: 'http://p' }), null);
  assert.equal(unusedProxy({}), null);
});
