// What a link with `#` can lead to on a page: the ids of its headings in Writebook, and those that the author wrote.
import { headingIds, parameterize } from './heading-ids.ts';
import { renderForWritebook } from './redcarpet/render.ts';

/** In the order of the text, those of the author last. */
export function pageAnchors(markdown: string): string[] {
  const idOf = headingIds();
  const made: string[] = [];
  const html = renderForWritebook(markdown, {
    heading(level, inner) {
      made.push(idOf(Buffer.from(inner, 'latin1').toString('utf8')));
      return `<h${level}>${inner}</h${level}>`;
    },
    image: (address, _title, alt) => `<img src="${address}" alt="${alt}">`,
  });
  const own = [...html.matchAll(/<[a-z][^<>]*?\s(?:id|name)\s*=\s*["']?([^"'\s<>]+)/gi)].map(([, id = '']) => id);
  return [...made, ...own];
}

/** Whether a heading of plain words has this id: found without reading all of the text, as most are. */
export function hasPlainHeading(markdown: string, id: string): boolean {
  let fence = false;
  for (const line of markdown.split(/\r?\n/)) {
    if (/^ {0,3}(?:`{3}|~{3})/.test(line)) fence = !fence;
    const words = fence ? undefined : /^#{1,6} +([a-z\d ,.:;!?()-]+)$/i.exec(line)?.[1];
    if (words !== undefined && parameterize(words) === id) return true;
  }
  return false;
}
