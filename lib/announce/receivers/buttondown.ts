// Drafts of e-mails in Buttondown: never sent by us, whatever the version of its API makes of a missing status.
import * as v from 'valibot';
import type { Secret } from '../../secret.ts';
import type { ReceiverSettings } from '../../target/writebook-settings.ts';
import { leadsTo } from '../chapters.ts';
import { ask, type Ask } from '../http.ts';
import type { Post } from '../text.ts';
import { answerOf, type Receiver } from './receiver.ts';

/** From this version on, a draft is what comes of a missing status, too. */
const version = '2026-04-01';
const email = v.object({
  id: v.string(),
  body: v.nullish(v.string()),
  metadata: v.nullish(v.record(v.string(), v.unknown())),
  absolute_url: v.nullish(v.string()),
});
const page = v.object({ results: v.array(email), next: v.nullish(v.string()) });
/** All but deleted ones. Without a filter, a version of the API leaves some out. */
const statuses = 'draft about_to_send scheduled in_flight paused errored sent throttled resending suppressed'.split(
  ' ',
);
const pages = 5;

export function buttondown(
  { name, server }: Extract<ReceiverSettings, { kind: 'buttondown' }>,
  key: Secret,
  signal: AbortSignal,
): Receiver {
  const headers = { authorization: `Token ${key.reveal()}`, 'x-api-version': version };
  const call = async <T extends v.GenericSchema>(path: string, schema: T, more: Partial<Ask> = {}) => {
    const asked = await ask(name, { method: 'GET', url: `${server}${path}`, signal, hide: [key], headers, ...more });
    return answerOf(name, schema, asked.json);
  };

  return {
    name,
    kind: 'buttondown',
    preview: post => `Subject: ${post.subject}\n\n${emailBody(post)}`,
    async find(post) {
      const filter = statuses.map(one => `status=${one}`).join('&');
      for (let at = 1; at <= pages; at++) {
        const { results, next } = await call(`/v1/emails?ordering=-creation_date&page=${at}&${filter}`, page);
        const own = results.find(
          ({ metadata, body }) => metadata?.['bookops'] === post.link || hasLink(body ?? '', post.link),
        );
        if (own) return { id: own.id, url: own.absolute_url ?? undefined };
        if (!next) return undefined;
      }
      return undefined;
    },
    async send(post) {
      const body = { subject: post.subject.slice(0, 2000), body: `<!-- buttondown-editor-mode: plaintext -->${emailBody(post)}`, status: 'draft', metadata: { bookops: post.link } }; // prettier-ignore
      const sent = await call('/v1/emails', email, { method: 'POST', body });
      return { id: sent.id, url: sent.absolute_url ?? undefined };
    },
  };
}

/** Markdown. Braces are escaped, for Buttondown fills in its own variables, {{ … }}, before it reads the Markdown. */
function emailBody({ excerpt, link }: Post): string {
  const quiet = excerpt.replaceAll(/[\\`*_{}[\]()#+!|~=^<>&.-]/g, found => (/[<>&]/.test(found) ? `&#${found.codePointAt(0)};` : `\\${found}`)); // prettier-ignore
  return `${quiet && `${quiet}\n\n`}<${link}>`;
}

function hasLink(text: string, wanted: string): boolean {
  return [...text.matchAll(/https?:\/\/[^\s<>()"'\]]+/g)].some(([link]) => leadsTo(link, wanted));
}
