// Reads and writes a chapter's front matter as text: every value stays what was typed, and what is not front matter stays in the body.
import { LineCounter, isAlias, isMap, isNode, isScalar, parseDocument, visit, type Document, type Pair } from 'yaml';
import { didYouMean } from '../did-you-mean.ts';
import { messageOf } from '../errors.ts';

export const chapterKeys = ['title', 'class', 'theme', 'caption'] as const;
export const chapterClasses = ['Page', 'Section', 'Picture'] as const;
export type ChapterKey = (typeof chapterKeys)[number];
export type ChapterFields = { [K in ChapterKey]?: K extends 'class' ? (typeof chapterClasses)[number] : string };

/** `line` and `column` count from 1, in the file. */
export type ChapterProblem = { line: number; column: number; text: string };

export type Chapter = {
  /** The known keys, in the order of the file. */
  fields: ChapterFields;
  /** The Markdown, byte for byte; `head + body` is the file. */
  body: string;
  /** The line of the file on which the body begins, from 1. */
  bodyLine: number;
  /** A byte order mark and the front matter, with both its `---` lines; empty when there is none. */
  head: string;
  /** Whoever imports refuses a chapter that has any. */
  problems: ChapterProblem[];
};

// More than this is no front matter of four short values, and YAML of any size has to be built in memory.
const longest = 64 * 1024;
const meant = new RegExp(`^(?:${chapterKeys.join('|')})[ \\t]*:(?:\\s|$)`, 'm');

/**
 * Front matter is what stands between two lines of exactly `---`, the first of them at the very start, when it is a
 * mapping with at least one of the known keys. Anything else is text: a chapter may begin with a rule.
 */
export function readChapter(text: string): Chapter {
  const mark = text.startsWith('\ufeff') ? '\ufeff' : '';
  const plain: Chapter = { fields: {}, body: text.slice(mark.length), bodyLine: 1, head: mark, problems: [] };
  const opening = /^---\r?\n/.exec(plain.body)?.[0];
  if (!opening) return plain;
  const from = mark.length + opening.length;
  const rest = text.slice(from, from + longest);
  const closing = /^---(?:\r?\n|$)/m.exec(rest);
  if (!closing || (closing.index + 3 === rest.length && rest.length === longest))
    return meant.test(rest.split(/\r?\n/, 1)[0] ?? '')
      ? { ...plain, problems: [{ line: 1, column: 1, text: 'front matter begins here, and no line --- ends it' }] }
      : plain;

  const yaml = rest.slice(0, closing.index);
  const head = text.slice(0, from + closing.index + closing[0].length);
  const { fields, problems, kind } = readFields(yaml);
  if (kind === 'text') return { ...plain, problems };
  return { fields, problems, head, body: text.slice(head.length), bodyLine: head.split('\n').length };
}

/**
 * The file with these fields: the same bytes where nothing changed, otherwise only the lines of what did.
 * Fields that are undefined or missing are removed.
 */
export function writeChapter({ head, body }: Pick<Chapter, 'head' | 'body'>, fields: ChapterFields): string {
  const mark = head.startsWith('\ufeff') ? '\ufeff' : '';
  const end = /\r\n/.test(head || body) ? '\r\n' : '\n';
  const old = head.slice(mark.length);
  const lines = old.split(/(?<=\n)/);
  const was = readChapter(head).fields;
  const wanted = chapterKeys.filter(key => fields[key] !== undefined);
  if (!old && !wanted.length) return head + body;
  const written = (key: ChapterKey) => `${key}: ${quoted(fields[key] ?? '')}${end}`;
  if (!old) return `${mark}---${end}${wanted.map(written).join('')}---${end}${body}`;

  const kept = lines.slice(1, -1).filter(line => line !== '');
  const blocks = kept.reduce<string[]>((all, line) => {
    if (/^\s/.test(line) && all.length) all.push(`${all.pop() ?? ''}${line}`);
    else all.push(line);
    return all;
  }, []);
  const keyOf = (block: string) => chapterKeys.find(key => new RegExp(`^${key}[ \\t]*:`).test(block));
  const changed = blocks.flatMap(block => {
    const key = keyOf(block);
    if (!key || was[key] === fields[key]) return [block];
    return fields[key] === undefined ? [] : [written(key)];
  });
  const added = wanted.filter(key => !blocks.some(block => keyOf(block) === key)).map(written);
  const middle = [...changed, ...added];
  return middle.length ? `${mark}${lines[0] ?? ''}${middle.join('')}${lines.at(-1) ?? ''}${body}` : mark + body;
}

