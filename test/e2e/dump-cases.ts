/** A dump is read as it was written, and says what is wrong with it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { judge } from '../../e2e/assertions/index.ts';
import { readDump } from '../../e2e/dump/read.ts';
import { writeEvidence } from '../../e2e/dump/write-evidence.ts';
import { EXIT, type UserError } from '../../user-error.ts';
import { golden } from '../support/evidence.ts';
import { scratchFolder } from '../support/scratch.ts';

const scratch = scratchFolder();
const { evidence, blocks } = await golden();
const folder = join(scratch, 'dump');
await writeEvidence(evidence, blocks, folder);

const filesOf = (of: string): [string, string][] =>
  readdirSync(of, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => [path.slice(of.length), readFileSync(path, 'latin1')]);

test('what is read is what was written, and written again it has the same bytes', async () => {
  const read = await readDump(folder);
  assert.ok(read.sent.length > 150, String(read.sent.length));
  assert.ok(read.searchedLines > 1000);
  assert.deepEqual({ ...read, searchedLines: evidence.searchedLines }, evidence);
  const again = join(scratch, 'again');
  await writeEvidence(read, blocks, again);
  assert.deepEqual(filesOf(again), filesOf(folder));
});

test('a run in which all went right holds, in memory and from its dump', async () => {
  for (const one of [evidence, await readDump(folder)])
    for (const judged of judge(one))
      assert.equal(judged.outcome, ['score-as-sent', 'fork-rule'].includes(judged.name) ? 'no data' : 'held', JSON.stringify(judged)); // prettier-ignore
});

test('what is no dump, and all that is wrong with a dump', async () => {
  const problemOf = async (of: string): Promise<UserError> =>
    readDump(of).then(
      () => assert.fail('it was read'),
      (error: unknown) => error as UserError,
    );
  const none = await problemOf(join(scratch, 'nowhere'));
  assert.equal(none.exitCode, EXIT.noData);
  assert.match(none.message, /nowhere is no dump: dump\.json cannot be read \(ENOENT\)/);

  const broken = join(scratch, 'broken');
  await writeEvidence(evidence, blocks, broken);
  const hash = [...blocks.keys()][0];
  rmSync(join(broken, 'blocks', `${hash}.dat`));
  writeFileSync(join(broken, 'sent.ndjson'), '{"id":1}\n{"id":\n');
  writeFileSync(
    join(broken, 'tables', 'points_summary.ndjson'),
    '{"bot_log_id":"2","node_id":1}\n',
  );
  const damaged = await problemOf(broken);
  assert.equal(damaged.exitCode, EXIT.noData);
  for (const words of [
    'sent.ndjson, line 1: has no attempt',
    'sent.ndjson, line 2: is not JSON',
    'points_summary.ndjson, line 1: has "2" as bot_log_id, which must be a number',
    `blocks/${hash}.dat cannot be read`,
  ])
    assert.ok(damaged.message.includes(words), `${words}: ${damaged.message}`);

  writeFileSync(join(broken, 'dump.json'), JSON.stringify({ ...evidence.head, format: 2 }));
  assert.match(
    (await problemOf(broken)).message,
    /its format is 2, and this version reads up to 1/,
  );
  writeFileSync(join(broken, 'dump.json'), JSON.stringify({ format: 1 }));
  assert.match((await problemOf(broken)).message, /dump\.json: network: .*dump\.json: seed: /s);
});
