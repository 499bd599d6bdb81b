// What Writebook's sanitizer leaves of HTML: its tags and attributes, with nothing in it that runs.
import type { Element, ElementContent, Nodes, Properties, Root } from 'hast';
import { fromHtml } from 'hast-util-from-html';
import { sanitize, type Schema } from 'hast-util-sanitize';
import { toHtml } from 'hast-util-to-html';
import {
  isLinkInWritebook,
  isShownByWritebook,
  schemesOfWritebook,
  tagsOfPagesOnly,
  tagsOfWritebook,
} from './writebook-view.ts';

/** Those that show or do something in a page that runs no script and has no forms. */
const attributes = (
  'abbr align alt axis border cellPadding cellSpacing char charOff cite className clear color cols colSpan compact coords ' +
  'dateTime dir headers height href hrefLang hSpace id isMap label lang longDesc loop media noHref noShade noWrap poster ' +
  'preload rel rev rows rowSpan rules scope shape size span src start style summary tabIndex target title type useMap ' +
  'vAlign value vSpace width data* ariaHidden ariaLabel ariaDescribedBy ariaLabelledBy ariaLevel ariaCurrent'
).split(' ');

const rules = (tags: string[], named: string[]): Schema => ({
  tagNames: tags,
  // a name on an image would take the place of a property of the document
  attributes: { '*': named, a: ['name'] },
  protocols: {
    href: schemesOfWritebook,
    cite: schemesOfWritebook,
    longDesc: schemesOfWritebook,
    poster: schemesOfWritebook,
    src: [...schemesOfWritebook, 'data'],
  },
  strip: [],
  clobber: [],
  allowComments: false,
  allowDoctypes: false,
});
const rulesOfPages = rules(tagsOfWritebook, attributes);
/** Of short texts, which Rails' `simple_format` sanitizes with its own lists. */
const rulesOfTexts = rules(
  tagsOfWritebook.filter(tag => !tagsOfPagesOnly.includes(tag)),
  ['href', 'src', 'width', 'height', 'alt', 'cite', 'dateTime', 'title', 'className', 'lang', 'abbr'],
);

/** `instead` may put something else in the place of an element that stays. @throws RangeError for HTML that is nested thousands of levels deep */
export function sanitizePage(html: string, instead: (element: Element) => Element = element => element): string {
  return sanitized(html, rulesOfPages, instead);
}

export function sanitizeText(html: string): string {
  return sanitized(html, rulesOfTexts, element => element);
}

function sanitized(html: string, schema: Schema, instead: (element: Element) => Element): string {
  const tree = fromHtml(html, { fragment: true });
  narrow(tree, instead);
  return toHtml(sanitize(tree, schema) satisfies Nodes);
}

/** Foreign elements go with all they hold; of others that are not allowed, the content stays. */
function narrow(parent: Root | Element, instead: (element: Element) => Element): void {
  const kept: ElementContent[] = [];
  for (const child of parent.children) {
    if (child.type === 'text') kept.push(child);
    if (child.type !== 'element' || /^(?:svg|math)$/.test(child.tagName)) continue;
    narrowProperties(child.properties);
    narrow(child, instead);
    kept.push(isShownByWritebook(child.tagName) ? instead(child) : child);
  }
  parent.children = kept;
}

function narrowProperties(properties: Properties): void {
  for (const name of ['href', 'src', 'cite', 'poster', 'longDesc']) {
    const address = properties[name];
    if (address === undefined) continue;
    if (isAddress(String(address), name))
      properties[name] = String(address).replace(/^\s*[a-z][\w+.-]*:/i, scheme => scheme.trim().toLowerCase());
    else delete properties[name];
  }
  for (const [name, value] of Object.entries(properties))
    if (typeof value === 'string' && !value.trim() && name !== 'alt') delete properties[name];
  const style = properties['style'] === undefined ? '' : styleOf(String(properties['style']));
  if (style) properties['style'] = style;
  else delete properties['style'];
}

/** Browsers leave out white space and control characters before they look for the scheme. */
function isAddress(address: string, name: string): boolean {
  const seen = address.replaceAll(/[\0- \x7f-\xa0]/g, '');
  return isLinkInWritebook(seen) || (name === 'src' && /^data:image\/(?:gif|jpeg|png)[;,]/i.test(seen));
}

const styles =
  /^(?:align-(?:content|items|self)|aspect-ratio|background(?:-color)?|border(?:-[a-z-]+)?|clear|color|cursor|direction|display|flex(?:-[a-z]+)?|float|font(?:-[a-z]+)?|height|justify-content|letter-spacing|line-height|list-style(?:-type)?|margin(?:-[a-z]+)?|max-width|order|overflow(?:-[xy])?|padding(?:-[a-z]+)?|page-break-[a-z]+|text-(?:align|decoration|indent)|unicode-bidi|vertical-align|volume|white-space|width)$/;

/** The properties that the application knows, with plain values: nothing that loads, and nothing that floats over the page. */
function styleOf(style: string): string {
  const kept = style.split(';').flatMap(part => {
    const [, name = '', value = ''] = /^\s*([a-z-]+)\s*:\s*([^:;]*?)\s*$/i.exec(part) ?? [];
    const isPlain = /^(?:[\w\s#%.,+!-]|(?:rgb|hsl)a?\([\d\s.,%/]*\))+$/i.test(value);
    return isPlain && styles.test(name.toLowerCase()) ? [`${name.toLowerCase()}:${value};`] : [];
  });
  return kept.join('');
}