/** A YAML scalar that every YAML reader takes for this text. */
function quoted(value: string): string {
  const plain = /^[\p{L}][\p{L}\p{N} ,.;!?()'’–—/&+-]*$/u.test(value) && !/\s$/.test(value);
  return plain && !/^(?:y|n|yes|no|on|off|true|false|null)$/i.test(value) ? value : JSON.stringify(value);
}

type FieldsRead = { kind: 'fields' | 'text'; fields: ChapterFields; problems: ChapterProblem[] };

/** Lines are counted with the opening `---` as the first. */
function readFields(yaml: string): FieldsRead {
  const counter = new LineCounter();
  const problems: ChapterProblem[] = [];
  const say = (at: number, text: string) => {
    const { line, col } = counter.linePos(at);
    problems.push({ line: line + 1, column: col, text });
  };
  const text = (): FieldsRead => ({ kind: 'text', fields: {}, problems });
  let document: Document;
  try {
    // in the failsafe schema every scalar is text
    document = parseDocument(yaml, {
      schema: 'failsafe',
      lineCounter: counter,
      logLevel: 'silent',
      prettyErrors: false,
      strict: true,
    });
  } catch (error) {
    if (!meant.test(yaml)) return text();
    problems.push({ line: 1, column: 1, text: `this front matter cannot be read: ${messageOf(error)}` });
    return { kind: 'fields', fields: {}, problems };
  }
  const top = document.contents;
  const names = isMap(top) ? top.items.map(pair => nameOf(pair)) : [];
  const known = names.some(name => chapterKeys.some(key => key === name));
  if (!known && !(document.errors.length && meant.test(yaml))) {
    if (isMap(top) && !document.errors.length && names.every(name => /^[a-z][\w-]*$/.test(name)))
      say(0, `this has none of ${chapterKeys.join(', ')}, so it is shown as text; remove it, or add a title`);
    return text();
  }
  for (const error of document.errors) say(error.pos[0], saidOf(error.code, error.message));
  if (problems.length || !isMap(top)) return { kind: 'fields', fields: {}, problems };

  visit(document, (_key, node) => {
    if (!isNode(node)) return;
    const at = node.range?.[0] ?? 0;
    if (isAlias(node) || ('anchor' in node && node.anchor)) say(at, 'anchors and aliases are not possible here');
    else if (node.tag) say(at, `the tag ${node.tag} is not possible here`);
  });
  const fields: Record<string, string> = {};
  for (const pair of top.items) readPair(pair, fields, say);
  return { kind: 'fields', fields: fields satisfies ChapterFields | Record<string, string>, problems };
}

function readPair(pair: Pair, fields: Record<string, string>, say: (at: number, text: string) => void): void {
  const name = nameOf(pair);
  const at = isNode(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
  const key = chapterKeys.find(known => known === name);
  if (!key) {
    const near = didYouMean(name, [...chapterKeys]);
    return say(at, `the key ${JSON.stringify(name)} is not known${near ? `; did you mean ${near}?` : ''}`);
  }
  if (!isScalar(pair.value) || typeof pair.value.value !== 'string')
    return say(at, `${key} must be text on one line; put it in quotes`);
  const { value, comment, range } = pair.value;
  if (comment && pair.value.type === 'PLAIN' && /\S/.test(comment))
    return say(range?.[1] ?? at, `# begins a comment here; if it belongs to the ${key}, put the ${key} in quotes`);
  if (key === 'class' && !chapterClasses.some(known => known === value))
    return say(range?.[0] ?? at, `class is one of ${chapterClasses.join(', ')}, not ${JSON.stringify(value)}`);
  fields[key] = value;
}

function nameOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : '';
}

function saidOf(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'this key was there before';
  if (code === 'TAB_AS_INDENT') return 'a tab: front matter is indented with spaces';
  if (message.startsWith('Nested mappings'))
    return 'a colon followed by a space within a value: put the value in quotes';
  return message.split('\n')[0] ?? message;
}
