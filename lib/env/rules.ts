// The rules of ops.yml for an app's environment files, and messages about them that never contain a value.
import { didYouMean } from '../did-you-mean.ts';
import type { CrossCheck, KeyRule, EnvFile } from '../target/env-rules.ts';
import { parseEnvFile } from './grammar.ts';

/** Everything that is wrong with a file's text; `undefined`: it is missing. */
export function checkEnvFile(rules: EnvFile, text: string | undefined): string[] {
  return [...checkForms(rules, text), ...checkRules(rules, text)];
}

/** `/srv/book.env:3: KEY: why`: what Compose, systemd and a shell do not read alike. */
export function checkForms({ file }: EnvFile, text: string | undefined): string[] {
  const problems = text === undefined ? [] : parseEnvFile(text).problems;
  return problems.map(({ line, key, text: why }) => `${file}${line ? `:${line}` : ''}: ${key ? `${key}: ` : ''}${why}`);
}

/** `/srv/book.env: KEY is missing` and the like. */
export function checkRules(rules: EnvFile, text: string | undefined): string[] {
  return brokenBy(rules, text).map(why => `${rules.file}: ${why}`);
}

function brokenBy(rules: EnvFile, text: string | undefined): string[] {
  if (text === undefined) {
    const required = Object.entries(rules.keys).filter(([, rule]) => rule.required);
    const keys = required.map(([key]) => key).join(', ');
    return [`the file is missing${keys ? `; it must set ${keys}` : ''}`];
  }
  const { values } = parseEnvFile(text);
  const problems: string[] = [];
  for (const [key, rule] of Object.entries(rules.keys)) {
    const value = values.get(key);
    if (value === undefined || (value === '' && rule.required)) {
      if (rule.required) problems.push(value === '' ? `${key} is empty` : missing(key, rules, values));
    } else problems.push(...brokenRules(rule, value).map(why => `${key} ${why}`));
  }
  for (const check of rules.checks) problems.push(...disagreements(check, values));
  return problems;
}

function missing(key: string, rules: EnvFile, values: ReadonlyMap<string, string>): string {
  const strangers = [...values.keys()].filter(other => !Object.hasOwn(rules.keys, other));
  const slip = didYouMean(key, strangers);
  return `${key} is missing${slip ? ` (there is ${slip}: a slip?)` : ''}`;
}

/** What people leave in a copied example: the app would start with a secret that everybody knows. */
const placeholder =
  /change[-_ ]?(me|this)|replace|example|default|placeholder|your[-_ ]|secret[-_ ]?key|to[-_ ]?do|^(x+|\*+|\.+|-+|<.*>)$/i;

function brokenRules(rule: KeyRule, value: string): string[] {
  const broken: string[] = [];
  if (rule.oneOf && !rule.oneOf.includes(value)) broken.push(`must be ${listed(rule.oneOf)}`);
  if (rule.pattern !== undefined && !new RegExp(`^(?:${rule.pattern})$`, 'u').test(value))
    broken.push(`must match ${rule.pattern}`);
  if (rule.number) {
    const { min = -Infinity, max = Infinity, whole = false } = rule.number;
    const number = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= min && number <= max) || (whole && !/^[+-]?\d+$/.test(value)))
      broken.push(`must be ${rangeOf(rule.number)}`);
  }
  if (rule.minLength !== undefined && value.length < rule.minLength)
    broken.push(`must have at least ${rule.minLength} characters`);
  if (rule.placeholder === 'refuse' && placeholder.test(value)) broken.push('is still a placeholder');
  return broken;
}

function rangeOf({ min, max, whole }: NonNullable<KeyRule['number']>): string {
  const kind = whole ? 'a whole number' : 'a number';
  if (min !== undefined && max !== undefined) return `${kind} from ${min} to ${max}`;
  if (min !== undefined) return `${kind} of at least ${min}`;
  return max === undefined ? kind : `${kind} of at most ${max}`;
}

function disagreements(check: CrossCheck, values: ReadonlyMap<string, string>): string[] {
  const because = check.because ? `: ${check.because}` : '';
  if ('sameOrigin' in check) {
    const present = check.sameOrigin.filter(key => values.get(key));
    const origins = present.map(key => originOf(values.get(key) ?? ''));
    const strange = present.filter((_, index) => origins[index] === undefined);
    if (strange.length) return strange.map(key => `${key} must be a URL with http:// or https://`);
    if (new Set(origins).size < 2) return [];
    return [`${present.join(' and ')} must have the same scheme, host and port${because}`];
  }
  const pairs = Object.entries(check.when);
  if (!pairs.every(([key, value]) => values.get(key) === value)) return [];
  const when = pairs.map(([key, value]) => `${key} is ${value}`).join(' and ');
  return Object.entries(check.then)
    .filter(([key, value]) => values.get(key) !== value)
    .map(([key, value]) => `${key} must be ${value || 'empty'}${when ? ` when ${when}` : ''}${because}`);
}

function originOf(value: string): string | undefined {
  return /^https?:\/\//i.test(value) && URL.canParse(value) ? new URL(value).origin : undefined;
}

function listed(words: readonly string[]): string {
  return words.map(word => word || '(empty)').join(' or ');
}
