// The rules of this code base that no linter knows.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = join(import.meta.dirname, '../..');

type File = { path: string; text: string; code: string };

const filesIn = (folder: string): File[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => {
      const path = `${folder}/${name}`;
      const text = readFileSync(join(root, path), 'utf8');
      return { path, text, code: withoutComments(text) };
    });

/** Whole-line comments only: a `//` inside a string is no comment. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
}

const lib = filesIn('lib');
const tasks = filesIn('tasks');
const both = [...lib, ...tasks];

function breaking(files: File[], rule: RegExp, allowed: string[] = []): string[] {
  return files.filter(({ path, code }) => !allowed.includes(path) && rule.test(code)).map(({ path }) => path);
}

test('there is code to look at', () => {
  assert.ok(lib.length > 10);
});

/** The rooms, from those that people call down to what everything stands on: a room imports from rooms below it only. */
const rooms = [
  ['tasks'],
  ['doctor', 'recover'],
  ['announce', 'instance', 'preview'],
  ['backup', 'seed', 'writebook'],
  ['deploy'],
  ['task'],
  ['config'],
  ['build', 'certificate', 'database', 'maintenance', 'upstream'],
  ['cron'],
  ['runtime'],
  ['proxy', 'env', 'git'],
  ['plan'],
  ['health'],
  ['release'],
  ['alert', 'github', 'markdown', 'store', 'yaml'],
  ['report'],
  ['host'],
  ['target'],
  ['lib'],
];
const roomOf = (path: string) => /^lib\/([\w-]+)\//.exec(path)?.[1] ?? path.split('/')[0] ?? '';
const importsOf = ({ path, code }: File) =>
  [...code.matchAll(/(?:from|import\()\s*'(\.[^']+\.ts)'/g)].map(([, to = '']) => posix.join(posix.dirname(path), to));

test('each room imports from rooms below it only, types included', () => {
  const floor = (path: string) => rooms.findIndex(names => names.includes(roomOf(path)));
  const wrong = both.flatMap(file =>
    floor(file.path) < 0
      ? [`${file.path}: its room has no place in the list above`]
      : importsOf(file)
          .filter(to => roomOf(to) !== roomOf(file.path) && floor(to) <= floor(file.path))
          .map(to => `${file.path} imports ${to}`),
  );
  assert.equal(wrong, []);
});

test('no file imports itself on any way, types included', () => {
  const imports = new Map(both.map(file => [file.path, importsOf(file)]));
  const ended = new Set<string>();
  const circle = (path: string, way: string[]): string[] | undefined => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path];
    if (ended.has(path)) return undefined;
    for (const to of imports.get(path) ?? []) {
      const found = circle(to, [...way, path]);
      if (found) return found;
    }
    ended.add(path);
    return undefined;
  };
  assert.equal(
    both.flatMap(({ path }) => circle(path, []) ?? []),
    [],
  );
});

test('no folder has more than sixteen files', () => {
  const counts = new Map<string, number>();
  for (const name of readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' }).filter(name =>
    /\.\w+$/.test(name),
  ))
    counts.set(posix.dirname(name), (counts.get(posix.dirname(name)) ?? 0) + 1);
  assert.equal(
    [...counts].filter(([, count]) => count > 16),
    [],
  );
});

test('an exported name occurs once, and no type of a file alone bears the name of an exported one', () => {
  const declared = (file: File, pattern: RegExp) => [...file.code.matchAll(pattern)].map(([, name = '']) => name);
  const names = new Map<string, string>();
  const again: string[] = [];
  for (const file of lib)
    for (const name of new Set(declared(file, /^export (?:async )?(?:type|function|const|class) (\w+)/gm))) {
      const other = names.get(name);
      if (other) again.push(`${name}: ${other} and ${file.path}`);
      names.set(name, file.path);
    }
  for (const file of lib)
    for (const name of declared(file, /^type (\w+)/gm))
      if (names.has(name)) again.push(`${name}: ${names.get(name) ?? ''} and, for itself, ${file.path}`);
  assert.equal(again, []);
});

test('no file has more than 220 lines', () => {
  assert.equal(
    both.filter(({ text }) => text.split('\n').length > 221).map(({ path }) => path),
    [],
  );
});

