// The SQLite database in Prisma's shape: books, and which migrations `_prisma_migrations` says are finished.
import { readdirSync, rmdirSync, statSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';

// SQLite is WebAssembly here: without V8's second, better compilation of it a start takes half the processor time.
setFlagsFromString('--liftoff-only');
const { default: sqlite } = await import('node-sqlite3-wasm');

export const migrations = new URL('./prisma/migrations/', import.meta.url);

export const books = file => open(file, db => db.get('SELECT count(*) AS count FROM books').count);

export const addBook = file =>
  open(file, db => {
    db.run('INSERT INTO books (title) VALUES (?)', ['Another book']);
    return db.get('SELECT count(*) AS count FROM books').count;
  });

/** As arsvent's /readyz: every directory of prisma/migrations is finished. */
export function whyDatabaseIsNotReady(file) {
  try {
    const finished = open(file, db =>
      db
        .all('SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL')
        .map(row => row.name),
    );
    const pending = migrationNames().filter(name => !finished.includes(name));
    if (pending.length) return `migrations pending: ${pending.join(', ')}`;
  } catch (error) {
    return `database: ${error.message}`;
  }
}

export function migrationNames() {
  const entries = readdirSync(migrations, { withFileTypes: true });
  return entries.flatMap(entry => (entry.isDirectory() ? [entry.name] : [])).sort();
}

/** Opens the database for one piece of work only, so a file put back from a snapshot is seen by the next request. */
export function open(file, work, { create = false } = {}) {
  freeStaleLock(`${file}.lock`);
  const db = new sqlite.Database(file, { fileMustExist: !create });
  try {
    return work(db);
  } finally {
    db.close();
  }
}

/** node-sqlite3-wasm locks with a folder, which a killed process leaves behind; work here takes milliseconds. */
function freeStaleLock(lock) {
  const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs;
  if (since !== undefined && Date.now() - since > 2000) rmdirSync(lock);
}
