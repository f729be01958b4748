/** `npm run load` over TLS, HTTP/2, a proxy and to several targets: the real k6 does what the plan says, and no secret is left anywhere. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { projectRoot } from '../../paths.ts';
import type { Plan, Summary } from '../../results/types.ts';
import { addressOf, KEY_END } from '../../scenarios/lib/forwarded.ts';
import { startCli } from '../support/cli.ts';
import { runHere } from '../support/run-command.ts';
import { until } from '../support/until.ts';
import { k6Path } from '../support/k6.ts';
import { json, theRun } from '../support/load-results.ts';
import { startTestProxy, startTestTarget, tlsFile } from '../support/tls-target.ts';
import { scratchFolder } from '../support/scratch.ts';

const folder = scratchFolder();
const env = { K6_BIN: await k6Path() };

let runs = 0;
const freshFolder = (): string => {
  const path = join(folder, `run-${runs++}`);
  mkdirSync(path);
  return path;
};
const SHORT = ['--vus', '3', '--duration', '2s', '--think', '100ms', '--producers', '50'];

/** Every file below a folder. */
const filesOf = (path: string): string[] =>
  readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((name) => statSync(name).isFile());

/** Command line and environment of a process and of all that it started; empty where there is no /proc. */
function processTexts(root: number): { commandLines: string; environments: string } {
  const parents = new Map<number, number>();
  const texts = { commandLines: '', environments: '' };
  let names: string[];
  try {
    names = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return texts;
  }
  for (const name of names)
    try {
      const parent = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1];
      parents.set(Number(name), Number(parent));
    } catch {
      // It ended while it was looked at.
    }
  const isOurs = (pid: number): boolean =>
    pid === root || (parents.has(pid) && isOurs(parents.get(pid)!));
  for (const pid of parents.keys())
    if (isOurs(pid))
      try {
        texts.commandLines += readFileSync(`/proc/${pid}/cmdline`, 'latin1') + '\n';
        // The root was given the secrets in its environment; those after it need none.
        if (pid !== root) texts.environments += readFileSync(`/proc/${pid}/environ`, 'latin1');
      } catch {
        // It ended while it was looked at.
      }
  return texts;
}

