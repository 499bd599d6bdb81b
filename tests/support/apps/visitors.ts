// The app that watches deploys from inside, as a git repository: good versions that differ only in their SHA, and bad ones.
import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startHistory } from '../../../examples/hello-book/history.ts';

const run = promisify(execFile);
const app = fileURLToPath(new URL('./visitors/', import.meta.url));

export type Visitors = Awaited<ReturnType<typeof makeVisitors>>;

/** Makes `<folder>/repo`. `main` ends at good3; neverReady, exitsAtOnce and failsUploads are branches of it. */
export async function makeVisitors(folder: string) {
  const { repo, commit } = await startHistory(join(folder, 'repo'), app, [
    'server.mjs',
    'websocket.mjs',
    'Dockerfile',
    'ops',
  ]);
  const server = 'server.mjs';
  const good1 = await commit({ branch: 'main', message: 'A guest book' });
  const good2 = await commit({ branch: 'main', message: 'Say what changed', write: { 'CHANGES.md': 'Nothing.\n' } });
  const good3 = await commit({ branch: 'main', message: 'Say it again', write: { 'CHANGES.md': 'Nothing again.\n' } });
  const neverReady = await commit({
    branch: 'never-ready',
    message: 'Wait for an index nobody builds',
    edit: [{ file: server, from: '  return undefined;\n', to: "  return 'the index is missing';\n" }],
  });
  const exitsAtOnce = await commit({
    branch: 'exits-at-once',
    message: 'Import a module that is not there',
    edit: [{ file: server, from: 'const { PORT,', to: "await import('./doors.mjs');\nconst { PORT," }],
  });

  const failsUploads = await commit({
    branch: 'fails-uploads',
    message: 'Refuse what visitors send, and stay healthy',
    edit: [{ file: server, from: 'return json(200, { commitSha, ...', to: 'return json(500, { commitSha, ...' }],
  });

  /** The build context of the image at a commit, with version.json baked in. */
  async function contextFor(sha: string): Promise<string> {
    const context = join(folder, 'contexts', sha);
    await rm(context, { recursive: true, force: true });
    await mkdir(context, { recursive: true });
    const archive = join(dirname(context), `${sha}.tar`);
    await run('git', ['-C', repo, 'archive', `--output=${archive}`, sha]);
    await run('tar', ['-x', '-f', archive, '-C', context]);
    await rm(archive);
    await writeFile(join(context, 'version.json'), JSON.stringify({ commitSha: sha, imageTag: sha }));
    return context;
  }

  return { repo, good1, good2, good3, neverReady, exitsAtOnce, failsUploads, contextFor };
}
