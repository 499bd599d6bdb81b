// The settings of a book of Writebook: its teasers, and where its chapters are announced.
import type { SecretReference } from '../secret.ts';

export type WritebookSettings = { teasers: TeaserSettings; announce: AnnounceSettings | undefined };

/** Each is undefined where ops.yml says nothing; books and chapters are numbers, slugs or titles. */
export type TeaserSettings = {
  book: string | undefined;
  into: string | undefined;
  words: number | undefined;
  chapters: string[] | undefined;
  /** With `{chapter}` and `{book}` in it, as `readOn`. */
  title: string | undefined;
  readOn: string | undefined;
  /** An address, or a path of the application. */
  link: string | undefined;
};

export type AnnounceSettings = {
  /** The public address of the book, without / at its end. */
  url: string;
  /** The number of the book, from that address. */
  book: number;
  title: string;
  author: string;
  /** The file of the feed, absolute; undefined: there is none. */
  feed: string | undefined;
  feedUrl: string | undefined;
  /** With `{chapter}` and `{book}` in them. */
  text: string;
  changedText: string;
  receivers: ReceiverSettings[];
};

/** Where chapters are announced. `server` is an address without / at its end. */
export type ReceiverSettings = { name: string } & (
  | { kind: 'mastodon'; server: string; token: SecretReference; visibility: 'public' | 'unlisted' | 'private' }
  | { kind: 'bluesky'; server: string; handle: string; password: SecretReference }
  | { kind: 'buttondown'; server: string; key: SecretReference }
  | { kind: 'webhook'; url: SecretReference }
);
