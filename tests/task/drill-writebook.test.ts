// Backups of a Writebook and their drills: what it has is counted in the application itself, and what is broken is found.
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeWritebook, png } from '../support/writebook/writebook.ts';

const book = await makeWritebook();
test.after(() => book.clean());
const ops = join(book.folder, 'ops.yml');
const plain = readFileSync(ops, 'utf8');
const server = `exec node -e 'require("http").createServer((_, r) => r.end("up")).listen(process.env.PORT, "127.0.0.1")'`;
const configure = (more = '') =>
  writeFileSync(
    ops,
    plain.replace('apps:\n', 'stores:\n  disk: { kind: path, folder: ./store }\napps:\n').replace(
      '    environments:',
      `    database: { sqlite: shared/storage/db/production.sqlite3 }
    backup:
      stores: [disk]
      mode: tarball
      files: { include: [shared/storage/files, shared/storage/bookops] }
      references: >-
        SELECT 'shared/storage/files/' || substr(key, 1, 2) || '/' || substr(key, 3, 2) || '/' || key FROM active_storage_blobs
      drill: { start: ${JSON.stringify(server)}, env: { PORT: '{port}' }, ready: /up, application: writebook${more} }
    environments:`,
    ),
  );
configure(`, check: 'echo "port $PORT"; echo all well >&2'`);

/** The checks of a drill of a backup that is made now. */
async function drilled(): Promise<{ code: number | null; stderr: string; checks: Map<string, string> }> {
  const made = await book.run('backup', []);
  assert.is(made.code, 0, made.stderr);
  const { code, stderr, stdout } = await book.run('drill', ['--json']);
  const checks: { name: string; found: string }[] = JSON.parse(stdout).verdict?.checks ?? [];
  return { code, stderr, checks: new Map(checks.map(one => [one.name, one.found])) };
}

test('books, leaves and uploads are counted, one of each kind is opened, the index is checked', async () => {
  book.write({
    '01-arrival.md': '# Arrival\n\n![here](images/a.png)\n',
    '02-part/_section.md': '---\ntitle: Part\n---\n\nIt begins\n',
    '03-view.md': '---\nclass: Picture\n---\n\n![](images/view.png)\n',
    'images/a.png': png('a'),
    'images/view.png': png('view'),
  });
  const imported = await book.run('import-chapters', ['content', '--book', 'Guide', '--create']);
  assert.is(imported.code, 0, imported.stderr);
  const { code, stderr, checks } = await drilled();
  assert.is(code, 0, stderr);
  assert.is(checks.get('the content of writebook'), '1 book, 3 leaves, 1 upload; opened: page, section, picture');
  assert.is(checks.get('full-text indexes'), '1 checked, with the texts that they keep');
  assert.is(checks.get("the app's own check"), 'all well');
  assert.is(checks.get('files that the database names'), '2, all there');
});

test('a page that the search does not know is told', async () => {
  const [page] = book.pages();
  book.ruby(`ActiveRecord::Base.connection.execute("DELETE FROM leaf_search_index WHERE rowid = ${page?.id}")`);
  const { code, stderr, checks } = await drilled();
  assert.is(code, 0, stderr);
  assert.match(checks.get('the content of writebook') ?? '', '; 1 page not in the index for searching');
  book.ruby(`Leaf.find(${page?.id}).reindex`);
});

test('a picture whose bytes are others, and a file that is gone, make a bad verdict', async () => {
  configure();
  const files = join(book.folder, 'staging/shared/storage/files');
  const stored = readdirSync(files, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name));
  const view = stored.find(file => readFileSync(file).equals(png('view'))) ?? '';
  writeFileSync(view, png('vieW'));
  const other = await drilled();
  assert.is(other.code, 7, other.stderr);
  assert.match(
    other.stderr,
    'the content of writebook: the picture view.png cannot be opened: ActiveStorage::IntegrityError',
  );

  writeFileSync(ops, readFileSync(ops, 'utf8').replace(/ {6}references: >-\n.*\n/, ''));
  rmSync(view);
  const gone = await drilled();
  assert.is(gone.code, 7, gone.stderr);
  assert.match(gone.stderr, /1 file missing: view\.png/);
  writeFileSync(view, png('view'));
});

test('an index that does not fit its texts makes a bad verdict', async () => {
  configure();
  book.ruby(`ActiveRecord::Base.connection.execute("UPDATE leaf_search_index_content SET c1 = 'other' WHERE id = 1")`);
  const { code, stderr } = await drilled();
  assert.is(code, 7, stderr);
  assert.match(stderr, 'full-text indexes: leaf_search_index: ');
  assert.match(stderr, "VALUES('rebuild')");
  book.ruby(
    `ActiveRecord::Base.connection.execute("INSERT INTO leaf_search_index(leaf_search_index) VALUES('rebuild')")`,
  );
});

test("a check of one's own that fails, or takes too long, makes a bad verdict", async () => {
  configure(`, seconds: 5, check: 'echo "no such chapter"; exit 3'`);
  const { code, stderr } = await drilled();
  assert.is(code, 7, stderr);
  assert.match(stderr, "the app's own check: no such chapter");
  configure(`, seconds: 5, check: 'sleep 777'`);
  const late = await book.run('drill', []);
  assert.is(late.code, 7, late.stderr);
  assert.match(late.stderr, "the app's own check: no answer within 5 s");
});

test.run();
