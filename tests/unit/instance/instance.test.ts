// A throw-away copy as a target: nothing of its base is in it; and what ops.yml and people may say about copies and seeds.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../../lib/config/load.ts';
import { Failure } from '../../../lib/errors.ts';
import { readTtl } from '../../../lib/instance/checks.ts';
import { copyOf, portsNeeded, readName, urlOf } from '../../../lib/instance/target.ts';
import { leaseLine, portsFor, readLeases, type Lease } from '../../../lib/instance/lease.ts';
import { span } from '../../../lib/duration.ts';
import { createSteps } from '../../../lib/instance/steps.ts';
import { siteConfig } from '../../../lib/proxy/nginx.ts';
import { readFacts } from '../../../lib/release/facts.ts';
import { checkUsers } from '../../../examples/arsvent/check-users.ts';
import { usersIn } from '../../../lib/seed/users.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-instance-'));
test.after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'ops.yml');

const ops = (staging = '', instances = '', top = '') => `
hosts: { vps: { ssh: deploy@203.0.113.10 } }
apps:
  book:
    host: vps
    runtime: compose
    environments:
      staging:
        root: /srv/book/staging
        compose:
          file: compose.yml
          service: web
          variables: { WEB_PORT: 8001, API_PORT: 8002, DATA: /srv/book/staging/data, ENV_FILE: /srv/book/staging/web.env }
        database: { sqlite: data/book.db }
        env: [{ file: web.env, keys: { ORIGIN: required, APP_ENV: required } }]
        health: { ready: http://127.0.0.1:8001/up, version: { url: 'https://book.test/version' } }
        site:
          domains: [staging.book.test]
          upstreams: { web: 8001, api: 8002 }
          routes: { /: web, /api/: api, /media/: { folder: data/media } }
        instances:
          ports: 8400-8405
          domain: '*.staging.book.test'
          env: { ORIGIN: 'https://{domain}/{name}' }
${instances.replace(/^/gm, '          ')}
${staging.replace(/^/gm, '        ')}
${top}`;

