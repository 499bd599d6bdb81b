// Reads tables; a cell ends at every `|`, whatever stands before it.
import { isSpace, nested, type Output, type Parsing } from './state.ts';

type Align = { left: boolean; right: boolean };

export function readTable(parsing: Parsing, out: Output, text: string, from: number, to: number): number {
  const header = readHeader(text, from, to);
  if (!header) return 0;
  const { columns, end } = header;
  const head = nested(parsing, 2, inside => readRow(parsing, inside, text, from, header.to, columns, 'th'));
  let at = end;
  const body = nested(parsing, 2, inside => {
    while (at < to) {
      const newline = text.indexOf('\n', at);
      if (newline < 0 || newline >= to || !text.slice(at, newline).includes('|')) break;
      readRow(parsing, inside, text, at, newline, columns, 'td');
      at = newline + 1;
    }
  });
  out.text += `${out.text && '\n'}<table><thead>\n${head}</thead><tbody>\n${body}</tbody></table>\n`;
  return at - from;
}

/** `to`: where the header's text ends; `end`: where the first row begins. */
function readHeader(text: string, from: number, to: number): { columns: Align[]; to: number; end: number } | undefined {
  const newline = text.indexOf('\n', from);
  if (newline < 0 || newline >= to) return undefined;
  const pipes = text.slice(from, newline).split('|').length - 1;
  if (!pipes) return undefined;
  let last = newline;
  while (last > from && isSpace(text[last - 1])) last--;
  const inner = pipes - (text[from] === '|' ? 1 : 0) - (text[last - 1] === '|' ? 1 : 0);
  const count = inner + 1;

  let at = newline + 1;
  if (at < to && text[at] === '|') at++;
  let end = at;
  while (end < to && text[end] !== '\n') end++;
  const columns: Align[] = [];
  while (columns.length < count && at < end) {
    const column = { left: false, right: false };
    let marks = 0;
    while (at < end && text[at] === ' ') at++;
    if (text[at] === ':') {
      column.left = true;
      at++;
      marks++;
    }
    while (at < end && text[at] === '-') {
      at++;
      marks++;
    }
    if (at < end && text[at] === ':') {
      column.right = true;
      at++;
      marks++;
    }
    while (at < end && text[at] === ' ') at++;
    if ((at < end && text[at] !== '|' && text[at] !== '+') || marks < 1) break;
    at++;
    columns.push(column);
  }
  return columns.length < count ? undefined : { columns, to: last, end: end + 1 };
}

function readRow(
  parsing: Parsing,
  out: Output,
  text: string,
  from: number,
  to: number,
  columns: Align[],
  tag: 'th' | 'td',
): void {
  let at = from < to && text[from] === '|' ? from + 1 : from;
  let cells = '';
  for (const { left, right } of columns) {
    let inner = '';
    if (at < to) {
      while (at < to && isSpace(text[at])) at++;
      const start = at;
      while (at < to && text[at] !== '|') at++;
      let end = at;
      while (end - 1 > start && isSpace(text[end - 1])) end--;
      inner = nested(parsing, 2, inside => parsing.inline(inside, text, start, Math.max(start, end)));
      at++;
    }
    const side = left && right ? 'center' : left ? 'left' : right ? 'right' : '';
    cells += `<${tag}${side && ` style="text-align: ${side}"`}>${inner}</${tag}>\n`;
  }
  out.text += `<tr>\n${cells}</tr>\n`;
}
