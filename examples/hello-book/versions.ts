// hello-book as a git repository with two good versions and two bad ones, for the demo and the tests.
import { fileURLToPath } from 'node:url';
import { startHistory } from './history.ts';

const app = fileURLToPath(new URL('./', import.meta.url));
const paths = ['server.mjs', 'database.mjs', 'pages.mjs', 'migrate.mjs', 'migrations/001_book.sql', 'README.md'];
const settings = ['REVISION', '.gitattributes', '.gitignore', '.env.example'];

export type Versions = { repo: string; good1: string; good2: string; broken: string; badMigration: string };

/** Makes the repository in `folder`, which must not exist. `main` ends at good2; the bad ones are branches of it. */
export async function makeVersions(folder: string): Promise<Versions> {
  const { repo, commit } = await startHistory(folder, app, [...paths, ...settings]);
  const good1 = await commit({ branch: 'main', message: 'The book: four chapters and a counter' });
  const good2 = await commit({
    branch: 'main',
    message: 'Say how long each chapter takes to read',
    write: {
      'migrations/002_reading_time.sql': `ALTER TABLE chapters ADD COLUMN minutes INTEGER NOT NULL DEFAULT 1;
UPDATE chapters SET minutes = length(body) / 70;
`,
    },
    edit: [
      { file: 'database.mjs', from: 'SELECT number, title FROM', to: 'SELECT number, title, minutes FROM' },
      { file: 'pages.mjs', from: '</a></li>', to: '</a> <span class="quiet">${one.minutes} min</span></li>' },
      { file: 'pages.mjs', from: "light: '#8a4b2d', dark: '#e0a883'", to: "light: '#2d6a5f', dark: '#8fd0c2'" },
    ],
  });
  const broken = await commit({
    branch: 'broken',
    message: 'Search the book',
    edit: [
      {
        file: 'server.mjs',
        from: 'const reason = whyNotReady(DATABASE_FILE);',
        to: "const reason = whyNotReady(DATABASE_FILE) ?? 'the search index search.idx is missing';",
      },
    ],
  });
  const badMigration = await commit({
    branch: 'bad-migration',
    message: 'Number chapters from zero',
    write: {
      'migrations/003_from_zero.sql': `UPDATE chapters SET number = number - 1, title = 'Renumbered: ' || title;
UPDATE bookmarks SET chapter = chapter - 1;
`,
    },
  });
  return { repo, good1, good2, broken, badMigration };
}
