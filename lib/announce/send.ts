// Sends announcements one after the other, each looked for at its receiver first and noted before and after, so that a run can be killed anywhere.
import { Failure } from '../errors.ts';
import type { AnnounceSettings } from '../target/writebook-settings.ts';
import { UnclearFailure } from './http.ts';
import type { Announcement } from './plan.ts';
import type { Receiver, SentPost } from './receivers/receiver.ts';
import { addLines, type RecordLine } from './record.ts';
import { postOf } from './text.ts';

export type Announced = { announcement: Announcement } & (
  | { state: 'sent' | 'found'; sent: SentPost }
  /** Not sent, or not known to be. */
  | { state: 'failed' | 'unclear'; failure: Failure }
);

type Sending = {
  file: string;
  settings: AnnounceSettings;
  receivers: ReadonlyMap<string, Receiver>;
  /** Also what may have arrived where nobody can look. */
  resend: boolean;
  /** Of this run alone. */
  run: string;
  /** What other runs have noted since this one read the record. */
  others: () => Promise<RecordLine[]>;
  signal: AbortSignal;
};

/** What fails at one receiver does not keep the others from theirs; its later messages wait. */
export async function sendAnnouncements(
  announcements: readonly Announcement[],
  sending: Sending,
  tell: (outcome: Announced) => void,
): Promise<Announced[]> {
  const outcomes: Announced[] = [];
  const broken = new Set<string>();
  for (const announcement of announcements) {
    const receiver = sending.receivers.get(announcement.receiver);
    if (!receiver || broken.has(receiver.name)) continue;
    sending.signal.throwIfAborted();
    const outcome = await announce(announcement, receiver, sending);
    if ('failure' in outcome) broken.add(receiver.name);
    outcomes.push(outcome);
    tell(outcome);
  }
  return outcomes;
}

async function announce(announcement: Announcement, receiver: Receiver, sending: Sending): Promise<Announced> {
  const { file, settings, run, resend, others, signal } = sending;
  const { chapter, sum, isUnclear } = announcement;
  const post = postOf(announcement, settings);
  const about = () => ({ at: new Date().toISOString(), chapter: chapter.key, sum, to: receiver.name });
  const note = (line: RecordLine) => addLines(file, [line]);
  try {
    const found = await receiver.find?.(post);
    if (found) {
      await note({ does: 'sent', ...about(), ...found, found: true });
      return { announcement, state: 'found', sent: found };
    }
  } catch (error) {
    if (!(error instanceof Failure) || signal.aborted) throw error;
    return { announcement, state: 'failed', failure: error };
  }
  if (isUnclear && !receiver.find && !resend) return { announcement, state: 'unclear', failure: unclear(receiver) };
  await note({ does: 'sending', ...about(), run });
  if (
    (await others()).some(line => line.does === 'sending' && line.to === receiver.name && line.chapter === chapter.key)
  ) {
    await note({ does: 'failed', ...about(), run });
    const failure = new Failure(5, 'another run announces the same chapters now', {
      advice: 'wait until it has ended',
    });
    return { announcement, state: 'failed', failure };
  }
  try {
    const sent = await receiver.send(post);
    await note({ does: 'sent', ...about(), ...sent });
    return { announcement, state: 'sent', sent };
  } catch (error) {
    if (!(error instanceof Failure) || signal.aborted) throw error;
    if (error instanceof UnclearFailure) return { announcement, state: 'unclear', failure: error };
    await note({ does: 'failed', ...about(), run });
    return { announcement, state: 'failed', failure: error };
  }
}

function unclear({ name }: Receiver): Failure {
  return new Failure(1, `it is not known whether ${name} has this already, and nobody can look there`, {
    advice: 'if it has not, add --resend',
  });
}

/** @throws Failure when a reader would not see the page: announced, it would lead nowhere */
export async function checkPublic(url: string, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(20_000);
  const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.any([signal, limit]) }).catch(
    () => undefined,
  );
  signal.throwIfAborted();
  if (!answer)
    throw new Failure(4, `${url} cannot be reached`, {
      advice: 'is announce.url in ops.yml right, and does the site run?',
    });
  await answer.body?.cancel();
  if (answer.status === 200) return;
  const why = answer.status === 404 ? 'the book is not published, or the page is gone' : `it answered ${answer.status}`;
  throw new Failure(1, `readers would not see ${url}: ${why}`, {
    advice: 'publish the book in the browser, or correct announce.url in ops.yml; nothing was announced',
  });
}

/** Those that are not public while their book is, in the trash for example. @throws Failure 4 when nobody answers */
export async function hiddenPages(urls: Iterable<string>, signal: AbortSignal): Promise<Map<string, Failure>> {
  const hidden = new Map<string, Failure>();
  for (const url of urls)
    await checkPublic(url, signal).catch((error: unknown) => {
      if (!(error instanceof Failure) || error.exit !== 1) throw error;
      hidden.set(url, error);
    });
  return hidden;
}
