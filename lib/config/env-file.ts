// An app's environment file: how it is read, and what is wrong with it in words that never contain a value.
import { closest } from '../closest.ts';
import type { CrossCheck, EnvFile, KeyRule } from './target.ts';

type EnvValues = {
  values: Map<string, string>;
  /** In a person's words, without values. */
  problems: string[];
};

/**
 * KEY=VALUE as Compose and dotenv read it: `export` before the key, quotes, comments after a space, CRLF, quoted values over several lines.
 * Of a key that is set twice the last one counts, as for both of them, and it is a problem.
 */
export function parseEnvFile(text: string): EnvValues {
  const values = new Map<string, string>();
  const problems: string[] = [];
  const firstSet = new Map<string, number>();
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (let index = 0; index < lines.length; index++) {
    const number = index + 1;
    const line = lines[index]?.trim() ?? '';
    if (!line || line.startsWith('#')) continue;
    const [, key, after] = /^(?:export\s+)?([A-Za-z_][\w.-]*)\s*=(.*)$/.exec(line) ?? [];
    if (key === undefined || after === undefined) {
      // What stands there may be the rest of a secret, so it is not repeated.
      problems.push(`line ${number} is not KEY=VALUE`);
      continue;
    }
    const before = firstSet.get(key);
    if (before !== undefined)
      problems.push(`${key} is set twice, on lines ${before} and ${number}: the last one counts`);
    firstSet.set(key, number);

    const mark = after.trimStart()[0];
    if (mark !== '"' && mark !== "'") {
      values.set(key, after.replace(/(^|\s)#.*$/, '').trim());
      continue;
    }
    let quoted = after.trimStart();
    while (closing(quoted, mark) === -1 && index + 1 < lines.length) quoted += `\n${lines[++index]}`;
    const end = closing(quoted, mark);
    if (end === -1) {
      problems.push(`${key}: the quote that opens on line ${number} is never closed`);
      index = number - 1;
      continue;
    }
    if (!/^\s*(#.*)?$/.test(quoted.slice(end + 1)))
      problems.push(`${key}: text follows the closing quote on line ${index + 1}`);
    values.set(key, mark === '"' ? unescaped(quoted.slice(1, end)) : quoted.slice(1, end));
  }
  if (text.includes('\0')) problems.push('the file contains a NUL character');
  return { values, problems };
}

function closing(quoted: string, mark: string): number {
  for (let at = 1; at < quoted.length; at++) {
    if (mark === '"' && quoted[at] === '\\') at++;
    else if (quoted[at] === mark) return at;
  }
  return -1;
}

function unescaped(text: string): string {
  return text.replace(/\\([nrt"\\$])/g, (_, letter: string) => ({ n: '\n', r: '\r', t: '\t' })[letter] ?? letter);
}

/** Everything that `rules` find wrong in the file's text; `undefined` means the file is missing. */
export function checkEnvFile(rules: EnvFile, text: string | undefined): string[] {
  if (text === undefined) {
    const required = Object.entries(rules.keys).filter(([, rule]) => rule.required);
    const keys = required.map(([key]) => key).join(', ');
    return [`the file is missing${keys ? `; it must set ${keys}` : ''}`];
  }
  const { values, problems } = parseEnvFile(text);
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
  const slip = closest(key, strangers);
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
