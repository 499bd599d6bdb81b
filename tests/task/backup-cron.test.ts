// The crontab that people paste: silent when all is well, and it says what is wrong.
import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeWatchedBook, type Watched } from '../support/book/watched.ts';

const home = join(import.meta.dirname, '../..');
let book: Watched;
test.before(async () => {
  book = await makeWatchedBook();
  await book.must(0, 'deploy', '--sha', book.good1);
});
test.after(() => book.stop());

test('each line backs up, proves, prunes and watches without a word, and prints what is wrong', () => {
  book.configure('expected_every: 24h');
  for (const name of ['tasks', 'node_modules']) symlinkSync(join(home, name), join(book.folder, name));
  const crontab = readFileSync(join(home, 'cron/backup.cron'), 'utf8');
  const commands = crontab.split('\n').flatMap(line => /^[\d*]+ [\d*]+ \* \* \* {2}(.*)$/.exec(line)?.[1] ?? []);
  assert.is(commands.length, 2);
  // as crond does: sh, a short PATH, and % would be a new line
  const said = () =>
    commands.map(command => {
      assert.not.match(command, '%');
      const text = command.replaceAll('/srv/ops', book.folder).replaceAll('--env production', '--env staging');
      const PATH = `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`;
      const env = { PATH, HOME: process.env['HOME'] };
      return spawnSync('sh', ['-c', text], { encoding: 'utf8', cwd: '/', env }).stdout;
    });
  assert.equal(said(), ['', '']);
  assert.match(readFileSync(join(book.place().root, 'releases/drills.log'), 'utf8'), 'verdict=good');
  renameSync(book.uploads, `${book.uploads}.gone`);
  const [night, hour] = said();
  assert.match(night ?? '', 'shared/uploads does not exist');
  assert.match(hour ?? '', 'the last backup failed');
});
test.run();
