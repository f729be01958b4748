/** Transport: what the options may say, what k6's environment becomes, and the question before the run over each of them. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { startK6 } from '../../../load/k6/run.ts';
import { checkAddress, checkIsBackend } from '../../../load/target/target.ts';
import { checkTargets, parseTarget, transportNotes } from '../../../load/target/targets.ts';
import {
  parseAddressBlock,
  PLAIN_TRANSPORT,
  readTransport,
  secretVariables,
  shownHeader,
  transportEnv,
  transportFacts,
  type Transport,
  type TransportOptions,
} from '../../../load/target/transport.ts';
import { UserError } from '../../../user-error.ts';
import { until } from '../../support/until.ts';
import { k6Path } from '../../support/k6.ts';
import { startTestProxy, startTestTarget, tlsFile } from '../../support/tls-target.ts';
import { scratchFolder } from '../../support/scratch.ts';

const folder = scratchFolder();

const NONE: TransportOptions = {
  header: [],
  headerEnv: [],
  bearerEnv: undefined,
  ca: undefined,
  cert: undefined,
  key: undefined,
  insecureSkipTlsVerify: false,
  proxy: undefined,
  proxyIsPublic: true,
  http: undefined,
  xForwardedFor: false,
  forwardedNetwork: '10.0.0.0/8',
};

const read = (
  change: Partial<TransportOptions>,
  env: NodeJS.ProcessEnv = {},
  platform: NodeJS.Platform = 'linux',
) => readTransport({ ...NONE, ...change }, env, platform);

function transportOf(change: Partial<TransportOptions>, env?: NodeJS.ProcessEnv): Transport {
  const { transport, problems } = read(change, env);
  assert.deepEqual(problems, []);
  return transport;
}

const CLIENT = { cert: tlsFile('client.cert.pem'), key: tlsFile('client.key.pem') };
const TLS = transportOf({ ca: tlsFile('ca.cert.pem') });

describe('options', () => {
  test('nothing given is plain', () => {
    assert.deepEqual(transportOf({}), PLAIN_TRANSPORT);
    assert.deepEqual(secretVariables(NONE), []);
  });

  test('headers, secrets and files are read', () => {
    const options: Partial<TransportOptions> = {
      header: ['X-Environment:  test ', 'Host: uptime.test', 'X-Empty:'],
      headerEnv: ['X-Api-Key=API_KEY'],
      bearerEnv: 'TOKEN',
      ...CLIENT,
      proxy: 'http://me:secret@proxy:3128/',
      proxyIsPublic: false,
      xForwardedFor: true,
      forwardedNetwork: '192.168.7.9/16',
    };
    const transport = transportOf(options, { TOKEN: 'abc.def', API_KEY: 'k e y' });
    assert.deepEqual(transport.headers, {
      'x-environment': 'test',
      host: 'uptime.test',
      'x-empty': '',
    });
    assert.deepEqual(transport.secretHeaders, {
      authorization: 'Bearer abc.def',
      'x-api-key': 'k e y',
    });
    assert.equal(transport.client!.key, readFileSync(CLIENT.key, 'utf8'));
    assert.equal(transport.proxy, 'http://me:secret@proxy:3128');
    assert.deepEqual(transport.forwarded, { first: 0xc0a80000, size: 65_536 });
    assert.deepEqual(secretVariables({ ...NONE, ...options }), ['TOKEN', 'API_KEY']);
    const facts = transportFacts(transport);
    assert.doesNotMatch(JSON.stringify(facts), /abc|k e y|me:|secret@/);
    assert.equal(facts.proxy, 'http://***@proxy:3128');
    assert.equal(facts.forwardedNetwork, '192.168.0.0/16');
    assert.deepEqual(facts.secretHeaders, ['authorization', 'x-api-key']);
  });

  test('headers that carry a secret by their name or value are secret, wherever they come from', () => {
    for (const text of [
      'X-Api-Key: s3cret',
      'apikey: s3cret',
      'X-Auth-Token: s3cret',
      'X-Auth: s3cret',
      'PRIVATE-TOKEN: s3cret',
      'X-Amz-Security-Token: s3cret',
      'Ocp-Apim-Subscription-Key: s3cret',
      'X-Goog-Api-Key: s3cret',
      'X-Client-Secret: s3cret',
      'X-Original-Cookie: s3cret',
      'X-Forwarded-Authorization: s3cret',
      'X-Session-Id: s3cret',
      'X-Upstream: Bearer s3cret',
      'X-Upstream: basic s3cret',
    ]) {
      const transport = transportOf({ header: [text, 'X-Environment: test'] });
      const name = text.split(':')[0].toLowerCase();
      assert.deepEqual(transport.headers, { 'x-environment': 'test' }, text);
      assert.deepEqual(Object.keys(transport.secretHeaders), [name]);
      assert.match(transport.secretHeaders[name], /s3cret$/);
      assert.doesNotMatch(JSON.stringify(transportFacts(transport)), /s3cret/);
      assert.equal(shownHeader(text), `${text.split(':')[0]}: ***`);
    }
    for (const text of ['X-Author: me', 'X-Keyboard: de', 'X-Request-Id: 7', 'Host: a', 'X-Empty:'])
      assert.equal(shownHeader(text), text);
    const { problems } = read({ header: ['X-Api-Key=s3cret'] });
    assert.deepEqual(problems, ['--header must be "Name: value", but is "X-Api-Key…"']);
  });

  test('certificates as editors leave them are read, and given on clean', () => {
    const clean = readFileSync(tlsFile('ca.cert.pem'), 'utf8').trim();
    for (const [name, text] of [
      ['mark.pem', `\ufeff${clean}`],
      ['crlf.pem', `\ufeff${clean.replaceAll('\n', '\r\n')}\r\n`],
      ['blanks.pem', `a CA\n  ${clean.replaceAll('\n', '\n  ')}\n`],
    ])
      assert.equal(transportOf({ ca: file(name, text) }).ca!.pem.trim(), clean, name);
    const [cert, key] = [CLIENT.cert, CLIENT.key].map((path) => readFileSync(path, 'utf8'));
    const client = transportOf({
      cert: file('c.pem', `\ufeff${cert}`),
      key: file('k.pem', `\ufeff${key}`),
    }).client!;
    assert.deepEqual([client.cert.trim(), client.key.trim()], [cert.trim(), key.trim()]);
  });

  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const wrong: [string, Partial<TransportOptions>, RegExp, NodeJS.ProcessEnv?][] = [
    ['a header without a colon', { header: ['X-Test'] }, /must be "Name: value", but is "X-Test"/],
    ['a header without a name', { header: [': v'] }, /must be "Name: value"/],
    ['a space in a name', { header: ['X Test: v'] }, /must be "Name: value"/],
    ['a line end in a value', { header: ['X-A: b\r\nX-C: d'] }, /x-a must have a value of print/],
    ['an umlaut in a value', { header: ['X-A: ü'] }, /x-a must have a value of printable ASCII/],
    ['twice', { header: ['X-A: 1', 'x-a: 2'] }, /x-a is given twice/],
    ['Connection', { header: ['Connection: close'] }, /cannot set connection: it concerns one/],
    ['Transfer-Encoding', { header: ['Transfer-Encoding: chunked'] }, /transfer-encoding: it conc/],
    ['Content-Length', { header: ['Content-Length: 5'] }, /content-length: it follows from each/],
    ['a token on the command line', { header: ['Authorization: Bearer x'] }, /use --bearer-env/],
    [
      'a cookie on the command line',
      { header: ['Cookie: a=b'] },
      /use --bearer-env or --header-env/,
    ],
    [
      'a variable that is not set',
      { bearerEnv: 'TOKEN' },
      /variable TOKEN of --bearer-env is not set/,
    ],
    ['an empty variable', { bearerEnv: 'TOKEN' }, /TOKEN of --bearer-env is empty/, { TOKEN: '' }],
    [
      'a token with a line end',
      { bearerEnv: 'T' },
      /T of --bearer-env holds a char/,
      { T: 'abc\n' },
    ],
    [
      'a token in place of its variable',
      { bearerEnv: 'eyJh.x-y' },
      /^--bearer-env must name an env/,
    ],
    ['a secret header of no form', { headerEnv: ['X-Key'] }, /--header-env must be Name=VARIABLE/],
    ['a hop-by-hop secret', { headerEnv: ['TE=T'] }, /cannot set te/, { T: 'x' }],
    [
      'two values of Authorization',
      { bearerEnv: 'T', headerEnv: ['Authorization=T'] },
      /--header-env sets authorization a second time/,
      { T: 'x' },
    ],
    [
      'one header, public and secret',
      { header: ['X-Key: a'], headerEnv: ['x-key=T'] },
      /x-key is given twice/,
      { T: 'x' },
    ],
    [
      'X-Forwarded-For twice',
      { header: ['X-Forwarded-For: 192.0.2.1'], xForwardedFor: true },
      /exclude each other/,
    ],
    ['a network that is none', { forwardedNetwork: '10.0.0.0/33' }, /but is "10.0.0.0\/33"/],
    [
      'a CA that is not there',
      { ca: join(folder, 'no.pem') },
      /--ca .*no.pem cannot be read \(ENOENT\)/,
    ],
    ['a CA that is a folder', { ca: folder }, /--ca .* is a folder, not a file/],
    [
      'a CA that is no PEM',
      { ca: file('ca.der', '0\x82\x01') },
      /ca.der holds no certificate in PEM/,
    ],
    [
      'a broken CA',
      { ca: file('b.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n') },
      /b.pem holds a certificate that is broken/,
    ],
    [
      'a CA in UTF-16',
      { ca: file('wide.pem', '\0-\0-\0-\0-\0-\0B\0E\0G\0I\0N') },
      /wide.pem holds no certificate in PEM/,
    ],
    ['an empty CA', { ca: file('empty.pem', '') }, /empty.pem holds no certificate in PEM/],
    ['a CA that is a key', { ca: CLIENT.key }, /holds no certificate/],
    ['--cert alone', { cert: CLIENT.cert }, /--cert and --key belong together/],
    ['--key alone', { key: CLIENT.key }, /--cert and --key belong together/],
    ['a key that is not there', { ...CLIENT, key: join(folder, 'k') }, /--key .*k cannot be read/],
    ['a key that is a certificate', { ...CLIENT, key: CLIENT.cert }, /holds no private key in PEM/],
    ['a key of another', { ...CLIENT, key: tlsFile('server.key.pem') }, /does not fit the cert/],
    [
      'an encrypted key',
      { ...CLIENT, key: tlsFile('client-encrypted.key.pem') },
      /is encrypted, which k6 cannot read/,
    ],
    [
      '--ca and --insecure-skip-tls-verify',
      { ca: tlsFile('ca.cert.pem'), insecureSkipTlsVerify: true },
      /exclude each other/,
    ],
    ['a proxy that is none', { proxy: 'proxy:3128' }, /--proxy must be http:\/\/HOST:PORT/],
    ['a SOCKS proxy', { proxy: 'socks5://proxy:1080' }, /--proxy must be http:\/\/HOST:PORT/],
    ['a password on the command line', { proxy: 'http://a:b@proxy:1' }, /set MINA_LOAD_PROXY/],
  ];
  for (const [name, change, problem, env] of wrong)
    test(`refused: ${name}`, () => {
      const { problems } = read(change, env);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0], problem);
      assert.doesNotMatch(problems[0], /eyJh|Bearer x|a=b|a:b@/);
    });

  test('a CA has no effect where Go asks the system', () => {
    const { problems } = read({ ca: tlsFile('ca.cert.pem') }, {}, 'darwin');
    assert.match(problems.join(), /--ca has no effect on macOS/);
    assert.match(read({ ca: tlsFile('ca.cert.pem') }, {}, 'win32').problems.join(), /Windows/);
  });

  test('networks', () => {
    assert.deepEqual(parseAddressBlock('10.0.0.0/8'), { first: 167_772_160, size: 2 ** 24 });
    assert.deepEqual(parseAddressBlock('203.0.113.77/32'), { first: 3_405_803_853, size: 1 });
    assert.deepEqual(parseAddressBlock('0.0.0.0/0'), { first: 0, size: 2 ** 32 });
    for (const text of [
      '',
      '10.0.0.0',
      '10.0.0.0/',
      '10.0.0/8',
      '::/8',
      '10.0.0.0/8/8',
      '1.1.1.1/x',
    ])
      assert.equal(parseAddressBlock(text), null, text);
  });
});

describe('targets', () => {
  test('a URL, with a weight or without', () => {
    assert.deepEqual(parseTarget('http://127.0.0.1:80'), { url: 'http://127.0.0.1:80', weight: 1 });
    assert.deepEqual(parseTarget('https://a/x=2.5'), { url: 'https://a/x', weight: 2.5 });
    assert.deepEqual(parseTarget('http://a:81=3'), { url: 'http://a:81', weight: 3 });
    for (const [text, url, weight] of [
      ['http://a/?b=c/d', 'http://a/?b=c/d', 1],
      ['http://a/?b=2', 'http://a/?b=2', 1],
      ['http://a/?b=2=3', 'http://a/?b=2', 3],
      ['http://a/?b=2&c=x=0.5', 'http://a/?b=2&c=x', 0.5],
      ['http://a/?b=YWI=', 'http://a/?b=YWI=', 1],
      ['http://a?b', 'http://a?b', 1],
    ] as const)
      assert.deepEqual(parseTarget(text), { url, weight }, text);
    for (const [text, problem] of [
      ['http://a=0', /weight of more than 0, such as http:\/\/a=2, but has "0"/],
      ['http://a=-1', /but has "-1"/],
      ['http://a=', /but has ""/],
      ['http://a=much', /but has "much"/],
      ['http://a=Infinity', /but has "Infinity"/],
      ['127.0.0.1=1', /must be a URL such as/],
      ['http://a/?api_key=s3cret', /must not hold a secret, and its query has "api_key"/],
      ['http://user:word@a', /must not hold a name or a password \(http:\/\/\*\*\*@a\)/],
    ] as const) {
      const parsed = parseTarget(text);
      assert.ok('problem' in parsed, text);
      assert.match(parsed.problem, problem);
    }
  });

  test('what does not go together', () => {
    const http = [{ url: 'http://127.0.0.1', weight: 1 }];
    const https = [{ url: 'https://a.test', weight: 1 }];
    const problems = (change: Partial<Transport>, targets: typeof http) =>
      checkTargets({ ...PLAIN_TRANSPORT, ...change }, targets).join('\n');
    assert.equal(problems({}, []), '');
    assert.equal(problems({ http: '2', ca: TLS.ca, proxy: 'http://p:1' }, https), '');
    assert.match(problems({ ca: TLS.ca }, http), /--ca needs a --target with https/);
    assert.match(problems({ insecureSkipTlsVerify: true }, []), /needs a --target with https/);
    assert.match(problems({ http: '2' }, http), /--http 2 needs a --target with https/);
    assert.match(
      problems({ http: '2' }, [...https, ...http]),
      /target http:\/\/127.0.0.1 has none/,
    );
    assert.match(problems({ proxy: 'http://p:1' }, []), /--proxy belongs to a --target/);
    for (const host of ['127.0.0.1', '127.9.9.9', 'localhost', '[::1]'])
      assert.match(
        problems({ proxy: 'http://p:1' }, [{ url: `http://${host}:8080`, weight: 1 }]),
        /--proxy has no effect on the target/,
      );
  });

  test('through a proxy every target is remote, even one that this machine cannot look up', async () => {
    const proxy = 'http://me:word@127.0.0.1:3128';
    await assert.rejects(
      checkAddress('http://no.test', { allowRemote: false, proxy }),
      (error: UserError) => {
        assert.equal(
          error.message,
          'the target no.test is not this machine (through the proxy 127.0.0.1:3128)',
        );
        return error.exitCode === 2;
      },
    );
    await checkAddress('http://no.test', { allowRemote: true, proxy });
  });

  test('what the user should know', () => {
    const away = [{ url: 'http://away.test', weight: 1 }];
    const notes = (change: Partial<Transport>, env = {}) =>
      transportNotes({ ...PLAIN_TRANSPORT, ...change }, away, env).join('\n');
    assert.equal(notes({}), '');
    assert.match(
      notes({}, { HTTPS_PROXY: 'http://p' }),
      /^HTTPS_PROXY of the environment is not used/,
    );
    assert.match(notes({ secretHeaders: { a: 'b' } }), /secrets go to away.test without TLS/);
    assert.match(notes({ insecureSkipTlsVerify: true }), /nobody checks the target's certificate/);
  });
});

test("k6's environment says what the transport says, whatever the user's own says", () => {
  const env = {
    PATH: '/bin',
    http_proxy: 'http://other',
    HTTPS_PROXY: 'http://other',
    NO_PROXY: '*',
    ALL_PROXY: 'socks5://other',
    GODEBUG: 'x509negativeserial=1,http2client=0',
    SSL_CERT_FILE: '/etc/own.pem',
  };
  const kept = { PATH: '/bin', GODEBUG: 'x509negativeserial=1' };
  assert.deepEqual(transportEnv(env, PLAIN_TRANSPORT), { ...kept, SSL_CERT_FILE: '/etc/own.pem' });
  assert.deepEqual(transportEnv(env, { ...TLS, proxy: 'http://p:1', http: '1.1' }), {
    PATH: '/bin',
    GODEBUG: 'x509negativeserial=1,http2client=0',
    SSL_CERT_FILE: tlsFile('ca.cert.pem'),
    SSL_CERT_DIR: '/dev/null',
    HTTP_PROXY: 'http://p:1',
    HTTPS_PROXY: 'http://p:1',
  });
  assert.deepEqual(transportEnv({}, PLAIN_TRANSPORT), {});
  assert.deepEqual(transportEnv({}, { ...PLAIN_TRANSPORT, prefersIpv6: true }), {
    K6_DNS: 'policy=preferIPv6',
  });
  assert.equal(transportEnv({}, TLS, '/run/roots.pem').SSL_CERT_FILE, '/run/roots.pem');
});

describe('the question before the run goes the way of the load', { concurrency: 4 }, () => {
  const refusal = async (target: string, transport: Transport): Promise<string> => {
    const error = await checkIsBackend(target, transport).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof UserError, String(error));
    assert.equal(error.exitCode, 5);
    return `${error.message}; ${error.hint}`;
  };

  test('TLS: own CA, client certificate, secrets, both versions', async () => {
    const target = await startTestTarget({ wantsClient: true });
    const url = `https://localhost:${target.port}`;
    const all = { ...TLS, client: transportOf(CLIENT).client };
    try {
      await checkIsBackend(url, { ...all, secretHeaders: { authorization: 'Bearer t' } });
      await checkIsBackend(url, { ...all, http: '1.1', headers: { host: 'uptime.test' } });
      await checkIsBackend(url, { ...all, http: '2', headers: { host: 'uptime.test' } });
      assert.deepEqual(
        target.probes.map(({ httpVersion, client, headers }) => [
          httpVersion,
          client,
          headers.host ?? headers[':authority'],
        ]),
        [
          ['2.0', 'a load generator', `localhost:${target.port}`],
          ['1.1', 'a load generator', 'uptime.test'],
          ['2.0', 'a load generator', 'uptime.test'],
        ],
      );
      assert.equal(target.probes[0].headers.authorization, 'Bearer t');
      assert.match(await refusal(url, TLS), /ended the TLS handshake .*--cert FILE --key FILE/);
      assert.match(
        await refusal(url, { ...all, ca: null }),
        /signed by nobody that this machine trusts .*--ca FILE/,
      );
      await checkIsBackend(url, { ...all, ca: null, insecureSkipTlsVerify: true });
    } finally {
      await target.stop();
    }
  });

  test('TLS: another name, another CA, no HTTP/2, no TLS at all', async () => {
    const target = await startTestTarget({ http2: false });
    const plain = await startTestTarget(null);
    const url = `https://127.0.0.1:${target.port}`;
    try {
      await checkIsBackend(url, TLS);
      assert.match(
        await refusal(`https://127.0.0.2:${target.port}`, TLS),
        /nothing listens|certificate of the target .* does not hold/,
      );
      const other = transportOf({ ca: join(tlsFile('..'), 'loopback.cert.pem') });
      assert.match(await refusal(url, other), /signed by nobody that .*loopback.cert.pem knows/);
      assert.match(await refusal(url, { ...TLS, http: '2' }), /HTTP version|HTTP\/2/);
      assert.match(
        await refusal(`https://127.0.0.1:${plain.port}`, TLS),
        /could not be reached .*http or https/,
      );
    } finally {
      await target.stop();
      await plain.stop();
    }
  });

  test('a proxy, with a password or without', async () => {
    const plain = await startTestTarget(null);
    const secure = await startTestTarget({});
    const proxy = await startTestProxy(
      { 'uptime.test:80': plain.port, 'uptime.test:443': secure.port },
      'me:word',
    );
    const through = { ...TLS, proxy: `http://me:word@127.0.0.1:${proxy.port}` };
    try {
      await checkIsBackend('http://uptime.test', through);
      await checkIsBackend('https://uptime.test', through);
      assert.deepEqual([plain.probes.length, secure.probes.length], [1, 1]);
      assert.equal(plain.probes[0].headers.host, 'uptime.test');
      assert.equal(plain.probes[0].headers['proxy-authorization'], undefined);
      assert.deepEqual(
        proxy.seen.map(({ kind, to }) => `${kind} ${to}`),
        ['request uptime.test:80', 'tunnel uptime.test:443'],
      );
      const without = { ...TLS, proxy: `http://127.0.0.1:${proxy.port}` };
      for (const url of ['http://uptime.test', 'https://uptime.test'])
        assert.match(
          await refusal(url, without),
          /the proxy http:\/\/127.0.0.1:\d+ does not.* 407/,
        );
    } finally {
      await plain.stop();
      await secure.stop();
      await proxy.stop();
    }
    assert.match(
      await refusal('http://uptime.test', through),
      /the proxy http:\/\/\*\*\*@127.0.0.1:\d+ does not lead to the target: ECONNREFUSED/,
    );
  });

  test('a target that says the token back is not quoted', async () => {
    const target = await startTestTarget(null);
    await target.stop();
    const { createServer } = await import('node:http');
    const echo = createServer((request, response) =>
      response.writeHead(403).end(`no: ${request.headers.authorization}`),
    ).listen(0, '127.0.0.1');
    await new Promise((resolve) => echo.once('listening', resolve));
    const { port } = echo.address() as { port: number };
    try {
      const said = await refusal(`http://127.0.0.1:${port}`, {
        ...PLAIN_TRANSPORT,
        secretHeaders: { authorization: 'Bearer abc' },
      });
      assert.match(said, /it answered 403 "no: \*\*\*" .*--bearer-env/);
    } finally {
      echo.close();
    }
  });
});

test('a CA with a byte order mark: the question passes, and k6 trusts the target as well', async (t) => {
  const target = await startTestTarget({});
  t.after(target.stop);
  const path = join(folder, 'marked.pem');
  writeFileSync(path, `\ufeff${readFileSync(tlsFile('ca.cert.pem'), 'utf8')}`);
  const transport = transportOf({ ca: path });
  const url = `https://localhost:${target.port}`;
  await checkIsBackend(url, transport);
  const runFolder = scratchFolder();
  writeFileSync(
    join(runFolder, 'script.js'),
    `import http from 'k6/http'; export default () => console.error(http.post('${url}/v1/submit', 'x'.repeat(99)).status);`,
  );
  writeFileSync(join(runFolder, 'plan'), '{}');
  const k6 = await startK6({
    k6Path: await k6Path(),
    bundlePath: join(runFolder, 'script.js'),
    planPath: join(runFolder, 'plan'),
    runFolder,
    memory: { goGc: 100, limitBytes: 500e6 },
    transport,
    onSampleBytes: () => undefined,
  });
  await k6.done;
  const [line] = readFileSync(join(runFolder, 'k6.log'), 'utf8').split('\n');
  assert.equal((JSON.parse(line) as { msg: string }).msg, '200');
  assert.equal(target.requests.length, 1);
});

describe('secrets on their way to k6', () => {
  const memory = { goGc: 100, limitBytes: 500e6 };
  const start = async (script: string, k6: string, temporary: string) => {
    const runFolder = scratchFolder();
    writeFileSync(join(runFolder, 'script.js'), script);
    writeFileSync(join(runFolder, 'plan'), '{}');
    const before = process.env.TMPDIR;
    process.env.TMPDIR = temporary;
    try {
      const running = await startK6({
        k6Path: k6,
        bundlePath: join(runFolder, 'script.js'),
        planPath: join(runFolder, 'plan'),
        runFolder,
        memory,
        transport: { ...PLAIN_TRANSPORT, secretHeaders: { authorization: 'Bearer abc' } },
        onSampleBytes: () => undefined,
      });
      return { running, log: () => readFileSync(join(runFolder, 'k6.log'), 'utf8') };
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
  };

  test('a file that only this user can read, and that is gone at the end', async () => {
    const temporary = scratchFolder();
    const { running, log } = await start(
      `const text = open(__ENV.SECRETS); export default () => { console.error(text); }`,
      await k6Path(),
      temporary,
    );
    const [name] = readdirSync(temporary);
    const file = join(temporary, name, 'headers.json');
    if (process.platform !== 'win32') {
      assert.equal(statSync(join(temporary, name)).mode & 0o777, 0o700);
      assert.equal(statSync(file).mode & 0o777, 0o600);
    }
    assert.equal(readFileSync(file, 'utf8'), '{"authorization":"Bearer abc"}');
    assert.equal((await running.done).outcome, 'finished');
    assert.deepEqual(readdirSync(temporary), []);
    // It did read them.
    assert.equal(
      (JSON.parse(log()) as { msg: string }).msg.trim(),
      '{"authorization":"Bearer abc"}',
    );
  });

  test('gone as soon as k6 is at work', async () => {
    const temporary = scratchFolder();
    const { running } = await start(
      `import { sleep } from 'k6'; open(__ENV.SECRETS); export default () => sleep(600)`,
      await k6Path(),
      temporary,
    );
    let hasEnded = false;
    void running.done.then(() => (hasEnded = true));
    await until(() => readdirSync(temporary).length === 0, 'the file removed');
    assert.equal(hasEnded, false);
    running.kill();
    await running.done;
  });

  test('gone too when k6 does not start, or is killed before it has read', async () => {
    const temporary = scratchFolder();
    await assert.rejects(start('', join(folder, 'no-k6'), temporary), /k6 did not start/);
    assert.deepEqual(readdirSync(temporary), []);
    const { running } = await start('export default () => {}', await k6Path(), temporary);
    running.kill();
    await running.done;
    assert.deepEqual(readdirSync(temporary), []);
  });
});
