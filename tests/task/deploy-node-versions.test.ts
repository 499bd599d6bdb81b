// Runs the main job on the later LTS lines of Node, which npm's registry supplies as packages.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBook } from '../support/book/book.ts';

const cache = join(process.env['BOOKOPS_TEST_CACHE'] ?? '/var/tmp/bookops-test', 'nodes');

/** The folder of that line's `node`; installed once. */
function binaries(line: string): string {
  const name = `node-linux-${process.arch}`;
  const bin = join(cache, line, 'node_modules', name, 'bin');
  if (!existsSync(join(bin, 'node'))) {
    mkdirSync(join(cache, line), { recursive: true });
    execFileSync(
      'npm',
      ['install', '--silent', '--no-audit', '--no-fund', '--prefix', join(cache, line), `${name}@${line}`],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, NODE_EXTRA_CA_CERTS: process.env.BOOKOPS_TEST_CERTIFICATES },
      },
    );
  }
  return bin;
}

for (const line of ['22', '24'])
  test(`on Node ${line} a book goes live, is renewed, survives a broken version and goes back`, async () => {
    const PATH = `${binaries(line)}:${process.env['PATH']}`;
    assert.match(execFileSync('node', ['--version'], { env: { PATH }, encoding: 'utf8' }), new RegExp(`^v${line}\\.`));
    const book = await makeBook();
    try {
      const task = (name: string, ...words: string[]) => book.run(name, words, { env: { PATH } });
      for (const sha of [book.good1, book.good2]) {
        const said = await task('deploy', '--sha', sha);
        assert.is(said.code, 0, said.stderr);
        assert.is(await book.serves(), sha);
      }
      const broken = await task('deploy', '--sha', book.badMigration);
      assert.is(broken.code, 1, broken.stderr);
      assert.is(await book.serves(), book.good2);
      const back = await task('rollback');
      assert.is(back.code, 0, back.stderr);
      assert.is(await book.serves(), book.good1);
      const status = await task('status', '--json');
      assert.is(status.code, 0, status.stderr);
    } finally {
      book.clean();
    }
  });

test.run();
