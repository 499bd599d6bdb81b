// The HTML around a page of the preview: head, way to its neighbours, and what there is to say beside the text.
import type { ChapterFinding } from '../markdown/chapter-check.ts';
import type { FolderProblem } from '../writebook/folder/chapter.ts';
import { contentsAddress, pageAddress } from './addresses.ts';
import type { BookPage, BookReading } from './book.ts';
import type { ShownChapter } from './chapter.ts';
import { markup, type Markup } from './markup.ts';

/** `nonce`: of the answer, for our own script and style; `seen`: how far the browser knows the changes of the book. */
export type PageFrame = { book: string; nonce: string; seen: string; folder: string };

type Neighbours = { before: BookPage | undefined; after: BookPage | undefined };

export function chapterDocument(frame: PageFrame, { pages }: BookReading, page: BookPage, shown: ShownChapter): string {
  const at = pages.indexOf(page);
  const neighbours = { before: pages[at - 1], after: pages[at + 1] };
  const { content, problems, findings, correction } = shown;
  const count = problems.length + findings.length;
  const aside =
    count > 0 &&
    markup`<aside id="preview:findings">${problemsHtml(problems)}${findingsHtml(findings, page.text ?? '', correction)}</aside>`;
  const kind = page.kind.toLowerCase();
  return documentHtml(frame, page.path, page.title, {
    crumb: markup`<strong>${page.title}</strong>`,
    told:
      count > 0 &&
      markup`<a class="told" href="#preview:findings">${count} ${count === 1 ? 'finding' : 'findings'}</a>`,
    neighbours,
    main: markup`<main class="${kind}"><article>${content}</article><footer><span>${page.path}</span>${nextLink(neighbours.after)}</footer></main>${aside}`,
  });
}

export function contentsDocument(frame: PageFrame, { pages, problems }: BookReading): string {
  const aside = problems.length > 0 && markup`<aside id="preview:findings">${problemsHtml(problems)}</aside>`;
  const rows = pages.map(
    page =>
      markup`<li class="${page.kind.toLowerCase()}"><a href="${pageAddress(page.path)}">${page.title}</a>${page.kind === 'Page' && markup` <small>${wordCount(page)}</small>`}${page.kind === 'Picture' && markup` <small>picture</small>`}</li>`,
  );
  return documentHtml(frame, '', frame.book, {
    crumb: undefined,
    told: false,
    neighbours: { before: undefined, after: pages[0] },
    main: markup`<main class="contents"><h1>${frame.book}</h1>${rows.length ? markup`<ol>${rows}</ol>` : markup`<p>The folder has no chapters yet: <code>01-first.md</code>, <code>02-second.md</code> …</p>`}</main>${aside}`,
  });
}

/** `path`: of the page that may come there one day; empty for none. */
export function refusedDocument(
  frame: PageFrame,
  path: string,
  says: string,
  problems: readonly FolderProblem[],
): string {
  return documentHtml(frame, path, 'not here', {
    crumb: undefined,
    told: false,
    neighbours: { before: undefined, after: undefined },
    main: markup`<main><article><p class="refused">${says}</p><p><a href="${contentsAddress}">Contents</a></p></article></main>${problems.length > 0 && markup`<aside>${problemsHtml(problems)}</aside>`}`,
  });
}

type Inside = { crumb: Markup | undefined; told: Markup | false; neighbours: Neighbours; main: Markup };

function documentHtml({ book, nonce, seen, folder }: PageFrame, path: string, title: string, inside: Inside): string {
  const { before, after } = inside.neighbours;
  const crumb = inside.crumb && markup`<span aria-hidden="true">▸</span> ${inside.crumb}`;
  return markup`<!doctype html>
<html lang="">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · ${path ? book : folder}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/-/preview.css" nonce="${nonce}">
<script src="/-/preview.js" nonce="${nonce}" data-page="${path}" data-seen="${seen}" defer></script>
</head>
<body>
<header><nav aria-label="Pages"><a rel="prev" title="Previous page (←)" ${addressOf(before ?? (path ? 'contents' : undefined))}>←</a>
<p><a href="${contentsAddress}">${book}</a> ${crumb}</p>${inside.told}
<a rel="next" title="Next page (→)" ${addressOf(after)}>→</a></nav></header>
<div class="columns">${inside.main}</div>
</body>
</html>
`.html;
}

function addressOf(page: BookPage | 'contents' | undefined): Markup {
  if (page === undefined) return markup`aria-disabled="true"`;
  return markup`href="${page === 'contents' ? contentsAddress : pageAddress(page.path)}"`;
}

function nextLink(after: BookPage | undefined): Markup | undefined {
  return after && markup`<a href="${pageAddress(after.path)}">Next: ${after.title}</a>`;
}

function problemsHtml(problems: readonly FolderProblem[]): Markup[] {
  const refused = problems.filter(one => one.stops !== false);
  const notes = problems.filter(one => one.stops === false);
  const list = (title: string, ones: FolderProblem[], kind: string) =>
    markup`<section class="${kind}"><h2>${title}</h2><ul>${ones.map(
      ({ path, line, says }) => markup`<li><b>${path}${line === undefined ? '' : `:${line}`}</b> ${says}</li>`,
    )}</ul></section>`;
  return [
    ...(refused.length ? [list('The import refuses this', refused, 'problems')] : []),
    ...(notes.length ? [list('The import says', notes, 'notes')] : []),
  ];
}

function findingsHtml(findings: readonly ChapterFinding[], text: string, correction: string): Markup | undefined {
  if (!findings.length) return undefined;
  const lines = text.split('\n');
  const rows = findings.map(({ line, column, code, says, fixable }) => {
    const [before, sign, after] = aroundColumn(lines[line - 1] ?? '', column);
    return markup`<li><b>${line}:${column}</b> <code>${code}</code> ${says}${fixable && markup` <em>--fix</em>`}<pre>${before}<mark>${sign}</mark>${after}</pre></li>`;
  });
  return markup`<section><h2>Shown differently from GitHub</h2><ul>${rows}</ul>${correctionHtml(correction)}</section>`;
}

/** The part of the line around a place, cut so that it is a line here too. */
function aroundColumn(line: string, column: number): [string, string, string] {
  const letters = Array.from(line.trimEnd());
  const from = Math.max(0, column - 1 - 30);
  const before = (from ? '…' : '') + letters.slice(from, column - 1).join('');
  const after = letters.slice(column, column + 60).join('') + (letters.length > column + 60 ? '…' : '');
  return [before, letters[column - 1] ?? '', after];
}

function correctionHtml(correction: string): Markup | undefined {
  if (!correction) return undefined;
  const rows = correction
    .split('\n')
    .slice(2)
    .map(line => {
      const kind = line.startsWith('+') ? 'ins' : line.startsWith('-') ? 'del' : 'span';
      return kind === 'ins'
        ? markup`<ins>${line}</ins>\n`
        : kind === 'del'
          ? markup`<del>${line}</del>\n`
          : markup`<span>${line}</span>\n`;
    });
  return markup`<details open><summary>What <code>check-chapters --fix</code> would write</summary><pre>${rows}</pre></details>`;
}

const counts = new WeakMap<BookPage, number>();

/** As the application counts: what stands between white space. */
function wordCount(page: BookPage): string {
  const count = counts.get(page) ?? page.body.match(/\S+/g)?.length ?? 0;
  counts.set(page, count);
  return count === 0 ? '' : `${count.toLocaleString('en')} ${count === 1 ? 'word' : 'words'}`;
}