test('every file says in its first line what it owns', () => {
  const silent = both.filter(({ text }) => !/^(#!.*\n)?\/\/ \S.{15,}[.:]\n/.test(text));
  assert.equal(
    silent.map(({ path }) => path),
    [],
  );
});

test('only the frame touches process and the console', () => {
  // By name: `process` is also the word for a runtime of ours.
  const touch =
    /(?<![\w.])process(?:\[|\??\.(?:argv|arch|chdir|cwd|emit\w*|env|exec\w+|exit\w*|getuid|hrtime|kill|memoryUsage|nextTick|off|on|once|p?pid|platform|std(?:in|out|err)|umask|uptime|versions?)\b)|from 'node:process'/;
  assert.equal(breaking(both, touch, ['lib/task/task.ts']), []);
  assert.equal(breaking(both, /(?<![\w.])console\./), []);
});

test('nothing asks whether this is a dry run', () => {
  assert.equal(breaking(both, /dry_?run/i), []);
});

test('only tasks have a default export, and each task exactly one, made by task()', () => {
  assert.equal(breaking(lib, /^export default|\bas default\b/m), []);
  const odd = tasks.filter(({ code }) => !/^export default task\(import\.meta\.url,/m.test(code));
  assert.equal(
    odd.map(({ path }) => path),
    [],
  );
});

test('imports of our own files end in .ts, those of Node begin with node:', () => {
  assert.equal(breaking(both, /(?:from|import\()\s*'\.[^']*(?<!\.ts)'/), []);
  assert.equal(
    breaking(both, /from '(?:fs|path|os|util|stream|child_process|crypto|net|events|url|timers)(?:\/[^']*)?'/),
    [],
  );
});

test('no file only hands on what others export', () => {
  assert.equal(breaking(both, /^export \* /m), []);
  const barrels = both.filter(({ code }) =>
    code
      .split(/;\s*\n/)
      .filter(statement => statement.trim())
      .every(statement => /^\s*(import\b|export (type )?\{)/.test(statement)),
  );
  assert.equal(
    barrels.map(({ path }) => path),
    [],
  );
});

test('no program is started through a shell that would read its words again', () => {
  assert.equal(breaking(both, /\b(exec|execSync)\(\s*[`'"]|\bshell:\s*true/), []);
  assert.equal(breaking(both, /import \{[^}]*\bexec(Sync)?\b[^}]*\} from 'node:child_process'/), []);
});

test('one place makes the environment of every program that is started here', () => {
  const starts = both.filter(({ code }) => /from 'node:child_process'|'zx\/core'/.test(code));
  assert.equal(
    starts.map(({ path }) => path).toSorted(),
    ['alert/deliver', 'build/programs', 'git/git', 'host/local', 'host/ssh/config', 'host/ssh/transport'].map(
      name => `lib/${name}.ts`,
    ),
  );
  for (const { path, code } of starts) {
    assert.match(code, /from '[./\w]*\/environment\.ts'/, path);
    assert.not.match(code, /env: (?:\{ \.\.\.)?environment\b|env: process/, path);
  }
});

test('no shell or program on a host reads what a person set there', () => {
  const texts = ['lib', 'tasks'].flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter(name => /\.(ts|sh)$/.test(name))
      .map(name => {
        const text = readFileSync(join(root, folder, name), 'utf8');
        return { path: `${folder}/${name}`, text, code: withoutComments(text).replaceAll(/^\s*# .*$/gm, '') };
      }),
  );
  const place = ['lib/host/environment.ts'];
  // a bash with a file of its own inherits what the one before it was given
  assert.equal(breaking(texts, /\bbash (?:-\w|--(?!norc --noprofile))/, place), []);
  assert.equal(breaking(texts, /\bsqlite3 (?!--version)["'$<-]/, place), []);
  assert.equal(breaking(texts, /\bpsql (?!-X)["'$<-]/), []);
  assert.equal(breaking(texts, /\bcurl (?!-q )["'$<-]/), ['lib/certificate/issue.ts']); // advice to a person
  assert.equal(breaking(texts, /\bexport (?:LANG|LC_(?!ALL=C\b)|TZ|DOCKER_HOST|COMPOSE_FILE)/), []);
  // in containers, whose shells are the image's
  assert.equal(breaking(texts, /\bsh -c\b/).toSorted(), [
    'lib/backup/drill/start-app.ts',
    'lib/database/postgres/client.ts',
    'lib/database/postgres/restore-test.ts',
    'lib/runtime/compose/compose.ts',
    'tasks/exec.ts',
  ]);
});

test('secrets are revealed only where they leave this program', () => {
  const allowed = [
    'lib/secret.ts',
    'lib/build/secrets.ts',
    'lib/github/pull-requests.ts',
    'lib/plan/keeper/step-queue.ts',
    'lib/store/s3/client.ts',
    'lib/alert/deliver.ts',
    'lib/writebook/first-run.ts',
    'lib/announce/http.ts',
    ...['bluesky', 'buttondown', 'mastodon', 'webhook'].map(name => `lib/announce/receivers/${name}.ts`),
  ];
  assert.equal(breaking(both, /\.reveal\(/, allowed), []);
});

test('one place makes the client of S3, with the settings that stores beside Amazon need', () => {
  const makers = both.filter(({ code }) => code.includes("'@aws-sdk/client-s3'") && /new \w*(S3)?Client\b/.test(code));
  assert.equal(
    makers.map(({ path }) => path),
    ['lib/store/s3/client.ts'],
  );
});

test('heavy packages are loaded only when they are used', () => {
  assert.equal(
    breaking(tasks, /^import (?!type)[^;]*'(zx|listr2|node-ssh|ssh2|@octokit|yaml|valibot|liquidjs|@aws-sdk)\b/m),
    [],
  );
});

test('no name says nothing', () => {
  const empty = both.filter(({ path }) => /\b(utils?|helpers?|managers?|common|misc|index)\.ts$/.test(path));
  assert.equal(
    empty.map(({ path }) => path),
    [],
  );
});

test('tests lie where what they test lies in lib, and only tests lie in the rings', () => {
  const tests = filesIn('tests').map(({ path }) => path);
  assert.equal(
    tests.filter(path => !/^tests\/(support|[\w-]+\.ts$)/.test(path) && !path.endsWith('.test.ts')),
    [],
  );
  const rooms = tests.flatMap(path => /^tests\/(?:unit|local)\/(.+)\/[^/]+$/.exec(path)?.[1] ?? []);
  assert.ok(rooms.length > 40);
  assert.equal(
    rooms.filter(room => !existsSync(join(root, 'lib', room))),
    [],
  );
  const programs = tasks.map(({ path }) => path.slice('tasks/'.length, -'.ts'.length));
  const named = new RegExp(`^(${['task', ...programs].join('|')})(-[\\w-]+)?\\.test\\.ts$`);
  assert.equal(
    tests.filter(path => path.startsWith('tests/task/') && !named.test(path.slice('tests/task/'.length))),
    [],
  );
});

test('a test file that forgets to run its tests is found', () => {
  const unrun = filesIn('tests').filter(
    ({ path, code }) => path.endsWith('.test.ts') && !/^test\.run\(\);?$/m.test(code),
  );
  assert.equal(
    unrun.map(({ path }) => path),
    [],
  );
});
test.run();
