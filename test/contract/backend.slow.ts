/** The uptime service backend as producers and readers of its storage see it: the embedded one, and the binary of REAL_BACKEND. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { RunningStack } from '../../stack/up.ts';
import { backendAnswers, expand, post, type Reply } from '../stack/support.ts';
import { contractStack, isAlone, realCommand } from './support.ts';

/** Of `unverified` cases signatures are not looked at. */
const SIDES = [
  { name: 'signatures checked', checksSignatures: true, answer: 'verified' },
  { name: 'signatures not checked', checksSignatures: false, answer: 'unverified' },
] as const;

const real = realCommand('backend');
const IMPLEMENTATIONS = [
  { name: 'embedded', command: null, skip: false as false | string },
  {
    name: 'real',
    command: real,
    skip:
      real === null
        ? 'REAL_BACKEND names no binary'
        : isAlone()
          ? false
          : 'it listens on every address: run this in a network namespace',
  },
];

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(json|dat)$/.test(name),
  );

for (const { name, command, skip } of IMPLEMENTATIONS)
  for (const { name: side, checksSignatures, answer } of SIDES)
    describe(`${name}, ${side}`, { skip }, () => {
      let stack: RunningStack;
      let port: number;
      let folder: string;
      before(async () => {
        stack = await contractStack(
          ['backend'],
          {
            // One by one: it cannot be told another port.
            ...(command !== null && { uses: { backend: { kind: 'command', command } } }),
          },
          { checksSignatures },
        );
        port = Number(new URL(stack.addresses.backend!.url).port);
        folder = join(stack.plan.folder, 'data', 'backend');
      });
      after(() => stack?.stop());

      test('health and the answer to any other path', async () => {
        const of = async (path: string): Promise<Reply> => {
          const response = await fetch(`http://127.0.0.1:${port}${path}`);
          return { status: response.status, body: await response.text() };
        };
        assert.deepEqual(await of('/health'), { status: 200, body: '{"status":"ok"}\n' });
        assert.deepEqual(await of('/any'), { status: 200, body: 'delegation backend service' });
      });

      test('each body has its answer', async () => {
        const wrong: unknown[] = [];
        for (const one of backendAnswers.bodies) {
          const got = await post(port, expand(one.body));
          if (JSON.stringify(got) !== JSON.stringify(one[answer]))
            wrong.push({ case: one.name, got, wanted: one[answer] });
        }
        assert.deepEqual(wrong, []);
      });

      test('what it stored: one file a second and submitter, blocks by their hash', () => {
        const files = filesBelow(folder);
        const submissions = files.filter((file) => file.startsWith('submissions/'));
        assert.ok(submissions.length > 0);
        const blocks = new Set(files.filter((file) => file.startsWith('blocks/')));
        const stored = backendAnswers.bodies.flatMap(({ stored }) =>
          stored === null ? [] : [JSON.parse(latin(stored)) as Record<string, unknown>],
        );
        for (const file of submissions) {
          assert.match(file, /^submissions\/(\d{4}-\d\d-\d\d)\/\1T\d\d:\d\d:\d\dZ-B62q\w+\.json$/);
          const { remote_addr, ...rest } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Record<string, unknown>; // prettier-ignore
          assert.match(String(remote_addr), /^127\.0\.0\.1:\d+$/);
          assert.ok(blocks.has(`blocks/${String(rest.block_hash)}.dat`));
          assert.ok(
            stored.some((one) => JSON.stringify({ ...one, remote_addr: undefined }) === JSON.stringify({ ...one, ...rest, remote_addr: undefined })), // prettier-ignore
            file,
          );
        }
      });
    });

const latin = (text: string): string => Buffer.from(text, 'latin1').toString('utf8');