const baseOf = async (text = ops()) => {
  writeFileSync(file, text);
  return (await loadConfig(file)).find('book', 'staging');
};
const refusal = async (text: string): Promise<string> => {
  try {
    await baseOf(text);
  } catch (error) {
    if (error instanceof Failure) return error.message.replaceAll(`${folder}/`, '');
    throw error;
  }
  return 'accepted';
};
const failed = (run: () => unknown): Failure => {
  try {
    run();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('this was accepted');
};

test('nothing of the base is in a copy but what it is made from', async () => {
  const base = await baseOf();
  assert.equal(portsNeeded(base), [8001, 8002]);
  const copy = copyOf(base, 'pr-42', [8402, 8403]);
  assert.is(urlOf(copy), 'https://pr-42.staging.book.test');
  const { repo: _, instance, runtime, ...rest } = copy;
  assert.equal(instance, { name: 'pr-42', base: 'staging', folder: '/srv/book/staging/instances' });
  assert.is(runtime.kind === 'compose' && runtime.project, 'book-staging-pr-42');
  assert.equal(runtime.kind === 'compose' && runtime.variables, {
    WEB_PORT: '8402',
    API_PORT: '8403',
    DATA: '/srv/book/staging/instances/pr-42/data',
    ENV_FILE: '/srv/book/staging/instances/pr-42/web.env',
  });
  const text = JSON.stringify(rest).replaceAll('/srv/book/staging/instances/pr-42', '');
  assert.not.match(text, /srv|8001|8002|"staging\.book\.test|https:\/\/book\.test/);
  const config = siteConfig(copy);
  assert.not.match(
    config.replaceAll('/srv/book/staging/instances/pr-42/', ''),
    /\/srv|\/var\/log|8001|Strict-Transport/,
  );
  assert.match(config, 'server_name pr-42.staging.book.test;');
});

test('only a name that is a label of a domain is one', () => {
  for (const name of ['a', 'pr-42', 'x'.repeat(31)]) assert.is(readName(name), name);
  const hostile = [
    '',
    'A',
    '4u',
    'pr-',
    'pr_1',
    'x'.repeat(32),
    '../x',
    'a/b',
    'a.b',
    'a b',
    'a;b',
    '$(x)',
    'ü',
    'a\n',
    '-a',
    'blue',
  ];
  for (const name of hostile) assert.is(failed(() => readName(name)).exit, 2, name);
  for (const ttl of ['48', '30s', '0h', '169h', '-1h', '2 h', '1d', '1e9h', ''])
    assert.is(failed(() => readTtl(ttl)).exit, 2, ttl);
  assert.equal([readTtl('1m'), readTtl('48h'), readTtl('1.5h')], [60, 172_800, 5400]);
});

test('marks are read as they were written, and ports that somebody has are not given twice', async () => {
  const base = await baseOf();
  const mark: Lease = { name: 'pr-1', end: 20, made: 10, ports: [8400, 8401], by: 'ana@laptop', sha: 'abc' };
  const told = `pr-1 ${leaseLine(mark)} sha=abc\n../x end=1 made=1 ports= by= sha=\npr-2 half`;
  const facts = readFacts(`instances ${Buffer.from(told).toString('base64')}\n`, base);
  assert.equal(readLeases(facts), [mark]);
  assert.equal(portsFor(base, 'pr-1', [mark]), [8400, 8401]);
  const marks: Lease[] = [];
  for (const name of ['a', 'b', 'c']) marks.push({ ...mark, name, ports: portsFor(base, name, marks) });
  assert.equal(
    marks.flatMap(one => one.ports).toSorted((a, b) => a - b),
    [8400, 8401, 8402, 8403, 8404, 8405],
  );
  assert.match(failed(() => portsFor(base, 'd', marks)).message, 'the ports 8400-8405 are all taken by 3 instances');
  assert.equal(
    [span(59), span(3700), span(7200), span(180_000), span(-5)],
    ['1 min', '1 h 2 min', '2 h', '2 d 2 h', '0 min'],
  );
});

test('the environment file of a copy has its own values, and no other line is touched', async () => {
  const base = await baseOf();
  const root = join(folder, 'root');
  const moved = { ...base, root, env: base.env.map(one => ({ ...one, file: join(root, 'web.env') })) };
  const copy = copyOf(moved, 'pr-1', [8400, 8401]);
  const mark = { name: 'pr-1', end: 1, made: 1, ports: [8400, 8401], by: 'ana' };
  const [, settings] = createSteps({ base: moved, copy, mark, was: undefined, data: 'empty', patience: 0 });
  const script = `set -euo pipefail; mkdir -p ${root}; write_file() { cat >"$1"; }
    printf '# of staging\\nORIGIN="https://x\\ny"\\nAPP_ENV=staging\\nSECRET="a\\nORIGIN=b"' >${root}/web.env
    ${settings?.run.text}\ncat ${copy.env[0]?.file}`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  assert.is(
    stdout,
    `# of staging\nAPP_ENV=staging\nSECRET="a\nORIGIN=b"\nORIGIN='https://pr-1.staging.book.test/pr-1'\n`,
    stderr,
  );
});

test('a value of a copy may have any character that an environment file can carry', async () => {
  const own = async (value: string) =>
    refusal(ops().replace("env: { ORIGIN: 'https://{domain}/{name}' }", `env: { ORIGIN: ${JSON.stringify(value)} }`));
  for (const value of ["it's", '`x` $y "z"', 'it\'s $x "y" \\ #', '']) assert.is(await own(value), 'accepted', value);
  for (const value of ["it's `x`", '`x` \\', 'a\nb', 'a\u0007', 'a\r'])
    assert.match(await own(value), /instances.env.ORIGIN: must be one line without control characters/);
});

test('a copy begins with a database that no deploy of its base had half-migrated', async () => {
  const base = await baseOf();
  const root = join(folder, 'rest');
  const file = join(root, 'data/book.db');
  assert.ok(base.database?.kind === 'sqlite');
  const moved = {
    ...base,
    root,
    paths: { ...base.paths, releases: join(root, 'releases') },
    database: { ...base.database, file, snapshots: join(root, 'backups') },
    env: [],
  };
  const copy = copyOf(moved, 'pr-1', [8400, 8401]);
  assert.ok(copy.database?.kind === 'sqlite');
  const to = copy.database.file;
  const home = join(root, 'releases/.keeper');
  const mark = { name: 'pr-1', end: 1, made: 1, ports: [8400, 8401], by: 'ana' };
  const copied = (patience: number, around: string) => {
    const step = createSteps({ base: moved, copy, mark, was: undefined, data: 'snapshot', patience })[2];
    const script = `set -euo pipefail; shopt -s inherit_errexit; answer() { echo "$*"; }; mkdir -p ${home} ${root}/data; rm -rf ${root}/instances ${home}/journal
      sqlite3 ${file} "drop table if exists book; create table book (title); insert into book values ('begun')"
      ${around}
      ${step?.run.text}`;
    const { stdout, stderr, status } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    assert.is(status, 0, stderr);
    return { judged: () => step?.accept?.(stdout), rows: () => spawnSync('sqlite3', [to, 'select * from book'], { encoding: 'utf8' }).stdout }; // prettier-ignore
  };
  // as the keeper does: the lock, a word of its own, the journal, and at the end of it the migration is done
  const deploy = (end: string) => `exec 8>>${home}/lock; flock 8; date +%N >${home}/run; mkdir ${home}/journal
      (exec >/dev/null 2>&1; sleep 0.6; ${end}) & exec 8>&-`;
  const over = copied(20, deploy(`sqlite3 ${file} "update book set title = 'done'"; rmdir ${home}/journal`));
  over.judged();
  assert.is(over.rows(), 'done\n');
  const at = (patience: number, around: string) => failed(copied(patience, around).judged);
  const left = at(0, `mkdir ${home}/journal`);
  assert.equal([left.exit, left.message.includes('stopped midway on book staging')], [1, true]);
  const busy = at(0, deploy(`rmdir ${home}/journal`));
  assert.equal([busy.exit, busy.message.includes('a deploy of book staging was running the whole time')], [5, true]);
});

test('what ends copies on the server ends those whose time is up, and nothing of anybody else', async () => {
  const base = { ...(await baseOf()), root: join(folder, 'swept') };
  const copies = join(base.root, 'instances');
  const sweep = join(copies, 'sweep.sh');
  const copy = copyOf(base, 'pr-1', [8400, 8401]);
  const mark = { name: 'pr-1', end: 1, made: 1, ports: [8400, 8401], by: 'ana' };
  const [reserve] = createSteps({ base, copy, mark, was: undefined, data: 'empty', patience: 0 });
  const bootLine = (name: string) => `@reboot bash ${copies}/${name}/releases/.keeper/keeper.sh settle ${copies} # x\n`;
  writeFileSync(join(folder, 'table'), `# of others\n${bootLine('pr-1')}${bootLine('b')}`);
  // programs of a server that only write down what they were asked
  const script = `set -euo pipefail
    mkdir -p ${folder}/home ${folder}/bin ${copies}/pr-1/releases/.keeper ${copies}/b ${copies}/No
    echo 'end=99999999999 made=1 ports= by=ana' >${copies}/b/instance
    echo 'end=1 made=1 ports= by=ana' >${copies}/No/instance
    printf '#!/bin/bash\\necho "$@" >>${folder}/asked\\n' >${folder}/bin/docker
    printf '#!/bin/bash\\n[ "$1" = -l ] && exec cat ${folder}/table; cat "$1" >${folder}/table\\n' >${folder}/bin/crontab
    chmod +x ${folder}/bin/*; export HOME=${folder}/home PATH=${folder}/bin:$PATH
    exec 8>>${copies}/pr-1/releases/.keeper/lock; flock 8 # as the keeper of pr-1 has it
    write_file() { cat >"$1.new" && mv "$1.new" "$1"; }; fail() { echo "$*"; exit 1; }
    (${reserve?.run.text}
    ) 8>&-
    ls ${copies}; bash ${sweep}; echo locked; exec 8>&-; bash ${sweep}; ls ${copies}`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  assert.is(stdout, 'No\nb\npr-1\nsweep.sh\nlocked\nNo\nb\nsweep.sh\n', stderr);
  assert.is(
    readFileSync(join(folder, 'table'), 'utf8'),
    `# of others\n${bootLine('b')}* * * * * bash ${sweep} # ends the instances of book staging when their time is up\n`,
  );
  const asked = readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n');
  const own = /^version$|=book-staging-pr-1\b|=bookops-keep\/book-staging-pr-1:/;
  assert.ok(
    asked.length >= 5 &&
      asked.every(line => own.test(line) || line.endsWith('label=com.docker.compose.project=book-staging-pr-1')),
    asked.join('\n'),
  );
  const found = spawnSync('shellcheck', ['--shell=bash', '--exclude=SC2016,SC2317', sweep], { encoding: 'utf8' });
  if (!found.error || process.env['CI']) assert.is(found.stdout, '');
});

test('what a copy would share, and whatever else cannot be, is told with its place', async () => {
  const cases: [string, string][] = [
    [
      ops('', '', '').replace('8400-8405', '8400-8400'),
      'ops.yml:22:18: apps.book.environments.staging.instances.ports: has fewer ports than the 2',
    ],
    [ops().replace('8400-8405', '8000-8100'), 'the port 8001 in it is that of book staging (ops.yml:'],
    [ops().replace('8400-8405', '80-90'), 'must be a range of ports from 1024 to 65535'],
    [ops().replace("'*.staging.book.test'", 'staging.book.test'), 'must be a domain with * for the name of the copy'],
    [
      ops().replace('/srv/book/staging/data,', '/srv/all,'),
      'compose.variables.DATA: is outside of root (/srv/book/staging), so an instance would share it',
    ],
    [ops().replace('{ sqlite: data/book.db }', '{ sqlite: /srv/all.db }'), 'database.sqlite: is outside of root'],
    [ops().replace("env: { ORIGIN: 'https", "env: { ORGIN: 'https"), 'unknown key of env ORGIN, did you mean ORIGIN?'],
    [ops('', 'data: seed'), 'is seed, and there is no seed'],
    [ops('', 'memry: 1g'), 'unknown key, did you mean memory?'],
    [ops('', 'memory: 512'), 'instances.memory: must be text'],
    [ops('', 'cpus: 0'), 'must be at least 0.05'],
    [ops().replaceAll('staging:\n        root', 'production:\n        root'), 'production has no throw-away copies'],
    [ops('seed: { command: x, guards: {} }'), 'is empty: say what the environment file must contain'],
    [ops('seed: { command: x, guards: { APPENV: staging } }'), 'unknown key of env APPENV, did you mean APP_ENV?'],
    [ops('seed: { guards: { APP_ENV: staging } }'), 'seed.command: is missing'],
    [ops().replace('http://127.0.0.1:8001/up', 'https://book.test/up'), 'need a probe at a port of the host itself'],
  ];
  for (const [text, says] of cases) assert.match(await refusal(text), says);
  const seeded = ops('seed: { command: x, guards: { APP_ENV: staging } }').replaceAll(
    'staging:\n        root',
    'production:\n        root',
  );
  assert.match(await refusal(seeded), 'production is never seeded');
});

test('every mistake in a list of users is told at once with its place, and no value', () => {
  const text = `[
  { "discordUserId": "secret-17", "locale": "fr", "isAdmin": "secret" },
  { "label": "secret", "usrname": "x", "lastSolvedDay": -1, "roleIds": [1] },
  { "discordUserId": "secret-17", "mode": "EASY", "isAdmin": true },
  "secret"
]`;
  const { message, exit } = failed(() => checkUsers('users.json', text));
  assert.is(exit, 3);
  assert.is(
    message,
    `9 errors in users.json:
users.json:2:45: 0.locale: must be de or en
users.json:2:62: 0.isAdmin: must be true or false, not text
users.json:3:3: 1.discordUserId: is missing
users.json:3:24: 1.usrname: unknown key, did you mean username?
users.json:3:57: 1.lastSolvedDay: must not be below 0
users.json:3:73: 1.roleIds.0: must be text, not a number
users.json:4:22: 2.discordUserId: is also that of user 0
users.json:4:43: 2.mode: must be NORMAL or VETERAN
users.json:5:3: 3: must be a map, not text`,
  );
  for (const bad of ['', '{}', '[]', '[{"discordUserId": "secret"', 'secret']) {
    for (const read of [usersIn, checkUsers]) {
      const said = failed(() => read('users.json', bad));
      assert.is(said.exit, 3);
      assert.not.match(said.message + said.advice, 'secret');
    }
  }
  const one = '[{ "discordUserId": "17", "lastLoginAtDaysAgo": 3, "roleIds": ["a"] }]';
  assert.is(checkUsers('users.json', one), 1);
  const { count, json } = usersIn('users.json', one);
  assert.equal([count, String(json)], [1, '[secret]']);
  // the fields are the app's own
  assert.is(usersIn('users.json', '[{ "name": "Ana" }, "Ben"]').count, 2);
});
test.run();
