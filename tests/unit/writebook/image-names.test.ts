// An exported image has the name of the file that was uploaded, unless another of the book could be meant by it, or a folder could not hold it.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fileNames } from '../../../lib/writebook/image-names.ts';

function named(names: string[], pictures: Record<string, string> = {}): string[] {
  const uploads = names.map((name, at) => ({ slug: `s-${at}AbCd.png`, name, md5: `m${at}` }));
  return [...fileNames(uploads, new Map(Object.entries(pictures))).values()];
}

test('names that are the only ones of their kind stay', () => {
  const names = ['a.png', 'My Photo (1).JPG', '写真.webp', 'é.gif', '2024-06-19 at 8.02.28.png', '_x.png'];
  assert.equal(named(names), names);
});

test('two of one name, also on a disk that takes capitals for small letters, have their slugs', () => {
  assert.equal(named(['a.png', 'b.png', 'A.png']), ['s-0AbCd.png', 'b.png', 's-2AbCd.png']);
});

test('so has one that is called as another’s slug, or as the image of a picture page', () => {
  assert.equal(named(['s-1abcd.png', 'b.png']), ['s-0AbCd.png', 'b.png']);
  assert.equal(named(['01-view.png'], { '01-view.png': 'other' }), ['s-0AbCd.png']);
  assert.equal(named(['01-view.png'], { '01-view.png': 'm0' }), ['01-view.png']);
});

test('and one whose name would be hidden, a path, or written in another way by some disks', () => {
  const names = [
    '.a.png',
    '../a.png',
    'a/b.png',
    'a..png',
    'e\u0301.png',
    'a\nb.png',
    'a.svg',
    'a',
    `${'a'.repeat(120)}.png`,
  ];
  assert.equal(named(names), names.map((_, at) => `s-${at}AbCd.png`)); // prettier-ignore
});

test.run();
