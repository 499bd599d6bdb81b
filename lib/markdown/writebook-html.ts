// A page's text as Writebook shows it: Redcarpet's HTML with the application's headings and images, after its sanitizer.
import type { Element } from 'hast';
import { headingIds } from './heading-ids.ts';
import { renderForWritebook } from './redcarpet/render.ts';
import { sanitizePage, sanitizeText } from './sanitizer.ts';

/**
 * Code is not coloured. Frames are not loaded: a link says where they lead.
 * @throws RangeError for HTML that is nested thousands of levels deep
 */
export function pageHtml(markdown: string): string {
  const idOf = headingIds();
  const html = renderForWritebook(markdown, {
    heading(level, inner) {
      const id = idOf(Buffer.from(inner, 'latin1').toString('utf8'));
      return `<h${level} id='${id}'>${inner} <a href='#${id}' class='heading__link' aria-hidden='true'>#</a></h${level}>`;
    },
    // as the application does it: nothing is escaped
    image: (address, title, alt) => `<a title="${title}" href="${address}"><img src="${address}" alt="${alt}"></a>`,
  });
  return sanitizePage(html, element => (element.tagName === 'iframe' ? frameLink(element) : element));
}

function frameLink({ properties }: Element): Element {
  const address = String(properties['src'] ?? '');
  return {
    type: 'element',
    tagName: 'a',
    properties: { ...(address && { href: address }), className: ['preview-frame'] },
    children: [{ type: 'text', value: `a frame, shown in Writebook only: ${address || 'without an address'}` }],
  };
}

/** A section's text or a picture's caption, as Rails' `simple_format` shows it: paragraphs and line breaks, no Markdown. */
export function shortTextHtml(text: string): string {
  const paragraphs = sanitizeText(text)
    .replaceAll(/\r\n?/g, '\n')
    .replace(/\n\n+$/, '')
    .split(/\n\n+/)
    .map(one => `<p>${one.replaceAll(/([^\n]\n)(?=[^\n])/g, '$1<br>')}</p>`);
  return sanitizeText(paragraphs.join('\n\n'));
}
