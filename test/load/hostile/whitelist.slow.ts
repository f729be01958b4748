/** A target of the user's own: which producers its whitelist has is asked first, and decides what is played and by whom. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { HOSTILE_CASES, type HostileContext } from '../../../load/hostile/cases.ts';
import {
  HOSTILE_PRODUCERS,
  hostileFleet,
  hostileKeysCommand,
  hostileMaterial,
} from '../../../load/hostile/material.ts';
import { countNotes } from '../../../load/notes.ts';
import type { HostileFigures } from '../../../results/types.ts';
import { type BackendProcess, startBackend } from '../../../stack/backend-process.ts';
import { scratchFolder } from '../../support/scratch.ts';
import { always, caseNamed, fakeServer, hostileContext, SEED, startRound } from './support.ts';

const base = scratchFolder();

const KEYS = hostileFleet(SEED).producers.map(({ publicKey }) => publicKey);
const STRANGER = 'B62qmzL51AsgFJkcrKdc9AsPe7CXam7wCP5fTxnWAjwPVwsjTL9Dy9k';

let targets = 0;
/** @param keys of its whitelist; null: it has none */
async function target(
  keys: readonly string[] | null,
  hourlyLimit: number,
): Promise<{ backend: BackendProcess; submitters: () => string[] }> {
  const folder = join(base, `target-${targets++}`);
  const whitelist = keys === null ? null : `${folder}.txt`;
  if (whitelist !== null) writeFileSync(whitelist, keys!.map((key) => `${key}\n`).join(''));
  const backend = await startBackend({
    whitelist,
    storageFolder: folder,
    logFile: `${folder}.log`,
    env: { BACKEND_FAITHFUL: '1', REQUESTS_PER_PK_HOURLY: String(hourlyLimit) },
  });
  const submitters = () => [
    ...new Set(
      readdirSync(folder, { recursive: true })
        .map(String)
        .flatMap((name) => /-(B62\w+)\.json$/.exec(name)?.[1] ?? []),
    ),
  ];
  return { backend, submitters };
}

/** As of a target that was not started for the run. */
const ofTheUsers = (change: Partial<HostileContext> = {}) =>
  hostileContext({ whitelist: 'unknown', fresh: false, faithful: false, ...change });

const faultsOf = ({ cases }: HostileFigures): string[] =>
  cases.flatMap(({ name, examples }) => examples.map((example) => `${name}: ${example}`));
const notRunIn = ({ cases }: HostileFigures): string[] =>
  cases.filter(({ notRun }) => notRun !== undefined).map(({ name }) => name);

const NEEDY = HOSTILE_CASES.filter(({ needsListed }) => needsListed).map(({ name }) => name);

describe('which keys the whitelist of the target has', () => {
  test('none: what needs them is not run and says which command prints them, all else is played', async () => {
    const { backend, submitters } = await target([STRANGER], 4);
    try {
      const figures = await (await startRound(backend.url, { context: await ofTheUsers() })).done;
      assert.deepEqual(faultsOf(figures), []);
      assert.deepEqual(notRunIn(figures), NEEDY);
      const command = 'npm run producers -- --for-hostile --seed test';
      assert.deepEqual(figures.unlisted, { listed: 0, of: HOSTILE_PRODUCERS, command });
      for (const { name, played, notRun } of figures.cases)
        if (NEEDY.includes(name)) assert.ok(notRun!.includes(command), notRun);
        else assert.ok(played > 0, name);
      assert.deepEqual(submitters(), []);
      const [note] = countNotes({
        load: { vus: 1 },
        totals: { retries: {}, resent: 0, otherBody: 0, faultyLines: 0 },
        figures: {},
        inFlight: 0,
        insecureSkipTlsVerify: false,
        hostile: figures,
      } as unknown as Parameters<typeof countNotes>[0]);
      assert.equal(
        note,
        `the target's whitelist has 0 of the 34 producers of the hostile requests, so ${NEEDY.length} of ${HOSTILE_CASES.length} cases were not run: ${command} prints the keys that it needs`,
      );
    } finally {
      await backend.stop();
    }
  });

  test('some: they take all parts', async () => {
    const some = KEYS.slice(20, 30);
    const { backend, submitters } = await target(some, 4);
    try {
      const figures = await (await startRound(backend.url, { context: await ofTheUsers() })).done;
      assert.deepEqual(faultsOf(figures), []);
      assert.deepEqual(notRunIn(figures), []);
      assert.equal(figures.unlisted, undefined);
      assert.ok(submitters().length > 3);
      assert.ok(submitters().every((submitter) => some.includes(submitter)));
    } finally {
      await backend.stop();
    }
  });

  test('all: nobody outside is let in, whatever was listed for an earlier run', async () => {
    const earlier = (await ofTheUsers()).material;
    const { backend } = await target([...KEYS, earlier.outsider.publicKey], 4);
    try {
      const figures = await (await startRound(backend.url, { context: await ofTheUsers() })).done;
      assert.deepEqual(faultsOf(figures), []);
      assert.deepEqual(notRunIn(figures), []);
      // The refusal alone is right: the whitelist is known to be on.
      const [outside] = figures.cases.filter(({ name }) => name === 'unknown-submitter');
      assert.match(outside.expected, /^401 \S+Submitter is not registered[^,]+$/);
      assert.doesNotMatch(outside.expected, / or /);
    } finally {
      await backend.stop();
    }
  });

  test('there is no whitelist: the outsider is taken, and a wrong hourly limit is seen in each run', async () => {
    const { backend, submitters } = await target(null, 3);
    try {
      const cases = ['hourly-limit', 'unknown-submitter'].map(caseNamed);
      for (const [hourlyLimit, unexpected] of [
        [3, 0],
        [3, 0],
        [2, 1],
        [4, 1],
      ]) {
        const context = await ofTheUsers({ hourlyLimit });
        const figures = await (await startRound(backend.url, { cases, context })).done;
        assert.deepEqual(
          figures.cases.map((one) => [one.name, one.played, one.unexpected]),
          [
            ['hourly-limit', 1, unexpected],
            ['unknown-submitter', 1, 0],
          ],
          `${hourlyLimit}`,
        );
        const { outsider } = context.material;
        assert.ok(submitters().includes(outsider.publicKey));
        assert.ok(!KEYS.includes(outsider.publicKey));
      }
    } finally {
      await backend.stop();
    }
  });

  test('a target that answers something else is not excused', async () => {
    const teapot = await fakeServer(always('HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n'));
    try {
      const figures = await (await startRound(teapot.url, { context: await ofTheUsers() })).done;
      assert.equal(figures.unlisted, undefined);
      assert.deepEqual(notRunIn(figures), []);
      assert.ok(figures.cases.every(({ unexpected }) => unexpected > 0));
    } finally {
      await teapot.stop();
    }
  });
});

test('strangers are others in each run, and in no list that a command prints', async () => {
  const material = () => hostileMaterial({ seed: SEED, network: 'testnet', hourlyLimit: 4 });
  const strangers = (await Promise.all([material(), material()])).flatMap(
    ({ outsider, newcomer }) => [outsider.publicKey, newcomer.publicKey],
  );
  assert.equal(new Set([...strangers, ...KEYS]).size, 4 + HOSTILE_PRODUCERS);
});

test('the command that prints the keys can be pasted into a shell', () => {
  for (const [seed, words] of [
    ['mina', 'mina'],
    ['my seed', "'my seed'"],
    ["it's $HOME", `'it'\\''s $HOME'`],
  ])
    assert.equal(hostileKeysCommand(seed), `npm run producers -- --for-hostile --seed ${words}`);
});
