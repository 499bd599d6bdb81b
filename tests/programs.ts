// The programs that tests call, installed from Debian's packages where this is root on Debian or Ubuntu, after saying so.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bash } from './support/droplet/program.ts';

/** Program → package. What the unit and task rings call. */
export const forUnitAndTask = {
  git: 'git',
  sqlite3: 'sqlite3',
  curl: 'curl',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
  dash: 'dash',
  zstd: 'zstd',
  age: 'age',
  ps: 'procps',
  shellcheck: 'shellcheck',
  shfmt: 'shfmt',
  'redis-server': 'redis-server',
  gunicorn: 'gunicorn',
  alembic: 'alembic',
  flask: 'python3-flask',
  'swift-proxy-server': 'swift-proxy',
  'swift-account-server': 'swift-account',
  'swift-container-server': 'swift-container',
  'swift-object-server': 'swift-object',
  memcached: 'memcached',
  // a library has no program: what reads metrics as Prometheus does
  '../lib/python3/dist-packages/prometheus_client': 'python3-prometheus-client',
  // the double of Writebook: Active Record, Active Storage and SQLite for it
  '../share/doc/ruby-railties': 'ruby-railties',
  '../share/doc/ruby-activestorage': 'ruby-activestorage',
  '../share/doc/ruby-sqlite3': 'ruby-sqlite3',
  '../share/doc/ruby-bcrypt': 'ruby-bcrypt',
  pg_createcluster: 'postgresql',
  psql: 'postgresql-client',
  // what renders Markdown as Writebook and GitHub do
  ruby: 'ruby',
  redcarpet: 'ruby-redcarpet',
  '../share/doc/ruby-rails-html-sanitizer': 'ruby-rails-html-sanitizer',
  'cmark-gfm': 'cmark-gfm',
  // what reads a feed beside our own reader
  xmllint: 'libxml2-utils',
  // what makes the calls of an undo fail
  gcc: 'gcc',
  '../include/stdio.h': 'libc6-dev',
};

export const apt = 'apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3';

/** The packages of those programs that are not there. */
export function missing(programs: Record<string, string>): string[] {
  const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  return Object.entries(programs)
    .filter(([program]) => !folders.some(folder => existsSync(join(folder, program))))
    .map(([, name]) => name);
}

/** Whether packages can be installed here. */
export function mayInstall(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

/** Installs packages without starting their services: a test starts its own. */
export async function install(packages: string[]): Promise<void> {
  if (!packages.length) return;
  console.error(`  installing ${packages.join(', ')} with apt-get`);
  const policy = '/usr/sbin/policy-rc.d';
  const own = !existsSync(policy);
  if (own) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await bash(`${apt} update -qq && ${apt} install -y -qq --no-install-recommends ${packages.join(' ')}`, {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    });
  } finally {
    if (own) rmSync(policy, { force: true });
  }
}
