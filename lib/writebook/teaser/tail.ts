// What stands in a teaser's title and below its text: the preview mark and the link to the book, whatever the titles are.

/** Templates of one line, with `{chapter}` and `{book}` in them. */
export type TeaserWords = { title: string; readOn: string };

export const defaultTeaserWords: TeaserWords = { title: '(Preview) {chapter}', readOn: 'Read on in “{book}”' };

type Names = { chapter: string; book: string };

export function teaserTitle({ title }: TeaserWords, names: Names): string {
  return filled(title, names);
}

/** One paragraph of Markdown. @param link an address, or a path of the application */
export function teaserTail({ readOn }: TeaserWords, names: Names, link: string): string {
  return `… [${asMarkdown(filled(readOn, names))}](${asDestination(link)})`;
}

/** The address of a book in its application; slugs are not checked there. */
export function bookPath({ id, slug }: { id: number; slug: string }): string {
  return `/${id}/${encodeURIComponent(slug) || '-'}`;
}

function filled(template: string, { chapter, book }: Names): string {
  return template.replaceAll(/\{(chapter|book)\}/g, (_, name) => (name === 'book' ? book : chapter));
}

/** Text that both renderers show as it is, also inside of a link. */
function asMarkdown(text: string): string {
  return (
    text
      .replaceAll(/[\s\p{Cc}]+/gu, ' ')
      .trim()
      .replaceAll(/[\\`*_{}[\]()#+!|~=^]/g, String.raw`\$&`)
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;') || '…'
  );
}

function asDestination(link: string): string {
  return link.replaceAll(/[^!-~]|["'()<>[\\\]`{|}]/gu, found =>
    // an address has its own escapes already
    [...Buffer.from(found)].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
