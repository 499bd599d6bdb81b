// Finds the texts that were last written, for pages that were changed on both sides: among the application's revisions, else in git.
import { lstat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { git } from '../../git/git.ts';
import { chapterOf } from '../folder/chapter.ts';
import type { Folder } from '../folder/folder.ts';
import { basesAnswer } from '../program/answers.ts';
import type { Application } from '../program/application.ts';
import { runProgram } from '../program/program.ts';
import type { ChangedPage, ImportPlan } from './plan.ts';
import { sha256 } from '../../host/checksum.ts';

// a page is edited more often than it is imported, so its text of then is among its last versions
const versions = 50;

/**
 * By path. Only checksums are recorded, so a text that is found is that text. The application is booted once more, and only
 * when there is something to look for.
 */
export async function findBases(
  application: Application,
  plan: ImportPlan,
  folder: Folder,
  { path, book, environment }: { path: string; book: string; environment: NodeJS.ProcessEnv },
): Promise<Map<string, string>> {
  const open = plan.decisions.flatMap(one =>
    one.does === 'conflict' && one.leaf.kind !== 'Picture' && plan.files[one.path] ? [one] : [],
  );
  const bases = new Map<string, string>();
  if (!open.length) return bases;
  const sumOf = (one: ChangedPage) => plan.files[one.path]?.body ?? '';
  const wanted = Object.fromEntries(open.map(one => [String(one.leaf.id), sumOf(one)]));
  const { texts } = await runProgram(application, { do: 'bases', book, wanted }, basesAnswer);
  for (const one of open) {
    const sum = sumOf(one);
    const candidates = [one.leaf.text, plan.textOf(one.chapter), texts.find(({ leaf }) => leaf === one.leaf.id)?.text];
    const known = candidates.find(text => typeof text === 'string' && sha256(text) === sum);
    const text = known ?? (await inGit(path, one.path, folder, plan, sum, environment));
    if (text !== undefined && text !== null) bases.set(one.path, text);
  }
  return bases;
}

/** A version of the file that becomes the wanted text. */
async function inGit(
  folder: string,
  path: string,
  { chapters, images }: Folder,
  { textOf }: ImportPlan,
  sum: string,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const top = await topOf(folder);
  if (top === undefined) return undefined;
  const file = relative(top, join(folder, path)).split(sep).join('/');
  const log = await git(top, ['log', `-n${versions}`, '--format=%H', '--', file], environment).catch(() => undefined);
  for (const commit of (log?.stdout ?? '').split('\n').filter(Boolean)) {
    const { code, stdout } = await git(top, ['cat-file', 'blob', `${commit}:${file}`], environment);
    if (code !== 0) continue;
    const imageAt = (image: string) => Promise.resolve(images.get(image) ?? 'is gone');
    const paths = new Set(chapters.map(chapter => chapter.path));
    const was = await chapterOf(path, stdout, { paths, images: new Map(), imageAt, problems: [], anchors: [] });
    const text = was && textOf(was);
    if (text !== undefined && sha256(text) === sum) return text;
  }
  return undefined;
}

async function topOf(folder: string): Promise<string | undefined> {
  for (let above = folder; ; above = dirname(above)) {
    if (await lstat(join(above, '.git')).catch(() => undefined)) return above;
    if (above === dirname(above)) return undefined;
  }
}
