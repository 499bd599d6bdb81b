// The definitions of links, `[name]: address`, that stand behind a cut and that the text before it needs.
import { withoutReferences } from '../../markdown/redcarpet/references.ts';

const definition =
  /^ {0,3}\[([^\]\r\n]+)\]:[ \t]*(?:\r?\n[ \t]*)?\S.*(?:\r?\n[ \t]*(?:"[^"\r\n]*"|'[^'\r\n]*'|\([^)\r\n]*\))[ \t]*(?=\r?\n|$))?/gm;

/** As they stand there, in their order. */
export function neededDefinitions(source: string, at: number, kept: string): string[] {
  if (!kept.includes('[')) return [];
  const plain = (name: string) => name.toLowerCase().replace(/\s+/g, ' ').trim();
  const named = new Set([...kept.matchAll(/\[([^[\]]+)\]/g)].map(([, name = '']) => plain(name)));
  const found: string[] = [];
  for (const [text, name = ''] of source.slice(at).matchAll(definition))
    if (named.has(plain(name)) && isDefinition(text)) found.push(text.replaceAll('\r', ''));
  return found;
}

/** As the renderer reads it: a note of several words is none, and would be shown. */
function isDefinition(text: string): boolean {
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  return withoutReferences(bytes, new Map()).trim() === '';
}
