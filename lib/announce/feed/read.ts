// Reads an Atom feed for what must stay as it is: ids, and when each entry changed.
import { parseXml, XmlElement, type XmlNode } from '@rgrove/parse-xml';
import { Failure, messageOf } from '../../errors.ts';

/** `sum` is missing in a feed of another program. */
export type FeedEntry = { id: string; title: string; link: string; updated: string; published: string; sum: string };
export type Feed = { id: string; updated: string; entries: FeedEntry[] };

/** @throws Failure 3 when it is no Atom feed */
export function readFeed(text: string, file: string): Feed {
  const root = rootOf(text, file);
  const entries = elements(root, 'entry').map(entry => ({
    id: textIn(entry, 'id'),
    title: textIn(entry, 'title'),
    link: linkOf(entry),
    updated: textIn(entry, 'updated'),
    published: textIn(entry, 'published'),
    sum: textIn(entry, 'sum'),
  }));
  return { id: textIn(root, 'id'), updated: textIn(root, 'updated'), entries };
}

function rootOf(text: string, file: string): XmlElement {
  const wrong = (why: string) =>
    new Failure(3, `${file} is no Atom feed: ${why}`, {
      advice: 'the ids in a feed must stay, so it is not overwritten: repair it, move it away, or name another file',
    });
  try {
    const { root } = parseXml(text);
    if (root && localName(root) === 'feed') return root;
  } catch (error) {
    throw wrong(messageOf(error).split('\n')[0] ?? '');
  }
  throw wrong('its first element is another');
}

function localName({ name }: XmlElement): string {
  return name.replace(/^.*:/, '');
}

function elements({ children }: XmlElement, name: string): XmlElement[] {
  return children.filter((node: XmlNode) => node instanceof XmlElement).filter(node => localName(node) === name);
}

function textIn(element: XmlElement, name: string): string {
  return elements(element, name)[0]?.text.trim() ?? '';
}

function linkOf(entry: XmlElement): string {
  const links = elements(entry, 'link').map(one => one.attributes);
  return links.find(one => (one['rel'] ?? 'alternate') === 'alternate')?.['href'] ?? '';
}
