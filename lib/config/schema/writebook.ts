// The keys of ops.yml for a book of Writebook: its teasers, and where its chapters are announced.
import * as v from 'valibot';
import { about, either, namedMap, optional, password, shape } from './combinators.ts';
import { line, list, oneOf, path, url, whole } from './values.ts';

const bookName = either(line, whole(1, 2_147_483_647), value => typeof value === 'number');
const linkTo = v.pipe(
  line,
  v.regex(/^(?:\/|https?:\/\/)[!-~]+$/, 'must be an address, https://…, or a path of the application, /…'),
);

const teasers = shape({
  book: optional('The book whose chapters are shown in part: its number, slug or title', bookName),
  into: optional('The published book that the teasers go into', bookName),
  words: optional('How many words of a chapter at most (default 500)', whole(1, 100_000)),
  chapters: optional('Those that --each takes, by number or title (default: all)', list(bookName)),
  title: optional('The title of a teaser (default “(Preview) {chapter}”)', line),
  read_on: optional('The text of its link to the book (default “Read on in “{book}””)', line),
  link: optional('Where that leads, such as a shop (default: the book)', linkTo),
});

const server = (which: string) => optional(`Where it is (default ${which})`, url);
const kinds = 'must be mastodon, bluesky, buttondown or webhook';
const isOf =
  (...names: string[]) =>
  (value: unknown) =>
    typeof value === 'object' && value !== null && 'kind' in value && names.includes(String(value.kind));

const mastodon = shape({
  kind: about('A post on Mastodon', v.literal('mastodon', kinds)),
  server: about('The server of the account, such as https://mastodon.social', url),
  token: about('Where its access token is; it needs write:statuses, read:statuses and read:accounts', password),
  visibility: optional('Who sees it (default public)', oneOf('public', 'unlisted', 'private')),
});
const bluesky = shape({
  kind: about('A post on Bluesky', v.literal('bluesky', kinds)),
  server: server('https://bsky.social'),
  handle: about('The account, such as ana.bsky.social', line),
  password: about('Where its app password is', password),
});
const buttondown = shape({
  kind: about('A draft of an e-mail in Buttondown', v.literal('buttondown', kinds)),
  server: server('https://api.buttondown.com'),
  key: about('Where its API key is', password),
});
const webhook = shape({
  kind: about('JSON to an address', v.literal('webhook', kinds)),
  url: about('Where the address is, which is a secret', password),
});
const receiver = either(
  either(mastodon, bluesky, isOf('bluesky')),
  either(buttondown, webhook, isOf('webhook')),
  isOf('buttondown', 'webhook'),
);

const announce = shape({
  url: about(
    'The public address of the book, such as https://book.example.org/2/field-guide',
    v.pipe(
      url,
      v.regex(/^https?:\/\/[^/?#]+\/[1-9]\d*\/[^/?#]+\/?$/, 'must end in the book’s number and slug, /2/field-guide'),
    ),
  ),
  title: about('The title of the book', line),
  author: about('Who wrote it', line),
  feed: optional('The file of the Atom feed, on this machine (default: none)', path),
  feed_url: optional('The public address of the feed', url),
  text: optional('What is above the link (default New in “{book}”: {chapter})', line),
  changed_text: optional('The same for a changed chapter', line),
  to: optional('Where chapters are announced', namedMap(receiver)),
});

export const writebook = shape({
  teasers: optional('How make-teaser makes previews', teasers),
  announce: optional('Where announce tells of new chapters', announce),
});
