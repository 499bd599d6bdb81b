// What a reader sees of a rendering, as a list of words and marks: two renderings with equal lists look the same.

/** `at`: its offset in the source, where that is known. */
export type ShownWord = { shown: string; at: number };

const styles = new Map([
  ['i', 'em'],
  ['b', 'strong'],
  ['s', 'del'],
  ['strike', 'del'],
  ['tt', 'code'],
  ...'em strong del code mark kbd sub sup ins u h1 h2 h3 h4 h5 h6'
    .split(' ')
    .map((tag): [string, string] => [tag, tag]),
]);
/** Tags that are shown by where text begins and ends, and need no mark of their own. */
const silent = new Set(['p', 'thead', 'tbody', 'tfoot', 'html', 'body']);
const edges =
  /^(?:p|div|h[1-6]|ul|ol|li|blockquote|table|thead|tbody|tfoot|tr|t[hd]|pre|hr|details|summary|section|article|aside|header|footer|nav|figure|figcaption|center|form|dl|d[dt]|address|iframe|video|audio)$/;

/** Whether it stands apart from the text before and behind it. */
export const isBlockTag = (tag: string): boolean => edges.test(tag);

export type View = {
  open(tag: string, attributes: Record<string, string>, at: number): void;
  close(tag: string, at: number): void;
  /** `place` tells the offset of a word; the words come in their order. */
  text(value: string, place: (word: string) => number): void;
  seen: ShownWord[];
};

/** `forbidden`: tags that are left out, while their text stays; `isLink`: whether a link with this address stays one. */
export function createView(
  forbidden: (tag: string) => boolean,
  isLink: (address: string) => boolean = () => true,
): View {
  const seen: ShownWord[] = [];
  const open: string[] = [];
  const links: string[] = [];
  let gap = '¶';
  let word: ShownWord | undefined;
  let letters = '';
  let code: { lines: string; at: number } | undefined;

  const style = () => [...new Set(open)].toSorted().join(' ') + (links.at(-1) ?? '');
  const mark = (shown: string, at: number) => {
    seen.push({ shown, at });
    word = undefined;
  };
  const edge = () => {
    gap = '¶';
    word = undefined;
  };

  return {
    seen,
    open(tag, attributes, at) {
      if (forbidden(tag)) return;
      const name = styles.get(tag);
      if (code) return;
      if (edges.test(tag)) edge();
      if (name) {
        open.push(name);
        word = undefined;
      } else if (tag === 'a') {
        const target = attributes['href'];
        if (target === undefined || !isLink(target)) mark('<a>', at);
        links.push(target !== undefined && isLink(target) ? ` → ${address(target)}` : '');
        word = undefined;
      } else if (tag === 'pre') code = { lines: '', at };
      else if (tag === 'img') {
        mark(`${gap}image ${address(attributes['src'] ?? '')} “${spaced(attributes['alt'] ?? '')}” ${style()}`, at);
        gap = '';
      } else if (tag === 'br') {
        mark('line break', at);
        gap = '';
      } else if (tag === 'checkbox') mark(attributes['checked'] === undefined ? '☐' : '☑', at);
      else if (tag === 'ol') mark(`<ol> from ${attributes['start'] ?? '1'}`, at);
      else if (tag === 'th' || tag === 'td') {
        const side = attributes['align'] ?? /text-align: (\w+)/.exec(attributes['style'] ?? '')?.[1] ?? '';
        mark(`<${tag}> ${side}`.trim(), at);
      } else if (!silent.has(tag)) mark(`<${tag}>`, at);
    },
    close(tag, at) {
      if (forbidden(tag)) return;
      const name = styles.get(tag);
      if (code && tag !== 'pre') return;
      if (edges.test(tag)) edge();
      if (name) {
        const found = open.lastIndexOf(name);
        if (found >= 0) open.splice(found, 1);
        word = undefined;
      } else if (tag === 'a') {
        links.pop();
        word = undefined;
      } else if (tag === 'pre') {
        if (!code) return;
        mark('<pre>', code.at);
        for (const line of code.lines.replace(/^\n|\n+$/g, '').split('\n'))
          seen.push({ shown: `│${line}`, at: code.at });
        code = undefined;
        mark('</pre>', at);
      } else if (/^(?:ul|ol|blockquote|table)$/.test(tag) || !(silent.has(tag) || edges.test(tag)))
        mark(`</${tag}>`, at);
    },
    text(value, place) {
      if (code) {
        code.lines += value.replaceAll('\r\n', '\n');
        return;
      }
      for (const piece of value.split(/([ \t\r\n\f]+)/)) {
        if (piece === '') continue;
        if (/^[ \t\r\n\f]/.test(piece)) {
          if (gap === '') gap = ' ';
          if (seen.at(-1)?.shown === 'line break') gap = '';
          word = undefined;
          continue;
        }
        const at = place(piece);
        const end = style();
        if (word && gap === '') {
          letters += piece;
          word.shown = `${letters} ‹${end}`;
        } else {
          letters = `${gap}${piece}`;
          word = { shown: `${letters} ‹${end}`, at };
          seen.push(word);
        }
        gap = '';
      }
    },
  };
}

const spaced = (text: string) => text.replace(/\s+/g, ' ').trim();

/** The same for all ways of writing an address. */
function address(link: string): string {
  try {
    return decodeURI(link.trim());
  } catch {
    return link.trim();
  }
}
