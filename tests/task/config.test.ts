// tasks/config.ts as a person runs it, and the unit it prints.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'bookops-config-task-'));
test.after(() => rmSync(folder, { recursive: true }));

function config(...words: string[]) {
  const program = ['--import', import.meta.resolve('tsx'), join(root, 'tasks/config.ts'), ...words];
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
  const { status, stdout, stderr } = spawnSync('node', program, { cwd: folder, encoding: 'utf8', env });
  return { status, stdout, stderr };
}
const example = (name: string) => ['--config', join(root, 'examples', name, 'ops.yml')];

test('a wrong ops.yml is exit 3, with every mistake in its place on standard error', () => {
  writeFileSync(join(folder, 'ops.yml'), 'hosts: { here: local }\napps:\n  book:\n    helth: 1\n    keep: 0\n');
  const { status, stdout, stderr } = config('check');
  assert.is(status, 3);
  assert.is(stdout, '');
  assert.match(stderr, 'ops.yml:4:5: apps.book.helth: unknown key, did you mean health?\n');
  assert.match(stderr, 'ops.yml:5:11: apps.book.keep: must be at least 2\n');
  assert.match(stderr, 'ops.yml:3:3: apps.book.environments: is missing\n');
});

test('check names the targets of a right one', () => {
  const { status, stdout } = config('check', ...example('arsvent'));
  assert.is(status, 0);
  assert.match(stdout, /arsvent\s+production\s+compose\s+deploy@\S+:\/opt\/arsvent-2025\/production/);
  assert.match(stdout, 'is valid');
  assert.equal(JSON.parse(config('check', '--json', ...example('arsvent')).stdout).targets.length, 2);
});

test('show says of each merged value which line it comes from, and shows a secret as its reference', () => {
  const { status, stdout } = config('show', '--env', 'staging', ...example('arsvent'));
  assert.is(status, 0);
  assert.match(stdout, /^compose\.project\s+arsvent-staging\s+default$/m);
  assert.match(stdout, /^compose\.registry\.password\.env\s+GHCR_TOKEN\s+\S+ops\.yml:\d+:\d+$/m);
  assert.match(stdout, /^database\.sqlite\s+\/opt\/arsvent-2025\/staging\/data\/backend\/staging\.db\s/m);
  const { settings } = JSON.parse(config('show', '--json', '-e', 'staging', ...example('arsvent')).stdout);
  assert.is(settings['compose.variables.BACKEND_PORT'].value, 4100);
});

test('show of an environment that does not exist says which do, exit 2', () => {
  const { status, stderr } = config('show', '--env', 'prod', ...example('arsvent'));
  assert.is(status, 2);
  assert.match(stderr, 'unknown environment of arsvent: prod, did you mean production?');
});

test('schema prints what stands in the repository', () => {
  assert.is(config('schema').stdout.trim(), readFileSync(join(root, 'ops.schema.json'), 'utf8').trim());
});

test('unit prints a hardened unit that can write to shared/ only', () => {
  const { status, stdout } = config('unit', '--env', 'production', ...example('bibliotheca'));
  assert.is(status, 0);
  for (const line of [
    'User=bib',
    'WorkingDirectory=/opt/bibliotheca/current',
    'EnvironmentFile=/opt/bibliotheca/shared/.env',
    'ReadWritePaths=/opt/bibliotheca/shared',
    'NoNewPrivileges=true',
    'ProtectSystem=strict',
    'PrivateTmp=true',
    'Restart=on-failure',
  ])
    assert.ok(stdout.split('\n').includes(line), line);
  assert.match(stdout, 'ExecStart=/usr/bin/gunicorn --workers 1 ');
  assert.not.match(stdout, '{{');
});

test('unit of an app that is no systemd service is refused', () => {
  const { status, stderr } = config('unit', '--env', 'staging', ...example('arsvent'));
  assert.is(status, 3);
  assert.match(stderr, 'arsvent staging has no systemd unit: its runtime is compose');
});

test('a path that systemd would read differently is refused, and % arrives as %', () => {
  // a proxy would refuse such paths first
  const text = readFileSync(join(root, 'examples/bibliotheca/ops.yml'), 'utf8').replace(
    /^( +)site:.*\n(\1 .*\n)+/gm,
    '',
  );
  const unit = (from: string, to: string) => {
    writeFileSync(join(folder, 'ops.yml'), text.replaceAll(from, to));
    return config('unit', '--env', 'production');
  };
  assert.match(unit('/opt/bibliotheca', '/opt/my library').stderr, 'cannot stand in a systemd unit');
  assert.match(unit('/opt/bibliotheca', '/opt/100%').stdout, 'WorkingDirectory=/opt/100%%/current');
  assert.match(
    unit('/usr/bin/gunicorn', 'venv/bin/gunicorn').stdout,
    'ExecStart=/opt/bibliotheca/current/venv/bin/gunicorn ',
  );
  assert.match(unit('/opt/bibliotheca', '/home/bib/app').stdout, 'ProtectHome=read-only');
});
test.run();
