// What an import decides for each page, from the folder, the book and what was last written.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BookChapter, Piece } from '../../../lib/writebook/folder/chapter.ts';
import { type BookState, type Entry, type Leaf } from '../../../lib/writebook/content.ts';
import { noBook, planImport, type ImportChoices } from '../../../lib/writebook/import/plan.ts';
import { sha256 } from '../../../lib/host/checksum.ts';

const chapter = (path: string, text: string | Piece[], title = path): BookChapter => ({
  path,
  kind: 'Page',
  title,
  theme: null,
  caption: null,
  pieces: typeof text === 'string' ? [text] : text,
  firstLine: 1,
  image: undefined,
});
const leaf = (id: number, title: string, text: string, more: Partial<Leaf> = {}): Leaf => ({
  id,
  kind: 'Page',
  title,
  body: sha256(text),
  theme: null,
  caption: null,
  image: null,
  made: `made-${id}`,
  slug: title.toLowerCase(),
  active: true,
  text,
  ...more,
});
const entry = ({ id, made, kind, title, body, theme, caption, image }: Leaf): Entry => ({
  leaf: id,
  made,
  kind,
  title,
  body,
  theme,
  caption,
  image,
});

function plan(
  chapters: BookChapter[],
  leaves: Leaf[],
  files: Record<string, Entry>,
  choices: Partial<ImportChoices> = {},
  more: Partial<BookState> = {},
) {
  const book = { id: 2, title: 'B', slug: 'b' };
  const state: BookState = { book, leaves, uploads: [], record: { serial: 1, files }, seal: 's', ...more };
  const folder = { chapters, images: new Map(), problems: [] };
  const made = planImport(folder, state, { serial: -1, files: {} }, { trash: false, take: undefined, ...choices });
  return {
    ...made,
    short: made.decisions.map(one => `${one.path} ${one.does}`),
    stops: made.problems.filter(one => one.stops).map(one => `${one.path} ${one.says}`),
  };
}

test('both sides are compared with what was last written, page by page', () => {
  const was = leaf(1, 'a', 'old');
  const cases: [string, string, string][] = [
    ['old', 'old', 'untouched'],
    ['new', 'old', 'update'],
    ['old', 'browser', 'edited'],
    ['new', 'browser', 'conflict'],
    ['browser', 'browser', 'untouched'],
  ];
  for (const [folder, book, does] of cases) {
    const { short } = plan([chapter('a', folder)], [leaf(1, 'a', book)], { a: entry(was) });
    assert.equal(short, [`a ${does}`], `${folder} and ${book}`);
  }
  const renamed = plan([chapter('a', 'old', 'A')], [leaf(1, 'a', 'browser')], { a: entry(was) });
  assert.equal(renamed.short, ['a conflict']);
});

test('“ours” is about pages that both sides changed; an edit of the browser alone stays', () => {
  const chapters = [chapter('a', 'new'), chapter('b', 'old')];
  const leaves = [leaf(1, 'a', 'browser'), leaf(2, 'b', 'browser')];
  const files = { a: entry(leaf(1, 'a', 'old')), b: entry(leaf(2, 'b', 'old')) };
  assert.equal(plan(chapters, leaves, files, { take: 'ours' }).short, ['a update', 'b edited']);
  assert.equal(plan(chapters, leaves, files, { take: 'theirs' }).short, ['a edited', 'b edited']);
});

test('a page in the trash of the application is not made again', () => {
  const gone = leaf(1, 'a', 'old', { active: false });
  const files = { a: entry(gone) };
  assert.equal(plan([chapter('a', 'old')], [gone], files).short, ['a edited']);
  assert.equal(plan([chapter('a', 'new')], [gone], files).short, ['a conflict']);
  assert.equal(plan([chapter('a', 'new')], [gone], files, { take: 'ours' }).short, ['a update']);
});

test('without a record the exact title says which page it is, and what it says twice is refused', () => {
  assert.equal(plan([chapter('a', 'x', 'T')], [leaf(1, 'T', 'x')], {}).short, ['a untouched']);
  assert.equal(plan([chapter('a', 'y', 'T')], [leaf(1, 'T', 'x')], {}).short, ['a conflict']);
  assert.match(plan([chapter('a', 'x', 'T')], [leaf(1, 'T', 'x'), leaf(2, 'T', 'y')], {}).stops.join(), '2 pages');
  assert.match(plan([chapter('a', 'x', 'T'), chapter('b', 'x', 'T')], [leaf(1, 'T', 'x')], {}).stops.join(), '2 files');
  assert.equal(plan([chapter('a', 'x', 'T'), chapter('b', 'x', 'T')], [], {}).short, ['a create', 'b create']);
});

