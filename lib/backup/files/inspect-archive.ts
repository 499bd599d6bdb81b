// What an archive may contain: one rule, by which a backup leaves out and a restore refuses, before anything is written anywhere.
import { posix } from 'node:path';
import { Failure } from '../../errors.ts';

export type ArchiveEntry = {
  kind: 'file' | 'folder' | 'link' | 'hard link';
  path: string;
  to: string | undefined;
  bytes: number;
  /** A file that would run with the rights of its owner or group: who unpacks takes that away. */
  marked: boolean;
};

/** What our archives may not contain, by the type letters of `find` and tar. */
const noFiles: Record<string, string> = { b: 'a device', c: 'a device', p: 'a pipe', s: 'a socket', D: 'a door' };

/**
 * Why something of this kind (a letter of `find -printf %y` or of tar's list) has no place in an archive; undefined: it has.
 * The survey of a backup leaves out by it, the look before a restore refuses by it. `path` is relative to the root.
 */
export function refusedFile(
  letter: string,
  path: string,
  to: string | undefined,
): { what: string; why: string } | undefined {
  const what = noFiles[letter] ?? (['-', 'f', 'd', 'l', 'h'].includes(letter) ? undefined : 'no file');
  if (what !== undefined) return { what, why: 'is not a file, folder or link' };
  if (letter !== 'l' || (to !== undefined && !leadsOut(path, to))) return undefined;
  return {
    what: 'a link that points outside the root',
    why: `is a link that points outside the folder, to ${readable(to ?? 'nothing')}`,
  };
}

/** What `readEntry` reads: names between quotes, so that none can look like something else. */
const lineFlags = ['--verbose', '--numeric-owner', '--full-time', '--quoting-style=c'];

/** How tar has to be called for its list: with names and targets as they are (-P), and not as it would tame them. */
export const listingFlags = ['--list', ...lineFlags, '-P'];

/**
 * The same lines from a tar that unpacks at once, for scratch space that is thrown away. Without -P it keeps to its folder:
 * a leading / is taken away, .. refused, a link out of the folder made when all else is written.
 */
export const unpackingFlags = ['--extract', '--verbose', ...lineFlags];

/** What tar says of a folder that it makes because something is in it; no line of an archive's own looks so. */
export function isOfTarItself(line: string): boolean {
  return /^d[-rwx]{9} +Creating directory: "/.test(line);
}

/** @throws Failure 7 for what tar would not unpack because it is outside its folder; its list may lack that. */
export function verifyKept(words: string): void {
  const [, name] = /("(?:[^"\\]|\\.)*"): Member name contains '\.\.'/.exec(words) ?? [];
  if (name !== undefined) throw hostile(unquote(name), 'leads out of its folder');
}

const form =
  /^(.)([-rwxsStT]{9})[.+]? +\d+\/\d+ +(\d+(?:,\d+)?) +[\d:.-]+(?: +[\d:.]+)? +("(?:[^"\\]|\\.)*")(?: (->|link to) ("(?:[^"\\]|\\.)*"))?$/s;
const kinds: Record<string, ArchiveEntry['kind']> = { '-': 'file', d: 'folder', l: 'link', h: 'hard link' };

export type Inspector = {
  see(line: string): ArchiveEntry;
  /** Takes away a path, in its bytes, that is removed before the next archive is unpacked over this one. */
  forget(path: Buffer): string;
  count(): number;
};

/**
 * Looks at one entry after the other, also of archives that are unpacked over each other.
 * @throws Failure 7 at the first that could write outside of its folder.
 */
