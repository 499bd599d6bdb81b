// A line of a log as `name=value` pairs: escaped so that no value can end it, and read back.

/** `key=value` pairs for a line, values quoted where they need it; empty and missing ones are left out. */
export function pairs(keys: Record<string, string | number | undefined>): string {
  return Object.entries(keys)
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([key, value]) => `${key}=${logWord(String(value))}`)
    .join(' ');
}

/** What `pairs` has written, read back. */
export function readPairs(text: string): Record<string, string> {
  const keys: Record<string, string> = {};
  pair.lastIndex = 0;
  for (;;) {
    const found = pair.exec(text);
    if (!found?.[1]) return keys;
    keys[found[1]] =
      found[2] === undefined ? (found[3] ?? '') : found[2].replace(/\\(.)/gs, (_, one) => (one === 'n' ? '\n' : one));
  }
}

export function logWord(value: string): string {
  if (/^[\w@%+=:,./-]+$/.test(value)) return value;
  // eslint-disable-next-line no-control-regex
  const clean = value
    .replace(/[\0-\x09\x0b-\x1f\x7f]/g, ' ')
    .replace(/[\\"]/g, '\\$&')
    .replaceAll('\n', '\\n');
  return `"${clean}"`;
}

export const pair = /([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))(?: |$)/sy;
