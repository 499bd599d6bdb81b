// Posts on Mastodon: counted as its server counts, looked for among the account's own posts first.
import * as v from 'valibot';
import { readHtml } from '../../markdown/html-view.ts';
import type { Secret } from '../../secret.ts';
import type { ReceiverSettings } from '../../target/writebook-settings.ts';
import { leadsTo } from '../chapters.ts';
import { ask, type Ask } from '../http.ts';
import { postText, type Post } from '../text.ts';
import { answerOf, type Receiver } from './receiver.ts';
import { sha256 } from '../../host/checksum.ts';

const account = v.object({ id: v.string() });
const status = v.object({ id: v.string(), url: v.nullish(v.string()), content: v.string() });
const instance = v.object({
  configuration: v.object({
    statuses: v.object({ max_characters: v.number(), characters_reserved_per_url: v.number() }),
  }),
});
/** Of a server that nobody has configured otherwise; each URL counts the same. */
const usual = { max_characters: 500, characters_reserved_per_url: 23 };
const pages = 5;

export function mastodon(
  { name, server, visibility }: Extract<ReceiverSettings, { kind: 'mastodon' }>,
  token: Secret,
  signal: AbortSignal,
): Receiver {
  const headers = { authorization: `Bearer ${token.reveal()}` };
  const call = async <T extends v.GenericSchema>(path: string, schema: T, more: Partial<Ask> = {}) => {
    const asked = await ask(name, { method: 'GET', url: `${server}${path}`, signal, hide: [token], ...more, headers: { ...headers, ...more.headers } }); // prettier-ignore
    return answerOf(name, schema, asked.json);
  };
  const textOf = (post: Post, { max_characters: most, characters_reserved_per_url: link } = usual) =>
    postText(post, post.link, most, link);

  return {
    name,
    kind: 'mastodon',
    preview: post => textOf(post),
    async find(post) {
      const { id } = await call('/api/v1/accounts/verify_credentials', account);
      let before = '';
      for (let page = 0; page < pages; page++) {
        const query = `limit=40&exclude_reblogs=true${before && `&max_id=${before}`}`;
        const found = await call(`/api/v1/accounts/${encodeURIComponent(id)}/statuses?${query}`, v.array(status));
        const own = found.find(one => linksOf(one.content).some(link => leadsTo(link, post.link)));
        if (own) return { id: own.id, url: own.url ?? undefined };
        before = encodeURIComponent(found.at(-1)?.id ?? '');
        if (!before) return undefined;
      }
      return undefined;
    },
    async send(post) {
      const { configuration } = await call('/api/v2/instance', instance);
      const sent = await call('/api/v1/statuses', status, {
        method: 'POST',
        // remembered there for an hour at most
        headers: { 'idempotency-key': sha256(`${post.link} ${name}`) },
        body: { status: textOf(post, configuration.statuses), visibility },
      });
      return { id: sent.id, url: sent.url ?? undefined };
    },
  };
}

function linksOf(html: string): string[] {
  const links: string[] = [];
  const open = (tag: string, { href }: Record<string, string>) => {
    if (tag === 'a' && href !== undefined) links.push(href);
  };
  readHtml(html, { seen: [], open, close() {}, text() {} });
  return links;
}
