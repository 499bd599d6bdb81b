// The stand-in for arsvent as a git repository: two good versions and one for each way in which a release can be bad.
import { execFile } from 'node:child_process';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startHistory } from '../../../examples/hello-book/history.ts';

const run = promisify(execFile);
const app = fileURLToPath(new URL('./arsvent/', import.meta.url));
const sqlite = dirname(createRequire(import.meta.url).resolve('node-sqlite3-wasm/package.json'));

export type Arsvent = Awaited<ReturnType<typeof makeArsvent>>;

/** Makes `<folder>/repo`. `main` ends at good2; every other version is a branch of it that changes one thing. */
export async function makeArsvent(folder: string) {
  const { repo, commit } = await startHistory(join(folder, 'repo'), app, ['backend', 'frontend', 'ops']);
  const server = 'backend/server.mjs';
  const ready = 'return health(await whyNotReady());';
  const readVersion = "const version = JSON.parse(readFileSync(new URL('./version.json', import.meta.url), 'utf8'));";
  const otherSha = '0123456789abcdef0123456789abcdef01234567';

  const good1 = await commit({ branch: 'main', message: 'A calendar of books' });
  const good2 = await commit({
    branch: 'main',
    message: 'Books have authors',
    write: {
      'backend/prisma/migrations/20251108090000_authors/migration.sql': `ALTER TABLE "books" ADD COLUMN "author" TEXT;
UPDATE "books" SET "author" = 'Charles Dickens' WHERE "title" = 'A Christmas Carol';
`,
    },
  });
  const exitsAtOnce = await commit({
    branch: 'exits-at-once',
    message: 'Import a module that is not there',
    edit: [
      { file: server, from: "from './redis.mjs';", to: "from './redis.mjs';\nimport { doors } from './doors.mjs';" },
    ],
  });
  const neverReady = await commit({
    branch: 'never-ready',
    message: 'Wait for a search index nobody builds',
    edit: [{ file: server, from: ready, to: "return health('the search index is missing');" }],
  });
  const wrongVersion = await commit({
    branch: 'wrong-version',
    message: 'Claim to be another commit',
    edit: [
      { file: server, from: readVersion, to: `${readVersion}\nversion.commitSha = version.imageTag = '${otherSha}';` },
    ],
  });
  const redirects = await commit({
    branch: 'redirects',
    message: 'Send everybody to https, probes too',
    edit: [
      {
        file: server,
        from: ready,
        to: "return response.writeHead(301, { location: 'https://staging.arsvent.test/readyz' }).end();",
      },
    ],
  });
  const badMigration = await commit({
    branch: 'bad-migration',
    message: 'Rename all books, then stumble',
    write: {
      'backend/prisma/migrations/20251115090000_stumbles/migration.sql': `UPDATE "books" SET "title" = 'Lost';
DELETE FROM "books" WHERE "id" > 1;
UPDATE "prizes" SET "title" = 'never reached: there is no such table';
`,
    },
  });
  const slowStart = await commit({
    branch: 'slow-start',
    message: 'Take three seconds to be ready',
    edit: [
      {
        file: server,
        from: ready,
        to: "return health(process.uptime() < 3 ? 'warming up' : await whyNotReady());",
      },
    ],
  });

  const file = 'ops/docker-compose.yml';
  const renamesService = await commit({
    branch: 'renames-service',
    message: 'Call the frontend web, tell the backend who reads, and exit at once',
    edit: [
      { file: server, from: "from './redis.mjs';", to: "from './redis.mjs';\nimport { doors } from './doors.mjs';" },
      { file, from: '  frontend:\n', to: '  web:\n' },
      {
        file,
        from: '    env_file: ${BACKEND_ENV_FILE}\n',
        to: '    env_file: ${BACKEND_ENV_FILE}\n    environment: { READERS: many }\n',
      },
    ],
  });
  const touchesProduction = await commit({
    branch: 'touches-production',
    message: 'Fix names, a port and a folder in the compose file',
    edit: [
      { file, from: '      - 127.0.0.1:${FRONTEND_PORT:-4173}:80', to: '      - 4173:80' },
      {
        file,
        from: '    command: redis-server',
        to: '    container_name: arsvent-production-redis-1\n    command: redis-server',
      },
      {
        file,
        from: '      - ${BACKEND_DATA_DIR}:/app/data',
        to: '      - /opt/arsvent-2025/production/data/backend:/app/data\n      - books:/books',
      },
      {
        file,
        from: 'services:\n',
        to: 'volumes: { books: { name: book-data } }\nnetworks: { default: { name: books } }\nservices:\n',
      },
    ],
  });

  /** The build context of one image at a commit, with version.json (and SQLite for the backend) baked in. */
  async function contextFor(sha: string, part: 'backend' | 'frontend'): Promise<string> {
    const context = join(folder, 'contexts', sha, part);
    await rm(context, { recursive: true, force: true });
    await mkdir(context, { recursive: true });
    const archive = `${context}.tar`;
    await run('git', ['-C', repo, 'archive', `--output=${archive}`, sha, part]);
    await run('tar', ['-x', '-f', archive, '-C', dirname(context)]);
    await rm(archive);
    const version = { imageTag: sha, commitSha: sha, dirty: false, builtAt: '2026-11-20T12:00:00Z' };
    await writeFile(join(context, 'version.json'), JSON.stringify(version));
    if (part === 'backend') {
      await cp(sqlite, join(context, 'node_modules', 'node-sqlite3-wasm'), { recursive: true });
    }
    return context;
  }

  return {
    repo,
    good1,
    good2,
    exitsAtOnce,
    neverReady,
    wrongVersion,
    redirects,
    badMigration,
    slowStart,
    renamesService,
    touchesProduction,
    contextFor,
  };
}
