// What the builders of settings share: settings that the rules require, values as text, and where a secret is.
import type { SecretReference } from '../../secret.ts';
import { local } from '../merge.ts';
import type { Settings } from '../schema/file.ts';

export type Section<K extends keyof Settings> = NonNullable<Settings[K]>;

/** The rules have seen to it that it is there; if not, that is our mistake and must not become a wrong path. */
export function given<T>(value: T | undefined): T {
  if (value === undefined)
    throw new TypeError('a setting the rules require is missing: a bug in lib/config/rules/target.ts');
  return value;
}

export function texts(values: Record<string, string | number | boolean>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]));
}

/** A relative file is below `folder`. */
export function secretAt(reference: SecretReference, folder: string): SecretReference {
  return 'env' in reference ? reference : { file: local(reference.file, folder) };
}
