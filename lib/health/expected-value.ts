// What a probe expects of a release: its commit filled in, and whether a value is as expected.
import { sha7 } from '../release/release.ts';

export function expected(value: string | number | boolean, sha: string): string | number | boolean {
  return typeof value === 'string' ? filled(value, sha) : value;
}

export function filled(text: string, sha: string): string {
  return text.replaceAll('{sha7}', sha7(sha)).replaceAll('{sha}', sha);
}

/** Whether a value is the expected one. Of a commit that is known by its first digits only, these have to be right. */
export function isAs(found: unknown, raw: string | number | boolean, sha: string): boolean {
  if (found === expected(raw, sha)) return true;
  if (typeof raw !== 'string' || typeof found !== 'string' || !isShort(sha)) return false;
  const pattern = raw.split('{sha}').map(part => escape(filled(part, sha)));
  return new RegExp(`^${pattern.join(`${sha}[0-9a-f]*`)}$`).test(found);
}

/** Folders that other tools left know the first digits of their commit only. */
export function isShort(sha: string): boolean {
  return sha.length < 40;
}

export function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
