// The tasks as plain JavaScript, made once for a run of tests: a start through tsx costs three times as much, and there are well over a thousand.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const place = 'BOOKOPS_TRANSPILED';

/** From now on, and in every program started from here, `startOf` gives what is made now. It goes with this process. */
export function transpileTasks(): void {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-tasks-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const flags = ['--noCheck', '--noEmit', 'false', '--rewriteRelativeImportExtensions', '--outDir', folder];
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', root, ...flags], { stdio: 'inherit' });
  // what the tasks read beside themselves
  for (const part of ['lib', 'nginx', 'caddy', 'systemd', 'package.json'])
    cpSync(join(root, part), join(folder, part), { recursive: true, filter: path => !path.endsWith('.ts') });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  process.env[place] = folder;
}

/** The words for node that start a task; through tsx, as people do, where nothing was made. */
export function startOf(task: string): string[] {
  const folder = process.env[place];
  if (folder) return [join(folder, `tasks/${task}.js`)];
  return ['--import', import.meta.resolve('tsx'), join(root, `tasks/${task}.ts`)];
}