export function inspector(): Inspector {
  const seen = new Map<string, { kind: ArchiveEntry['kind']; to: string | undefined }>();
  return {
    count: () => seen.size,
    forget(bytes) {
      const inside = insideOf(bytes.toString('latin1'));
      if (inside === undefined) throw hostile(bytes.toString('latin1'), 'leads out of its folder');
      seen.delete(inside);
      return bytes.toString();
    },
    see(line) {
      const entry = readEntry(line);
      const { path, kind, to } = entry;
      const inside = insideOf(path);
      if (inside === undefined) throw hostile(path, 'leads out of its folder');
      for (let at = posix.dirname(inside); at !== '.'; at = posix.dirname(at)) {
        const above = seen.get(at);
        if (above !== undefined && above.kind !== 'folder')
          throw hostile(path, `goes through ${at}, which is not a folder`);
      }
      const before = seen.get(inside);
      if (before !== undefined && (before.kind !== 'folder' || kind !== 'folder')) throw hostile(path, 'comes twice');
      // a link may have a second name too, and that name has to be a place where it does not lead out either
      const first = kind === 'hard link' ? seen.get(insideOf(to ?? '') ?? '') : { kind, to };
      if (kind === 'hard link' && first?.kind !== 'file' && first?.kind !== 'link')
        throw hostile(path, `is another name for ${readable(to ?? 'nothing')}, which is not a file of this archive`);
      if (first?.kind === 'link') {
        const refused = refusedFile('l', inside, first.to);
        if (refused) throw hostile(path, refused.why);
      }
      seen.set(inside, kind === 'hard link' ? { kind: first?.kind ?? 'file', to: first?.to } : { kind, to });
      return { ...entry, path: readable(path), to: to === undefined ? undefined : readable(to) };
    },
  };
}

/** Whether a link at `path` could lead out of the folder that `path` is relative to, whatever else is in it. */
export function leadsOut(path: string, to: string): boolean {
  if (to === '' || to.startsWith('/')) return true;
  const parts = to.split('/').filter(part => part !== '' && part !== '.');
  const ups = parts.findIndex(part => part !== '..');
  const up = ups < 0 ? parts.length : ups;
  // after a name, which may be a link itself, .. could be anywhere
  if (parts.slice(up).includes('..')) return true;
  return up > posix.normalize(path).split('/').length - 1;
}

function insideOf(path: string): string | undefined {
  if (path === '' || path.startsWith('/') || path.split('/').includes('..')) return undefined;
  const tidy = posix.normalize(path).replace(/\/$/, '');
  return tidy === '.' ? undefined : tidy;
}

function readEntry(line: string): ArchiveEntry {
  const [, letter = '', rights = '', bytes = '', name = '""', word, target] = form.exec(line) ?? [];
  const path = unquote(name);
  const kind = kinds[letter];
  if (letter === '')
    throw hostile(
      Buffer.from(line.slice(0, 200)).toString('latin1'),
      'is a line of tar’s listing that is not understood',
    );
  if (!kind) throw hostile(path, refusedFile(letter, path, undefined)?.why ?? 'is not a file, folder or link');
  if ((kind === 'link') !== (word === '->') || (kind === 'hard link') !== (word === 'link to'))
    throw hostile(path, 'is and is not a link');
  const marked = kind !== 'folder' && /[sS]/.test(rights);
  return { kind, path, to: target === undefined ? undefined : unquote(target), bytes: Number(bytes), marked };
}

const escapes: Record<string, string> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };

/** The bytes of a name, one character each: tar writes those that are no characters of UTF-8 as octal numbers. */
function unquote(text: string): string {
  return Buffer.from(text.slice(1, -1))
    .toString('latin1')
    .replace(/\\(\d{3}|.)/gs, (_, one: string) =>
      /^\d{3}$/.test(one) ? String.fromCharCode(Number.parseInt(one, 8)) : (escapes[one] ?? one),
    );
}

/** What people see of a name's bytes. */
export function readable(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString();
}

function hostile(path: string, why: string): Failure {
  return new Failure(7, `the archive is not to be trusted: ${JSON.stringify(readable(path))} ${why}`, {
    advice: 'nothing of it was written; take another backup, and find out who wrote this one',
  });
}
