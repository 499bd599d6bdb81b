// Reads HTML tag by tag into what a reader sees; it asks for no well-formed document.
import { decodeNamedCharacterReference } from 'decode-named-character-reference';
import type { View } from './visible.ts';

const piece = /<!--(?:>|->|[^]*?(?:-->|$))|<[!?][^>]*>|<(\/?)([A-Za-z][^\s/>]*)((?:"[^"]*"|'[^']*'|[^"'>])*)>|[^<]+|</g;
const attribute = /([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?/g;

/** `at`: the offset in the source of the HTML's first character, or of all of it when `moves` is false. */
export function readHtml(html: string, view: View, at = 0, moves = false): void {
  for (const found of html.matchAll(piece)) {
    const here = moves ? at + found.index : at;
    const [whole, slash, name = '', rest = ''] = found;
    const tag = name.toLowerCase();
    if (!name) {
      if (whole.length > 1 && /^<[!?]/.test(whole)) continue;
      let from = 0;
      const place = (word: string) => {
        const index = whole.indexOf(word, from);
        if (index >= 0) from = index + word.length;
        return moves ? here + Math.max(0, index) : here;
      };
      view.text(decodeEntities(whole), place);
    } else if (slash) view.close(tag, here);
    else {
      const attributes: Record<string, string> = {};
      for (const [, key = '', double, single, bare] of rest.matchAll(attribute))
        attributes[key.toLowerCase()] ??= decodeEntities(double ?? single ?? bare ?? '');
      view.open(tag, attributes, here);
    }
  }
}

function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|([a-z][a-z0-9]*));/gi, (whole, hex, decimal, name) => {
    if (name) return decodeNamedCharacterReference(String(name)) || whole;
    const code = hex ? Number.parseInt(String(hex), 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : '\ufffd';
  });
}
