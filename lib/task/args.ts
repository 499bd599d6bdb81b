// Parses the command line of a task against its declared flags, before anything else happens.
import { parseArgs } from 'node:util';
import { didYouMean } from '../did-you-mean.ts';
import { seconds } from '../duration.ts';
import { Failure } from '../errors.ts';
import { movedWord, renamedFlag } from '../old-words.ts';
import { flagsOf, type Flag, type Positional, type Shape } from './flags.ts';

export type Typed = {
  values: Record<string, string | number | boolean | string[] | undefined>;
  positionals: string[];
  rest: string[];
};

/** @throws Failure 2 that names the word at fault and what to type instead. */
export function parse(words: readonly string[], shape: Shape): Typed | 'help' {
  const flags = flagsOf(shape);
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries([...flags].map(([name, flag]) => [name, option(flag)])),
    // Node's own strict mode names no closest flag and accepts repetitions; what it refuses is refused below.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  if (tokens.some(token => token.kind === 'option' && token.name === 'help')) return 'help';

  const end = tokens.find(token => token.kind === 'option-terminator')?.index ?? words.length;
  const given = new Map<string, string | number | true | string[]>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    twoDashesForgotten(words[token.index] ?? '', flags);
    const flag = flags.get(token.name);
    if (!flag) throw unknownFlag(token.rawName, token.name, flags);
    const before = given.get(token.name);
    if (before !== undefined && !Array.isArray(before)) throw wrong(`--${token.name} was given twice`);
    const value = accept(token, flag);
    given.set(token.name, flag.type === 'list' ? [...(before ?? []), String(value)] : value);
  }
  const positionals = tokens.flatMap(token => (token.kind === 'positional' && token.index < end ? [token.value] : []));
  const rest = words.slice(end + 1);

  checkPositionals(positionals, shape.positionals ?? []);
  if (rest.length > 0 && !shape.rest) throw wrong(`this task takes nothing after --, but got ${shown(rest.join(' '))}`);
  if ((shape.target ?? 'one') === 'one' && !given.has('env'))
    throw wrong('--env is missing: which environment?', shape.examples[0] && `for example: ${shape.examples[0]}`);

  const values = Object.fromEntries([...flags].map(([name, flag]) => [name, given.get(name) ?? preset(flag)]));
  return { values, positionals, rest };
}

/** Whether the values are of the types that the flags declare; what `parse` returns always is. */
export function hasValues(values: Typed['values'], flags: Map<string, Flag>): boolean {
  return [...flags].every(([name, flag]) => {
    const value = values[name];
    if (flag.type === 'list') return Array.isArray(value);
    return value === undefined ? preset(flag) === undefined : typeof value === typeOf(flag);
  });
}

function typeOf(flag: Exclude<Flag, { type: 'list' }>): 'string' | 'number' | 'boolean' {
  return flag.type === 'duration' ? 'number' : flag.type;
}

function option(flag: Flag): { type: 'string' | 'boolean'; short?: string } {
  return { type: flag.type === 'boolean' ? 'boolean' : 'string', ...(flag.short ? { short: flag.short } : {}) };
}

function preset(flag: Flag): string | number | false | string[] | undefined {
  if (flag.type === 'list') return [];
  return flag.type === 'boolean' ? false : flag.default;
}

function accept(
  token: { name: string; rawName: string; value?: string | undefined; inlineValue?: boolean | undefined },
  flag: Flag,
): string | number | true {
  const { rawName, value } = token;
  if (flag.type === 'boolean') {
    if (value !== undefined) throw wrong(`${rawName} takes no value, but got ${shown(value)}`);
    return true;
  }
  const placeholder = flag.value ?? 'value';
  if (value === undefined || (!token.inlineValue && value.startsWith('-')))
    throw wrong(
      `${rawName} needs a value: ${rawName} <${placeholder}>`,
      value && `if ${shown(value)} is meant as its value, write --${token.name}=${value}`,
    );
  if (value === '')
    throw wrong(`${rawName} was given an empty value`, `write ${rawName} <${placeholder}>, or leave it out`);
  if (!rawName.startsWith('--') && token.inlineValue && value.startsWith('='))
    throw wrong(
      `${rawName}${value} is not understood`,
      `write ${rawName} ${value.slice(1)} or --${token.name}${value}`,
    );
  clean(rawName, value);
  if (flag.type === 'duration') {
    try {
      return seconds(value);
    } catch (error) {
      throw error instanceof Failure ? wrong(`${rawName}: ${error.message}`, error.advice) : error;
    }
  }
  if (flag.type === 'string') choice(rawName, value, flag.choices);
  return value;
}

function checkPositionals(given: string[], declared: readonly Positional[]): void {
  const last = declared.at(-1);
  for (const [at, value] of given.entries()) {
    const positional = declared[at] ?? (last?.many ? last : undefined);
    if (!positional) throw wrong(`unexpected argument ${shown(value)}`);
    if (value === '') throw wrong(`<${positional.name}> is empty`);
    clean(`<${positional.name}>`, value);
    choice(`<${positional.name}>`, value, positional.choices);
  }
  const missing = declared.slice(given.length).find(positional => positional.required);
  if (missing)
    throw wrong(
      `<${missing.name}> is missing: ${missing.about}`,
      missing.choices && `it is one of: ${missing.choices.join(', ')}`,
    );
}

function choice(name: string, value: string, choices: readonly string[] | undefined): void {
  if (!choices || choices.includes(value)) return;
  const away = movedWord(value, word => choices.includes(word));
  if (away) throw wrong(away);
  const near = didYouMean(value, choices);
  throw wrong(
    `${name} cannot be ${shown(value)}${near ? `; did you mean ${near}?` : ''}`,
    `it is one of: ${choices.join(', ')}`,
  );
}

// U+FFFD is what Node makes of bytes that are no UTF-8: the value has been changed on its way in.
function clean(name: string, value: string): void {
  // oxlint-disable-next-line no-control-regex
  if (/[\0-\x1f\x7f-\x9f\ufffd]/.test(value)) throw wrong(`${name} has a control character in ${shown(value)}`);
}

// `-env staging` would be read as `-e nv`.
function twoDashesForgotten(word: string, flags: Map<string, Flag>): void {
  const name = /^-([a-z][\w-]+)/.exec(word)?.[1];
  if (name && flags.has(name)) throw wrong(`-${name} needs two dashes`, `write --${name}`);
}

function unknownFlag(rawName: string, name: string, flags: Map<string, Flag>): Failure {
  const known = (flag: string) => flags.has(flag);
  const renamed = renamedFlag(name, known) ?? movedWord(name, known);
  if (renamed) return wrong(renamed);
  const near = didYouMean(name, [...flags.keys()]);
  return wrong(`there is no flag ${shown(rawName)}${near ? `; did you mean --${near}?` : ''}`);
}

function wrong(message: string, advice = 'see --help'): Failure {
  return new Failure(2, message, { advice });
}

/** Unchanged if it is plain, otherwise quoted, with invisible characters written out. */
function shown(value: string): string {
  const text = value.length > 60 ? `${value.slice(0, 60)}…` : value;
  return /^[\w@%+=:,./-]+$/.test(text)
    ? text
    : JSON.stringify(text).replace(/[\x7f-\x9f]/g, found => `\\x${found.charCodeAt(0).toString(16)}`);
}
