// What `prisma migrate deploy` does to an SQLite database, without Prisma: its engine is a download, which tests have not.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { migrationNames, migrations, open } from '../database.mjs';

const file = process.env.DATABASE_URL?.replace(/^file:/, '');
if (!file) throw new Error('DATABASE_URL is not set');

const table = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id TEXT PRIMARY KEY NOT NULL, checksum TEXT NOT NULL, finished_at DATETIME, migration_name TEXT NOT NULL, logs TEXT,
  rolled_back_at DATETIME, started_at DATETIME NOT NULL DEFAULT current_timestamp, applied_steps_count INTEGER NOT NULL DEFAULT 0)`;

process.exitCode = open(file, deploy, { create: true });

function deploy(db) {
  db.exec(table);
  const seen = db.all('SELECT migration_name AS name, finished_at AS finished FROM _prisma_migrations');
  const failed = seen.find(row => !row.finished);
  if (failed) {
    console.error(`Error: P3009\n\nmigrate found failed migrations in the target database: ${failed.name}`);
    return 1;
  }
  const pending = migrationNames().filter(name => !seen.some(row => row.name === name));
  console.log(`${migrationNames().length} migrations found in prisma/migrations`);
  if (!pending.length) console.log('No pending migrations to apply.');
  for (const name of pending) {
    console.log(`Applying migration \`${name}\``);
    const problem = apply(db, name);
    if (problem) {
      console.error(
        `Error: P3018\n\nA migration failed to apply.\nMigration name: ${name}\nDatabase error:\n${problem}`,
      );
      return 1;
    }
  }
  return 0;
}

/** As Prisma on SQLite: no transaction, so what a failing migration did stays, and its row stays unfinished. */
function apply(db, name) {
  const sql = readFileSync(new URL(`${name}/migration.sql`, migrations), 'utf8');
  const id = randomUUID();
  const checksum = createHash('sha256').update(sql).digest('hex');
  db.run('INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES (?, ?, ?)', [id, checksum, name]);
  try {
    db.exec(sql);
  } catch (error) {
    db.run('UPDATE _prisma_migrations SET logs = ? WHERE id = ?', [error.message, id]);
    return error.message;
  }
  db.run('UPDATE _prisma_migrations SET finished_at = current_timestamp, applied_steps_count = 1 WHERE id = ?', [id]);
  return undefined;
}
