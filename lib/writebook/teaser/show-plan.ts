// What a plan of teasers says to a person, and to programs.
import type { Report } from '../../report/report.ts';
import type { BookName } from '../content.ts';
import type { TeaserDecision, TeaserPlan } from './plan.ts';

const marks: Record<TeaserDecision['does'], string> = {
  create: '+',
  update: '~',
  untouched: '=',
  edited: '!',
  trashed: '!',
  refused: '✖',
  left: '?',
};

/** One line for each teaser. */
export function teaserText({ decisions }: TeaserPlan, { table, paint }: Report): string {
  const rows = decisions.map(one => {
    const isOdd = one.does !== 'create' && one.does !== 'update' && one.does !== 'untouched';
    const mark = isOdd ? paint.yellow(marks[one.does]) : marks[one.does];
    return [mark, one.title, sizeOf(one), saysOf(one)];
  });
  return rows.length ? table(rows) : 'the book has no chapters';
}

function sizeOf({ cut }: TeaserDecision): string {
  if (!cut) return '';
  if (cut.text === undefined) return `0 of ${cut.of} words`;
  return cut.words === cut.of ? `all ${cut.of} words` : `${cut.words} of ${cut.of} words`;
}

function saysOf({ does, cut, leaf }: TeaserDecision): string {
  if (does === 'create') return 'made';
  if (does === 'update') return 'updated';
  if (does === 'untouched') return 'unchanged';
  if (does === 'edited') return `page ${leaf?.id} was edited in the browser, so it stays; --overwrite replaces it`;
  if (does === 'trashed') return `page ${leaf?.id} is in the trash, so it stays there; --overwrite brings it back`;
  if (does === 'left') return `its chapter is gone, page ${leaf?.id} stays`;
  if (!cut?.of) return 'has no text';
  const least = cut.text === undefined ? cut.least : undefined;
  return least === undefined
    ? 'nothing of it can stand alone'
    : `its first block does not fit; --words ${least} keeps it`;
}

/** `2 made · 1 unchanged` */
export function teaserCounts({ decisions }: TeaserPlan): string {
  const says: Record<TeaserDecision['does'], string> = {
    create: 'made',
    update: 'updated',
    untouched: 'unchanged',
    edited: 'edited in the browser, left alone',
    trashed: 'in the trash, left alone',
    refused: 'cannot be made',
    left: 'without a chapter, left alone',
  };
  const counts = Object.entries(says).flatMap(([does, text]) => {
    const count = decisions.filter(one => one.does === does).length;
    return count ? [`${count} ${text}`] : [];
  });
  return counts.join(' · ') || 'no chapters';
}

export function teaserJson(from: BookName, into: BookName, { decisions }: TeaserPlan) {
  return {
    book: from,
    into,
    teasers: decisions.map(one => ({
      chapter: one.chapter || null,
      title: one.title,
      does: one.does,
      page: one.leaf?.id ?? null,
      words: one.cut?.text === undefined ? 0 : one.cut.words,
      of: one.cut?.of ?? null,
      ...(one.cut && one.cut.text === undefined && { least: one.cut.least ?? null }),
    })),
  };
}
