// What announce says to a person, and to programs.
import type { Report } from '../report/report.ts';
import type { Announcement, AnnouncePlan } from './plan.ts';
import type { Receiver } from './receivers/receiver.ts';
import type { Announced } from './send.ts';

/** A line for each chapter that has news. */
export function announceText(plan: AnnouncePlan, { table, paint }: Report): string[] {
  const byChapter = new Map<string, Announcement[]>();
  for (const one of plan.announcements) {
    const key = `${one.chapter.key} ${one.sum}`;
    byChapter.set(key, [...(byChapter.get(key) ?? []), one]);
  }
  const rows = [...byChapter.values()].flatMap(([first, ...more]) =>
    first
      ? [
          [
            first.changed ? 'changed' : 'new',
            first.chapter.path,
            first.chapter.title,
            `→ ${[first, ...more].map(one => one.receiver).join(', ')}`,
          ],
        ]
      : [],
  );
  const notes = [
    plan.known.length &&
      `${plan.known.length} chapters were there before the first run, and are not announced: --all or --since 2026-01-31 does it`,
    plan.changed.length &&
      `${plan.changed.length} changed since they were announced (${plan.changed.map(one => one.path).join(', ')}): --changed announces that`,
  ].filter(one => typeof one === 'string');
  return [...(rows.length ? [table(rows)] : ['nothing to announce']), ...notes.map(note => paint.dim(note))];
}

/** `✔ mastodon: The Dawn, https://…` */
export function outcomeText(outcome: Announced): string {
  const { announcement, state } = outcome;
  const what = `${announcement.receiver}: ${announcement.chapter.title}`;
  if ('failure' in outcome)
    return `${what}, ${state === 'failed' ? 'not sent' : 'may have been sent'}: ${outcome.failure.message}`;
  if (state === 'sent') return `${what}, sent${outcome.sent.url ? `: ${outcome.sent.url}` : ''}`;
  return `${what}, is there already${outcome.sent.url ? `: ${outcome.sent.url}` : ''}`;
}

export function announceJson(
  { announcements, changed, known }: AnnouncePlan,
  receivers: ReadonlyMap<string, Receiver>,
  outcomes: readonly Announced[],
) {
  return {
    announcements: announcements.map(one => {
      const outcome = outcomes.find(({ announcement }) => announcement === one);
      return {
        chapter: one.chapter.path,
        page: one.chapter.page,
        title: one.chapter.title,
        url: one.chapter.url,
        what: one.changed ? 'changed' : 'new',
        to: one.receiver,
        kind: receivers.get(one.receiver)?.kind ?? null,
        state: outcome?.state ?? 'waiting',
        ...(outcome && 'sent' in outcome && { id: outcome.sent.id, link: outcome.sent.url ?? null }),
        ...(outcome && 'failure' in outcome && { error: outcome.failure.message }),
      };
    }),
    changed: changed.map(one => one.path),
    known: known.map(one => one.path),
  };
}
