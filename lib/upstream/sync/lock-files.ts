// Which dependencies a lock file names, in the formats that the apps of this field have, and what changed between two of them.
import { isRecord } from '../../record.ts';

export type Bump = {
  /** The lock file. */
  file: string;
  name: string;
  /** undefined: it was not there. */
  from: string | undefined;
  /** undefined: it is gone. */
  to: string | undefined;
};

type Reader = (text: string) => Map<string, string>;

const readers: [RegExp, Reader][] = [
  [/(^|\/)(Gemfile|[\w.-]+\.gemfile)\.lock$/, pairs(/^ {4}([\w.-]+) \(([^)\s]+)\)$/gm)],
  [/(^|\/)(package-lock|npm-shrinkwrap)\.json$/, packageLock],
  [/(^|\/)(poetry|uv|Cargo)\.lock$/, pairs(/^name = "([^"\n]+)"\nversion = "([^"\n]+)"$/gm)],
  [/(^|\/)requirements[\w.-]*\.txt$/, pairs(/^([\w.[\]-]+)\s*==\s*([\w.!+*-]+)/gm)],
  [/(^|\/)go\.mod$/, pairs(/^(?:require )?\t?([\w./~-]+\.[\w./~-]+) (v[\w.+-]+)/gm)],
  [/(^|\/)\.(ruby|node|python)-version$/, text => new Map([['version', text.trim()]])],
  [/(^|\/)Dockerfile[^/]*$/, dockerfile],
];

export function isLockFile(path: string): boolean {
  return readers.some(([form]) => form.test(path));
}

/** Sorted by name. A text that cannot be read has none. */
export function bumpsBetween(file: string, before: string, after: string): Bump[] {
  const read = readers.find(([form]) => form.test(file))?.[1];
  if (!read) return [];
  const [was, is] = [read(before), read(after)];
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter(name => was.get(name) !== is.get(name))
    .toSorted()
    .map(name => ({ file, name, from: was.get(name), to: is.get(name) }));
}

function pairs(form: RegExp): Reader {
  return text => new Map([...text.replaceAll('\r', '').matchAll(form)].map(([, name = '', to = '']) => [name, to]));
}

/** The bases of its stages, and versions given as arguments. */
function dockerfile(text: string): Map<string, string> {
  const bases = [...text.matchAll(/^FROM\s+(?:--\S+\s+)*([^\s:@]+)[:@](\S+)/gim)];
  const versions = [...text.matchAll(/^ARG\s+(\w*VERSION)=["']?([^\s"']+)/gim)];
  return new Map([...bases, ...versions].map(([, name = '', to = '']) => [name, to]));
}

function packageLock(text: string): Map<string, string> {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return new Map();
  }
  const packages = isRecord(read) && isRecord(read['packages']) ? read['packages'] : {};
  return new Map(
    Object.entries(packages).flatMap(
      ([path, one]) =>
      path && isRecord(one) && typeof one['version'] === 'string' ? [[path.replace(/^node_modules\//, ''), one['version']] as const] : [], // prettier-ignore
    ),
  );
}
