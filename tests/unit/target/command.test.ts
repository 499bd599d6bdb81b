// What a text tells a person to type is a command that exists, with the target in it, and made in one place.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { targetName, taskCommand } from '../../../lib/target/command.ts';

const root = join(import.meta.dirname, '../../..');
const book = { app: 'book', environment: 'staging' };

test('a command names its task, its own words and the target', () => {
  assert.is(targetName(book), 'book staging');
  assert.is(taskCommand('site apply', book), 'npx tsx tasks/site.ts apply --env staging --app book');
  assert.is(taskCommand('status'), 'npx tsx tasks/status.ts');
});

test('each command in a text is of a task that exists, and none is spelt beside it', () => {
  const files = ['lib', 'tasks'].flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(name => `${folder}/${name}`),
  );
  const wrong: string[] = [];
  let seen = 0;
  for (const file of files.filter(name => name.endsWith('.ts'))) {
    const text = readFileSync(join(root, file), 'utf8');
    for (const [, name = ''] of text.matchAll(/taskCommand\(\s*['`]([a-z-]+)/g)) {
      seen++;
      if (!existsSync(join(root, `tasks/${name}.ts`))) wrong.push(`${file}: ${name}`);
    }
    // the examples in a task's help are literal
    const spelt = text.replaceAll(/^ *examples: \[[^\]]*\]/gm, '').replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '');
    if (/npx tsx tasks\//.test(spelt)) wrong.push(`${file}: npx tsx tasks/`);
  }
  assert.equal(wrong, []);
  assert.ok(seen > 40);
});

test.run();
