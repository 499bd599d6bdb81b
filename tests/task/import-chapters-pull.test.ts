// What the browser changed comes into the folder: joined with what changed there, new pages as new files, exchanged pictures.
import { execFileSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeWritebook, png } from '../support/writebook/writebook.ts';

test('pages that were made in the browser become files with --pull --new, in their place, and an exchanged picture is saved', async () => {
  const shelf = await makeWritebook();
  try {
    shelf.write({
      '01-a.md': '# A\n\nfirst\n',
      '02-part/_section.md': '---\ntitle: Part\n---\n\nPart\n',
      '02-part/01-b.md': '# B\n\nsecond [a](../01-a.md)\n',
      '03-view.md': '---\nclass: Picture\ncaption: far\n---\n\n![](images/view.png)\n',
      'images/view.png': png('view'),
    });
    const words = ['content', '--book', 'B', '--create'];
    assert.is((await shelf.json('import-chapters', words)).code, 0);
    shelf.write({ 'other.png': png('other'), 'shown.png': png('shown') }, shelf.folder);
    shelf.ruby(`
      book = Book.first
      at = ->(title) { book.leaves.active.positioned.pluck(:title).index(title) }
      page = Page.create!(body: "")
      page.body.uploads.attach(io: File.open("${shelf.folder}/shown.png", "rb"), filename: "shown.png")
      page.body = "of the browser ![s](/u/#{page.body.uploads.attachments.last.slug}) [b](/1/b/3/b)\\n"
      page.save!
      book.press(page, title: "After A").move_to_position(1)
      book.press(Page.new(body: "one more\\n"), title: "Two more: #1").move_to_position(2)
      book.press(Page.new(body: "in the part\\n"), title: "In part").move_to_position(at["Part"] + 1)
      book.press(Page.new(body: "at the end\\n"), title: "結")
      file = File.open("${shelf.folder}/other.png", "rb")
      picture = book.leaves.find_by(leafable_type: "Picture")
      picture.edit(leafable_params: { image: ActiveStorage::Blob.create_and_upload!(io: file, filename: "Other one.png") })
    `);
    const before = shelf.pages();
    const { code, stderr, json } = await shelf.json('import-chapters', [...words, '--pull', '--new']);
    assert.is(code, 0, stderr);
    assert.equal(json['pulled'], [
      '03-view.md',
      '01.1-after-a.md',
      '01.2-two-more-1.md',
      '02-part/00-in-part.md',
      '04-page-8.md',
    ]);
    assert.match(
      shelf.read('03-view.md'),
      /^---\nclass: Picture\ncaption: far\n---\n\n!\[\]\(images\/Other-one-\w{8}\.png\)\n$/,
    );
    assert.match(
      shelf.read('01.1-after-a.md'),
      /^---\ntitle: After A\n---\n\nof the browser !\[s\]\(images\/shown-\w{6}\.png\) \[b\]\(02-part\/01-b\.md\)\n$/,
    );
    const after = await shelf.json('import-chapters', words);
    assert.equal([after.code, after.json.written, after.json.pages], [0, 0, []], after.stderr);
    assert.equal(shelf.pages(), before);
  } finally {
    shelf.clean();
  }
});

