// Brings the book's database to what this release needs: applies migrations/*.sql in order and records each.
import { migrate } from './database.mjs';

const file = process.env.DATABASE_FILE;
if (!file) throw new Error('DATABASE_FILE is not set: the path of the SQLite database');
try {
  const applied = migrate(file, console.log);
  console.log(applied.length ? `${applied.length} applied` : 'nothing to apply');
} catch (error) {
  console.error(`migration failed: ${error.message}`);
  process.exitCode = 1;
}
