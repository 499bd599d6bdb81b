// The sample book with a store and some uploads, for the tests of backups.
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { makeBook, type Book } from './book.ts';

export type BackedUp = Book & {
  /** The store's folder. */
  store: string;
  uploads: string;
  sql(text: string): string;
  /** Runs a backup that must work, and gives its id. */
  backUp(...words: string[]): Promise<string>;
  /** The blocks of bash in the store's RESTORE.md. */
  guide(): string[];
  /** Every file of the store, unfinished ones too, as paths relative to it. */
  stored(): string[];
};

/** `settings` are further words of `backup:`; each backup has all files unless they say otherwise. */
export async function makeBackedUpBook(settings = 'mode: tarball'): Promise<BackedUp> {
  const book = await makeBook();
  const ops = join(book.folder, 'ops.yml');
  writeFileSync(
    ops,
    readFileSync(ops, 'utf8')
      .replace('apps:\n', 'stores:\n  disk: { kind: path, folder: ./store }\napps:\n')
      .replace(
        '    migrate: node',
        `    backup: { stores: [disk], ${settings}, files: { include: [shared/uploads], exclude: ['*.tmp'] } }\n    migrate: node`,
      ),
  );
  for (const environment of ['staging', 'production']) {
    const uploads = join(book.place(environment).root, 'shared/uploads');
    mkdirSync(join(uploads, 'a b'), { recursive: true });
    writeFileSync(join(uploads, 'a b/„cover“.txt'), 'a cover');
    writeFileSync(join(uploads, 'page'), 'a page');
    writeFileSync(join(uploads, 'half.tmp'), 'not wanted');
    symlinkSync('a b/„cover“.txt', join(uploads, 'link'));
  }
  const { execFileSync } = await import('node:child_process');
  const store = join(book.folder, 'store');
  return {
    ...book,
    store,
    uploads: join(book.place().root, 'shared/uploads'),
    sql: text =>
      execFileSync('sqlite3', ['-cmd', '.timeout 5000', book.place().database, text], { encoding: 'utf8' }).trim(),
    async backUp(...words) {
      const { code, stdout, stderr } = await book.run('backup', ['--json', ...words]);
      assert.is(code, 0, stderr);
      return JSON.parse(stdout).id;
    },
    guide: () =>
      [...readFileSync(join(store, 'RESTORE.md'), 'utf8').matchAll(/^```bash\n(.*?)^```$/gms)].map(
        ([, text = '']) => text,
      ),
    stored() {
      try {
        return readdirSync(store, { recursive: true, withFileTypes: true, encoding: 'utf8' })
          .filter(entry => entry.isFile())
          .map(entry => join(entry.parentPath, entry.name).slice(store.length + 1))
          .toSorted();
      } catch {
        return [];
      }
    },
  };
}
