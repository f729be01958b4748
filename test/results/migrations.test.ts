import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillAbsent, FORMAT, migrate, UnknownFormat } from '../../results/migrations.ts';
import type { Plan, Summary } from '../../results/types.ts';
import { syntheticRun } from '../../bench/synthetic-run.ts';

const RUN = syntheticRun({ seconds: 2, rate: 3 });

test('a file of this format stays as it is', () => {
  const file = { format: FORMAT, id: 'x', added: 1 };
  assert.deepEqual(migrate('summary', file), file);
});

test('a chain of steps leads from any older format to the current one', () => {
  const steps = {
    1: { summary: ({ seconds, ...rest }: Record<string, unknown>) => ({ ...rest, s: seconds }) },
    2: {},
    3: { summary: (file: Record<string, unknown>) => ({ ...file, ms: Number(file.s) * 1000 }) },
  };
  const chain = { steps, current: 4 };
  assert.deepEqual(migrate('summary', { format: 1, seconds: 2 }, null, chain), {
    format: 4,
    s: 2,
    ms: 2000,
  });
  assert.deepEqual(migrate('summary', { format: 3, s: 2 }, null, chain), {
    format: 4,
    s: 2,
    ms: 2000,
  });
  assert.deepEqual(migrate('plan', { format: 1, seconds: 2 }, null, chain), {
    format: 4,
    seconds: 2,
  });
});

test('a newer format is refused and says who made it, as far as that is known', () => {
  const refusal = (format: number, madeBy: string | null) => {
    try {
      migrate('plan', { format }, madeBy);
    } catch (error) {
      assert.ok(error instanceof UnknownFormat);
      return error.message;
    }
    return assert.fail('was taken');
  };
  assert.equal(
    refusal(2, '0.9.0'),
    'has format 2, but this toolkit reads format 1; toolkit 0.9.0 made it',
  );
  assert.match(refusal(7, null), /format 7.*a later version of the toolkit$/);
  // Nothing ever wrote these: no guess is made of what they might mean.
  for (const format of [0, 0.5, -1])
    assert.match(refusal(format, null), /no version .* ever wrote/);
});

test('what is no object is left to the check of its shape', () => {
  for (const value of [null, 3, 'x', [1], { format: '1' }, {}])
    assert.deepEqual(migrate('summary', value), value);
});

test('absent fields of older files get their meaning, present ones keep theirs', () => {
  const { warmUpMs, ...load } = RUN.plan!.load;
  assert.equal(warmUpMs, 0);
  const older: Plan = { ...RUN.plan!, load };
  assert.equal(fillAbsent('plan', older).load.warmUpMs, 0);
  assert.equal(fillAbsent('plan', { ...older, load: { ...load, warmUpMs: 5 } }).load.warmUpMs, 5);

  const { sent, accepted, answers, latency, felt } = RUN.summary!.figures;
  // As the first version wrote it: no schedule, no warm-up, no times of the first and last answer.
  const first = {
    format: 1,
    figures: { sent, accepted, answers, latency, felt },
  } as unknown as Summary;
  const filled = fillAbsent('summary', first);
  assert.deepEqual(
    [filled.figures.schedule, filled.figures.sinceIntended, filled.figures.warmUpAnswers],
    [null, null, 0],
  );
  assert.deepEqual([filled.firstEndMs, filled.lastEndMs], [null, null]);
  assert.equal(fillAbsent('summary', { ...first, firstEndMs: 5 }).firstEndMs, 5);
  assert.ok(!('hostile' in filled) && !('cost' in filled));
});

test('the reasons of an older verdict are taken out of its sentence, those of a newer one stay', () => {
  const reasonsOf = (exitCode: number, sentence: string, more: object = {}) =>
    fillAbsent<Summary>('summary', {
      ...RUN.summary!,
      gates: [{ name: 'p95<1s', state: 'fail' as const, value: 2, limit: 1, unit: 's' }],
      verdict: { passed: false, exitCode, sentence, ...more },
    }).verdict.reasons;
  const gate = { kind: 'gate', name: 'p95<1s', state: 'fail', value: 2, unit: 's' };
  assert.deepEqual(
    reasonsOf(5, 'BROKEN: the backend ended; k6 too; 9 of 1,000 submissions were accepted, 5/s.'),
    [{ kind: 'broken', words: 'the backend ended; k6 too' }, gate],
  );
  assert.deepEqual(
    reasonsOf(
      4,
      'GENERATOR-LIMITED: of 9 starts 3 began late; this says little about the target; 9 of 9 submissions were accepted.',
    ),
    [{ kind: 'generator-limited', words: 'of 9 starts 3 began late' }, gate],
  );
  assert.deepEqual(reasonsOf(130, 'INTERRUPTED: x'), [{ kind: 'interrupted' }, gate]);
  assert.deepEqual(reasonsOf(99, 'FAILED: p95<1s does not hold'), [gate]);
  assert.deepEqual(reasonsOf(5, 'BROKEN: x', { reasons: [] }), []);
});

test('a name that was changed within a format is read in both spellings; the newer one wins', () => {
  const older = { format: 1, sent: 3, missing: 2, look: { classes: { missing: 1 } } };
  assert.deepEqual(migrate('reconcile', older), {
    format: 1,
    sent: 3,
    notStored: 2,
    look: { classes: { missing: 1 } },
  });
  assert.deepEqual(migrate('reconcile', { format: 1, notStored: 5 }), { format: 1, notStored: 5 });
  assert.deepEqual(migrate('summary', older), older);
});
