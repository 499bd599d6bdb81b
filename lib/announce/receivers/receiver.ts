// Where a chapter can be announced: what each kind of receiver can do, and how its answers are read.
import * as v from 'valibot';
import { Failure } from '../../errors.ts';
import type { Post } from '../text.ts';

/** `id`: the provider's own name for the message. `url`: where a person sees it. */
export type SentPost = { id: string; url?: string | undefined };

export type Receiver = {
  name: string;
  kind: string;
  /** What would be sent, as text, without asking anybody. */
  preview(post: Post): string;
  /** The own message about this post, when it is there already; missing: nobody can look. */
  find?(post: Post): Promise<SentPost | undefined>;
  /** @throws Failure, or UnclearFailure when it may have arrived */
  send(post: Post): Promise<SentPost>;
};

/** @throws Failure 1 for an answer of another shape: the provider is not what ops.yml says, or has changed. */
export function answerOf<T extends v.GenericSchema>(who: string, schema: T, json: unknown): v.InferOutput<T> {
  const found = v.safeParse(schema, json);
  if (found.success) return found.output;
  const [issue] = found.issues;
  throw new Failure(1, `${who} gave an answer that cannot be read`, {
    detail: `${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`,
    advice: 'is its address in ops.yml that of the provider?',
  });
}
