// Building blocks of the schema of ops.yml: maps with known keys, one of two forms, named entries, places of secrets.
import * as v from 'valibot';
import { isMap, mustBe, name, path, variable } from './values.ts';

export type Any = v.GenericSchema;
type Key = v.GenericSchema<string, string>;

export const about = <S extends Any>(text: string, schema: S) => v.pipe(schema, v.description(text));
export const optional = <S extends Any>(text: string, schema: S) => about(text, v.optional(schema));

/** A map with these keys only. Each unknown key becomes an issue of its own, whose message lists the known ones for "did you mean". */
export function shape<const E extends v.ObjectEntries>(entries: E) {
  const map = v.objectWithRest(
    entries,
    v.never(() => Object.keys(entries).join(' ')),
    issue => (issue.expected.startsWith('"') ? 'is missing' : mustBe('a map')(issue)),
  );
  return v.pipe(v.custom<object>(isMap, mustBe('a map')), map) as unknown as typeof map;
}

/** One of two forms, distinguished by the value, so that the message is about the intended form. */
export function either<A extends Any, B extends Any>(one: A, other: B, isOther: (value: unknown) => boolean) {
  const union = v.union([one, other]);
  const run: Any['~run'] = (dataset, config) =>
    (isOther(dataset.value) ? (other as Any) : (one as Any))['~run'](dataset, config);
  return { ...union, '~run': run } as typeof union;
}
export const notText = (value: unknown) => typeof value === 'object' && value !== null;
export const has = (key: string) => (value: unknown) => typeof value === 'object' && value !== null && key in value;

/** A map with any keys of one form. */
export const mapOf = <K extends Key, S extends Any>(key: K, value: S) =>
  v.pipe(v.custom<Record<string, v.InferInput<S>>>(isMap, mustBe('a map')), v.record(key, value));
export const variables = <S extends Any>(value: S) => mapOf(variable, value);
export const namedMap = <S extends Any>(value: S) => mapOf(name, value);

const secretReference = either(shape({ env: variable }), shape({ file: path }), has('file'));
export const password = v.pipe(
  v.custom<object>(isMap, 'must say where the secret is, { env: NAME } or { file: path }, and never be the secret'),
  secretReference,
) as unknown as typeof secretReference;
