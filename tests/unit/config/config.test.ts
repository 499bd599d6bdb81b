// What a person gets for the ops.yml they wrote: targets, origins, or every mistake with its line.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../../lib/config/load.ts';
import { Failure } from '../../../lib/errors.ts';

const root = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'bookops-config-'));
test.after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'ops.yml');
const load = (text: string) => {
  writeFileSync(file, text);
  return loadConfig(file);
};
async function failureOf(text: string): Promise<Failure> {
  try {
    await load(text);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('this was accepted');
}
/** The message with the file's folder left out. */
const refusal = async (text: string) => {
  const { message, exit } = await failureOf(text);
  assert.is(exit, 3);
  return message.replaceAll(`${folder}/`, '');
};

/** One compose app with two environments; the marked parts are what a test changes. */
const book = (more: { app?: string; staging?: string; production?: string; top?: string } = {}) => `
hosts:
  vps: { ssh: deploy@203.0.113.10 }
${more.top ?? ''}
apps:
  book:
    host: vps
    runtime: compose
    compose: { file: compose.yml, service: web }
    health: { ready: http://127.0.0.1:8000/up }
${(more.app ?? '').replace(/^/gm, '    ')}
    environments:
      staging:
        root: /srv/book/staging
        health: { ready: http://127.0.0.1:8001/up }
${(more.staging ?? '').replace(/^/gm, '        ')}
      production:
        root: /srv/book/production
${(more.production ?? '').replace(/^/gm, '        ')}
`;

test('every mistake is told at once, each with its line, a caret and the word that was meant', async () => {
  const text = `hosts:
  vps: local
apps:
  arsvent:
    helth: {}
    runtime: compos
    environments:
      production: { root: /srv/a, host: vsp, keep: 1 }
`;
  assert.is(
    await refusal(text),
    `4 errors in ops.yml:
ops.yml:5:5: apps.arsvent.helth: unknown key, did you mean health?
        helth: {}
        ^
ops.yml:6:14: apps.arsvent.runtime: must be compose, systemd, once or process
        runtime: compos
                 ^
ops.yml:8:41: apps.arsvent.environments.production.host: unknown host vsp, did you mean vps?
          production: { root: /srv/a, host: vsp, keep: 1 }
                                            ^
ops.yml:8:52: apps.arsvent.environments.production.keep: must be at least 2
          production: { root: /srv/a, host: vsp, keep: 1 }
                                                       ^`,
  );
});

test('an old word is refused with its new one, wherever it stands', async () => {
  assert.is(
    await refusal(book({ production: 'compose: { stay: [redis] }' })),
    `ops.yml:19:20: apps.book.environments.production.compose.stay: stay is now accessories
            compose: { stay: [redis] }
                       ^`,
  );
  const stores = 'stores: { disk: { kind: path, folder: ./backups } }';
  for (const [top, setting, says] of [
    ['defaults: { compose: { stay: [redis] } }', 'compose: {}', 'defaults.compose.stay: stay is now accessories'],
    [
      stores,
      'backup: { stores: [disk], own: { command: [x], gives: y } }',
      'apps.book.environments.staging.backup.own: own is now command, with run for its command and writes for gives',
    ],
    [
      stores,
      'backup: { stores: [disk], command: { run: [x], gives: y } }',
      'backup.command.gives: gives is now writes',
    ],
    [stores, 'backup: { stores: [disk], command: { command: [x] } }', 'backup.command.command: command is now run'],
  ] as const) {
    const told = await refusal(book({ top, staging: setting }));
    assert.ok(told.includes(`: ${says}\n`) || told.includes(`.${says}\n`), told);
  }
});

test('with many mistakes the later ones are still told, in the 25 lines a failure has', async () => {
  const keys = Array.from({ length: 30 }, (_, at) => `  strange${at}: 1`).join('\n');
  const lines = (await refusal(`hosts: { vps: local }\ndefaults:\n${keys}\napps: {}\n`)).split('\n');
  assert.ok(lines.length <= 24, `${lines.length} lines`);
  assert.is(lines[0], '31 errors in ops.yml:');
  assert.match(lines.at(-1) ?? '', /^… and \d+ more$/);
});

test('what is broken in the YAML itself is said with its line', async () => {
  assert.match(await refusal('hosts: {}\nhosts: {}\n'), 'ops.yml:2:1: duplicate key\n    hosts: {}\n    ^');
  assert.match(await refusal('hosts:\n\tvps: local\n'), 'ops.yml:2:1: a tab: YAML is indented with spaces');
  assert.match(await refusal('hosts: [1,\n'), /^ops.yml:\d:\d+: Flow sequence/m);
  assert.match(await refusal('hosts: {}\n---\nhosts: {}\n'), 'ops.yml:2:1: a second document begins here');
  assert.match(await refusal('hosts: *vps\n'), 'ops.yml:1:8: hosts: *vps has no anchor &vps before it');
  assert.match(await refusal('- hosts\n'), 'must be a map, not a list');
  assert.match(await refusal(''), 'ops.yml:1:1: apps: is missing');
});

const refusedInApp: [string, string][] = [
  ['repo: 5', 'apps.book.repo: must be text, not a number'],
  ['repo: ~ana/book', 'apps.book.repo: only ~/ stands for a home'],
  ['keep: 2.5', 'apps.book.keep: must be a whole number'],
  ['tracks: --upload-pack=x', 'apps.book.tracks: must be a branch, tag or commit'],
  ['tracks: a..b', 'apps.book.tracks: must be a branch, tag or commit'],
  ['env: { file: x }', 'apps.book.env: must be a list, not a map'],
  ['env: [{ file: ../x }]', 'apps.book.env.0.file: must not contain ..'],
  ['env: [{ file: ~/x }]', 'apps.book.env.0.file: must not begin with ~'],
  ['env: [{ keys: {} }]', 'apps.book.env.0.file: is missing'],
  ['env: [{ file: "a\\nb" }]', 'apps.book.env.0.file: must be one line'],
  ['env: [{ file: "a\\0b" }]', 'apps.book.env.0.file: must be one line'],
  ['env: [{ file: x, keys: { A: requird } }]', 'apps.book.env.0.keys.A: must be required, optional, or a map of rules'],
  [
    'env: [{ file: x, keys: { A: { patern: x } } }]',
    'apps.book.env.0.keys.A.patern: unknown key, did you mean pattern?',
  ],
  ['env: [{ file: x, keys: { A: { pattern: "(" } } }]', 'pattern: is not a regular expression'],
  ['env: [{ file: x, keys: { A: { number: { min: 3, max: 2 } } } }]', 'number.min: 3 is above max 2 (ops.yml:11:58)'],
  ['env: [{ file: x, keys: { APP_ENV: required }, checks: [{ same_origin: [APP_EVN] }] }]', 'did you mean APP_ENV?'],
  ['env: [{ file: x }, { file: x }]', 'this file is described twice'],
  ['database: { sqlite: releases/a.db }', 'each release would have another one'],
  ['database: { keep: 3 }', 'database.sqlite: is missing'],
  ['database: { sqlite: a.db, postgres: { url: URL } }', 'database.postgres: is a second database beside sqlite'],
  ['database: { postgres: {} }', 'database.postgres: needs either service, with user and name, or url'],
  ['database: { postgres: { service: db, url: URL } }', 'needs either service, with user and name, or url'],
  [
    'database: { postgres: { service: db, user: a, name: a } }',
    'db is not in compose.accessories, so a deploy would stop it',
  ],
  ['database: { postgres: { url: URL } }', 'database.postgres.url: unknown key of env URL'],
  ['env: [{ file: x, keys: { URI: required } }]\ndatabase: { postgres: { url: URL } }', 'did you mean URI?'],
  ['database: { postgres: { url: URL, user: a } }', 'postgres.user: is for service: the URL says it already'],
  ['database: { exclusive: false, postgres: { url: URL } }', 'database.exclusive: is for sqlite'],
  ['database: { postgres: { url: "postgres://a:hunter2@b/c" } }', 'must be the name of a variable, such as PORT'],
  ['migrate: { preset: prisma, command: x }', 'has a preset and a command: say one'],
  ['migrate: { seconds: 5 }', 'migrate.command: is missing, or a preset'],
  ['maintenance: { flag: "a/../../b" }', 'must not contain ..'],
  ['requires: book', 'apps.book.requires: unknown environment book; known: staging, production'],
  ['systemd: { unit: book }', 'apps.book.systemd: is not used: runtime is compose (ops.yml:8:14)'],
  ['constructor: 5', 'this name is not possible'],
];
for (const [line, said] of refusedInApp)
  test(`ops.yml with ${line} is refused`, async () => assert.match(await refusal(book({ app: line })), said));

for (const bad of [
  '/',
  '//',
  '/.',
  '/etc/book',
  '/usr/bin',
  '/usr/local',
  '/opt',
  '/home/',
  '/var/lib',
  '/proc/1',
  'srv/book',
  '~',
  '/srv/../etc',
])
  test(`the root ${bad} is refused, because it is not a folder of the app's own`, async () => {
    assert.match(await refusal(book().replace('/srv/book/staging', `'${bad}'`)), 'environments.staging.root: ');
  });

test('names that could lead out of a folder or into an option are refused', async () => {
  for (const name of ['..', '.', '-n', 'a/b', 'A', 'a b', '$(id)', 'a'.repeat(64), '"a\\nb"'])
    assert.match(await refusal(book().replace('production:', `${name}:`)), 'must be a name', name);
  for (const address of ['-oProxyCommand=x', 'a b', 'a;b', '$(id)@x', 'x:port'])
    assert.match(await refusal(book().replace('deploy@203.0.113.10', `'${address}'`)), 'must be user@host', address);
});

test('what is wrong only after the merge says which line set which', async () => {
  const shared = 'defaults:\n  health: { interval: 90s }';
  assert.match(
    await refusal(book({ top: shared, staging: '', app: 'maintenance: {}' })),
    'ops.yml:5:23: defaults.health.interval: 90s must be above 0 and below the deadline 60s (by default)',
  );
  assert.match(
    await refusal(book({ production: 'compose: { accessories: [web] }' })),
    'ops.yml:9:44: apps.book.compose.service: web is also in accessories (ops.yml:19:33), so no deploy would renew it',
  );
  const runtime = await refusal(book({ production: 'runtime: systemd' }));
  assert.match(
    runtime,
    'apps.book.environments.production.systemd.unit: is missing: runtime is systemd (ops.yml:19:18)',
  );
  assert.match(runtime, 'apps.book.compose: is not used: runtime is systemd (ops.yml:19:18)');
});

test('two targets that would change what the other serves are refused', async () => {
  const other = (production: string) => refusal(book({ production }));
  assert.match(
    await refusal(book().replace('/srv/book/production', '/srv//book/staging/')),
    'root /srv/book/staging is also that of book staging (ops.yml:14:15) on the same host',
  );
  assert.match(
    await other('compose: { project: book-staging }'),
    'compose project book-staging is also that of book staging',
  );
  assert.match(
    await other('health: { ready: http://localhost:8001/x }'),
    'port 8001 is also that of book staging (ops.yml:15:26)',
  );
  assert.match(await other('maintenance: { flag: /srv/book/staging/maintenance/MAINTENANCE_ON }'), 'maintenance flag');
  assert.match(
    await refusal(
      book({ app: 'compose: { file: c.yml, service: web, variables: { WEB_PORT: 80 } }' }).replace(
        '    compose: { file: compose.yml, service: web }\n',
        '',
      ),
    ),
    'port 80 is also that of book staging',
  );
});

test('different hosts may use the same root, project and port', async () => {
  const text = book({ production: 'host: here' })
    .replace('hosts:', 'hosts:\n  here: local')
    .replace('/production', '/staging');
  assert.is((await load(text.replace('8000', '8001'))).targets.length, 2);
});

test('a missing default_app, a wrong requires and an app without environments are told', async () => {
  assert.match(await refusal(book({ top: 'default_app: bok' })), 'default_app: unknown app bok, did you mean book?');
  assert.match(await refusal(book({ staging: 'requires: staging' })), 'an environment cannot require itself');
  assert.match(
    await refusal('hosts: {}\napps: { book: { environments: {} } }'),
    'apps.book.environments: names no environment',
  );
});

test('a password in place of a reference is refused and never shown', async () => {
  for (const written of [
    'password: hunter2',
    'password:\n    hunter2',
    '"password": "hunter2"',
    'password: |\n    hunter2',
  ]) {
    const app = `compose:\n  file: c.yml\n  service: web\n  registry:\n   server: x\n   username: y\n   ${written}`;
    const said = await refusal(book({ app }).replace('    compose: { file: compose.yml, service: web }\n', ''));
    assert.match(said, 'password: must say where the secret is');
    assert.not.match(said, 'hunter2');
  }
});

test('a file that is missing, too large, not text, too deep or a bomb of aliases is refused quickly', async () => {
  try {
    await loadConfig(join(folder, 'none.yml'));
    assert.unreachable();
  } catch (error) {
    assert.instance(error, Failure);
    assert.match((error as Failure).advice ?? '', '--config');
  }
  assert.match((await failureOf(`# ${'x'.repeat(1_000_001)}`)).message, 'larger than 1 MB');
  writeFileSync(file, Buffer.from([0x68, 0xff, 0xfe]));
  assert.match(await loadConfig(file).then(String, String), 'not UTF-8');
  const begun = performance.now();
  const bomb = ['a: &a0 [x, x]', ...Array.from({ length: 25 }, (_, at) => `k${at}: &a${at + 1} [*a${at}, *a${at}]`)];
  assert.match(await refusal(bomb.join('\n')), 'more than 50000 values');
  assert.match(await refusal(`a: ${'['.repeat(50_000)}`), 'nested too deeply');
  assert.match(await refusal(`a: ${'['.repeat(300)}${']'.repeat(300)}`), 'nested too deeply');
  assert.match(await refusal('a: &a { b: *a }'), '*a contains itself');
  assert.ok(performance.now() - begun < 5000);
});

test('control characters of the file cannot reach the terminal', async () => {
  assert.not.match(await refusal('hosts: {}\nhelth: "\u001b[31m"\n'), '\u001b');
});

test('a setting comes from the nearest layer, and says from which line', async () => {
  const config = await load(book({ top: 'defaults:\n  keep: 9\n  health: { deadline: 2m }', production: 'keep: 3' }));
  const staging = config.find(undefined, 'staging');
  const production = config.find('book', 'production');
  assert.equal([staging.keep, production.keep], [9, 3]);
  assert.equal([staging.health.deadlineSeconds, staging.health.intervalSeconds], [120, 0.5]);
  const origins = config.origins(production);
  const from = (path: string) => origins.get(path)?.replace(`${folder}/`, '');
  assert.is(from('keep'), 'ops.yml:21:15');
  assert.is(config.origins(staging).get('keep')?.endsWith('ops.yml:5:9'), true);
  assert.is(from('health.deadline'), 'ops.yml:6:23');
  assert.is(from('health.interval'), 'default');
  assert.is(from('compose.project'), 'default');
  assert.is(from('root'), 'ops.yml:20:15');
});

test('maps merge key by key, lists and scalars replace', async () => {
  const config = await load(
    book({
      app: 'tracks: main\ndatabase: { sqlite: data/a.db, keep: 3 }\nmigrate: { preset: prisma, seconds: 9 }',
      staging: 'compose: { accessories: [redis], variables: { A: 1 } }\ndatabase: { sqlite: data/b.db }',
      production: 'migrate: ./migrate.sh "$HOME"',
    }),
  );
  const staging = config.find('book', 'staging');
  const production = config.find('book', 'production');
  assert.equal(staging.database, {
    kind: 'sqlite',
    file: '/srv/book/staging/data/b.db',
    as: undefined,
    snapshots: '/srv/book/staging/backups/snapshots',
    exclusive: true,
    keep: 3,
  });
  assert.equal(staging.migrate, { command: 'npx prisma migrate deploy', preset: 'prisma', service: 'web', seconds: 9 });
  assert.equal(production.migrate, { command: './migrate.sh "$HOME"', preset: undefined, service: 'web', seconds: 9 });
  assert.equal(staging.runtime, {
    kind: 'compose',
    file: join(folder, 'compose.yml'),
    project: 'book-staging',
    accessories: ['redis'],
    service: 'web',
    variables: { A: '1' },
    registry: undefined,
    stopSeconds: 10,
  });
});

test('a probe in its short form takes over what another layer expects of it', async () => {
  const { health } = (await load(book({ top: 'defaults:\n  health: { ready: { json: { status: ok } } }' }))).find(
    'book',
    'staging',
  );
  assert.equal(health.probes, [
    { name: 'ready', url: 'http://127.0.0.1:8001/up', status: 200, json: { status: 'ok' }, header: undefined },
  ]);
});

test('paths on the host start at the root, paths on this machine at ops.yml', async () => {
  const app =
    'repo: ../book\nmaintenance: { flag: m/ON, page: page.html }\nenv: [{ file: env/web.env }, { file: /etc/book.env }]';
  const target = (await load(book({ app }).replace('compose.yml', 'ops/compose.yml'))).find('book', 'production');
  assert.is(target.repo, join(folder, '../book'));
  assert.equal(target.maintenance, {
    flag: '/srv/book/production/m/ON',
    page: '/srv/book/production/m/maintenance.html',
    source: join(folder, 'page.html'),
  });
  assert.equal(
    target.env.map(env => env.file),
    ['/srv/book/production/env/web.env', '/etc/book.env'],
  );
  assert.is(target.runtime.kind === 'compose' && target.runtime.file, 'ops/compose.yml');
  const host = (
    await load(
      book().replace(
        'deploy@203.0.113.10',
        'vps, identity: ~/.ssh/id, host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI',
      ),
    )
  ).find('book', 'production').host;
  assert.equal(host, {
    name: 'vps',
    kind: 'ssh',
    address: 'vps',
    hostKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI'],
    identity: join(homedir(), '.ssh/id'),
    jump: undefined,
    jumpHostKeys: [],
  });
});

test('anchors and << share parts of the file', async () => {
  const config = await load(
    book({
      staging: 'env:\n  - file: web.env\n    keys: &keys { A: required, B: { one_of: [1] } }',
      production: 'env:\n  - file: web.env\n    keys: { <<: *keys, B: optional }',
    }),
  );
  const keys = config.find('book', 'production').env[0]?.keys;
  assert.equal(keys, { A: { required: true }, B: { required: false } });
  assert.equal(config.find('book', 'staging').env[0]?.keys['B'], { required: true, oneOf: ['1'] });
});

test('a number that YAML reads differently has to stand in quotes', async () => {
  const zip = (value: string) => book({ staging: `compose: { variables: { ZIP: ${value} } }` });
  assert.match(await refusal(zip('01067')), 'put this in quotes: YAML reads 01067 as the number 1067');
  assert.match(await refusal(zip('1.10')), 'put this in quotes');
  const { runtime } = (await load(zip("'01067'"))).find('book', 'staging');
  assert.equal(runtime.kind === 'compose' && runtime.variables, { ZIP: '01067' });
});

test('an unknown app or environment is exit 2, with the ones there are', async () => {
  const two = book().replace(
    'apps:',
    `apps:
  wiki:
    { host: vps, root: /srv/wiki, runtime: compose, compose: { file: c.yml, service: web }, health: { ready: 'http://127.0.0.1:9000/' }, environments: { production: { keep: 2 } } }`,
  );
  const config = await load(two);
  const told = (app: string | undefined, environment: string) => {
    try {
      config.find(app, environment);
    } catch (error) {
      assert.instance(error, Failure);
      const { exit, message, advice } = error as Failure;
      return `${exit} ${message} | ${advice}`;
    }
    return 'found';
  };
  assert.is(told('bok', 'staging'), '2 unknown app: bok, did you mean book? | known: wiki, book');
  assert.is(
    told('book', 'prod'),
    '2 unknown environment of book: prod, did you mean production? | known: staging, production',
  );
  assert.is(
    told(undefined, 'production'),
    '2 which app? ops.yml has wiki, book | say it with --app, or set default_app in ops.yml',
  );
  const withDefault = await load(two.replace('apps:', 'default_app: wiki\napps:'));
  assert.is(withDefault.find(undefined, 'production').app, 'wiki');
});

test('the examples describe the two systems as they are', async () => {
  const arsvent = await loadConfig(join(root, 'examples/arsvent/ops.yml'));
  const production = arsvent.find(undefined, 'production');
  assert.equal(
    [production.root, production.requires, production.runtime.kind],
    ['/opt/arsvent-2025/production', 'staging', 'compose'],
  );
  assert.is(
    production.database?.kind === 'sqlite' && production.database.file,
    '/opt/arsvent-2025/production/data/backend/prod.db',
  );
  assert.is(arsvent.find(undefined, 'staging').health.probes[1]?.url, 'http://127.0.0.1:4100/readyz');
  assert.equal(production.env[0]?.keys['APP_ENV'], { required: true, oneOf: ['production'] });
  assert.equal(production.site?.domains, ['arsvent25.arsnecandi.de']);
  assert.equal([production.site?.noindex, arsvent.find(undefined, 'staging').site?.noindex], [false, true]);
  assert.equal(
    production.site?.routes.map(({ path }) => path),
    ['/content-asset/', '/asset/', '/auth/', '/api/', '/'],
  );
  const bibliotheca = (await loadConfig(join(root, 'examples/bibliotheca/ops.yml'))).find(undefined, 'production');
  assert.is(
    bibliotheca.database?.kind === 'sqlite' && bibliotheca.database.file,
    '/opt/bibliotheca/shared/bibliotheca.db',
  );
  assert.is(bibliotheca.runtime.kind === 'systemd' && bibliotheca.runtime.unit, 'bibliotheca');
  assert.is((await loadConfig(join(root, 'ops.yml'))).targets.length, 2);
});

test('the three ways to run Writebook are valid, and each is what it says', async () => {
  const production = async (file: string) =>
    (await loadConfig(join(root, `examples/writebook/${file}.yml`))).find(undefined, 'production');
  const compose = await production('ops');
  assert.is(compose.runtime.kind === 'compose' && compose.runtime.variables['IMAGE'], 'ghcr.io/ana/writebook');
  assert.is(compose.database?.kind === 'sqlite' && compose.database.file, '/opt/writebook/production/data/storage/db/production.sqlite3'); // prettier-ignore
  const text = readFileSync(join(root, 'compose/writebook.yml'), 'utf8');
  const named = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name);
  const given = compose.runtime.kind === 'compose' ? Object.keys(compose.runtime.variables) : [];
  assert.equal(new Set(named), new Set([...given, 'IMAGE_TAG']));
  assert.not.match(text.replaceAll(/^ *#.*$/gm, ''), /DISABLE_SSL|TLS_DOMAIN/);
  for (const file of ['once', 'once-legacy']) {
    const { runtime, backup } = await production(file);
    assert.equal(runtime, { kind: 'once', host: 'book.example.org', image: 'ghcr.io/ana/writebook', tls: true });
    assert.equal(backup?.command?.words, ['once', 'backup', 'book.example.org']);
    assert.is(backup?.encrypt?.recipients.length, 1);
  }
});

test('for an app of ONCE, what would do nothing is told, and so is a backup that anybody could read', async () => {
  const good = readFileSync(join(root, 'examples/writebook/once.yml'), 'utf8');
  const told = (text: string) =>
    load(text).then(
      () => 'nothing',
      (error: Error & { detail?: string }) => `${error.message} ${error.detail ?? ''}`,
    );
  assert.is(await told(good), 'nothing');
  assert.is(await told(good.replace('apps:', 'defaults: { switch: hold }\napps:')), 'nothing');
  const own = (lines: string) => good.replace('        health:\n', `        ${lines}\n        health:\n`);
  for (const [text, pattern] of [
    [own('switch: hold'), /switch: is not used with runtime once .*moves visitors/],
    [own('database: { sqlite: x.db }'), /database: is not used with runtime once .*volume/],
    [
      own('site: { domains: [book.example.org], upstreams: { a: 1 }, routes: { /: a } }'),
      /site: is not used .*80 and 443/,
    ],
    [own('env: [{ file: a.env }]'), /env: is not used .*replaces all of them/],
    [good.replace('image: ghcr.io/ana/writebook', 'image: ghcr.io/ana/writebook:latest'), /once.image: must be the name of an image in lower case without a tag/], // prettier-ignore
    [good.replace(/ +encrypt:.*\n.*\n.*\n/, ''), /backup: needs encrypt with recipients: .*SECRET_KEY_BASE/],
    [
      good.replace('stores: [disk]\n', 'stores: [disk]\n          files: { include: [x] }\n'),
      /backup.files: is not used/,
    ],
  ] as const)
    assert.match(await told(text), pattern);
});

test('ops.schema.json is what the schema says today', async () => {
  const { jsonSchema } = await import('../../../lib/config/schema/json-schema.ts');
  assert.is(
    readFileSync(join(root, 'ops.schema.json'), 'utf8'),
    jsonSchema(),
    'run: npx tsx tasks/config.ts schema > ops.schema.json',
  );
});

const stores = `stores:
  disk: { kind: path, folder: backups }
  bucket: { kind: s3, bucket: book, endpoint: 'https://s3.example.org', key: { env: KEY }, secret: { file: secret } }`;

test('a backup names its stores, and says nothing of what suits them', async () => {
  const config = await load(
    book({
      top: stores,
      app: 'backup: { stores: [disk, bucket], files: { include: [data/uploads], exclude: ["*.tmp"] } }',
    }),
  );
  assert.equal(config.find('book', 'staging').backup, {
    stores: [
      { name: 'disk', kind: 'path', folder: join(folder, 'backups') },
      {
        name: 'bucket',
        kind: 's3',
        bucket: 'book',
        endpoint: 'https://s3.example.org',
        region: 'us-east-1',
        prefix: '',
        pathStyle: true,
        key: { env: 'KEY' },
        secret: { file: join(folder, 'secret') },
      },
    ],
    files: { include: ['data/uploads'], exclude: ['*.tmp'], as: undefined, fullEverySeconds: 7 * 86_400 },
    keep: undefined,
  });
  const key = `age1${'q'.repeat(58)}`;
  const sealed = await load(
    book({
      top: stores,
      app: `backup: { stores: [disk], mode: tarball, files: { include: [data/up] }, encrypt: { recipients: [${key}], identity: { file: backup.key } } }`,
    }),
  );
  const { files, encrypt } = sealed.find('book', 'staging').backup ?? {};
  assert.equal(files, { include: ['data/up'], exclude: [], as: undefined });
  assert.equal(encrypt, { recipients: [key], identity: { file: join(folder, 'backup.key') } });
});

test('a bucket may keep backups in a class of its own', async () => {
  const top = stores.replace('bucket: book,', 'bucket: book, storage_class: STANDARD_IA,');
  const config = await load(book({ top, app: 'backup: { stores: [bucket], files: { include: [up] } }' }));
  const [bucket] = config.find('book', 'staging').backup?.stores ?? [];
  assert.ok(bucket?.kind === 's3' && bucket.storageClass === 'STANDARD_IA');
});

test('a store may be a folder on a host, and a backup may take a bucket and what the app makes itself', async () => {
  const config = await load(
    book({
      top: `${stores}\n  attic: { kind: ssh, host: vps, folder: /srv/backups/ }`,
      app: 'backup: { stores: [attic], bucket: { from: bucket, prefix: up }, command: { run: [once, "a b"] } }',
    }),
  );
  const { stores: found, bucket, command } = config.find('book', 'staging').backup ?? {};
  const [attic] = found ?? [];
  assert.ok(attic?.kind === 'ssh' && attic.host.kind === 'ssh');
  assert.equal([attic.folder, attic.host.name, attic.host.address], ['/srv/backups', 'vps', 'deploy@203.0.113.10']);
  assert.equal([bucket?.from.name, bucket?.prefix], ['bucket', 'up']);
  assert.equal(command, { words: ['once', 'a b'], service: undefined, writes: '-', as: undefined, seconds: 600 });
});

test('Postgres is a service that no deploy stops, or a variable that the host has', async () => {
  const stays = 'compose: { accessories: [db] }\n';
  for (const [staging, says] of [
    [`${stays}database: { postgres: { service: db, name: a } }`, 'postgres.user: is missing'],
    [`${stays}database: { as: x, postgres: { service: db, name: a, user: a } }`, 'database.as: is not used'],
    [
      'env: [{ file: x, keys: { URL: required } }]\ndatabase: { postgres: { url: URL } }\nsite: { domains: [x.org], upstreams: { web: 8001 }, routes: { /: web } }\ninstances: { ports: 8400-8499, domain: "*.x.org" }',
      'would write into the database of their base',
    ],
  ] as const)
    assert.match(await refusal(book({ staging })), says);
  const config = await load(
    book({
      app: 'env: [{ file: x, keys: { URL: required } }]\ndatabase: { keep: 3 }',
      staging: `${stays}database: { postgres: { service: db, user: it's, name: 'a "b"' } }`,
      production: 'database: { as: postgres, postgres: { url: URL } }',
    }),
  );
  const common = { kind: 'postgres', keep: 3 };
  assert.equal(config.find('book', 'staging').database, {
    ...common,
    at: { service: 'db', user: "it's", name: 'a "b"' },
    as: undefined,
    snapshots: '/srv/book/staging/backups/snapshots',
  });
  assert.equal(config.find('book', 'production').database, {
    ...common,
    at: { variable: 'URL' },
    as: 'postgres',
    snapshots: '/srv/book/production/backups/snapshots',
  });
});

test('a store within what it stores is refused, unless it is left out', async () => {
  const within = (kind: string, exclude = '') => `
hosts: { here: local, vps: { ssh: ana@203.0.113.9 }, same: { ssh: ana@203.0.113.9 }, other: { ssh: ana@203.0.113.8 } }
stores:
  own: ${kind}
apps:
  a:
    runtime: process
    process: { start: x }
    repo: .
    health: { ready: http://127.0.0.1:1/ }
    backup: { stores: [own], files: { include: [shared/up]${exclude} } }
    environments:
      one: { host: ${kind.includes('ssh') ? 'vps' : 'here'}, root: /srv/a }
`;
  const here = '{ kind: path, folder: /srv/a/shared/up/backups }';
  assert.match(
    await refusal(within(here)),
    'has the store own in it, /srv/a/shared/up/backups, and would grow each night',
  );
  assert.match(await refusal(within('{ kind: path, folder: /srv/a/shared/up }')), 'has the store own in it');
  for (const host of ['vps', 'same'])
    assert.match(await refusal(within(`{ kind: ssh, host: ${host}, folder: /srv/a/shared/up/b/ }`)), 'has the store own in it'); // prettier-ignore
  for (const exclude of ['backups', 'backups/', '/shared/up/backups', '/srv/a/shared/up/backups'])
    await load(within(here, `, exclude: [${exclude}]`));
  await load(within('{ kind: path, folder: /srv/a/shared/uploads }'));
  await load(within('{ kind: ssh, host: other, folder: /srv/a/shared/up/x }'));
});

test('a backup that could not work, or not be restored, is refused with its line', async () => {
  const database = 'database: { sqlite: data/db/book.db }\n';
  const cases: [string, string, string?][] = [
    ['backup: { stores: [dsik] }', 'unknown store dsik, did you mean disk?'],
    ['backup: { stores: [disk, disk] }', 'disk is named twice'],
    ['backup: { keep: { daily: 3 } }', 'needs stores'],
    ['backup: { stores: [disk] }', 'has nothing to take'],
    ['backup: { stores: [disk], files: { exclude: [x] } }', 'needs include'],
    ['backup: { stores: [disk], files: { include: [data, data/x] } }', 'is already inside data'],
    ['backup: { stores: [disk], files: { include: [releases/x] } }', 'has to do with releases/'],
    ['backup: { stores: [disk], files: { include: [../x] } }', 'must not contain ..'],
    ['backup: { stores: [disk], files: { include: [data/up], exclude: [up] } }', 'leaves out data/up ('],
    ['backup: { stores: [disk], files: { include: [data/up], exclude: [data] } }', 'leaves out data/up ('],
    ['backup: { stores: [disk], files: { include: [data/up], exclude: ["*"] } }', 'leaves out data/up ('],
    ['backup: { stores: [disk], files: { include: [data/up], exclude: [x, ./] } }', 'leaves out data/up ('],
    [
      'backup: { stores: [disk], files: { include: [x, data/up], exclude: ["up/*"] } }',
      'leaves out everything in data/up',
    ],
    ['backup: { stores: [disk], files: { include: [data/up], exclude: ["!up/x"] } }', 'cannot take back'],
    ['backup: { stores: [disk], files: { include: [data/up], exclude: [../up] } }', 'leaves out nothing'],
    ['backup: { stores: [disk], files: { include: [/srv/x] } }', 'must be a path inside the root'],
    [
      `${database}backup: { stores: [disk], files: { include: [data] } }`,
      'has /srv/book/staging/data/db/book.db in it',
    ],
    [
      'backup: { stores: [disk], mode: tarball, files: { include: [x], full_every: 7d } }',
      'is not used: mode is tarball',
    ],
    ['backup: { stores: [disk], files: { include: [x], full_every: week } }', 'must be an age such as 36h, 7d or 4w'],
    ['backup: { stores: [disk], files: { include: [x] }, encrypt: { recipients: [] } }', 'names nobody'],
    ['backup: { stores: [disk], files: { include: [x] }, encrypt: { identity: { env: A } } }', 'is missing'],
    [
      'backup: { stores: [disk], files: { include: [x] }, encrypt: { recipients: [ana] } }',
      'a public key that age takes',
    ],
    [
      'backup: { stores: [disk], files: { include: [x] }, encrypt: { recipients: [AGE-SECRET-KEY-1Z9-open] } }',
      'is a secret key',
    ],
    ['', 'must be path, ssh or s3', 'stores:\n  x: { kind: tape, folder: x }'],
    ['', 'unknown host vpss, did you mean vps?', 'stores:\n  x: { kind: ssh, host: vpss, folder: /srv/x }'],
    ['', 'must be an absolute path on the host', 'stores:\n  x: { kind: ssh, host: vps, folder: x }'],
    [
      '',
      'so that no backup there could be proven',
      stores.replace('bucket: book,', 'bucket: book, storage_class: GLACIER,'),
    ],
    [
      '',
      'must be the name of a storage class',
      stores.replace('bucket: book,', 'bucket: book, storage_class: "A\\nB",'),
    ],
    ['backup: { stores: [disk], bucket: { from: bucket, prefix: /x } }', 'must be a path inside the root'],
    ['backup: { stores: [disk], bucket: { from: bukcet } }', 'unknown store bukcet, did you mean bucket?'],
    ['backup: { stores: [disk], bucket: { from: disk } }', 'disk is of kind path, and only a bucket can be copied'],
    [
      'backup: { stores: [bucket], bucket: { from: bucket, prefix: x } }',
      'bucket and the store bucket are in each other',
    ],
    ['backup: { stores: [disk], command: { run: [] } }', 'is empty'],
    ['backup: { stores: [disk], command: { run: [x], writes: /x } }', 'must be a path inside the root'],
    ['backup: { stores: [disk], command: { run: [x], service: web, as: bib } }', 'is for what runs on the host'],
    ['', 'and never be the secret', 'stores:\n  x: { kind: s3, bucket: abc, key: { env: A }, secret: Z9-open }'],
  ];
  for (const [app, says, top] of cases) {
    const told = await refusal(book({ top: top ?? stores, app }));
    assert.match(told, /ops\.yml:\d+:\d+: /);
    assert.ok(told.includes(says), `${app}\n${told}`);
    assert.not.match(told, 'Z9-open');
  }
  const clash = `hosts: { here: local }
${stores}
defaults: { host: here, runtime: compose, compose: { file: c, service: web }, backup: { stores: [disk], files: { include: [up] } } }
apps:
  a-b: { environments: { c: { root: /srv/1, health: { ready: 'http://127.0.0.1:1/' } } } }
  a: { environments: { b-c: { root: /srv/2, health: { ready: 'http://127.0.0.1:2/' } } } }
`;
  assert.match(await refusal(clash), 'backups a-b-c is also that of a-b c');
});
test.run();
