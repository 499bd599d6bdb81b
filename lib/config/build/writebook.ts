// Builds the settings of a book of Writebook from a checked ops.yml.
import type { AnnounceSettings, ReceiverSettings, WritebookSettings } from '../../target/writebook-settings.ts';
import type { Section } from './given.ts';

type Written = NonNullable<Section<'writebook'>['announce']>;

export function buildWritebook({ teasers = {}, announce }: Section<'writebook'>): WritebookSettings {
  const { book, into, chapters, words, title, link, read_on: readOn } = teasers;
  const names = { book: nameOf(book), into: nameOf(into), chapters: chapters?.map(String) };
  return { teasers: { ...names, words, title, readOn, link }, announce: announce && buildAnnounce(announce) };
}

function nameOf(name: string | number | undefined): string | undefined {
  return name === undefined ? undefined : String(name);
}

function buildAnnounce({ url, title, author, feed, feed_url: feedUrl, text, ...rest }: Written): AnnounceSettings {
  const bare = withoutSlash(url);
  return {
    url: bare,
    book: Number(/\/(\d+)\/[^/]+$/.exec(bare)?.[1]),
    title,
    author,
    feed,
    feedUrl,
    text: text ?? 'New in “{book}”: {chapter}',
    changedText: rest.changed_text ?? 'Changed in “{book}”: {chapter}',
    receivers: Object.entries(rest.to ?? {}).map(([name, receiver]) => ({ name, ...receiverOf(receiver) })),
  };
}

type Bare<R> = R extends unknown ? Omit<R, 'name'> : never;

function receiverOf(receiver: NonNullable<Written['to']>[string]): Bare<ReceiverSettings> {
  const { kind } = receiver;
  const server = 'server' in receiver && receiver.server !== undefined ? withoutSlash(receiver.server) : undefined;
  if (kind === 'mastodon')
    return { kind, server: server ?? '', token: receiver.token, visibility: receiver.visibility ?? 'public' };
  if (kind === 'bluesky')
    return { kind, server: server ?? 'https://bsky.social', handle: receiver.handle, password: receiver.password };
  if (kind === 'buttondown') return { kind, server: server ?? 'https://api.buttondown.com', key: receiver.key };
  return { kind, url: receiver.url };
}

function withoutSlash(address: string): string {
  return address.replace(/\/+$/, '');
}
