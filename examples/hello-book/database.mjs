// The book's SQLite database: its chapters, the count of readings, and the migrations it still lacks.
import { readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';

// SQLite is WebAssembly here: without V8's second, better compilation of it a start takes half the processor time.
setFlagsFromString('--liftoff-only');
const { default: sqlite } = await import('node-sqlite3-wasm');

const folder = new URL('./migrations/', import.meta.url);

export const chapters = file => open(file, db => db.all('SELECT number, title FROM chapters ORDER BY number'));

export const chapter = (file, number) =>
  open(file, db => db.get('SELECT number, title, body FROM chapters WHERE number = ?', [number]) ?? undefined);

export const visits = file => open(file, db => db.get('SELECT count FROM visits').count);

export const countVisit = file => open(file, db => db.get('UPDATE visits SET count = count + 1 RETURNING count').count);

/** What keeps the book from being read, in words, or undefined. */
export function whyNotReady(file) {
  try {
    const lacking = open(file, pending);
    if (lacking.length) return `migrations are pending: ${lacking.join(', ')}`;
  } catch (error) {
    return `the database ${file} cannot be used: ${error.message}`;
  }
}

/**
 * Applies what is pending, in the order of the file names, and returns those names. A file runs as it stands, without
 * a transaction around it, as Prisma and others do on SQLite: what a failing one has changed by then stays changed.
 */
export function migrate(file, say) {
  return open(
    file,
    db => {
      const names = pending(db);
      for (const name of names) {
        say(`applying ${name}`);
        db.exec(readFileSync(new URL(name, folder), 'utf8'));
        db.run('INSERT INTO migrations (name) VALUES (?)', [name]);
      }
      return names;
    },
    { create: true },
  );
}

function pending(db) {
  const names = readdirSync(folder).filter(name => name.endsWith('.sql'));
  const fresh = !db.get("SELECT 1 FROM sqlite_master WHERE name = 'migrations'");
  const applied = fresh ? [] : db.all('SELECT name FROM migrations').map(row => row.name);
  return names.filter(name => !applied.includes(name)).sort();
}

/** Opens the database for one piece of work only, so a file put back from a snapshot is seen by the next request. */
function open(file, work, { create = false } = {}) {
  freeStaleLock(`${file}.lock`);
  const db = new sqlite.Database(file, { fileMustExist: !create });
  try {
    if (create)
      db.exec('CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP)');
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