test('a number that was given again is another page', () => {
  const files = { a: { ...entry(leaf(1, 'a', 'old')), made: 'earlier' } };
  assert.equal(plan([chapter('a', 'old')], [leaf(1, 'other', 'text')], files).short, ['a create', '1 foreign']);
});

test('a file that got another name keeps its page', () => {
  const was = leaf(1, 'T', 'old');
  assert.equal(plan([chapter('02-b.md', 'new', 'T')], [was], { '01-a.md': entry(was) }).short, ['02-b.md update']);
});

test('what has no file any more goes only when that is wanted, and never an edit with it', () => {
  const leaves = [leaf(1, 'a', 'old'), leaf(2, 'b', 'browser'), leaf(3, 'c', 'made in the browser')];
  const files = { a: entry(leaf(1, 'a', 'old')), b: entry(leaf(2, 'b', 'old')) };
  assert.equal(plan([], leaves, files).short, ['a left', 'b left', '3 foreign']);
  assert.equal(plan([], leaves, files, { trash: true }).short, ['a trash', 'b left', '3 foreign']);
});

test('a link is written when its page has a number, and changes when that page is renamed', () => {
  const link = chapter('a', ['see ', { to: 'b', rest: '#x', as: 'b#x' }]);
  const a = leaf(1, 'a', 'see /2/b/7/b#x');
  const b = leaf(7, 'b', '');
  const files = { a: entry(a), b: entry(b) };
  assert.equal(plan([link, chapter('b', '')], [a, b], files).short, ['a untouched', 'b untouched']);
  assert.equal(plan([link, chapter('b', '', 'B')], [a, b], files).short, ['a update', 'b update']);
  assert.equal(plan([link], [], {}).short, ['a create']);
});

test('as few pages as possible are moved, and a page of the browser’s stays behind the one it is behind', () => {
  const leaves = [1, 2, 3, 4, 5].map(id => leaf(id, `t${id}`, ''));
  const named = (ids: number[]) => ids.map(id => chapter(String(id), '', `t${id}`));
  assert.equal(plan(named([1, 2, 3, 4, 5]), leaves, {}).moves, []);
  assert.equal(plan(named([2, 3, 4, 5, 1]), leaves, {}).moves, [{ leaf: 1, after: 5 }]);
  assert.equal(plan(named([5, 1, 2, 3, 4]), leaves, {}).moves, [{ leaf: 5, after: null }]);
  // 3 is not in the folder: it follows 2
  assert.equal(plan(named([1, 4, 2, 5]), leaves, {}).moves, [{ leaf: 4, after: 1 }]);
  const early = plan([chapter('new', 'x'), ...named([1, 2, 3, 4, 5])], leaves, {});
  assert.equal(early.moves, [{ leaf: 'new', after: null }]);
  assert.equal(plan([...named([1, 2, 3, 4, 5]), chapter('new', 'x')], leaves, {}).moves, []);
});

test('carried out, the moves give the folder’s order: 300 shuffled books', () => {
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  for (let run = 0; run < 300; run++) {
    const count = 1 + random(12);
    const leaves = Array.from({ length: count }, (_, at) => leaf(at + 1, `t${at + 1}`, ''));
    const ids = leaves.map(one => one.id).filter(() => random(4) > 0);
    for (let at = ids.length - 1; at > 0; at--) {
      const other = random(at + 1);
      [ids[at], ids[other]] = [ids[other] ?? 0, ids[at] ?? 0];
    }
    const chapters = ids.map(id => chapter(`f${id}`, '', `t${id}`));
    for (let more = random(3); more > 0; more--)
      chapters.splice(random(chapters.length + 1), 0, chapter(`new${more}`, 'n', `new${more}`));
    const { moves } = plan(chapters, leaves, {});
    const now: (number | string)[] = [
      ...leaves.map(one => one.id),
      ...chapters.flatMap(one => (one.path.startsWith('n') ? [one.path] : [])),
    ];
    for (const { leaf: which, after } of moves) {
      now.splice(now.indexOf(which), 1);
      now.splice(after === null ? 0 : now.indexOf(after) + 1, 0, which);
    }
    const wanted = chapters.map(one => (one.path.startsWith('f') ? Number(one.path.slice(1)) : one.path));
    assert.equal(
      now.filter(one => wanted.includes(one)),
      wanted,
    );
  }
});

test('a book that is not there yet is made of everything', () => {
  const folder = { chapters: [chapter('a', 'x'), chapter('b', 'y')], images: new Map(), problems: [] };
  const { decisions, moves } = planImport(folder, noBook, { serial: -1, files: {} }, { trash: true, take: undefined });
  assert.equal(
    decisions.map(one => one.does),
    ['create', 'create'],
  );
  assert.equal(moves, []);
});
test.run();
