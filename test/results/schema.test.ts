/** Shapes, JSON Schemas and types say the same. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { projectRoot } from '../../paths.ts';
import * as shapes from '../../results/schema.ts';
import type {
  ControlLine,
  LogSecond,
  MarkLine,
  Plan,
  Reconcile,
  ResourceLine,
  SampleLine,
  Summary,
} from '../../results/types.ts';

// Checked by the compiler: a field of types.ts that schema.ts lacks, or has with another type, is an error in this file.
/** Without the `unknown` fields that shapes let pass; a record has nothing else and keeps them. */
type Named<T> = T extends readonly (infer Item)[]
  ? Named<Item>[]
  : T extends object
    ? string extends keyof T
      ? keyof Fields<T> extends never
        ? { [Key in keyof T]: Named<T[Key]> }
        : Fields<T>
      : Fields<T>
    : T;
type Fields<T> = { [Key in keyof T as string extends Key ? never : Key]: Named<T[Key]> };
type Same<Shape extends z.ZodType, Type> =
  (<T>() => T extends Named<z.output<Shape>> ? 1 : 2) extends <T>() => T extends Named<Type> ? 1 : 2
    ? true
    : { differ: [Named<z.output<Shape>>, Named<Type>] };
const agree: [
  Same<typeof shapes.plan, Plan>,
  Same<typeof shapes.sampleLine, SampleLine>,
  Same<typeof shapes.resourceLine, ResourceLine>,
  Same<typeof shapes.logSecond, LogSecond>,
  Same<typeof shapes.controlLine, ControlLine>,
  Same<typeof shapes.markLine, MarkLine>,
  Same<typeof shapes.reconcile, Reconcile>,
  Same<typeof shapes.summary, Summary>,
] = [true, true, true, true, true, true, true, true];
// @ts-expect-error A field that the type has and the shape lacks is seen.
const seen: Same<typeof shapes.logSecond, LogSecond & { more?: number }> = true;

test('the compiler has compared shapes and types', () => {
  assert.deepEqual([...agree, seen], Array<boolean>(9).fill(true));
});

const fileOf = (name: string) => join(projectRoot, 'results', name);

test('the JSON Schemas beside the shapes are those of the shapes', () => {
  const schemas = shapes.resultSchemas();
  assert.ok(Object.keys(schemas).includes('summary.schema.json'));
  for (const [name, schema] of Object.entries(schemas)) {
    const text = `${JSON.stringify(schema, null, 2)}\n`;
    // UPDATE_GOLDEN=1 writes them anew.
    if (process.env.UPDATE_GOLDEN) writeFileSync(fileOf(name), text);
    assert.equal(readFileSync(fileOf(name), 'utf8'), text, `${name}: UPDATE_GOLDEN=1 renews it`);
  }
});

const published = (name: string) =>
  z.fromJSONSchema(JSON.parse(readFileSync(fileOf(name), 'utf8')) as z.core.JSONSchema.JSONSchema);
const fixture = (name: string) =>
  readFileSync(join(projectRoot, 'test/fixtures/runs/minute', name), 'utf8');

test('a recorded run passes the published schemas, a damaged one does not', () => {
  for (const name of ['plan', 'reconcile', 'summary']) {
    const file = JSON.parse(fixture(`${name}.json`)) as object;
    const schema = published(`${name}.schema.json`);
    assert.equal(schema.safeParse(file).success, true, name);
    assert.equal(schema.safeParse({ ...file, addedLater: [1] }).success, true, name);
    assert.equal(schema.safeParse({ ...file, format: 2 }).success, false, name);
    const [, required] = Object.keys(file);
    assert.equal(schema.safeParse({ ...file, [required]: undefined }).success, false, required);
  }
  for (const [name, file] of [
    ['sample', 'samples.ndjson'],
    ['resource', 'resources.ndjson'],
  ]) {
    const schema = published(`${name}.schema.json`);
    for (const line of fixture(file).trimEnd().split('\n').slice(0, 8)) {
      const value = JSON.parse(line) as object;
      assert.equal(schema.safeParse(value).success, true, line);
      assert.equal(schema.safeParse({ ...value, t: 'now' }).success, false);
    }
  }
});
