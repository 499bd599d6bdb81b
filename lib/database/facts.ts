// The facts about a database at one moment: its counts, with which a copy is compared.
import * as v from 'valibot';

/** Of rows, bytes, files. */
export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
// a record of valibot's loses a table that is called constructor
const counts = v.custom<Record<string, number>>(
  value => typeof value === 'object' && value !== null && Object.values(value).every(one => Number.isFinite(one)),
);

export const databaseFacts = v.variant('kind', [
  v.object({
    kind: v.literal('sqlite'),
    tables: counts,
    /** The highest rowid of each table that has one and a row. */
    highWater: counts,
    /** null: the schema itself is inconsistent, so that they cannot be counted. */
    foreignKeyFaults: v.nullable(count),
  }),
  v.object({
    kind: v.literal('postgres'),
    /** `15.18` */
    server: v.string(),
    encoding: v.pipe(v.string(), v.regex(/^\w+$/)),
    /** What the schema names and a dump does not bring: roles of policies, extensions. */
    roles: v.array(v.string()),
    extensions: v.array(v.string()),
    tables: counts,
    /** The highest key of each table whose primary key is one whole number. */
    highWater: counts,
    constraints: v.object({ count, notValid: count }),
  }),
]);

export type DatabaseFacts = v.InferOutput<typeof databaseFacts>;

export type SqliteFacts = Extract<DatabaseFacts, { kind: 'sqlite' }>;
export type PostgresFacts = Extract<DatabaseFacts, { kind: 'postgres' }>;
