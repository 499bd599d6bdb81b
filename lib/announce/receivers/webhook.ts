// JSON to an address of the owner's. Nobody can look there for what has arrived, so a message whose answer was lost is not sent again unasked.
import { Failure } from '../../errors.ts';
import type { Secret } from '../../secret.ts';
import type { ReceiverSettings } from '../../target/writebook-settings.ts';
import { ask } from '../http.ts';
import type { Post } from '../text.ts';
import type { Receiver } from './receiver.ts';
import { sha256 } from '../../host/checksum.ts';

export function webhook(
  { name }: Extract<ReceiverSettings, { kind: 'webhook' }>,
  secret: Secret,
  signal: AbortSignal,
): Receiver {
  const idOf = (post: Post) => sha256(`${post.link} ${name}`).slice(0, 32);
  const bodyOf = (post: Post) => {
    const { subject, excerpt, link, changed } = post;
    return { id: idOf(post), event: changed ? 'chapter.changed' : 'chapter.new', text: `${subject}\n${link}`, subject, excerpt, link }; // prettier-ignore
  };
  return {
    name,
    kind: 'webhook',
    preview: post => JSON.stringify(bodyOf(post), undefined, 2),
    async send(post) {
      const url = secret.reveal();
      if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : ''))
        throw new Failure(3, `the secret of ${name} is not an http:// or https:// URL`);
      const id = idOf(post);
      await ask(name, {
        method: 'POST',
        url,
        headers: { 'idempotency-key': id },
        body: bodyOf(post),
        signal,
        hide: [secret],
      });
      return { id };
    },
  };
}
