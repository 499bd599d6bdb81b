// Posts on Bluesky: the link is a facet, whose place is counted in bytes of UTF-8; looked for among the account's own records first.
import * as v from 'valibot';
import type { Secret } from '../../secret.ts';
import type { ReceiverSettings } from '../../target/writebook-settings.ts';
import { leadsTo } from '../chapters.ts';
import { ask, type Ask } from '../http.ts';
import { countGraphemes, postText, shortened, type Post } from '../text.ts';
import { answerOf, type Receiver } from './receiver.ts';

const session = v.object({ accessJwt: v.string(), did: v.string() });
const created = v.object({ uri: v.string() });
const records = v.object({
  cursor: v.nullish(v.string()),
  records: v.array(v.object({ uri: v.string(), value: v.unknown() })),
});
const withFacets = v.object({
  facets: v.array(v.object({ features: v.array(v.object({ uri: v.optional(v.string()) })) })),
});
const collection = 'app.bsky.feed.post';
/** Of its lexicon: app.bsky.feed.post, maxGraphemes and maxLength. */
const most = { graphemes: 300, bytes: 3000 };
const pages = 5;

export function bluesky(
  { name, server, handle }: Extract<ReceiverSettings, { kind: 'bluesky' }>,
  password: Secret,
  signal: AbortSignal,
): Receiver {
  let opened: Promise<v.InferOutput<typeof session>> | undefined;
  const call = async <T extends v.GenericSchema>(path: string, schema: T, more: Partial<Ask> = {}) => {
    const asked = await ask(name, { method: 'GET', url: `${server}/xrpc/${path}`, signal, hide: [password], ...more });
    return answerOf(name, schema, asked.json);
  };
  const open = () => {
    const body = { identifier: handle, password: password.reveal() };
    // a session is made anew with each run, and changes nothing
    opened ??= call('com.atproto.server.createSession', session, { method: 'POST', body });
    return opened;
  };

  return {
    name,
    kind: 'bluesky',
    preview: post => blueskyText(post).text,
    async find(post) {
      const { did, accessJwt } = await open();
      const headers = { authorization: `Bearer ${accessJwt}` };
      let cursor = '';
      for (let page = 0; page < pages; page++) {
        const query = new URLSearchParams({ repo: did, collection, limit: '100', ...(cursor && { cursor }) });
        const found = await call(`com.atproto.repo.listRecords?${query.toString()}`, records, { headers });
        const own = found.records.find(({ value }) => linksOf(value).some(link => leadsTo(link, post.link)));
        if (own) return { id: own.uri, url: pageOf(own.uri, handle) };
        cursor = found.cursor ?? '';
        if (!cursor) return undefined;
      }
      return undefined;
    },
    async send(post) {
      const { did, accessJwt } = await open();
      const { text, facets } = blueskyText(post);
      const record = { $type: collection, text, facets, createdAt: new Date().toISOString() };
      const sent = await call('com.atproto.repo.createRecord', created, {
        method: 'POST',
        headers: { authorization: `Bearer ${accessJwt}` },
        body: { repo: did, collection, record },
      });
      return { id: sent.uri, url: pageOf(sent.uri, handle) };
    },
  };
}

type LinkFacet = {
  index: { byteStart: number; byteEnd: number };
  features: { $type: 'app.bsky.richtext.facet#link'; uri: string }[];
};

/** The link is shown without its scheme and at most 40 letters long: there, it counts as it is shown. */
export function blueskyText(post: Post): { text: string; facets: LinkFacet[] } {
  const shown = shortened(post.link.replace(/^https?:\/\//, ''), 40);
  let room = most.graphemes;
  let text = postText(post, shown, room, countGraphemes(shown));
  // letters of many bytes each
  while (Buffer.byteLength(text) > most.bytes) text = postText(post, shown, --room, countGraphemes(shown));
  const byteStart = Buffer.byteLength(text.slice(0, text.length - shown.length));
  const index = { byteStart, byteEnd: Buffer.byteLength(text) };
  return { text, facets: [{ index, features: [{ $type: 'app.bsky.richtext.facet#link', uri: post.link }] }] };
}

function linksOf(value: unknown): string[] {
  const found = v.safeParse(withFacets, value);
  return found.success ? found.output.facets.flatMap(one => one.features.flatMap(({ uri }) => uri ?? [])) : [];
}

/** `at://did:plc:…/app.bsky.feed.post/3l…` → the page of it */
function pageOf(uri: string, handle: string): string {
  return `https://bsky.app/profile/${handle}/post/${uri.split('/').at(-1)}`;
}
