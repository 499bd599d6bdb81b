// The check of full-text indexes, by the real sqlite3: of each version, under any name, and where a tokenizer is missing.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fullTextCommand, readFullText } from '../../../../lib/backup/drill/full-text.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-full-text-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));
const sql = (file: string, text: string) => execFileSync('sqlite3', [file, text], { encoding: 'utf8' });
const checked = (file: string) =>
  readFullText(execFileSync('bash', ['-c', fullTextCommand(file).text], { encoding: 'utf8' }));
const names = `"it's ""odd"" $(id)"`;

test('a database without any has nothing to tell', () => {
  const file = join(folder, 'none');
  sql(file, "CREATE TABLE t (a); INSERT INTO t VALUES ('CREATE VIRTUAL TABLE x USING fts5(a)')");
  assert.is(checked(file), undefined);
});

test('indexes of FTS4 and FTS5 are checked, also where a text is in another table; nothing is changed', () => {
  const file = join(folder, 'good');
  sql(
    file,
    `CREATE VIRTUAL TABLE ${names} USING FTS5(a, tokenize = 'porter'); INSERT INTO ${names} VALUES ('runs'), ('');
     create virtual table old using fts4(a); INSERT INTO old VALUES ('x');
     CREATE TABLE doc (id INTEGER PRIMARY KEY, a); INSERT INTO doc VALUES (1, 'late');
     CREATE VIRTUAL TABLE beside USING fts5(a, content = doc, content_rowid = id);
     CREATE VIRTUAL TABLE without USING fts5(a, content = '');`,
  );
  const before = sql(file, '.dump');
  assert.equal(checked(file), {
    name: 'full-text indexes',
    good: true,
    found: '4 checked, with the texts that they keep',
  });
  assert.is(sql(file, '.dump'), before);

  sql(file, "UPDATE old_content SET c0a = 'y'");
  const bad = checked(file);
  assert.is(bad?.good, false);
  assert.match(bad?.found ?? '', /^old: .*malformed/);
});

test('what this sqlite3 cannot read is told, and no fault of the backup', () => {
  const file = join(folder, 'unknown');
  sql(file, 'CREATE VIRTUAL TABLE a USING fts5(t)');
  sql(
    file,
    `PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE VIRTUAL TABLE a USING fts5(t, tokenize = jieba)' WHERE name = 'a'`,
  );
  const found = checked(file);
  assert.is(found?.good, true);
  assert.match(found?.found ?? '', /^not looked at: a: .*no such tokenizer: jieba/);
});

test.run();