describe('a load', { concurrency: 2 }, () => {
  test('HTTP/2 with own CA, client certificate and secrets, of which nothing is left', async () => {
    const secret = 'q7Zt.very-secret_token~1';
    const apiKey = 'api key 5Xw/+9';
    // Every fourth answer says the secrets back, as a debugging proxy does: they must not reach the log.
    const target = await startTestTarget({ wantsClient: true }, ({ headers }, n) =>
      n % 4 === 0
        ? {
            status: 500,
            body: `${'x'.repeat(190)}${headers.authorization} ${headers['x-api-key']}`,
          }
        : { status: 200, body: '{"status":"ok"}' },
    );
    const results = freshFolder();
    const temporary = freshFolder();
    const cli = startCli(
      ['load', '--target', `https://localhost:${target.port}`, ...SHORT, '--keep',
        '--ca', tlsFile('ca.cert.pem'), '--cert', tlsFile('client.cert.pem'), '--key', tlsFile('client.key.pem'),
        '--http', '2', '--header', 'X-Environment: test', '--bearer-env', 'UPTIME_TOKEN', '--header-env', 'X-Api-Key=UPTIME_KEY',
        '--gate', 'error-rate<=50%', '--results', results],
      { ...env, UPTIME_TOKEN: secret, UPTIME_KEY: apiKey, TMPDIR: temporary },
    ); // prettier-ignore
    try {
      await until(() => target.requests.length > 3, 'submissions');
      const { commandLines, environments } = processTexts(cli.child.pid!);
      const { exitCode, stdout, stderr } = await cli.result;
      assert.equal(exitCode, 0, stdout + stderr);
      if (process.platform === 'linux') assert.match(commandLines, /SECRETS=/);
      const run = theRun(results);
      const files = filesOf(run);
      assert.ok(files.some((file) => file.endsWith('k6-plan.json')));
      const texts = { stdout, stderr, commandLines, environments };
      for (const [name, text] of [
        ...Object.entries(texts),
        ...files.map((file) => [file, readFileSync(file, 'latin1')]),
      ])
        for (const word of [secret, apiKey])
          assert.ok(!text.includes(word), `a secret stands in ${name}`);
      assert.match(
        readFileSync(join(run, 'k6.log'), 'utf8'),
        /status 500 \[reason [0-9a-f]{8}\]: x{190}\*\*\* \*\*\*/,
      );
      assert.deepEqual(
        readdirSync(temporary).filter((name) => name.startsWith('mina-load-')),
        [],
      );
      const { figures } = json<Summary>(run, 'summary.json');
      assert.equal(figures.sent, target.requests.length);
      assert.ok(figures.accepted > 0 && figures.answers['500'] > 0);
      for (const { httpVersion, headers, client } of target.requests) {
        assert.equal(httpVersion, '2.0');
        assert.equal(client, 'a load generator');
        assert.equal(headers.authorization, `Bearer ${secret}`);
        assert.equal(headers['x-api-key'], apiKey);
        assert.equal(headers['x-environment'], 'test');
        assert.equal(headers['x-forwarded-for'], undefined);
      }
      const { transport, options } = json<Plan>(run, 'plan.json');
      assert.deepEqual(transport, {
        http: '2',
        proxy: null,
        ca: tlsFile('ca.cert.pem'),
        clientCertificate: tlsFile('client.cert.pem'),
        insecureSkipTlsVerify: false,
        headers: { 'x-environment': 'test' },
        secretHeaders: ['authorization', 'x-api-key'],
        forwardedNetwork: null,
      });
      assert.equal(options['bearer-env'].value, 'UPTIME_TOKEN');
    } finally {
      await target.stop();
    }
  });

  test('two targets by weight, through a proxy that wants a password, in HTTP/1.1', async () => {
    const secure = await startTestTarget({});
    const plain = await startTestTarget(null);
    const proxy = await startTestProxy(
      { 'uptime.test:443': secure.port, 'other.test:81': plain.port },
      'me:hidden-word',
    );
    const results = freshFolder();
    try {
      const { exitCode, stdout, stderr } = await runHere(
        ['load', '--target', 'https://uptime.test=3', '--target', 'http://other.test:81=1', '--allow-remote', ...SHORT,
          '--ca', tlsFile('ca.cert.pem'), '--http', '1.1', '--keep', '--results', results],
        { ...env, MINA_LOAD_PROXY: `http://me:hidden-word@127.0.0.1:${proxy.port}`, HTTPS_PROXY: 'http://127.0.0.1:1' },
      ); // prettier-ignore
      assert.equal(exitCode, 0, stdout + stderr);
      const run = theRun(results);
      const summary = json<Summary>(run, 'summary.json');
      const seen = [secure.requests.length, plain.requests.length];
      assert.deepEqual(
        summary.targets!.map(({ url, weight, sent, accepted, answers }) => ({
          url,
          weight,
          counts: [sent, accepted, answers['200']],
        })),
        [
          { url: 'https://uptime.test/v1/submit', weight: 3, counts: Array(3).fill(seen[0]) },
          { url: 'http://other.test:81/v1/submit', weight: 1, counts: Array(3).fill(seen[1]) },
        ],
      );
      assert.equal(seen[0] + seen[1], summary.figures.sent);
      assert.ok(seen[0] > seen[1] && seen[1] > 0, seen.join());
      assert.deepEqual(new Set(secure.requests.map((one) => one.httpVersion)), new Set(['1.1']));
      const tunnels = proxy.seen.filter(({ kind }) => kind === 'tunnel');
      assert.deepEqual(new Set(tunnels.map(({ to }) => to)), new Set(['uptime.test:443']));
      assert.equal(proxy.seen.length - tunnels.length, seen[1] + 1);
      const report = readFileSync(join(run, 'report.md'), 'utf8');
      assert.match(
        report,
        /## Targets\n\n.*\n.*\n\| `https:\/\/uptime.test\/v1\/submit` +\| +75 % \|/,
      );
      for (const text of [
        stdout,
        stderr,
        ...filesOf(run).map((file) => readFileSync(file, 'latin1')),
      ])
        assert.ok(!text.includes('hidden-word'));
      assert.equal(
        json<Plan>(run, 'plan.json').options.proxy.value,
        `http://***@127.0.0.1:${proxy.port}`,
      );
    } finally {
      await secure.stop();
      await plain.stop();
      await proxy.stop();
    }
  });

  test('X-Forwarded-For: the embedded backend stores an address for each producer', async () => {
    const results = freshFolder();
    const { exitCode, stdout, stderr } = await runHere(
      ['load', '--port', '0', ...SHORT, '--x-forwarded-for', '--forwarded-network', '203.0.113.0/24', '--keep', '--results', results],
      env,
    ); // prettier-ignore
    assert.equal(exitCode, 0, stdout + stderr);
    const stored = filesOf(join(theRun(results), 'storage', 'submissions')).map(
      (file) =>
        JSON.parse(readFileSync(file, 'utf8')) as { submitter: string; remote_addr: string },
    );
    const block = { first: 0xcb007100, size: 256 };
    const submitters = new Set(stored.map(({ submitter }) => submitter));
    // However few a slow machine has sent: several producers, each with its own address.
    assert.ok(submitters.size > 1, String(stored.length));
    for (const { submitter, remote_addr } of stored) {
      assert.match(remote_addr, /^203\.0\.113\.([1-9]\d?|1\d\d|2[0-4]\d|25[0-4])$/);
      const end = Buffer.from(submitter.slice(-KEY_END));
      assert.equal(remote_addr, addressOf(block, end, 0));
    }
  });

  test('replay too, and nobody checks the certificate if the user says so', async () => {
    const target = await startTestTarget({ http2: false });
    const results = freshFolder();
    try {
      const { exitCode, stdout, stderr } = await runHere(
        ['load', '--scenario', 'replay', '--payloads', join(projectRoot, 'producers', 'data'),
          '--vus', '2', '--duration', '1s', '--think', '100ms', '--target', `https://127.0.0.1:${target.port}`,
          '--insecure-skip-tls-verify', '--x-forwarded-for', '--results', results],
        env,
      ); // prettier-ignore
      assert.equal(exitCode, 0, stdout + stderr);
      assert.match(stdout, /note: --insecure-skip-tls-verify: nobody checks/);
      assert.match(stdout, /note: nobody checked the target's certificate/);
      assert.ok(target.requests.length > 5);
      for (const { headers, body } of target.requests) {
        const { submitter } = JSON.parse(body) as { submitter: string };
        const end = Buffer.from(submitter.slice(-KEY_END));
        const address = addressOf({ first: 10 * 2 ** 24, size: 2 ** 24 }, end, 0);
        assert.equal(headers['x-forwarded-for'], address);
        assert.match(address, /^10\./);
      }
    } finally {
      await target.stop();
    }
  });
});

describe('before a load', { concurrency: 2 }, () => {
  const refused = async (args: readonly string[], code: number, ...causes: RegExp[]) => {
    const results = join(folder, 'none');
    const result = await runHere(['load', ...args, '--results', results], env);
    assert.equal(result.exitCode, code, result.stdout + result.stderr);
    for (const cause of causes) assert.match(result.stderr, cause);
    assert.match(result.stderr, /^(error: [^\n]+\n)+what to do: [^\n]+\n$/);
  };

  test('every problem at once', () =>
    refused(
      ['--target', 'https://a.test', '--ca', '/no/such.pem', '--bearer-env', 'NOT_SET_HERE', '--header', 'Content-Length: 1'],
      2,
      /--ca \/no\/such.pem cannot be read \(ENOENT\)/,
      /variable NOT_SET_HERE of --bearer-env is not set/,
      /--header cannot set content-length/,
    )); // prettier-ignore

  test('a weight that is none', () =>
    refused(['--target', 'https://a.test=0'], 2, /--target must have a weight of more than 0/));

  test('options of TLS without TLS', () =>
    refused(['--http', '2', '--proxy', 'http://p:1'], 2, /--http 2 needs/, /--proxy belongs to/));

  test('a network that nobody uses', () =>
    refused(['--forwarded-network', '10.0.0.0/9'], 2, /has no effect without --x-forwarded-for/));

  test('a target without a certificate that anybody knows', async () => {
    const target = await startTestTarget({});
    try {
      await refused(
        ['--target', `https://127.0.0.1:${target.port}`],
        5,
        /signed by nobody that/,
        /--ca/,
      );
    } finally {
      await target.stop();
    }
  });

  test('--dry-run shows all but the secrets', async () => {
    const { exitCode, stdout } = await runHere(
      ['load', '--dry-run', '--target', 'https://a.test=3', '--target', 'https://b.test', '--bearer-env', 'UPTIME_TOKEN',
        '--header', 'X-A: b', '--http', '2', '--proxy', 'http://p.test:3128', '--ca', tlsFile('ca.cert.pem'), '--x-forwarded-for'],
      { ...env, UPTIME_TOKEN: 'hidden' },
    ); // prettier-ignore
    assert.equal(exitCode, 0, stdout);
    for (const line of [
      /^target +https:\/\/a.test\/v1\/submit \(75.0 %\)$/m,
      /^target +https:\/\/b.test\/v1\/submit \(25.0 %\)$/m,
      /^headers +x-a, authorization \(secret\)$/m,
      /^forwarded +X-Forwarded-For from 10.0.0.0\/8, one address a producer$/m,
      /^http +HTTP\/2$/m,
      /^proxy +http:\/\/p.test:3128$/m,
      /^tls roots +.*ca.cert.pem$/m,
    ])
      assert.match(stdout, line);
    assert.doesNotMatch(stdout, /hidden/);
  });
});
