// The JSON schema of ops.yml, for completion and checks in editors.
import { toJsonSchema } from '@valibot/to-json-schema';
import { fileSchema } from './file.ts';

/** The text of ops.schema.json. */
export function jsonSchema(): string {
  // Checks that JSON schema cannot say (no `..`, system folders) are left to `config check`.
  const schema = toJsonSchema(fileSchema, { errorMode: 'ignore', target: 'draft-07' });
  return `${JSON.stringify({ ...schema, title: 'ops.yml' }, plainly, 2)}\n`;
}

/** `{ not: {} }`, valibot's way to allow nothing, in the form that editors explain best. */
function plainly(key: string, value: unknown): unknown {
  return key === 'additionalProperties' && typeof value === 'object' && value !== null && 'not' in value
    ? false
    : value;
}
