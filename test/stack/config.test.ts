/** The backend's configuration, from variables or from the original's CONFIG_FILE. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type BackendConfig, loadConfig } from '../../stack/backend/config.ts';
import { UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';

const base = scratchFolder();

const S3 = {
  AWS_ACCOUNT_ID: '123',
  AWS_BUCKET_NAME_SUFFIX: 'suffix',
  AWS_REGION: 'us-west-2',
};
const KEYSPACES = { AWS_KEYSPACE: 'k', AWS_SSL_CERTIFICATE_PATH: '/ca.pem' };
const POSTGRES = {
  POSTGRES_HOST: 'db',
  POSTGRES_PORT: '5432',
  POSTGRES_USER: 'u',
  POSTGRES_PASSWORD: 'p',
  POSTGRES_DB: 'd',
};

describe('configuration', () => {
  const env = {
    CONFIG_NETWORK_NAME: 'devnet',
    CONFIG_FILESYSTEM_PATH: '/data',
    DELEGATION_WHITELIST_DISABLED: '1',
  };

  test('defaults: loopback, strict signatures, 120 an hour', () => {
    assert.deepEqual(loadConfig(env), {
      networkName: 'devnet',
      signatures: 'strict',
      whitelist: null,
      requestsPerKeyHourly: 120,
      storages: [{ kind: 'filesystem', path: '/data' }],
      faithful: false,
      host: '127.0.0.1',
      port: 8080,
      checkThreads: null,
      logLevel: 'info',
    } satisfies BackendConfig);
  });

  test('the whitelist comes from a file or a URL, not from both', () => {
    const on = { ...env, DELEGATION_WHITELIST_DISABLED: '0' };
    const DELEGATION_WHITELIST_URL = 'https://host/list.csv';
    assert.equal(
      loadConfig({ ...on, DELEGATION_WHITELIST_URL }).whitelist!.file,
      'https://host/list.csv',
    );
    assert.throws(
      () => loadConfig({ ...on, DELEGATION_WHITELIST_URL, DELEGATION_WHITELIST_FILE: 'f' }),
      /^UserError: DELEGATION_WHITELIST_URL and DELEGATION_WHITELIST_FILE are both set$/,
    );
    for (const wrong of ['ftp://host/x', 'host/list.csv', 'https://'])
      assert.throws(
        () => loadConfig({ ...on, DELEGATION_WHITELIST_URL: wrong }),
        /^UserError: DELEGATION_WHITELIST_URL is no http or https URL$/,
      );
  });

  test('threads that check signatures', () => {
    const threads = (text: string) =>
      loadConfig({ ...env, BACKEND_CHECK_THREADS: text }).checkThreads;
    assert.deepEqual(['', '0', '3'].map(threads), [null, 0, 3]);
    assert.throws(() => threads('many'), /BACKEND_CHECK_THREADS must be an integer from 0 to 256/);
  });

  test('switches and numbers', () => {
    const whitelist = { DELEGATION_WHITELIST_DISABLED: '0', DELEGATION_WHITELIST_FILE: 'f' };
    assert.deepEqual(loadConfig({ ...env, ...whitelist }).whitelist, {
      file: 'f',
      column: null,
      refreshMs: 600_000,
    });
    assert.equal(loadConfig({ ...env, VERIFY_SIGNATURE_DISABLED: '1' }).signatures, 'unchecked');
    assert.equal(loadConfig({ ...env, VERIFY_SIGNATURE_LAX: '1' }).signatures, 'lax');
    assert.equal(loadConfig({ ...env, REQUESTS_PER_PK_HOURLY: '7' }).requestsPerKeyHourly, 7);
    // As the original, on demand.
    const faithful = { ...env, BACKEND_FAITHFUL: '1', REQUESTS_PER_PK_HOURLY: 'x' };
    assert.equal(loadConfig(faithful).requestsPerKeyHourly, 120);
    // The original polls without a pause then.
    const polling = {
      ...faithful,
      DELEGATION_WHITELIST_DISABLED: '',
      DELEGATION_WHITELIST_FILE: 'f',
      DELEGATION_WHITELIST_REFRESH_INTERVAL: '5m',
    };
    assert.equal(loadConfig(polling).whitelist!.refreshMs, 1000);
    assert.throws(() => loadConfig({ ...polling, BACKEND_FAITHFUL: '' }), /INTERVAL .*"5m"/);
    assert.equal(loadConfig({ ...env, REQUESTS_PER_PK_HOURLY: '' }).requestsPerKeyHourly, 120);
    for (const [name, column] of [
      ['', null],
      ['A', 0],
      ['c', 2],
      ['AA', 26],
      ['ABC', 730],
    ] as const)
      assert.equal(
        loadConfig({ ...env, ...whitelist, DELEGATION_WHITELIST_COLUMN: name }).whitelist?.column,
        column,
      );
    assert.equal(loadConfig({ ...env, BACKEND_PORT: '0' }).port, 0);
  });

  test('what is wrong is named with its value', () => {
    const whitelist = { DELEGATION_WHITELIST_DISABLED: '0', DELEGATION_WHITELIST_FILE: 'f' };
    const cases: [Record<string, string>, RegExp][] = [
      [{ CONFIG_NETWORK_NAME: '' }, /missing CONFIG_NETWORK_NAME/],
      [{ CONFIG_FILESYSTEM_PATH: '' }, /no storage/],
      [{ DELEGATION_WHITELIST_DISABLED: 'yes' }, /DELEGATION_WHITELIST_DISABLED.*"yes"/],
      [{ DELEGATION_WHITELIST_DISABLED: '' }, /no file holds it/],
      [{ REQUESTS_PER_PK_HOURLY: '-1' }, /-1/],
      [{ REQUESTS_PER_PK_HOURLY: 'x' }, /REQUESTS_PER_PK_HOURLY must be .* at least 0, but is "x"/],
      [
        { AWS_KEYSPACE: 'k', CASSANDRA_HOST: 'n', CASSANDRA_TLS: '0', CASSANDRA_PORT: '9o' },
        /"9o"/,
      ],
      [
        { ...whitelist, DELEGATION_WHITELIST_REFRESH_INTERVAL: '0' },
        /INTERVAL .*from 1 to 30240, but is "0"/,
      ],
      [{ ...whitelist, DELEGATION_WHITELIST_COLUMN: '3' }, /COLUMN must be a column .* but is "3"/],
      [
        { ...whitelist, DELEGATION_WHITELIST_FILE: '', CONFIG_GSHEET_ID: 'g1' },
        /Google sheet "g1"/,
      ],
      [{ BACKEND_PORT: '70000' }, /70000/],
      [{ LOG_LEVEL: 'loud' }, /loud/],
      [{ BACKEND_FAITHFUL: 'yes' }, /BACKEND_FAITHFUL.*"yes"/],
      [{ POSTGRES_HOST: 'db' }, /missing POSTGRES_PORT/],
      [{ ...POSTGRES, POSTGRES_PORT: '0' }, /POSTGRES_PORT.*"0"/],
      [{ ...POSTGRES, POSTGRES_PASSWORD: '' }, /missing POSTGRES_PASSWORD/],
      [{ ...POSTGRES, POSTGRES_SSLMODE: 'on' }, /SSL mode.*"on"/],
      [{ AWS_KEYSPACE: 'k' }, /AWS_REGION is required when CASSANDRA_HOST is not set/],
      [{ AWS_KEYSPACE: 'k', CASSANDRA_HOST: 'n' }, /missing AWS_SSL_CERTIFICATE_PATH/],
      [{ AWS_KEYSPACE: 'k', CASSANDRA_HOST: 'n', CASSANDRA_TLS: 'no' }, /CASSANDRA_TLS.*"no"/],
      [{ AWS_BUCKET_NAME_SUFFIX: 's' }, /missing AWS_ACCOUNT_ID/],
      [{ ...S3, AWS_REGION: '' }, /missing AWS_REGION/],
      [{ ...S3, AWS_ENDPOINT_URL_S3: 'localhost' }, /AWS_ENDPOINT_URL_S3.*"localhost"/],
      [{ CONFIG_FILE: '/nonexistent/config' }, /cannot be read/],
    ];
    for (const [changes, message] of cases)
      assert.throws(
        () => loadConfig({ ...env, ...changes }),
        (error) => error instanceof UserError && message.test(error.message) && error.hint !== '',
        JSON.stringify(changes),
      );
  });

  test('all that is wrong is named at once', () => {
    assert.throws(
      () =>
        loadConfig({
          ...POSTGRES,
          POSTGRES_PORT: 'nine',
          POSTGRES_USER: '',
          VERIFY_SIGNATURE_DISABLED: 'on',
          LOG_LEVEL: 'loud',
          BACKEND_PORT: '-1',
        }),
      (error) => {
        assert.ok(error instanceof UserError);
        assert.equal(error.exitCode, 2);
        assert.deepEqual(error.message.split('\n'), [
          'missing CONFIG_NETWORK_NAME environment variable',
          'POSTGRES_PORT must be an integer from 1 to 65535, but is "nine"',
          'missing POSTGRES_USER environment variable',
          'VERIFY_SIGNATURE_DISABLED, if set, should be either 0 or 1, but is "on"',
          'the whitelist is on, but no file holds it',
          'BACKEND_PORT must be an integer from 0 to 65535, but is "-1"',
          'LOG_LEVEL must be one of error, warn, info, debug, but is "loud"',
        ]);
        return true;
      },
    );
  });

  test('all storages of the original, in its order, and with its defaults', () => {
    const { CONFIG_FILESYSTEM_PATH, ...bare } = env;
    assert.deepEqual(
      loadConfig({ ...env, ...POSTGRES, ...KEYSPACES, ...S3, BACKEND_FAITHFUL: '1' }),
      {
        ...loadConfig(env),
        faithful: true,
        storages: [
          {
            kind: 's3',
            bucket: '123-suffix',
            network: 'devnet',
            region: 'us-west-2',
            endpoint: null,
            pathStyle: false,
            credentials: null,
          },
          {
            kind: 'cassandra',
            keyspace: 'k',
            host: 'cassandra.us-west-2.amazonaws.com',
            port: 9142,
            credentials: null,
            tls: { caFile: '/ca.pem' },
            datacenter: null,
          },
          {
            kind: 'postgres',
            host: 'db',
            port: 5432,
            user: 'u',
            password: 'p',
            database: 'd',
            sslmode: 'require',
            sslRootCert: null,
          },
          { kind: 'filesystem', path: CONFIG_FILESYSTEM_PATH },
        ],
      } satisfies BackendConfig,
    );
    // Each alone; the original refuses PostgreSQL alone.
    for (const [kind, variables] of [
      ['s3', S3],
      ['cassandra', { ...KEYSPACES, AWS_REGION: 'r' }],
      ['postgres', POSTGRES],
    ] as const)
      assert.deepEqual(
        loadConfig({ ...bare, ...variables }).storages.map((each) => each.kind),
        [kind],
      );
    const [s3, cassandra] = loadConfig({
      ...bare,
      ...S3,
      ...KEYSPACES,
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000',
      AWS_S3_FORCE_PATH_STYLE: '1',
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_SSL_CERTIFICATE_PATH: '',
      CASSANDRA_TLS: '0',
      CASSANDRA_HOST: 'node',
      CASSANDRA_PORT: '9042',
      CASSANDRA_USERNAME: 'u',
      CASSANDRA_PASSWORD: 'p',
      CASSANDRA_DATACENTER: 'dc1',
    }).storages;
    assert.deepEqual(s3, {
      kind: 's3',
      bucket: '123-suffix',
      network: 'devnet',
      region: 'us-west-2',
      endpoint: 'http://127.0.0.1:9000',
      pathStyle: true,
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    });
    assert.deepEqual(cassandra, {
      kind: 'cassandra',
      keyspace: 'k',
      host: 'node',
      port: 9042,
      credentials: { username: 'u', password: 'p' },
      tls: null,
      datacenter: 'dc1',
    });
  });

  test('CONFIG_FILE chooses the same storages', () => {
    const path = join(base, 'storages.json');
    const write = (changes: object): void =>
      writeFileSync(
        path,
        JSON.stringify({
          network_name: 'devnet',
          delegation_whitelist_disabled: true,
          aws: { account_id: '123', bucket_name_suffix: 'suffix', region: 'us-west-2' },
          aws_keyspaces: { keyspace: 'k', region: 'us-west-2', ssl_certificate_path: '/ca.pem' },
          postgresql: { host: 'db', port: 5432, user: 'u', password: 'p', database: 'd' },
          filesystem: { path: '/data' },
          ...changes,
        }),
      );
    write({});
    assert.deepEqual(
      loadConfig({ CONFIG_FILE: path }).storages,
      loadConfig({ ...env, ...POSTGRES, ...KEYSPACES, ...S3 }).storages,
    );
    for (const [changes, message] of [
      [{ aws: { account_id: '123', bucket_name_suffix: 's' } }, /has no aws\.region/],
      [{ aws_keyspaces: { region: 'r' } }, /has no aws_keyspaces\.keyspace/],
      [{ aws_keyspaces: { keyspace: 'k' } }, /aws_keyspaces\.region is required/],
      [{ postgresql: { host: 'db', user: 'u', password: 'p' } }, /has no postgresql\.port/],
      [{ postgresql: { host: 'db', port: '1' } }, /no configuration.*port/],
    ] as const) {
      write(changes);
      assert.throws(
        () => loadConfig({ CONFIG_FILE: path }),
        (error) => error instanceof UserError && message.test(error.message),
      );
    }
  });

  test('every name of CONFIG_FILE is the original’s, in any case, and null is as good as nothing', () => {
    // The json tags of o1-labs/uptime-service-backend@a358915, src/delegation_backend/app_config.go.
    const original = {
      network_name: 'mainnet',
      gsheet_id: 'sheet',
      delegation_whitelist_list: 'list',
      delegation_whitelist_column: 'D',
      delegation_whitelist_disabled: false,
      verify_signature_disabled: true,
      aws: {
        account_id: '1',
        bucket_name_suffix: 'b',
        region: 'r1',
        access_key_id: 'k1',
        secret_access_key: 's1',
      },
      aws_keyspaces: {
        keyspace: 'k',
        cassandra_host: 'h',
        cassandra_port: 9043,
        cassandra_username: 'u',
        cassandra_password: 'p',
        region: 'r2',
        access_key_id: 'k2',
        secret_access_key: 's2',
        web_identity_token_file: '/token',
        role_session_name: 'session',
        role_arn: 'arn',
        ssl_certificate_path: '/ca.pem',
      },
      filesystem: { path: '/f' },
      postgresql: {
        host: 'pg',
        port: 5433,
        user: 'pu',
        password: 'pp',
        database: 'pd',
        sslmode: 'disable',
      },
    };
    const path = join(base, 'all-names.json');
    const load = (value: unknown): BackendConfig => {
      writeFileSync(path, JSON.stringify(value));
      return loadConfig({ CONFIG_FILE: path, DELEGATION_WHITELIST_FILE: 'w' });
    };
    const config = load(original);
    assert.equal(config.networkName, 'mainnet');
    assert.equal(config.signatures, 'unchecked');
    assert.deepEqual([config.whitelist!.file, config.whitelist!.column], ['w', 3]);
    const [s3, cassandra, postgres, filesystem] = config.storages;
    const of = (storage: object, ...names: string[]) =>
      names.map((name) => (storage as Record<string, unknown>)[name]);
    assert.deepEqual(of(s3, 'bucket', 'network', 'region'), ['1-b', 'mainnet', 'r1']);
    assert.deepEqual(of(cassandra, 'keyspace', 'host', 'port', 'credentials', 'tls'), [
      'k',
      'h',
      9043,
      { username: 'u', password: 'p' },
      { caFile: '/ca.pem' },
    ]);
    assert.deepEqual(of(postgres, 'host', 'port', 'user', 'password', 'database', 'sslmode'), [
      'pg',
      5433,
      'pu',
      'pp',
      'pd',
      'disable',
    ]);
    assert.deepEqual(filesystem, { kind: 'filesystem', path: '/f' });
    const shouted = (value: unknown): unknown =>
      typeof value === 'object'
        ? Object.fromEntries(
            Object.entries(value!).map(([name, inner]) => [name.toUpperCase(), shouted(inner)]),
          )
        : value;
    assert.deepEqual(load(shouted(original)), config);
    // A wrong type under any of these names is no configuration: each of them is known.
    const wrong = (at: Record<string, unknown>, whole: () => unknown): void => {
      for (const name of Object.keys(at)) {
        const before = at[name];
        if (typeof before === 'object') wrong(before as Record<string, unknown>, whole);
        at[name] = ['x'];
        assert.throws(() => load(whole()), /is no configuration/, name);
        at[name] = before;
      }
    };
    wrong(original, () => original);
    const nothing = {
      ...original,
      aws: null,
      aws_keyspaces: null,
      verify_signature_disabled: null,
    };
    assert.deepEqual(
      load({ ...nothing, postgresql: null, delegation_whitelist_column: null }).storages,
      [filesystem],
    );
  });

  test('CONFIG_FILE as the original reads it', () => {
    const path = join(base, 'config.json');
    const write = (value: unknown): void => writeFileSync(path, JSON.stringify(value));
    const file = {
      network_name: 'mainnet',
      filesystem: { path: '/f' },
      delegation_whitelist_disabled: true,
    };
    write(file);
    const config = loadConfig({ CONFIG_FILE: path });
    assert.deepEqual(
      [config.networkName, config.storages, config.whitelist],
      ['mainnet', [{ kind: 'filesystem', path: '/f' }], null],
    );
    const open = { ...file, delegation_whitelist_disabled: false };
    write({ ...open, delegation_whitelist_column: 'B' });
    assert.deepEqual(loadConfig({ CONFIG_FILE: path, DELEGATION_WHITELIST_FILE: 'f' }).whitelist, {
      file: 'f',
      column: 1,
      refreshMs: 600_000,
    });
    write({ ...open, gsheet_id: 'g1' });
    assert.throws(() => loadConfig({ CONFIG_FILE: path }), /Google sheet "g1" is not read here/);
    writeFileSync(path, Buffer.from(`\ufeff${JSON.stringify(file)}`, 'utf16le'));
    assert.equal(loadConfig({ CONFIG_FILE: path }).networkName, 'mainnet');
    writeFileSync(path, '{\n"network_name": "x"\n"y": 1}');
    assert.throws(() => loadConfig({ CONFIG_FILE: path }), /is no configuration: line 3 is not/);
    assert.throws(() => loadConfig({ CONFIG_FILE: '/dev/zero' }), /is a device, not a file/);
    write({ ...file, verify_signature_disabled: true });
    assert.equal(loadConfig({ CONFIG_FILE: path }).signatures, 'unchecked');
    for (const broken of [
      { ...file, aws: {} },
      { ...file, filesystem: null },
      { ...file, network_name: 1 },
    ]) {
      write(broken);
      assert.throws(() => loadConfig({ CONFIG_FILE: path }), UserError);
    }
  });
});