test('--take merge joins both sides in the folder: what fits at once, what does not between markers, and never in the book', async () => {
  const shelf = await makeWritebook();
  try {
    const lines = (...changed: [number, string][]) =>
      `# One\n\n${Array.from({ length: 9 }, (_, at) => new Map(changed).get(at) ?? `line ${at}`).join('\n')}\n\n[two](2.md)\n`;
    shelf.write({ '1.md': lines(), '2.md': '# Two\n\nof old\n', '3.md': '---\ntitle: Three\n---\n\nthird\n' });
    const words = ['content', '--book', 'B', '--create'];
    assert.is((await shelf.json('import-chapters', words)).code, 0);
    shelf.ruby(`
      one, two, three = Book.first.leaves.positioned.to_a
      one.edit(leafable_params: { body: one.page.body.content.sub("line 8", "LINE 8") }, leaf_params: { title: "One" })
      two.edit(leafable_params: { body: "# Two\\n\\nof the browser\\n" }, leaf_params: { title: "Two" })
      three.edit(leafable_params: {}, leaf_params: { title: "Third" })
    `);
    shelf.write({
      '1.md': lines([1, 'first line, better']),
      '2.md': '# Two\n\nof the folder\n',
      '3.md': '---\ntitle: Three\n---\n\nthird, longer\n',
    });
    const before = shelf.pages();
    const refused = await shelf.run('import-chapters', ['content', '--book', 'B']);
    assert.is(refused.code, 1);
    assert.match(refused.stderr, '+title: Third');
    const { stdout } = await shelf.run('import-chapters', ['content', '--book', 'B', '--plan']);
    assert.match(stdout, /--- 1.md as last written\n\+\+\+ 1.md in the browser\n[^]*\n-line 8\n\+LINE 8\n/);
    assert.match(stdout, '1.md: both changes fit together');
    assert.match(stdout, '2.md: both changed the same in one place');
    assert.is((await shelf.run('import-chapters', [...words, '--take', 'merge'])).code, 2);

    const merged = await shelf.json('import-chapters', [...words, '--pull', '--take', 'merge']);
    assert.is(merged.code, 1, merged.stderr);
    assert.equal([merged.json['pulled'], merged.json['marked']], [['1.md', '2.md', '3.md'], ['2.md']]);
    assert.is(shelf.read('1.md'), lines([1, 'first line, better'], [8, 'LINE 8']));
    assert.is(
      shelf.read('2.md'),
      '# Two\n\n<<<<<<< in the folder\nof the folder\n||||||| as last written\nof old\n=======\nof the browser\n>>>>>>> in the browser\n',
    );
    assert.is(shelf.read('3.md'), '---\ntitle: Third\n---\n\nthird, longer\n');
    assert.equal(shelf.pages(), before);
    const marked = await shelf.run('import-chapters', words);
    assert.is(marked.code, 3);
    assert.match(marked.stderr, '2.md:3: two texts are to be joined here');
    assert.equal(shelf.pages(), before);

    shelf.write({ '2.md': '# Two\n\nof both\n' });
    const { code, json, stderr } = await shelf.json('import-chapters', words);
    assert.equal([code, json.written], [0, 3], stderr);
    assert.is(shelf.pages()[1]?.text, '# Two\n\nof both\n');
    assert.match(shelf.pages()[0]?.text ?? '', 'first line, better');
    assert.match(shelf.pages()[0]?.text ?? '', 'LINE 8');
    assert.equal((await shelf.json('import-chapters', words)).json.written, 0);
  } finally {
    shelf.clean();
  }
});

test('a text that the application has lost is found in git, and one that is nowhere is not joined', async () => {
  const shelf = await makeWritebook();
  try {
    shelf.write({ '1.md': 'a\n\nb\n\nc\n', '2.md': 'a\n\nb\n\nc\n' });
    const words = ['content', '--book', 'B', '--create'];
    assert.is((await shelf.json('import-chapters', words)).code, 0);
    const git = (...given: string[]) =>
      execFileSync('git', ['-c', 'user.name=Ana', '-c', 'user.email=ana@books.test', ...given], { cwd: shelf.content });
    git('init', '--quiet');
    git('add', '1.md');
    git('commit', '--quiet', '--message', 'one');
    // within ten minutes of a revision the application keeps no other
    shelf.ruby(`
      Book.first.leaves.each do |leaf|
        leaf.page.update!(body: leaf.page.body.content.sub("c", "C"))
      end
    `);
    shelf.write({ '1.md': 'A\n\nb\n\nc\n', '2.md': 'A\n\nb\n\nc\n' });
    const { code, json, stderr } = await shelf.json('import-chapters', [...words, '--pull', '--take', 'merge']);
    assert.is(code, 0, stderr);
    assert.equal(json['pulled'], ['1.md']);
    assert.match(stderr, '2.md: the text as last written is neither');
    assert.is(shelf.read('1.md'), 'A\n\nb\n\nC\n');
    assert.is(shelf.read('2.md'), 'A\n\nb\n\nc\n');
  } finally {
    shelf.clean();
  }
});
test.run();
