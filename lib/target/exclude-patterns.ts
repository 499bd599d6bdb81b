// The patterns of backup.files.exclude, parsed once: for the check of ops.yml and for `find`.
import { posix } from 'node:path';

export type Pattern = {
  /** As written in ops.yml. */
  text: string;
  /** As after `find -path`, for paths relative to the root: * and ? stand for / too. A path that one matches is left out, with all in it. */
  globs: string[];
  /** It ended in /. */
  foldersOnly: boolean;
};

/**
 * A pattern holds at the beginning of a path below the root and behind any / in it, as after tar's --exclude. One that begins
 * with / or ./ holds at the root and at the top of each included folder only; the root itself before it is taken away.
 * @returns undefined for one that could never leave anything out.
 */
export function readPattern(text: string, root: string, include: readonly string[]): Pattern | undefined {
  const written =
    `${text.replace(/\/+$/, '')}/`.startsWith(`${root}/`) && root !== '/' ? text.slice(root.length) || '/' : text;
  const anchored = written !== text || /^\.?\//.test(written);
  const parts = written.split('/').filter(part => part !== '' && part !== '.');
  if (parts.includes('..')) return undefined;
  const foldersOnly = text.endsWith('/') && parts.length > 0;
  // the root, or all of it
  if (!parts.length) return { text, globs: ['*'], foldersOnly: false };
  // ** may stand for no folder at all
  const plain = parts.join('/');
  const forms = [...new Set([plain, plain.replaceAll('/**/', '/'), plain.replace(/^\*\*\//, '')])];
  const below = anchored ? (written === text ? include.map(path => `${literal(path)}/`) : []) : ['*/'];
  return { text, globs: forms.flatMap(form => ['', ...below].map(before => `${before}${form}`)), foldersOnly };
}

export function readPatterns(exclude: readonly string[], root: string, include: readonly string[]): Pattern[] {
  return exclude.flatMap(text => readPattern(text, root, include) ?? []);
}

/** Whether the pattern leaves out this path, or a folder that it is in. */
export function leavesOut({ globs, foldersOnly }: Pattern, path: string, isFolder: boolean): boolean {
  const matching = globs.map(asExpression);
  for (let at = path; at !== '.' && at !== '/'; at = posix.dirname(at))
    if ((!foldersOnly || at !== path || isFolder) && matching.some(one => one.test(at))) return true;
  return false;
}

function literal(path: string): string {
  return path.replace(/[\\*?[]/g, '\\$&');
}

const classes: Record<string, string> = {
  alpha: '\\p{L}',
  digit: '0-9',
  alnum: '\\p{L}0-9',
  upper: '\\p{Lu}',
  lower: '\\p{Ll}',
  space: '\\s',
  blank: ' \\t',
  punct: '!-\\/:-@\\[-`{-~',
  xdigit: '0-9A-Fa-f',
  cntrl: '\\p{Cc}',
};

/** fnmatch(3) without flags, as `find -path` and tar's --exclude have it. */
function asExpression(glob: string): RegExp {
  let text = '';
  for (let at = 0; at < glob.length; at++) {
    const rest = glob.slice(at);
    const [bracket, no, inside] = /^\[([!^]?)(\]?(?:\[:\w+:\]|\\[^]|[^\]\\])*)\]/s.exec(rest) ?? [];
    if (rest.startsWith('*')) text += '[^]*';
    else if (rest.startsWith('?')) text += '[^]';
    else if (bracket !== undefined && inside) {
      text += `[${no ? '^' : ''}${inBrackets(inside)}]`;
      at += bracket.length - 1;
    } else if (rest.startsWith('\\') && rest.length > 1) text += escaped(glob[++at] ?? '');
    // a \ at the end stands for nothing
    else text += rest === '\\' ? '[^\\s\\S]' : escaped(rest[0] ?? '');
  }
  return new RegExp(`^${text}$`, 'su');
}

function inBrackets(inside: string): string {
  return inside.replace(/\[:(\w+):\]|\\([^])|([\][\\^])/gs, (_, name?: string, quoted?: string, odd?: string) =>
    name === undefined ? (quoted ?? odd ?? '').replace(/[\\^\-[\]]/, '\\$&') : (classes[name] ?? ''),
  );
}

function escaped(letter: string): string {
  return letter.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
}
