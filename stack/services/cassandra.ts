/**
 * A real Cassandra of one node where there is Java 17 and Maven: its jars (66 MB, once) go into the toolkit's cache folder, the daemon is
 * `java` on 127.0.0.1, with passwords, and with TLS for those who ask for it on the same port. Up in 10 to 30 s.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '../../system/cache-folder.ts';
import { programsOnPath } from '../../system/programs-on-path.ts';

const CASSANDRA = '5.0.5';
const JAVA = 17;
const MAVEN_WITHIN_MS = 400_000;

/** The superuser that a new node has. */
export const CASSANDRA_USER = { username: 'cassandra', password: 'cassandra' } as const;

const run = promisify(execFile);

/** @returns why no server can run here, or null */
export async function cassandraIsMissing(
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | null> {
  for (const program of ['java', 'keytool'])
    if (programsOnPath(program, env).length === 0) return `there is no ${program} on the PATH`;
  // java tells its version on standard error.
  const { stderr } = await run('java', ['-version']);
  const version = /version "(\d+)/.exec(stderr)?.[1];
  if (version !== String(JAVA)) return `Java ${JAVA} is needed, but java is ${version}`;
  if (!existsSync(jarsFolder(env)) && programsOnPath('mvn', env).length === 0)
    return 'there is no mvn on the PATH to fetch Cassandra';
  return null;
}

const jarsFolder = (env: NodeJS.ProcessEnv): string =>
  join(cacheFolder(env), `cassandra-${CASSANDRA}`);

async function fetchJars(env: NodeJS.ProcessEnv): Promise<string> {
  const folder = jarsFolder(env);
  if (existsSync(folder)) return folder;
  mkdirSync(cacheFolder(env), { recursive: true });
  const work = mkdtempSync(`${folder}-`);
  try {
    writeFileSync(
      join(work, 'pom.xml'),
      `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
       <groupId>local</groupId><artifactId>jars</artifactId><version>1</version><dependencies><dependency>
       <groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>${CASSANDRA}</version>
       </dependency></dependencies></project>`,
    );
    const goal = [
      '-q',
      '-B',
      'dependency:copy-dependencies',
      '-DoutputDirectory=jars',
      '-DincludeScope=runtime',
    ];
    await run('mvn', goal, { cwd: work, timeout: MAVEN_WITHIN_MS });
    // Whole or not at all.
    if (!existsSync(folder)) renameSync(join(work, 'jars'), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

/** What Cassandra's own jvm17-server.options opens to it. */
const EXPORTED = [
  'java.base/java.lang.ref',
  'java.base/jdk.internal.misc',
  'java.base/jdk.internal.ref',
  'java.base/sun.nio.ch',
  'java.management.rmi/com.sun.jmx.remote.internal.rmi',
  'java.rmi/sun.rmi.registry',
  'java.rmi/sun.rmi.server',
  'java.rmi/sun.rmi.transport',
  'java.rmi/sun.rmi.transport.tcp',
  'java.sql/java.sql',
  'jdk.unsupported/sun.misc',
];
const OPENED = [
  'java.base/java.io',
  'java.base/java.lang',
  'java.base/java.lang.module',
  'java.base/java.lang.reflect',
  'java.base/java.net',
  'java.base/java.nio',
  'java.base/java.util',
  'java.base/java.util.concurrent',
  'java.base/java.util.concurrent.atomic',
  'java.base/jdk.internal.loader',
  'java.base/jdk.internal.math',
  'java.base/jdk.internal.module',
  'java.base/jdk.internal.ref',
  'java.base/jdk.internal.reflect',
  'java.base/jdk.internal.util.jar',
  'java.base/sun.nio.ch',
  'java.management/sun.management',
  'jdk.management/com.sun.management.internal',
];

export type CassandraNode = {
  /** Its data, log and certificate; made if it is not there. */
  folder: string;
  port: number;
  /** For other nodes, of which there are none. */
  storagePort: number;
};

/** PEM file with the certificate of the node, self-signed, for 127.0.0.1 and localhost. */
export const certificateOf = (folder: string): string => join(folder, 'node.pem');

/**
 * Makes ready what the daemon needs; a folder that has been used keeps its data and its certificate.
 * @returns what is to be started, in `folder`
 * @throws Error with Maven's or keytool's words
 */
export async function prepareCassandra(
  { folder, port, storagePort }: CassandraNode,
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ file: string; args: string[] }> {
  const jars = await fetchJars(env);
  mkdirSync(folder, { recursive: true });
  if (!existsSync(certificateOf(folder))) await makeCertificate(folder, 'node');
  writeFileSync(join(folder, 'cassandra.yaml'), configuration(folder, port, storagePort));
  writeFileSync(
    join(folder, 'logback.xml'),
    `<configuration><appender name="OUT" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%level %msg%n</pattern></encoder></appender>
     <root level="WARN"><appender-ref ref="OUT"/></root></configuration>`,
  );
  return {
    file: programsOnPath('java', env)[0] ?? 'java',
    args: [
      ...[
        '-Xms128m',
        '-Xmx512m',
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        '-Djava.security.manager=allow',
      ],
      `-Dcassandra.config=file://${folder}/cassandra.yaml`,
      `-Dcassandra.storagedir=${folder}`,
      `-Dlogback.configurationFile=file://${folder}/logback.xml`,
      '-Dcassandra-foreground=yes',
      // One node has nobody to wait for.
      '-Dcassandra.skip_wait_for_gossip_to_settle=0',
      '-Dcassandra.ring_delay_ms=1',
      '-Dcassandra.superuser_setup_delay_ms=0',
      ...EXPORTED.map((name) => `--add-exports=${name}=ALL-UNNAMED`),
      ...OPENED.map((name) => `--add-opens=${name}=ALL-UNNAMED`),
      ...['-cp', `${jars}/*`, 'org.apache.cassandra.service.CassandraDaemon'],
    ],
  };
}

const KEYSTORE_PASSWORD = 'changeit';

/** A key and a self-signed certificate in FOLDER/NAME.p12. @returns the certificate's PEM file */
export async function makeCertificate(folder: string, name: string): Promise<string> {
  const store = [
    '-alias',
    name,
    '-keystore',
    join(folder, `${name}.p12`),
    '-storepass',
    KEYSTORE_PASSWORD,
  ];
  const key = [
    '-keyalg',
    'EC',
    '-groupname',
    'secp256r1',
    '-storetype',
    'PKCS12',
    '-validity',
    '30',
  ];
  const names = ['-dname', `CN=${name}.test`, '-ext', 'SAN=ip:127.0.0.1,dns:localhost'];
  await run('keytool', ['-genkeypair', ...store, ...key, ...names]);
  const path = join(folder, `${name}.pem`);
  const { stdout } = await run('keytool', ['-exportcert', '-rfc', ...store]);
  writeFileSync(path, stdout);
  return path;
}

const configuration = (folder: string, port: number, storagePort: number): string =>
  JSON.stringify({
    // JSON is YAML.
    cluster_name: 'test',
    num_tokens: 1,
    initial_token: '0',
    partitioner: 'org.apache.cassandra.dht.Murmur3Partitioner',
    endpoint_snitch: 'SimpleSnitch',
    seed_provider: [
      {
        class_name: 'org.apache.cassandra.locator.SimpleSeedProvider',
        parameters: [{ seeds: `127.0.0.1:${storagePort}` }],
      },
    ],
    listen_address: '127.0.0.1',
    rpc_address: '127.0.0.1',
    storage_port: storagePort,
    native_transport_port: port,
    data_file_directories: [join(folder, 'data')],
    commitlog_directory: join(folder, 'commitlog'),
    hints_directory: join(folder, 'hints'),
    saved_caches_directory: join(folder, 'caches'),
    cdc_raw_directory: join(folder, 'cdc'),
    commitlog_sync: 'periodic',
    commitlog_sync_period: '10000ms',
    auto_snapshot: false,
    authenticator: 'PasswordAuthenticator',
    authorizer: 'CassandraAuthorizer',
    role_manager: 'CassandraRoleManager',
    client_encryption_options: {
      enabled: true,
      optional: true,
      keystore: join(folder, 'node.p12'),
      keystore_password: KEYSTORE_PASSWORD,
      store_type: 'PKCS12',
    },
  });
