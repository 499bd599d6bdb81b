// A real Postgres of Debian's packages for tests: a cluster of its own in a scratch folder, on loopback and a socket, as a user without rights.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';

export type Server = {
  port: number;
  /** Runs SQL as the administrator, in a database of its own or the one named. @returns what it printed */
  sql(text: string, database?: string): string;
  /** Makes a user with a password and a database that it owns. @returns its URL */
  make(user: string, password: string, database: string, rights?: string): string;
  names(): string[];
  stop(): Promise<void>;
};

const versions = '/usr/lib/postgresql';

/** Starts it and waits until it answers. Its programs come first in PATH then. */
export async function startPostgres(): Promise<Server> {
  const [version] = readdirSync(versions).toSorted((a, b) => Number(b) - Number(a));
  if (version === undefined) throw new Error(`there is no Postgres in ${versions} (apt-get install postgresql)`);
  const program = (name: string) => join(versions, version, 'bin', name);
  // Debian's own psql and pg_dump start a perl each that looks for a cluster
  process.env['PATH'] = `${join(versions, version, 'bin')}:${process.env['PATH'] ?? ''}`;
  const folder = mkdtempSync(join(tmpdir(), 'bookops-postgres-'));
  const port = await freePort();
  // it refuses to run as root
  const isRoot = process.getuid?.() === 0;
  const as = isRoot ? ['--reuid', 'postgres', '--regid', 'postgres', '--clear-groups'] : [];
  if (isRoot) {
    const [uid, gid] = ['-u', '-g'].map(flag => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' })));
    chownSync(folder, uid ?? 0, gid ?? 0);
  }
  const data = join(folder, 'data');
  const auth = ['--auth-local=trust', '--auth-host=scram-sha-256', '-U', 'admin', '-E', 'UTF8', '--locale=C', '-N'];
  execFileSync('setpriv', [...as, program('initdb'), '-D', data, ...auth], { cwd: '/', stdio: 'pipe' });
  const settings = ['listen_addresses=127.0.0.1', `port=${port}`, 'fsync=off', 'autovacuum=off'];
  // no pipe: a test that only waits for programs never reads it, and a server that cannot write its log stands still
  const log = openSync(join(folder, 'log'), 'a');
  const child = spawn(
    'setpriv',
    [
      ...as,
      '--pdeathsig',
      'INT',
      program('postgres'),
      '-D',
      data,
      '-k',
      folder,
      ...settings.flatMap(one => ['-c', one]),
    ],
    { cwd: '/', stdio: ['ignore', 'ignore', log] },
  );
  const ended = new Promise(done => child.once('close', done));

  const sql = (text: string, database = 'postgres') => {
    const { status, stdout, stderr } = spawnSync(program('psql'), ['-XAtq', '-v', 'ON_ERROR_STOP=1'], {
      input: text,
      encoding: 'utf8',
      env: { PGHOST: folder, PGPORT: String(port), PGUSER: 'admin', PGDATABASE: database, LC_ALL: 'C.UTF-8' },
    });
    if (status !== 0) throw new Error(`${stderr}\nafter: ${text}`);
    return stdout.trim();
  };
  const name = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const server: Server = {
    port,
    sql,
    make(user, password, database, rights = 'CREATEDB') {
      sql(`CREATE ROLE ${name(user)} LOGIN ${rights} PASSWORD '${password.replaceAll("'", "''")}'`);
      sql(`CREATE DATABASE ${name(database)} OWNER ${name(user)}`);
      const [who, word, where] = [user, password, database].map(encodeURIComponent);
      return `postgresql://${who}:${word}@127.0.0.1:${port}/${where}?schema=public`;
    },
    names: () =>
      sql('SELECT to_json(datname::text) FROM pg_database')
        .split('\n')
        .map(one => String(JSON.parse(one))),
    async stop() {
      child.kill('SIGINT');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
  for (const limit = Date.now() + 30_000; ; await new Promise(next => setTimeout(next, 50)))
    try {
      sql('SELECT 1');
      return server;
    } catch (error) {
      if (child.exitCode === null && Date.now() < limit) continue;
      const said = readFileSync(join(folder, 'log'), 'utf8').slice(-4000);
      await server.stop();
      throw new Error(`Postgres did not start\n${said}`, { cause: error });
    }
}

/** Makes ops.yml and the environment of a book say that its database is this one. */
export function usesPostgres(book: { folder: string; place(): { envFile: string } }, url: string): void {
  const ops = join(book.folder, 'ops.yml');
  const text = readFileSync(ops, 'utf8')
    .replace('      sqlite: shared/book.db', '      postgres: { url: DATABASE_URL }')
    .replace('PORT: required', 'PORT: required\n          DATABASE_URL: optional')
    // a migration of the book's own database, and one of this
    .replace('migrate: node migrate.mjs', `migrate: ${migration}`);
  writeFileSync(ops, text);
  saysUrl(book, url);
}

const migration =
  'node migrate.mjs && { [ ! -e postgres.sql ] || psql -Xq -v ON_ERROR_STOP=1 "${DATABASE_URL%%[?]*}" -f postgres.sql; }';

export function saysUrl(book: { place(): { envFile: string } }, url: string): void {
  const { envFile } = book.place();
  const rest = readFileSync(envFile, 'utf8').replaceAll(/^DATABASE_URL=.*\n/gm, '');
  writeFileSync(envFile, `${rest}DATABASE_URL="${url}"\n`);
}

/** A folder for PATH with programs that stand in for others, each a script. */
export function standIns(folder: string, scripts: Record<string, string>): string {
  mkdirSync(folder, { recursive: true });
  for (const [program, text] of Object.entries(scripts))
    writeFileSync(join(folder, program), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  return `${folder}:${process.env['PATH'] ?? ''}`;
}
