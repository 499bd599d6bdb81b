// Decides which chapters are announced where, from the folder's chapters and the record of what was announced; it changes nothing.
import type { PublishedChapter } from './chapters.ts';
import type { AnnounceRecord, RecordLine } from './record.ts';

/** `all`: also what was there before the first run. `since`: of that, what was made then or later. */
export type AnnounceWishes = { all: boolean; since: Date | undefined; changed: boolean };

/** `sum`: the text that it is announced for. `isUnclear`: a run was killed, or lost the answer, while it sent. */
export type Announcement = {
  chapter: PublishedChapter;
  changed: boolean;
  sum: string;
  receiver: string;
  isUnclear: boolean;
};

export type AnnouncePlan = {
  announcements: Announcement[];
  /** What is noted before anything is sent. */
  notes: RecordLine[];
  /** Changed since it was announced, and not asked for. */
  changed: PublishedChapter[];
  /** Noted as there before the first run. */
  known: PublishedChapter[];
};

export function planAnnouncements(
  chapters: readonly PublishedChapter[],
  record: AnnounceRecord,
  receivers: readonly string[],
  wishes: AnnounceWishes,
  now: Date,
): AnnouncePlan {
  const at = now.toISOString();
  const plan: AnnouncePlan = { announcements: [], notes: [], changed: [], known: [] };
  const { isFirst, lines } = record;
  for (const chapter of chapters) {
    const { key, sum } = chapter;
    const own = lines.filter(line => line.chapter === key);
    const told = own.filter(line => line.does === 'known' || line.does === 'due');
    const last = told.at(-1);
    const isOld = isFirst && !wishes.all && !(wishes.since && chapter.made >= wishes.since);
    const due = (changed: boolean): RecordLine => ({ does: 'due', at, chapter: key, sum, changed, to: [...receivers] });
    const more: RecordLine[] = [];
    if (!last && isOld) {
      plan.notes.push({ does: 'known', at, chapter: key, sum });
      plan.known.push(chapter);
      continue;
    }
    if (!last || (last.does === 'known' && isWanted(chapter, wishes))) more.push(due(false));
    else if (last.sum !== sum && wishes.changed) more.push(due(true));
    else if (last.sum !== sum) plan.changed.push(chapter);
    plan.notes.push(...more);
    for (const line of [...told, ...more])
      if (line.does === 'due')
        for (const receiver of line.to) {
          if (!receivers.includes(receiver)) continue;
          const { changed, sum: of } = line;
          const tries = own.filter(one => 'to' in one && one.to === receiver && one.sum === of);
          if (tries.some(one => one.does === 'sent')) continue;
          plan.announcements.push({ chapter, changed, sum: of, receiver, isUnclear: hasOpenEnd(tries) });
        }
  }
  return plan;
}

/** Whether a try has no end: neither sent nor certainly failed. */
function hasOpenEnd(tries: readonly RecordLine[]): boolean {
  return tries.some(
    one => one.does === 'sending' && !tries.some(other => other.does === 'failed' && other.run === one.run),
  );
}

function isWanted({ made }: PublishedChapter, { all, since }: AnnounceWishes): boolean {
  return all || (since !== undefined && made >= since);
}
