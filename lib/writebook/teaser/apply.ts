// Asks the application for the chapters and the book of teasers, and writes the teasers of a plan into it.
import type { InferOutput } from 'valibot';
import { Failure } from '../../errors.ts';
import { applyAnswer, teasersAnswer } from '../program/answers.ts';
import { noSuchBook } from '../program/find-book.ts';
import type { Application } from '../program/application.ts';
import { runProgram } from '../program/program.ts';
import type { BookState, Leaf } from '../content.ts';
import { contentOf, type TeaserDecision, type TeaserPlan } from './plan.ts';

const record = 'teasers';

/** `chapters`: numbers and exact titles; undefined: all of the book. */
export type TeaserQuestion = { book: string; into: string; chapters: readonly string[] | undefined };

/** @throws Failure 2 for a book that is not there, is not published, or is the source itself, and for unknown chapters */
export async function askTeasers(
  application: Application,
  question: TeaserQuestion,
): Promise<{ from: BookState; into: BookState; chapters: Leaf[] }> {
  const { target } = application;
  const answer = await runProgram(application, { do: 'teasers', record, ...question }, teasersAnswer);
  if ('books' in answer) throw noSuchBook(target, question.book, answer.books);
  const { from, into, published } = answer;
  if (into.book === null) throw noSuchBook(target, question.into, into.books);
  if (into.book.id === from.book.id)
    throw new Failure(2, `“${from.book.title}” is the book that teasers are made of, and cannot hold them`, {
      advice: 'make another book for teasers in the browser, publish it, and name it with --into',
    });
  if (!published)
    throw new Failure(2, `“${into.book.title}” is not published, so nobody would see teasers there`, {
      advice: `publish book ${into.book.id} in the browser (Writebook publishes whole books), then run this again`,
    });
  return { from, into, chapters: chosen(from, question.chapters) };
}

type Chapters = { from: BookState; into: BookState; chapters: Leaf[] };

function chosen({ book, leaves }: BookState, names: readonly string[] | undefined): Chapters['chapters'] {
  const pages = leaves.filter(leaf => leaf.active && leaf.kind === 'Page');
  if (!names) return pages;
  return names.map(name => {
    const found = leaves.filter(leaf => leaf.active && String(leaf.id) === name);
    const named = found.length ? found : leaves.filter(leaf => leaf.active && leaf.title === name);
    const [leaf] = named;
    if (!leaf)
      throw new Failure(2, `“${book.title}” has no chapter ${JSON.stringify(name)}`, {
        detail: pages.map(one => `${one.id}  ${one.title}`).join('\n'),
        advice: 'name it by its number or its exact title, or take all with --each',
      });
    if (named.length > 1)
      throw new Failure(2, `${named.length} chapters are called ${JSON.stringify(name)}`, {
        advice: `name one by its number: ${named.map(one => one.id).join(', ')}`,
      });
    if (leaf.kind !== 'Page')
      throw new Failure(2, `“${leaf.title}” is a ${leaf.kind.toLowerCase()}, and has no text for a teaser`);
    return leaf;
  });
}

/** Those that are written. */
export function teaserWrites({ decisions }: TeaserPlan): TeaserDecision[] {
  return decisions.filter(one => one.does === 'create' || one.does === 'update');
}

/** @returns the keys of teasers that somebody changed meanwhile, and that stay as they are */
export async function applyTeasers(
  application: Application,
  plan: TeaserPlan,
  into: BookState,
  waitSeconds: number,
  did: (what: string, title: string) => void,
): Promise<InferOutput<typeof applyAnswer>> {
  const page = ({ key, wanted, leaf }: TeaserDecision) => ({
    path: key,
    kind: 'Page',
    title: wanted?.title,
    body: [wanted?.text],
    theme: null,
    caption: null,
    image: null,
    ...(leaf && { leaf: leaf.id, expects: contentOf(leaf), restore: !leaf.active }),
  });
  const writes = teaserWrites(plan);
  const titles = new Map(writes.map(one => [one.key, one.title]));
  const request = {
    do: 'apply',
    record,
    book: String(into.book.id),
    wait: waitSeconds,
    seal: into.seal,
    files: plan.files,
    create: writes.filter(one => one.does === 'create').map(page),
    update: writes.filter(one => one.does === 'update').map(page),
    move: [],
    trash: [],
    images: {},
  };
  const tell = (what: string, key: string) => did(what, titles.get(key) ?? key);
  return runProgram(application, request, applyAnswer, { did: tell });
}
