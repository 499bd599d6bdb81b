// An import that is killed, and one beside others who write: the next run continues, and nothing is there twice.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawn } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { makeWritebook, png } from '../support/writebook/writebook.ts';

const count = 24;
const files = Object.fromEntries(
  Array.from({ length: count }, (_, at) => [
    `${at + 1}.md`,
    `---\ntitle: The same\n---\n\n${at} [next](${((at + 1) % count) + 1}.md) ![i](images/${at % 5}.png)\n`,
  ]),
);
const images = Object.fromEntries(Array.from({ length: 5 }, (_, at) => [`images/${at}.png`, png(String(at))]));

test('killed at any point, the next run continues: every page once, every image once, every link', async () => {
  const book = await makeWritebook();
  try {
    book.write({ ...files, ...images });
    const words = ['content', '--book', 'B', '--create'];
    const moments = process.env['BOOKOPS_TORTURE'] ? [1, 2, 3, 5, 8, 13, 20, 22, 23, 24] : [1, 14, 24];
    for (const moment of moments) {
      const running = book.start('import-chapters', [...words, '--verbose']);
      await Promise.race([running.says(`create ${moment}.md`), running.ended]);
      running.child.kill('SIGKILL');
      book.kill();
      await running.ended;
    }
    const { code, stderr } = await book.json('import-chapters', words);
    assert.is(code, 0, stderr);
    const pages = book.pages();
    assert.equal(
      pages.map(one => Number.parseInt(one.text ?? '', 10)),
      Array.from({ length: count }, (_, at) => at),
    );
    for (const [at, page] of pages.entries())
      assert.match(page.text ?? '', `[next](/1/b/${pages[(at + 1) % count]?.id}/the-same) ![i](/u/${at % 5}-`);
    assert.equal(book.rows('SELECT count(*) AS n FROM active_storage_attachments'), [{ n: 5 }]);
    // nobody changed a page: what a killed run left without its links gets them without a revision
    assert.equal(book.rows('SELECT count(*) AS n FROM edits'), [{ n: 0 }]);
    const last = await book.json('import-chapters', words);
    assert.equal([last.code, last.json.written], [0, 0]);
  } finally {
    book.clean();
  }
});

test('where the program outlives its connection, as in a container, it ends with the task all the same', async () => {
  const book = await makeWritebook();
  try {
    // enough for many transactions: the end is heard between two
    const many = 150;
    book.write(Object.fromEntries(Array.from({ length: many }, (_, at) => [`${at + 100}.md`, `# ${at}\n`])));
    const rails = `${book.folder}/staging/current/bin/rails`;
    const said = `${book.folder}/said`;
    renameSync(rails, `${rails}-itself`);
    // `docker exec` starts it in another session, and goes on reading what it says
    writeFileSync(
      rails,
      `#!/bin/bash\nexec setsid -w bash -o pipefail -c '"$0" "$@" | tee -p "${said}"' "$0-itself" "$@"\n`,
      { mode: 0o755 },
    );
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const running = book.start('import-chapters', ['content', '--book', 'B', '--create', '--verbose']);
      const already = signal === 'SIGINT' ? book.pages().length : 0;
      await Promise.race([running.says(`create ${already + 102}.md`), running.ended]);
      running.child.kill(signal);
      await running.ended;
      const deadline = Date.now() + 10_000;
      while (!readFileSync(said, 'utf8').includes('nobody waits for this import any more') && Date.now() < deadline)
        await new Promise(done => setTimeout(done, 20));
      const written = book.pages().length;
      assert.ok(written > already && written < many, `${written} pages after ${signal}`);
    }
    const { code, stderr } = await book.json('import-chapters', [
      'content',
      '--book',
      'B',
      '--create',
      '--wait',
      '10s',
    ]);
    assert.is(code, 0, stderr);
    assert.is(book.pages().length, many);
  } finally {
    book.clean();
  }
});

test('a lock that somebody holds for long does not end the import, and who else writes gets it', async () => {
  const book = await makeWritebook();
  try {
    book.write({ ...files, ...images });
    book.ruby('');
    const database = `${book.folder}/staging/shared/storage/db/production.sqlite3`;
    const running = book.start('import-chapters', ['content', '--book', 'B', '--create', '--verbose']);
    await running.says('create 1.md');
    // half a second of the lock, in the middle
    const holder = spawn('sqlite3', [database]);
    holder.stdin.end('.timeout 2000\nBEGIN IMMEDIATE;\n.shell sleep 0.5\nCOMMIT;\n');
    await new Promise(done => holder.on('close', done));
    // the application waits 100 ms; beside other tests this machine takes as long for anything
    const patience = process.env['BOOKOPS_TORTURE'] ? 100 : 3000;
    let refused = 0;
    while (running.end.code === null) {
      const writer = spawn('sqlite3', [database]);
      let said = '';
      writer.stderr.on('data', text => (said += text));
      writer.stdin.end(`.timeout ${patience}\nBEGIN IMMEDIATE; UPDATE users SET name = 'x'; COMMIT;\n`);
      await new Promise(done => writer.on('close', done));
      if (said) refused++;
    }
    const { code, stderr } = await running.ended;
    assert.is(code, 0, stderr);
    assert.is(book.pages().length, count);
    assert.is(refused, 0);
  } finally {
    book.clean();
  }
});
test.run();
