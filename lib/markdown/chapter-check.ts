// Checks one chapter of a folder: its front matter, what Writebook shows differently, and the files that it names.
import { checkMarkdown } from './check.ts';
import { readChapter } from './front-matter.ts';
import { parseMarkdown } from './github-view.ts';
import { lineAndColumn } from './line-and-column.ts';
import { relativeLinks } from './relative-links.ts';

/** `line` and `column` count from 1, in the file. */
export type ChapterFinding = { line: number; column: number; code: string; says: string; fixable: boolean };

/** `fixed` is the whole file. */
export type ChapterCheck = { findings: ChapterFinding[]; fixed: string };

/** `exists` tells whether there is a file at a path relative to the chapter's folder. */
export function checkChapter(text: string, exists: (path: string) => boolean): ChapterCheck {
  const { head, body, bodyLine, fields, problems } = readChapter(text);
  const findings: ChapterFinding[] = problems.map(({ line, column, text: says }) => {
    return { line, column, code: 'front-matter', says, fixable: false };
  });
  // the text of a section or a picture is no Markdown
  if (fields.class && fields.class !== 'Page') return { findings, fixed: text };
  const root = parseMarkdown(body);
  const { findings: shown, fixed } = checkMarkdown(body, root);
  findings.push(...shown.map(one => ({ ...one, line: one.line + bodyLine - 1 })));
  const placeOf = lineAndColumn(body);
  for (const { kind, path, at } of relativeLinks(root)) {
    if (exists(path)) continue;
    const { line, column } = placeOf(at);
    findings.push({
      line: line + bodyLine - 1,
      column,
      code: `${kind}-missing`,
      says: `there is no file ${path}`,
      fixable: false,
    });
  }
  const own = body.includes('\r') && !fixed.includes('\r') ? head.replaceAll('\r\n', '\n') : head;
  return { findings: findings.toSorted((a, b) => a.line - b.line || a.column - b.column), fixed: own + fixed };
}
