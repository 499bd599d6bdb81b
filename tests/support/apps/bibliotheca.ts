// The stand-in for Bibliotheca as a git repository: two good versions and one for each way in which a release can be bad.
import { fileURLToPath } from 'node:url';
import { startHistory } from '../../../examples/hello-book/history.ts';

const app = fileURLToPath(new URL('./bibliotheca/', import.meta.url));
const code = ['wsgi.py', 'bibliotheca', 'migrations/env.py', 'migrations/versions/0001_books.py', 'alembic.ini'];
const settings = ['REVISION', '.gitattributes', '.gitignore', '.env.example'];

export type Bibliotheca = Awaited<ReturnType<typeof makeBibliotheca>>;

/** Makes the repository in `folder`, which must not exist. `main` ends at good2; the others are branches of it, good3 with the same schema. */
export async function makeBibliotheca(folder: string) {
  const { repo, commit } = await startHistory(folder, app, [...code, ...settings]);

  const good1 = await commit({ branch: 'main', message: 'A library' });
  const good2 = await commit({
    branch: 'main',
    message: 'Books have authors',
    write: {
      'migrations/versions/0002_authors.py': migration('0002', '0001', [
        `op.add_column("books", sa.Column("author", sa.Text))`,
        `op.execute("UPDATE books SET author = 'Augustinus' WHERE title = 'Confessiones'")`,
      ]),
    },
  });
  const good3 = await commit({
    branch: 'corrected',
    message: 'Say what changed',
    write: { 'CHANGES.md': 'The same schema as before: one may go to and fro.\n' },
  });
  const exitsAtOnce = await commit({
    branch: 'exits-at-once',
    message: 'Import a module that is not there',
    edit: [{ file: 'wsgi.py', from: 'from bibliotheca', to: 'import bibliotheca.circulation\nfrom bibliotheca' }],
  });
  const neverReady = await commit({
    branch: 'never-ready',
    message: 'Look for books in the wrong table',
    edit: [{ file: 'bibliotheca/database.py', from: 'SELECT 1 FROM books', to: 'SELECT 1 FROM volumes' }],
  });
  const badMigration = await commit({
    branch: 'bad-migration',
    message: 'Rename all books, then stumble',
    write: {
      'migrations/versions/0003_stumbles.py': migration('0003', '0002', [
        `op.add_column("books", sa.Column("shelf", sa.Text))`,
        `op.execute("UPDATE books SET title = 'Lost'")`,
        `op.get_bind().connection.commit()`,
        `raise RuntimeError("there is no shelf to put the books on")`,
      ]),
    },
  });
  return { repo, good1, good2, good3, exitsAtOnce, neverReady, badMigration };
}

function migration(revision: string, down: string, statements: string[]): string {
  return `import sqlalchemy as sa
from alembic import op

revision = "${revision}"
down_revision = "${down}"


def upgrade():
    ${statements.join('\n    ')}


def downgrade():
    raise NotImplementedError("restore the snapshot")
`;
}
