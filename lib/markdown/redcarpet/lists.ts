// Reads lists: an item goes on until a line that is not indented follows an empty one, or the next item at its own indentation.
import { bulletPrefix, fenceLine, isRule, numberedPrefix, type Fence } from './lines.ts';
import { emptyLine, nextLine, nested, type Output, type Parsing } from './state.ts';

/** `loose`: its items hold blocks; `ended`: the item just read was the last. */
type List = { kind: 'ul' | 'ol'; loose: boolean; ended: boolean };

export function readList(
  parsing: Parsing,
  out: Output,
  text: string,
  from: number,
  to: number,
  kind: List['kind'],
): number {
  const list: List = { kind, loose: false, ended: false };
  let at = from;
  const items = nested(parsing, 1, inside => {
    while (at < to) {
      const taken = readItem(parsing, inside, text, at, to, list);
      at += taken;
      if (!taken || list.ended) break;
    }
  });
  out.text += `${out.text && '\n'}<${kind}>\n${items}</${kind}>\n`;
  return at - from;
}

function readItem(parsing: Parsing, out: Output, text: string, from: number, to: number, list: List): number {
  const own = indentation(text, from, to, 3);
  const prefix = bulletPrefix(text, from, to) || numberedPrefix(text, from, to);
  if (!prefix) return 0;
  let at = nextLine(text, from + prefix, to);
  let content = text.slice(from + prefix, at);
  let sublist = 0;
  let inFence = false;
  let afterEmpty = false;
  let hasEmpty = false;
  const fence: Fence = { mark: '' };

  while (at < to) {
    const end = nextLine(text, at, to);
    if (emptyLine(text, at, end)) {
      afterEmpty = true;
      at = end;
      continue;
    }
    const indent = indentation(text, at, end, 4);
    const start = at + indent;
    if (fenceLine(text, start, end, fence).length) inFence = !inFence;
    const bullet = inFence ? 0 : bulletPrefix(text, start, end);
    const numbered = inFence ? 0 : numberedPrefix(text, start, end);
    if (afterEmpty && (list.kind === 'ol' ? bullet : numbered)) {
      list.ended = true;
      break;
    }
    if ((bullet && !isRule(text, start, end)) || numbered) {
      if (afterEmpty) hasEmpty = true;
      if (indent === own) break;
      sublist ||= content.length;
    } else if (afterEmpty && indent < 4 && text[at] !== '\t') {
      list.ended = true;
      break;
    } else if (afterEmpty) {
      content += '\n';
      hasEmpty = true;
    }
    afterEmpty = false;
    content += text.slice(start, end);
    at = end;
  }

  if (hasEmpty) list.loose = true;
  const split = sublist && sublist < content.length ? sublist : content.length;
  const read = list.loose ? 'blocks' : 'inline';
  const inner = nested(parsing, 2, inside => {
    parsing[read](inside, content, 0, split);
    if (split < content.length) parsing.blocks(inside, content, split, content.length);
  });
  out.text += `<li>${inner.replace(/\n+$/, '')}</li>\n`;
  return at - from;
}

function indentation(text: string, from: number, to: number, most: number): number {
  let spaces = 0;
  while (spaces < most && from + spaces < to && text[from + spaces] === ' ') spaces++;
  return spaces;
}
