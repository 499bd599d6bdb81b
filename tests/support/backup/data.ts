// A target that is only data: a database, a folder of files, stores, and ops.yml; nothing is ever deployed there.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startTask, type End, type Running } from '../book/book.ts';

export const target = { app: 'book', environment: 'staging' };

export type Data = {
  /** Has ops.yml; tasks run in it. */
  folder: string;
  root: string;
  database: string;
  uploads: string;
  start(task: string, words?: string[], env?: NodeJS.ProcessEnv): Running;
  run(task: string, words?: string[], env?: NodeJS.ProcessEnv): Promise<End>;
  /** The same, for one that must end well; gives what it says with --json. */
  good(task: string, words?: string[]): Promise<Said>;
  sql(text: string): string;
  clean(): void;
};
export type Said = { id: string; seconds: number; folder: string; backups: Listed[] };
export type Listed = { id: string; store: string; fault: string | null };

/** `stores`: what ops.yml says of each, as YAML; `keep` likewise. `mode`: every backup has all files, unless said otherwise. */
export function makeData({
  stores = { disk: '{ kind: path, folder: ./store }' },
  keep = '{ daily: 3 }',
  host = 'local',
  mode = 'tarball',
}: { stores?: Record<string, string>; keep?: string; host?: string; mode?: 'tarball' | 'packs' } = {}): Data {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-data-'));
  const root = join(folder, 'root');
  const database = join(root, 'shared/book.db');
  const uploads = join(root, 'shared/uploads');
  mkdirSync(uploads, { recursive: true });
  mkdirSync(join(folder, 'repo'));
  writeFileSync(
    join(folder, 'ops.yml'),
    `hosts:
  here: ${host}
stores:
${Object.entries(stores)
  .map(([name, words]) => `  ${name}: ${words}\n`)
  .join('')}apps:
  book:
    host: here
    repo: ./repo
    runtime: process
    process: { start: 'true' }
    database: { sqlite: shared/book.db }
    backup: { stores: [${Object.keys(stores).join(', ')}], mode: ${mode}, files: { include: [shared/uploads] }, keep: ${keep} }
    health: { ready: http://127.0.0.1:9/ }
    environments:
      staging: { root: ${root} }
`,
  );
  const start: Data['start'] = (task, words = [], env = {}) => startTask(folder, task, words, { env });
  return {
    folder,
    root,
    database,
    uploads,
    start,
    run: (task, words, env) => start(task, words, env).ended,
    async good(task, words = []) {
      const { code, stdout, stderr } = await start(task, [...words, '--json']).ended;
      assert.is(code, 0, stderr);
      const said: Said = JSON.parse(stdout);
      return said;
    },
    sql: text => execFileSync('sqlite3', ['-cmd', '.timeout 5000', database, text], { encoding: 'utf8' }).trim(),
    clean: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}
